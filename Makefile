# Two commands: `make lesson` and `make test`. Each sets up what it needs, in .venv; run again, they start at once.
# On Windows (Git Bash) Python has another name, and an environment keeps its programs in another folder.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif
# Files and consoles in UTF-8, on Windows too (from Python 3.15 on, that is usual).
export PYTHONUTF8 = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help lesson notebook check test test-oldest test-latest run readme badges ja messages docs body bench locked lock clean
help:            ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s%s\n", $$1, $$2 }' Makefile

lesson: .venv/.lesson     ## the whole lesson in the terminal: search, download, train, predict
	$(BIN)/cat-or-dog demo --dest lesson

# By itself, a Jupyter server breaks the connection when photos that are uploaded together have more than 10 MB.
ROOM := --ServerApp.tornado_settings='{"websocket_max_message_size": 300000000}'
notebook: .venv/.lesson   ## open the notebooks in JupyterLab
	PYTHONWARNINGS=ignore::FutureWarning $(BIN)/jupyter lab --notebook-dir=nbs $(ROOM) nbs/00_introduction.ipynb

check: .venv/.dev         ## lint, types, budgets, what is made from the notebooks, and the fast tests
	$(BIN)/python tools/check.py
	$(BIN)/python -m pytest -q -m fast -n auto --dist loadfile --deselect tests/test_house.py::test_nothing_to_mend

test: .venv/.dev .venv/.browser .venv/.onnxruntime-web   ## run every test, every page, and what make check looks at
	$(BIN)/python -m pytest

# Another Python: make test-latest PYTHON=python3.14. The tests are those of rooms that need no PyTorch.
LIGHT := batches download drawings duplicates fetch files folder head imagenet onnx_file photo photo_list \
  predict scores search windows
test-oldest: build/oldest/.made   ## the light lesson and its tests on the oldest versions that settings.ini allows
test-latest: build/latest/.made   ## the light lesson and its tests on today's newest versions
test-oldest test-latest: test-%:
	build/$*/$(notdir $(BIN))/cat-or-dog demo --dest build/$*/lesson
	build/$*/$(notdir $(BIN))/python -m pytest -q -m fast -n auto --dist loadfile $(LIGHT:%=tests/test_%.py)
	build/$*/$(notdir $(BIN))/python -m pytest -q -n auto tests/test_cli.py

build/oldest/.made: RESOLUTION := lowest-direct
build/latest/.made: RESOLUTION := highest
build/%/.made: settings.ini setup.py pyproject.toml
	@rm -rf build/$*
	@$(PYTHON) -m venv build/$*
	@build/$*/$(notdir $(BIN))/python -m pip install -qq uv
	@build/$*/$(notdir $(BIN))/uv pip install -q --python build/$*/$(notdir $(BIN))/python \
	  --resolution $(RESOLUTION) '.[train,app]'
	@build/$*/$(notdir $(BIN))/uv pip install -q --python build/$*/$(notdir $(BIN))/python \
	  pytest pytest-xdist hypothesis psutil nbformat packaging
	@touch $@

run: .venv/.dev           ## run every page and keep its outputs; then everything that is made from the pages
	$(BIN)/nbdev-export
	$(BIN)/python tools/link_glossary.py
	$(BIN)/python tools/run_pages.py --write
	-$(BIN)/python tools/japanese.py
	$(BIN)/nbdev-clean
	$(BIN)/python tools/draw_house.py
	$(MAKE) readme

readme: .venv/.dev        ## render README.md from nbs/index.ipynb
	$(BIN)/python tools/render_readme.py

badges: .venv/.dev        ## write what the setting `repository` says: badges, first cells, links, CITATION.cff
	$(BIN)/python tools/badges.py

ja: .venv/.dev            ## carry code and outputs into the Japanese pages; say what is to be written there
	$(BIN)/python tools/japanese.py

messages: .venv/.dev      ## find what the library says, keep its Japanese, and compile it (cat_or_dog/language)
	$(BIN)/python tools/messages.py

docs: .venv/.docs         ## build the site in build/site: both languages, engine pages, API, search
	$(BIN)/python tools/make_site.py

body: .venv/.dev          ## make the body and ImageNet's head in cat_or_dog/weights anew (needs PyTorch)
	$(BIN)/python tools/make_body.py

bench: .venv/.dev         ## measure side by side with the article's own way; tables in benchmarks/
	@for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python $$script || exit 1; done

locked: .venv/.python uv.lock   ## the environment of CI: each package in the version that uv.lock names
	@$(BIN)/python -m pip install -qq uv
	@$(BIN)/python -m uv sync -q --locked --inexact --extra dev
	@touch .venv/.lesson .venv/.dev

lock: .venv/.python      ## write uv.lock anew, with the newest version of each package, from PyPI
	@$(BIN)/python -m pip install -qq uv
	@$(BIN)/python -m uv lock -q --no-config --default-index https://pypi.org/simple --upgrade

clean:           ## remove the environment and everything that was made
	rm -rf .venv lesson build dist *.egg-info

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'Python 3.10 or newer is needed. Say which one to use: make lesson PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo 'Python cannot make an environment here. On Debian and Ubuntu: sudo apt install python3-venv'; \
	    rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install -qq --upgrade pip
	@touch $@

.venv/.lesson: .venv/.python settings.ini setup.py pyproject.toml
	@echo 'Installing what the lesson needs into .venv: a few minutes, once.'
	@$(BIN)/python -m pip install -qq --editable '.[course,notebooks,app]'
	@touch $@

.venv/.dev: .venv/.python settings.ini setup.py pyproject.toml
	@echo 'Installing what the tests need into .venv: a few minutes, once.'
	@$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@ .venv/.lesson

.venv/.docs: .venv/.dev
	@$(BIN)/python -m pip install -qq --editable '.[docs]'
	@touch $@

# For the tests in a browser: Chromium and a Japanese font, from Debian where we may install (else those tests say
# what is missing); and ipywidgets 8 in a folder of its own, which the tests put before the environment, where
# fastbook keeps version 7.
APT = $(if $(filter-out 0,$(shell id -u)),sudo -n) apt-get
WIDGETS8 := 'ipywidgets~=8.1' 'jupyterlab_widgets~=3.0' 'widgetsnbextension~=4.0'
.venv/.browser: .venv/.python
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
	  { echo 'Installing Chromium for the tests, once.'; \
	    $(APT) update -qq && $(APT) install -qq --no-install-recommends chromium fontconfig > /dev/null; } || \
	  echo 'Chromium could not be installed here. On Debian: apt install chromium'
	@fc-list :lang=ja 2> /dev/null | grep -q . || \
	  $(APT) install -qq --no-install-recommends fonts-ipafont-gothic > /dev/null || \
	  echo 'No Japanese font could be installed here. On Debian: apt install fonts-ipafont-gothic'
	@$(BIN)/python -m pip install -qq --upgrade --no-deps --target .venv/widgets8 $(WIDGETS8)
	@touch $@

# For the page that runs in a browser: the program that runs models there, from npm, into the cache.
.venv/.onnxruntime-web: .venv/.dev cat_or_dog/engine/static_app.py
	@$(BIN)/python -c 'from cat_or_dog.engine.static_app import runtime; runtime()' && touch $@ || \
	  echo 'Without onnxruntime-web the tests of the page without a server cannot run.'

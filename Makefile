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

# What make itself says, in the language in which the program answers (cat_or_dog/engine/language.py).
ifneq ($(filter ja% JA% Ja%,$(or $(CAT_OR_DOG_LANG),$(LC_ALL),$(LC_MESSAGES),$(LANG))),)
SAYS := ja
else
SAYS := en
endif
PYTHON_TOO_OLD_en := Python 3.10 or newer is needed. Say which one to use: make lesson PYTHON=python3.12
PYTHON_TOO_OLD_ja := Python 3.10以降が必要です。使うPythonを指定してください：make lesson PYTHON=python3.12
NO_VENV_en := Python cannot make an environment here. On Debian and Ubuntu: sudo apt install python3-venv
NO_VENV_ja := Pythonの仮想環境を作れません。DebianとUbuntuでは：sudo apt install python3-venv
FOR_LESSON_en := Installing what the lesson needs into .venv: a few minutes, once.
FOR_LESSON_ja := レッスンに必要なものを.venvにインストールします。数分かかりますが、この1回だけです。
FOR_TESTS_en := Installing what the tests need into .venv: a few minutes, once.
FOR_TESTS_ja := テストに必要なものを.venvにインストールします。数分かかりますが、この1回だけです。
FOR_BROWSER_en := Installing Chromium for the tests, once.
FOR_BROWSER_ja := テスト用のChromiumをインストールします。この1回だけです。
NO_BROWSER_en := Chromium could not be installed here. On Debian: apt install chromium
NO_BROWSER_ja := Chromiumをインストールできませんでした。Debianでは：apt install chromium
NO_FONT_en := No Japanese font could be installed here. On Debian: apt install fonts-ipafont-gothic
NO_FONT_ja := 日本語フォントをインストールできませんでした。Debianでは：apt install fonts-ipafont-gothic
NO_RUNTIME_en := Without onnxruntime-web the tests of the page without a server cannot run.
NO_RUNTIME_ja := onnxruntime-webがないので、サーバなしのページのテストは実行できません。


.PHONY: help lesson notebook check test test-oldest test-latest run readme badges ja messages docs body bench locked lock clean
#ja 何ができるかを表示する
help:            ## say what there is
	@awk -F ':.*## ' -v says=$(SAYS) \
	  '/^#ja / { ja = substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-13s%s\n", $$1, says == "ja" ? ja : $$2 }' Makefile

#ja ターミナルでレッスン全体を実行する（検索、ダウンロード、学習、予測）
lesson: .venv/.lesson     ## the whole lesson in the terminal: search, download, train, predict
	$(BIN)/cat-or-dog demo --dest lesson

# By itself, a Jupyter server breaks the connection when photos that are uploaded together have more than 10 MB.
ROOM := --ServerApp.tornado_settings='{"websocket_max_message_size": 300000000}'
#ja ノートブックをJupyterLabで開く
notebook: .venv/.lesson   ## open the notebooks in JupyterLab
	PYTHONWARNINGS=ignore::FutureWarning $(BIN)/jupyter lab --notebook-dir=nbs $(ROOM) nbs/00_introduction.ipynb

#ja lint、型、分量、ノートブックから作るファイルを調べ、速いテストを実行する
check: .venv/.dev         ## lint, types, budgets, what is made from the notebooks, and the fast tests
	$(BIN)/python tools/check.py
	$(BIN)/python -m pytest -q -m fast -n auto --dist loadfile --deselect tests/test_house.py::test_nothing_to_mend

#ja すべてのテストとページを実行し、make checkと同じことも調べる
test: .venv/.dev .venv/.browser .venv/.widgets8 .venv/.onnxruntime-web   ## run every test, every page, and what make check looks at
	$(BIN)/python -m pytest

# Another Python: make test-latest PYTHON=python3.14. The tests are those of rooms that need no PyTorch.
LIGHT := batches download drawings duplicates fetch files folder head imagenet onnx_file photo photo_list \
  predict scores search windows
#ja settings.iniが許す最も古いバージョンで、軽いレッスンとそのテストを実行する
test-oldest: build/oldest/.made   ## the light lesson and its tests on the oldest versions that settings.ini allows
#ja 現在の最新バージョンで、軽いレッスンとそのテストを実行する
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

#ja すべてのページを実行して結果を残し、ページから作るものをすべて作り直す
run: .venv/.dev           ## run every page and keep its outputs; then everything that is made from the pages
	$(BIN)/nbdev-export
	$(BIN)/python tools/link_glossary.py
	$(BIN)/python tools/run_pages.py --write
	-$(BIN)/python tools/japanese.py
	$(BIN)/nbdev-clean
	$(BIN)/python tools/draw_house.py
	$(MAKE) readme

#ja nbs/index.ipynbからREADME.mdを作る
readme: .venv/.dev        ## render README.md from nbs/index.ipynb
	$(BIN)/python tools/render_readme.py

#ja 設定repositoryの内容を書き込む（バッジ、最初のセル、リンク、CITATION.cff）
badges: .venv/.dev        ## write what the setting `repository` says: badges, first cells, links, CITATION.cff
	$(BIN)/python tools/badges.py

#ja コードと実行結果を日本語のページに写し、これから書くべきところを表示する
ja: .venv/.dev            ## carry code and outputs into the Japanese pages; say what is to be written there
	$(BIN)/python tools/japanese.py

#ja プログラムが表示する文を集め、日本語訳を保ち、組み込む（cat_or_dog/language）
messages: .venv/.dev      ## find what the library says, keep its Japanese, and compile it (cat_or_dog/language)
	$(BIN)/python tools/messages.py

#ja サイトをbuild/siteに作る（日英両方、実装のページ、API、検索）
docs: .venv/.docs         ## build the site in build/site: both languages, engine pages, API, search
	$(BIN)/python tools/make_site.py

#ja cat_or_dog/weightsのボディとImageNetのヘッドを作り直す（PyTorchが必要）
body: .venv/.dev          ## make the body and ImageNet's head in cat_or_dog/weights anew (needs PyTorch)
	$(BIN)/python tools/make_body.py

#ja 元の記事の方法と並べて測り、結果の表をbenchmarks/に書く
bench: .venv/.dev         ## measure side by side with the article's own way; tables in benchmarks/
	@for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python $$script || exit 1; done

#ja CIの環境を作る（各パッケージはuv.lockにあるバージョン）
locked: .venv/.python uv.lock   ## the environment of CI: each package in the version that uv.lock names
	@$(BIN)/python -m pip install -qq uv
	@$(BIN)/python -m uv sync -q --locked --inexact --extra dev
	@touch .venv/.lesson .venv/.dev

#ja 各パッケージの最新バージョンでuv.lockを書き直す（PyPIから）
lock: .venv/.python      ## write uv.lock anew, with the newest version of each package, from PyPI
	@$(BIN)/python -m pip install -qq uv
	@$(BIN)/python -m uv lock -q --no-config --default-index https://pypi.org/simple --upgrade

#ja 仮想環境と、作ったものをすべて消す
clean:           ## remove the environment and everything that was made
	rm -rf .venv lesson build dist *.egg-info

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo '$(PYTHON_TOO_OLD_$(SAYS))'; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo '$(NO_VENV_$(SAYS))'; rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install -qq --upgrade pip
	@touch $@

.venv/.lesson: .venv/.python settings.ini setup.py pyproject.toml
	@echo '$(FOR_LESSON_$(SAYS))'
	@$(BIN)/python -m pip install -qq --editable '.[course,notebooks,app]'
	@touch $@

.venv/.dev: .venv/.python settings.ini setup.py pyproject.toml
	@echo '$(FOR_TESTS_$(SAYS))'
	@$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@ .venv/.lesson

.venv/.docs: .venv/.dev
	@$(BIN)/python -m pip install -qq --editable '.[docs]'
	@touch $@

# For the tests in a browser: Chromium and a Japanese font, from Debian where we may install. Else those tests say
# what is missing, and the next `make test` tries again.
APT = $(if $(filter-out 0,$(shell id -u)),sudo -n) apt-get
.venv/.browser: .venv/.python
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
	  { echo '$(FOR_BROWSER_$(SAYS))'; \
	    $(APT) update -qq && $(APT) install -qq --no-install-recommends chromium fontconfig > /dev/null; } || \
	  echo '$(NO_BROWSER_$(SAYS))'
	@fc-list :lang=ja 2> /dev/null | grep -q . || \
	  $(APT) install -qq --no-install-recommends fonts-ipafont-gothic > /dev/null || \
	  echo '$(NO_FONT_$(SAYS))'
	@if command -v chromium > /dev/null || command -v chromium-browser > /dev/null; then touch $@; fi

# And ipywidgets 8 in a folder of its own, which the tests put before the environment, where fastbook keeps version 7.
WIDGETS8 := 'ipywidgets~=8.1' 'jupyterlab_widgets~=3.0' 'widgetsnbextension~=4.0'
.venv/.widgets8: .venv/.python
	@$(BIN)/python -m pip install -qq --upgrade --no-deps --target .venv/widgets8 $(WIDGETS8)
	@touch $@

# For the page that runs in a browser: the program that runs models there, from npm, into the cache.
.venv/.onnxruntime-web: .venv/.dev cat_or_dog/engine/static_app.py
	@$(BIN)/python -c 'from cat_or_dog.engine.static_app import runtime; runtime()' && touch $@ || \
	  echo '$(NO_RUNTIME_$(SAYS))'

"""What the Makefile and the hooks before a commit name is there, and make speaks English or Japanese."""
import os
import re
import shutil
import subprocess

import pytest
from house import ROOT


def make(*args):
    "What make says, without doing it."
    return subprocess.run(['make', *args], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_notebook_command_names_a_page_that_exists():
    said = make('--dry-run', 'notebook')
    assert [(ROOT/name).exists() for name in re.findall(r'\S+\.ipynb', said)] == [True]


def test_scripts_that_are_named_exist():
    named = re.findall(r'\b(?:tools|tests)/\w+\.py', (ROOT/'Makefile').read_text(encoding='utf-8'))
    named += re.findall(r'\btools/\w+\.py', (ROOT/'.pre-commit-config.yaml').read_text(encoding='utf-8'))
    assert len(named) > 8 and [name for name in named if not (ROOT/name).exists()] == []


def test_help_lists_every_command():
    said = make('help')
    phony = re.search(r'^\.PHONY: (.*)$', (ROOT/'Makefile').read_text(encoding='utf-8'), re.M)
    assert re.findall(r'^  make ([\w-]+) +\S', said, re.M) == phony[1].split()
    assert {'lesson', 'notebook', 'check', 'test', 'run', 'readme', 'body', 'bench', 'clean'} <= set(
        phony[1].split()
    )


LOCALE = dict.fromkeys(('CAT_OR_DOG_LANG', 'LC_ALL', 'LC_MESSAGES', 'LANG'), '')
STUB = """#!/bin/sh
# Stands for Python, and for what an environment brings: it installs nothing.
case "$*" in *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/cat-or-dog;; esac
"""


@pytest.fixture
def stub(tmp_path):
    "A function: what `make lesson` says to somebody with these variables; nothing is installed."
    for name in 'Makefile', 'settings.ini', 'setup.py', 'pyproject.toml':
        shutil.copy(ROOT/name, tmp_path)
    (tmp_path/'stub').write_text(STUB)
    (tmp_path/'stub').chmod(0o755)
    def run(target, **variables):
        shutil.rmtree(tmp_path/'.venv', ignore_errors=True)
        command = ['make', target, 'PYTHON=./stub']
        options = {'cwd': tmp_path, 'env': os.environ | LOCALE | variables, 'encoding': 'utf-8'}
        done = subprocess.run(command, **options, capture_output=True, check=True)
        return (done.stdout + done.stderr).splitlines()
    return run


def test_the_lines_of_make_lesson(stub):
    command = '.venv/bin/cat-or-dog demo --dest lesson'
    installing = 'レッスンに必要なものを.venvにインストールします。数分かかりますが、この1回だけです。'
    english = ['Installing what the lesson needs into .venv: a few minutes, once.', command]
    japanese = [installing, command]
    assert stub('lesson') == stub('lesson', LANG='de_DE.UTF-8') == english
    assert stub('lesson', LANG='ja_JP.UTF-8') == stub('lesson', CAT_OR_DOG_LANG='ja') == japanese
    assert stub('lesson', LC_ALL='C.UTF-8', LANG='ja_JP.UTF-8') == english
    assert stub('lesson', LC_MESSAGES='ja_JP.UTF-8', LANG='C') == japanese
    assert stub('lesson', CAT_OR_DOG_LANG='en', LC_ALL='ja_JP.UTF-8') == english


def test_help_in_japanese(stub):
    english, japanese = stub('help'), stub('help', LANG='ja_JP.UTF-8')
    names = [[line.split()[:2] for line in lines] for lines in (english, japanese)]
    assert names[0] == names[1] and len(names[0]) > 10
    said = [line.split(maxsplit=2)[2] for line in japanese]
    assert [line for line in said if not re.search('[ぁ-ん]', line)] == [] and len(set(said)) == len(said)


def test_each_sentence_of_make_is_there_in_both_languages():
    text = (ROOT/'Makefile').read_text(encoding='utf-8')
    said = {language: set(re.findall(rf'^(\w+)_{language} := \S', text, re.M)) for language in ('en', 'ja')}
    used = set(re.findall(r'\$\((\w+)_\$\(SAYS\)\)', text))
    assert said['en'] == said['ja'] == used and len(used) > 5
    assert re.findall(r"echo '(?!\$)[^']*'", text) == []   # no sentence in one language only


def test_programs_of_windows_lie_elsewhere():
    assert '.venv/Scripts/python' in make('--dry-run', 'readme', 'OS=Windows_NT')
    assert '.venv/bin/python' in make('--dry-run', 'readme', 'OS=')


CHROMIUM = 'chromium', 'chromium-browser'


@pytest.mark.skipif(os.name == 'nt', reason='apt is of Debian.')
@pytest.mark.parametrize('there', [(), *((name,) for name in CHROMIUM)])
def test_chromium_is_looked_for_again_until_it_is_there(tmp_path, there):
    programs, env = tmp_path/'programs', tmp_path/'.venv'
    programs.mkdir()
    for name in 'sh', 'id', 'touch', 'grep', 'make':
        (programs/name).symlink_to(shutil.which(name))
    for name in 'sudo', 'apt-get', *there:
        (programs/name).write_text('#!/bin/sh\nexit 1\n')
        (programs/name).chmod(0o755)
    env.mkdir()
    (env/'.python').touch()
    shutil.copy(ROOT/'Makefile', tmp_path)
    done = subprocess.run(['make', '.venv/.browser'], cwd=tmp_path, env=LOCALE | {'PATH': str(programs)},
                          capture_output=True, text=True)
    assert done.returncode == 0 and 'font could be installed' in done.stdout, done.stderr
    assert ('Chromium could not' in done.stdout) is (not there) and (env/'.browser').exists() is bool(there)


def test_ci_tests_what_is_different_on_windows_with_what_make_test_oldest_installs():
    job = (ROOT/'.github'/'workflows'/'check.yml').read_text(encoding='utf-8').partition('\n  fast:')[0]
    makefile = (ROOT/'Makefile').read_text(encoding='utf-8')
    test_oldest = re.search(r"'\.\[(train,app)\]'\n.*\n\s*(pytest .*)\n", makefile).groups()
    assert re.findall(r'pip install "\.\[(.*)\]"\n|pip install (pytest .*)\n', job) == [
        (test_oldest[0], ''), ('', test_oldest[1])]
    assert 'pytest -q -m fast tests/test_windows.py' in job and 'windows-latest' in job


def test_hooks_need_no_network():
    hooks = (ROOT/'.pre-commit-config.yaml').read_text(encoding='utf-8')
    assert re.findall(r'repo: (\S+)', hooks) == ['local']
    assert set(re.findall(r'language: (\S+)', hooks)) == {'system'}

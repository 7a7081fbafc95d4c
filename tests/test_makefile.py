"""What the Makefile and the hooks before a commit name is there."""
import re
import subprocess

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


def test_programs_of_windows_lie_elsewhere():
    assert '.venv/Scripts/python' in make('--dry-run', 'readme', 'OS=Windows_NT')
    assert '.venv/bin/python' in make('--dry-run', 'readme', 'OS=')


def test_hooks_need_no_network():
    hooks = (ROOT/'.pre-commit-config.yaml').read_text(encoding='utf-8')
    assert re.findall(r'repo: (\S+)', hooks) == ['local']
    assert set(re.findall(r'language: (\S+)', hooks)) == {'system'}

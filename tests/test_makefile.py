"""What the Makefile's commands name is there."""
import re, subprocess

from house import ROOT as root


def test_the_notebook_command_names_a_page_that_exists():
    said = subprocess.run(['make', '--dry-run', 'notebook'], cwd=root, capture_output=True, text=True, check=True).stdout
    assert [(root/name).exists() for name in re.findall(r'\S+\.ipynb', said)] == [True]


def test_help_lists_every_command():
    said = subprocess.run(['make', 'help'], cwd=root, capture_output=True, text=True, check=True).stdout
    for command in ('lesson', 'notebook', 'test', 'run', 'readme', 'bench', 'clean'): assert f'make {command} ' in said

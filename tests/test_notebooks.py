"""The notebooks are the source, the documentation and the tests: they run, and everything made from them is current."""
import re, shutil, subprocess, sys
from pathlib import Path

import nbformat, pytest

from render_readme import render
from run_notebooks import notebooks, root, run

bin = Path(sys.executable).parent


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_runs_from_a_fresh_kernel(path):
    assert run(path).cells


def test_nbdev_test():
    "nbdev's own runner, on a page that takes seconds: every page ran above, in the kernel that a reader has."
    subprocess.run([bin/'nbdev-test', '--n-workers', '1', '--file-re', '^01_search'], cwd=root, check=True)


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    "A copy of the notebooks and the library, to export and clean without touching the checkout."
    folder = tmp_path_factory.mktemp('copy')
    for name in ('nbs', 'cat_or_dog'):
        shutil.copytree(root/name, folder/name, ignore=shutil.ignore_patterns('__pycache__', 'cat_or_not', '.ipynb_checkpoints', 'models'))
    for name in ('pyproject.toml', 'settings.ini', 'setup.py', 'README.md'): shutil.copy(root/name, folder/name)
    return folder


def texts(folder, pattern): return {p.name: p.read_text(encoding='utf-8') for p in sorted(folder.glob(pattern))}


def test_export_changes_nothing(copy):
    subprocess.run([bin/'nbdev-export'], cwd=copy, check=True)
    assert texts(copy/'cat_or_dog', '*.py') == texts(root/'cat_or_dog', '*.py'), 'Run nbdev-export and commit what it changes.'


def test_clean_changes_nothing(copy):
    subprocess.run([bin/'nbdev-clean'], cwd=copy, check=True)
    assert texts(copy/'nbs', '*.ipynb') == texts(root/'nbs', '*.ipynb'), 'Run nbdev-clean and commit what it changes.'


def test_readme_is_rendered_from_the_index():
    assert (root/'README.md').read_text(encoding='utf-8') == render(), 'Run make readme and commit what it changes.'


def test_every_module_has_a_notebook():
    exported = {p.stem for p in (root/'cat_or_dog').glob('[a-z]*.py')}
    sources = ''.join(p.read_text(encoding='utf-8') for p in notebooks)
    assert exported == {name for name in exported if f'default_exp {name}' in sources}


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_committed_outputs(path):
    "Outputs are there, are no tracebacks, and name no folder of the machine they were made on."
    text = path.read_text(encoding='utf-8')
    assert '"outputs": [\n    {' in text, 'no outputs: run make run'
    assert '"output_type": "error"' not in text
    for folder in ('/work/', '/root/', '/home/', '/tmp/'): assert folder not in text.replace('~', ''), folder


@pytest.mark.parametrize('path', [*notebooks, root/'nbs'/'index.ipynb'], ids=lambda p: p.stem)
def test_links_lead_somewhere(path):
    "Links to pages, pictures and files of this repository."
    cells = nbformat.read(path, as_version=4).cells
    links = [link for c in cells if c.cell_type == 'markdown' for link in re.findall(r'\]\(([^)\s#]+)', c.source) if not re.match('[a-z]+:', link)]
    assert [link for link in links if not (path.parent/link).exists()] == []

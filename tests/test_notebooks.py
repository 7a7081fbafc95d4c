"""The pages are the source, the documentation and the tests: each runs, and shows what it said last time."""
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from figure_words import read_words, words_of
from house import NBS, ROOT, engine_pages, lesson_pages, library, name_of, pages
from japanese import ONLY_HERE, originals
from run_pages import run

BIN = Path(sys.executable).parent
each_page = pytest.mark.parametrize('path', pages(), ids=lambda path: path.stem)


def japanese_pages():
    "Every page of the Japanese edition; what is the same as in English is tested in test_japanese."
    return [*originals().values(), ONLY_HERE]


@pytest.mark.slow
@each_page
def test_runs_from_a_fresh_kernel(path):
    "… and its figures show the words that the table at the foot of the Japanese page has."
    page = run(path)
    assert page.cells
    if path in lesson_pages():
        words, known = set(words_of(page, page.metadata['drawn'])), set(read_words()[path.stem]['words'])
        assert words <= known and known - words <= {'real photos'}   # which not everybody has


@pytest.mark.slow
def test_nbdev_test():
    "nbdev's own runner, on a page that takes seconds: every page ran above, in the kernel that a reader has."
    command = [BIN/'nbdev-test', '--n-workers', '1', '--file-re', '^01_search']
    subprocess.run(command, cwd=ROOT, check=True)


def test_every_module_has_a_page():
    "… and an engine page makes the module of its own name; a lesson's second part makes none."
    by_hand = {'__init__', '__main__'}
    modules = {file.relative_to(ROOT/'cat_or_dog').with_suffix('').as_posix().replace('/', '.')
               for file in library() if file.stem not in by_hand}
    exports = {
        path: re.findall(r'#\| default_exp ([\w.]+)', path.read_text(encoding='utf-8')) for path in pages()
    }
    assert modules == {module for names in exports.values() for module in names}
    assert {path: names for path, names in exports.items() if path in engine_pages()} == {
        path: [] if path.stem.endswith('_more') else [f'engine.{path.stem}'] for path in engine_pages()}


@each_page
def test_committed_outputs(path):
    "Outputs are there, are no tracebacks, and name no folder of the machine they were made on."
    text = path.read_text(encoding='utf-8')
    assert '"outputs": [\n    {' in text, 'no outputs: run make run'
    assert '"output_type": "error"' not in text
    for folder in ('/work/', '/root/', '/home/', '/tmp/'):
        assert folder not in text.replace('~', ''), folder


@each_page
def test_what_was_printed_is_in_one_piece(path):
    "In how many pieces it came is chance."
    for cell in nbformat.read(path, as_version=4).cells:
        kinds = [output.output_type for output in cell.get('outputs', [])]
        assert ('stream', 'stream') not in zip(kinds, kinds[1:]), cell.id


@pytest.mark.parametrize('path', [*pages(), NBS/'index.ipynb', *japanese_pages()], ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    "Links to pages, pictures and files of this repository, seen from the page's own folder."
    cells = nbformat.read(path, as_version=4).cells
    prose = '\n'.join(cell.source for cell in cells if cell.cell_type == 'markdown')
    links = [link for link in re.findall(r'\]\(([^)\s#]+)', prose) if not re.match('[a-z]+:', link)]
    assert [link for link in links if not (path.parent/link).exists()] == []


@pytest.mark.parametrize('name', ['README.md', 'README.ja.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])
def test_links_of_the_papers_lead_somewhere(name):
    text = re.sub('`[^`]*`', '', (ROOT/name).read_text(encoding='utf-8'))   # what is quoted is no link
    links = re.findall(r'\]\(([^)\s#]+)', text)
    assert [link for link in links if not re.match('[a-z]+:', link) and not (ROOT/link).exists()] == []


def test_no_page_is_left_over():
    "Every notebook is a page that runs, or is rendered."
    checked = {name_of(path) for path in [*pages(), NBS/'index.ipynb', *japanese_pages()]}
    found = {name_of(path) for path in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts}
    assert found == checked

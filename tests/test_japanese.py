"""The Japanese edition cannot drift from the English one: each way to do so is seen to be found."""
import datetime

import japanese
import nbformat
import pytest
from house import NBS
from run_pages import run

ENGLISH = '''# Cats

> A page about [cats](engine/glossary.ipynb#cat "ネコ: an animal")'''
JAPANESE = '''# ネコ

> [ネコ](glossary.ipynb#cat "ネコ: 動物の一種")のページ'''


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def change(file, name, source):
    "Give one cell of a page another text."
    notebook = nbformat.read(file, as_version=4)
    cell_of(notebook, name).source = source
    japanese.write(notebook, file)


@pytest.fixture
def edition(tmp_path, monkeypatch):
    "An English page with its Japanese: (English file, Japanese file)."
    nbs = tmp_path/'nbs'
    english = nbs/'01_cats.ipynb', nbs/'engine'/'glossary.ipynb'
    pages = {page: nbs/'ja'/page.name for page in english}
    monkeypatch.setattr(japanese, 'NBS', nbs)
    monkeypatch.setattr(japanese, 'EDITION', nbs/'ja')
    monkeypatch.setattr(japanese, 'RECORD', nbs/'ja'/'originals.json')
    monkeypatch.setattr(japanese, 'originals', lambda: pages)
    page, target = english[0], pages[english[0]]
    new = nbformat.v4
    cells = [new.new_markdown_cell(ENGLISH, id='title'),
             new.new_code_cell('#| export\ndef f(x):\n    return x  # the same', id='code'),
             new.new_code_cell('f(2)', id='look', outputs=[new.new_output('stream', text='2\n')])]
    for file, some in zip(english, (cells, cells[1:2])):
        file.parent.mkdir(parents=True, exist_ok=True)
        japanese.write(new.new_notebook(cells=some), file)
        japanese.carry(file)
    notebook = nbformat.read(target, as_version=4)
    notebook.cells.insert(0, new.new_markdown_cell(JAPANESE, id='title'))
    cell_of(notebook, 'code').source = 'def f(x):\n    return x  # そのまま'
    japanese.write(notebook, target)
    for file in pages:
        japanese.carry(file)
    japanese.agree([])
    assert japanese.breaches() == []
    return page, target


def test_the_edition_is_that_of_today():
    assert japanese.breaches() == []


def test_code_and_outputs_are_carried_and_the_comments_stay(edition):
    page, target = edition
    cells = nbformat.read(target, as_version=4).cells
    assert [cell.id for cell in cells] == ['title', 'edition', 'setup', 'code', 'look']
    assert cells[1].source.startswith('[English](../01_cats.ipynb)')
    assert '最初のセル' in cells[1].source and '見つからないときは' in cells[2].source
    assert cells[3].source == 'def f(x):\n    return x  # そのまま'
    assert cells[4].outputs[0].text == '2\n'
    english = nbformat.read(page, as_version=4).cells
    assert english[1].source.startswith('[日本語で読む](ja/01_cats.ipynb)\n\nThe first cell')
    assert english[2].id == 'setup' and 'not found?' in english[2].source


def test_nothing_is_exported_twice(edition):
    target = japanese.originals()[japanese.NBS/'engine'/'glossary.ipynb']
    source = cell_of(nbformat.read(target, as_version=4), 'code').source
    assert '#| export' in source and not source.startswith('#|') and 'def f(x)' in source
    assert not [file for file in (NBS/'ja').glob('*.ipynb')
                if '"#| export' in file.read_text(encoding='utf-8')]


def test_a_missing_page_is_found(edition):
    edition[1].unlink()
    found, = japanese.breaches()
    assert 'nbs/ja/01_cats.ipynb: is missing' in found


def test_a_changed_code_cell_is_found(edition):
    change(edition[1], 'code', 'def f(x):\n    return x + 1  # そのまま')
    found, = japanese.breaches()
    assert 'cell code: code or outputs are not those' in found
    japanese.carry(edition[0])
    assert japanese.breaches() == []
    change(edition[0], 'look', 'f(3)')
    found, = japanese.breaches()
    assert 'cell look' in found


def test_prose_without_its_japanese_is_found(edition):
    page, _ = edition
    notebook = nbformat.read(page, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell('And dogs', id='dogs'))
    japanese.write(notebook, page)
    found, = japanese.breaches()
    assert 'cell dogs: to be written. In English it begins: And dogs' in found


def test_an_original_that_changed_later_is_found_until_its_japanese_changes_too(edition):
    page, target = edition
    change(page, 'title', ENGLISH + ' that purr')
    for _ in range(2):   # to carry again does not hide it
        found, = japanese.breaches()
        assert 'cell title: the English has changed since' in found
        japanese.carry(page)
        japanese.agree([])
    change(target, 'title', JAPANESE + '。のどを鳴らします')
    japanese.agree([])
    assert japanese.breaches() == []


def test_an_original_that_changed_may_leave_its_japanese_as_it_is(edition):
    change(edition[0], 'title', ENGLISH + '.')
    japanese.agree(['title'])
    assert japanese.breaches() == []


def test_a_link_that_leads_elsewhere_is_found(edition):
    change(edition[1], 'title', JAPANESE.replace('#cat', '#dog'))
    found, = japanese.breaches()
    assert 'its links are not those' in found


def runnable():
    "The Japanese pages that have code, in order."
    return [page for page in japanese.originals().values() if page.stem not in ('index', 'glossary')]


@pytest.mark.slow
@pytest.mark.parametrize('turn', [0, 1])
def test_two_pages_run_by_turns(turn):
    "As proof that Japanese pages run: two of them each day, other ones the next day."
    pages = runnable()
    page = pages[(2*datetime.date.today().toordinal() + turn) % len(pages)]
    assert run(page).cells

"""The house is in order, and the tools that say so can say no."""
import os
import subprocess
import sys
import warnings

import draw_house
import link_glossary
import measure
import nbformat
import pytest
from check import CHECKS
from conftest import POSIX, SLOW, marks_of
from house import ROOT, engine_pages


@pytest.mark.parametrize('name', CHECKS)
def test_nothing_to_mend(name):
    assert CHECKS[name]() == []


def counted(tmp_path, monkeypatch, cells, name='04_train.ipynb'):
    "What the budgets say to a page of these cells."
    monkeypatch.setattr(measure, 'name_of', lambda file: f'nbs/{file.name}')
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path/name)
    return measure.read_page(tmp_path/name)


def test_minutes_are_words_and_lines_of_code(tmp_path, monkeypatch):
    words = nbformat.v4.new_markdown_cell(
        'word ' * 139 + '[word](a/long/address.ipynb#with "words in its title")'
    )
    code = nbformat.v4.new_code_cell('#| export\n' + 'x = 1\n\n' * 9)
    page = counted(tmp_path, monkeypatch, [words, code])
    assert (page.words, page.code_lines, page.minutes) == (140, 10, 2.0)
    assert (page.code_cells, page.exported_cells, page.exported_lines) == (1, 1, 10)
    assert list(measure.too_long(page)) == ['nbs/04_train.ipynb: 1 code cells; 15 to 25']


def test_a_long_page_is_named(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell('#| export\n' + 'x = 1\n' * 30) for _ in range(16)]
    assert list(measure.too_long(counted(tmp_path, monkeypatch, cells))) == [
        'nbs/04_train.ipynb: 50 minutes; at most 25', 'nbs/04_train.ipynb: 16 exported cells; at most 8',
        'nbs/04_train.ipynb: 496 exported lines; at most 100']


def test_a_picture_without_words_is_named(tmp_path, monkeypatch):
    def picture(**metadata):
        return nbformat.v4.new_output('display_data', {'image/png': 'AAAA'}, metadata=metadata)
    cell = nbformat.v4.new_code_cell(
        'show()', outputs=[picture(), picture(**{'image/png': {'alt': 'a cat'}})]
    )
    page = counted(tmp_path, monkeypatch, [cell])
    assert (
        'nbs/04_train.ipynb: 1 of 2 pictures without alt text (#| fig-alt: …)'
        in measure.breaches_of_pages([page])
    )


@pytest.mark.parametrize('code, private', [
    ('from .predict import _within', '_within'),
    ('import cat_or_dog.train\ncat_or_dog.train._fit', '_fit'),
    ('client._transport._pool', '_pool'),
    ('import ctypes._endian', '_endian')])
def test_private_names_of_another_module_are_found(code, private):
    found = ' '.join(measure.private_names(measure.Source('x.py', code)))
    assert f'{private} is private to another module' in found


@pytest.mark.parametrize('code', [
    '__version__', 'for _ in x: pass', 'def _mine(): pass\nmodule._mine', 'row._replace(a=1)',
    'class A:\n    def __init__(self): self._x = 1\n    def x(self): return self._x',
    'timer._counter   # pinned: ipywidgets 8.1 has no public way'])
def test_names_of_its_own_are_nobody_elses_business(code):
    assert list(measure.private_names(measure.Source('x.py', code))) == []


def test_functions_and_branches():
    long = 'def f():\n' + '    x = 1\n' * 26
    assert list(measure.long_functions(measure.Source('x.py', long))) == [
        'x.py:1: the body of f has 26 lines; at most 25']
    assert list(measure.long_functions(measure.Source('x.py', long.replace('    x = 1\n', '', 1)))) == []
    assert list(measure.packed(measure.Source('x.py', 'if x: y = 1\nfor x in y:\n    x'))) == [
        'x.py:1: a branch and what it leads to in one line']


def test_width_counts_all_but_tables_and_nbdevs_list(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, 'name_of', lambda file: file.name)
    wide = 'x' * 111
    (tmp_path/'x.py').write_text(
        f'__all__ = ["{wide}",\n  "y"]\n{wide}\n{wide[1:]}\na | {wide} | b', encoding='utf-8'
    )
    assert list(measure.wide_lines(tmp_path/'x.py')) == ['x.py:3: 111 characters; at most 110']


@pytest.mark.parametrize(
    'module, code, expected',
    [
        ('engine.photo', 'from .files import write_whole', {'engine.files'}),
        ('train', 'from .engine.files import write_whole', {'engine.files'}),
        ('engine.cli', 'from ..train import train', {'train'}),
        ('engine.cli', 'def f():\n    from . import page', {'engine.page'}),
        (
            'train',
            'from cat_or_dog.engine import photo\nimport cat_or_dog.engine.files',
            {'engine.photo', 'engine.files'},
        ),
        ('train', 'import json\nfrom json import train', set()),
    ],
)
def test_arrows_are_imports(tmp_path, monkeypatch, module, code, expected):
    monkeypatch.setattr(draw_house, 'ROOT', tmp_path)
    for name in {'engine.files', 'engine.photo', 'engine.cli', 'engine.page', 'train'}:
        file = tmp_path/'cat_or_dog'/f'{name.replace(".", "/")}.py'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code if name == module else '', encoding='utf-8')
    assert draw_house.read_arrows(sorted(tmp_path.rglob('*.py')))[module] == expected


def test_a_circle_of_imports_is_refused(monkeypatch):
    monkeypatch.setattr(
        draw_house, 'read_arrows', lambda files: {'a': {'b'}, 'b': {'c'}, 'c': {'a'}, 'd': {'a'}}
    )
    assert 'imports go round in a circle' in draw_house.breaches()[0]


def test_floors_and_detours():
    arrows = {'cli': {'train', 'files'}, 'train': {'files'}, 'files': set()}
    assert draw_house.floors(arrows) == [['files'], ['train'], ['cli']]
    assert draw_house.without_detours(arrows) == {'cli': {'train'}, 'train': {'files'}, 'files': set()}


@pytest.mark.parametrize('prose, anchors', [
    ('The loss falls. The loss again.', ['loss']),
    ('A [loss](glossary.ipynb#loss), and the loss.', []),
    ('The loss, then a [loss](glossary.ipynb#loss).', ['loss']),
    ('# The loss\n\n> loss\n\n`loss` and [the loss of sleep](x.html)\n```\nloss\n```', []),
    ('Two loss functions and many epochs.', ['loss-function', 'epoch']),
    ('A learner has a Learner.', ['Learner']),
    ('The head of a cat.', [])])
def test_words_without_their_link(prose, anchors):
    assert [word.anchor for word in link_glossary.missing({0: prose})] == anchors


def test_links_are_added_where_words_first_stand(tmp_path):
    cells = [nbformat.v4.new_markdown_cell(text) for text in ('Losses and losses.', 'Epochs of loss.')]
    nb = nbformat.v4.new_notebook(cells=cells)
    link_glossary.add_links(nb, tmp_path/'04_train.ipynb')
    assert [cell.source for cell in nb.cells] == [
        '[Losses](engine/glossary.ipynb#loss) and losses.', '[Epochs](engine/glossary.ipynb#epoch) of loss.']


def test_every_engine_page_is_in_the_index_of_the_house():
    text = (ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')
    assert [page.stem for page in engine_pages() if f'](nbs/engine/{page.name})' not in text] == []


def test_a_warning_from_our_own_code_is_an_error():
    def warn(module):
        warnings.warn_explicit('old', UserWarning, 'file.py', 1, module)
    for module in ('cat_or_dog', 'cat_or_dog.engine.photo'):
        with pytest.raises(UserWarning):
            warn(module)
    with pytest.warns(UserWarning):
        warn('somebody.elses')


def test_a_test_is_fast_or_says_why_not(request):
    for item in request.session.items:
        names = {mark.name for mark in item.iter_markers()}
        assert ('fast' in names) != bool({'slow', 'browser', 'photos'} & names), item.nodeid
        assert marks_of(item) <= names


def test_every_test_that_is_called_slow_is_there():
    tests = ''.join(file.read_text(encoding='utf-8') for file in (ROOT/'tests').glob('test_*.py'))
    assert [name for name in SLOW | POSIX if f'def {name}(' not in tests] == []


def test_without_photos_tests_skip_unless_they_are_required(tmp_path):
    (tmp_path/'test_it.py').write_text('def test_it(photos): pass', encoding='utf-8')
    (tmp_path/'conftest.py').write_text(
        f'import sys\nsys.path.insert(0, {str(ROOT / "tools")!r})\n'
        + (ROOT/'tests'/'conftest.py').read_text(encoding='utf-8').replace('ROOT.parent', 'ROOT'),
        encoding='utf-8',
    )
    def run(**variables):
        env = {name: value for name, value in os.environ.items() if name != 'CAT_OR_DOG_PHOTOS'} | variables
        command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-c', os.devnull, tmp_path]
        return subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path).stdout
    assert '1 skipped' in run(CI='true')
    assert '1 error' in run(CI='true', CAT_OR_DOG_PHOTOS='required')
    assert '1 passed' in run(CAT_OR_DOG_PHOTOS=str(tmp_path))

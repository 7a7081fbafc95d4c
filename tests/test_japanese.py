"""The Japanese edition cannot drift from the English one: each way to do so is seen to be found."""
import datetime
import json

import figure_words
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
    monkeypatch.setattr(figure_words, 'WORDS', nbs/'ja'/'figure_words.json')
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
    assert '見つからないときは' in cells[2].source
    assert cells[3].source == 'def f(x):\n    return x  # そのまま'
    assert cells[4].outputs[0].text == '2\n'
    english = nbformat.read(page, as_version=4).cells
    assert english[1].source.startswith('[日本語で読む](ja/01_cats.ipynb)')
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


HTML = ('<table><tr><th>what became of it</th></tr>'
        '<tr><td>damaged photo</td><td>http://a.b</td></tr></table>')
TABLE = {'output_type': 'display_data', 'data': {'text/html': HTML}, 'metadata': {}}
SAID = {'cats': '猫', 'one of … cats': '…匹の猫のうち1匹',
        'what became of it': '結果', 'damaged photo': '壊れた写真'}


def show(page, *outputs):
    "Give the cell `look` these outputs."
    notebook = nbformat.read(page, as_version=4)
    cell_of(notebook, 'look').outputs = [nbformat.from_dict(output) for output in outputs]
    japanese.write(notebook, page)
    return notebook


@pytest.fixture
def with_figure(edition):
    "The page shows a table and a figure; its words are known, and said in Japanese."
    page, _ = edition
    figure_words.keep_words(page, show(page, TABLE), ['cats', '0.5', 'one of 7 cats\nn = 10', 'cats 0.50'])
    assert list(figure_words.read_words()[page.stem]['words']) == list(SAID)
    say_all(page.stem)
    japanese.carry(page)
    assert japanese.breaches() == []
    return edition


def say_all(name, **more):
    "Write the Japanese of all words down, as somebody who translates does."
    kept = figure_words.read_words()
    kept[name]['words'] |= SAID | more
    figure_words.WORDS.write_text(json.dumps(kept), encoding='utf-8')


def test_the_words_of_figures_end_a_page(with_figure):
    last = nbformat.read(with_figure[1], as_version=4).cells[-1]
    assert last.id == 'figure-words'
    rows = [f'| {english} | {said} |' for english, said in SAID.items()]
    assert last.source.splitlines()[-4:] == rows


def test_a_new_word_of_a_figure_is_to_be_said(with_figure):
    page, _ = with_figure
    notebook = nbformat.read(page, as_version=4)
    figure_words.keep_words(page, notebook, ['cats', 'one of 7 cats', 'dogs'])
    found, = japanese.breaches()
    assert "'dogs' is to be said in Japanese" in found
    say_all(page.stem, dogs='犬')
    found, = japanese.breaches()
    assert 'its table of words is not that of today' in found
    japanese.carry(page)
    assert japanese.breaches() == []


def test_a_word_that_no_figure_has_any_more_goes(with_figure):
    page, target = with_figure
    figure_words.keep_words(page, nbformat.read(page, as_version=4), ['cats'])
    found, = japanese.breaches()
    assert 'its table of words' in found
    japanese.carry(page)
    assert japanese.breaches() == [] and 'one of' not in target.read_text(encoding='utf-8')


def test_another_code_or_another_table_is_found(with_figure):
    page, _ = with_figure
    change(page, 'look', 'f(3)')
    japanese.carry(page)
    found, = japanese.breaches()
    assert 'cells that show something have changed' in found
    change(page, 'look', 'f(2)')
    show(page, TABLE | {'data': {'text/html': HTML.replace('what became', 'the end')}})
    japanese.carry(page)
    found, = japanese.breaches()
    assert "'the end of it' is new in a table" in found


def test_a_table_of_words_that_somebody_changed_is_found(with_figure):
    change(with_figure[1], 'figure-words', 'nothing')
    found, = japanese.breaches()
    assert 'its table of words' in found


def test_a_name_needs_no_row(with_figure):
    page, target = with_figure
    say_all(page.stem, cats='cats')
    japanese.carry(page)
    assert japanese.breaches() == [] and '| cats |' not in target.read_text(encoding='utf-8')


@pytest.mark.parametrize(
    'text, expected',
    [
        ('step 1: loss 0.60, 17% wrong', 'step …: loss …, …% wrong'),
        ('black cats\nn = 10', 'black cats'),
        ('mechanism to\nchange weights', 'mechanism to change weights'),
        ('mean 15.9 %', 'mean'),
        ('dog/cat / 1.92 / 0.85', 'dog/cat'),
        ('lite0, random,\n20 epochs\nn = 200', 'lite0, random, … epochs'),
        ('fine_tune(3)', 'fine_tune(…)'),
        ('resnet18, random', 'resnet18, random'),
        ('{wrong} of {n} drawings', '… of … drawings'),
        ('{label}, photo {n}', '…, photo …'),
        ('0.25', ''),
        ('−2.5', ''),
        ('$\\mathdefault{10^{-1}}$', ''),
    ],
)
def test_numbers_are_no_words(text, expected):
    assert figure_words.plain(text) == expected


def test_what_only_joins_other_words_is_left_out():
    texts = ['cat', 'dog', 'cat/dog / 1.2', 'cat 0.9', 'a cat']
    assert figure_words.in_order(texts) == ['cat', 'dog', 'a cat']


def test_what_is_drawn_is_taken_down(monkeypatch):
    import matplotlib.pyplot as plt
    from matplotlib.text import Text
    from PIL import Image, ImageDraw
    monkeypatch.setattr(Text, 'draw', Text.draw)   # so that it is put back
    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', ImageDraw.ImageDraw.text)
    words = figure_words.record_words()
    fig, (ax, unseen) = plt.subplots(1, 2)
    ax.bar(['few', 'many'], [1, 2], label='bars')
    ax.set(title='the title', xlabel='across')
    ax.legend()
    ax.annotate('an arrow', (0, 0))
    unseen.set_visible(False)
    unseen.set_title('never seen')
    assert words == []
    fig.canvas.draw()
    plt.close(fig)
    ImageDraw.Draw(Image.new('RGB', (9, 9))).text((0, 0), 'a caption')
    found = figure_words.in_order(words)
    assert set(found) == {'few', 'many', 'bars', 'the title', 'across', 'an arrow', 'a caption'}


def test_the_words_of_a_live_figure():
    from cat_or_dog.engine.live import live_threshold
    html = live_threshold([.2, .7], [0, 1])._repr_html_()
    words = figure_words.in_order(figure_words.words_of_live(html))
    assert 'threshold' in words and any(word.startswith('From … on it says yes') for word in words)
    assert not any('turn the line' in word or 'how many got which number' in word for word in words)


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

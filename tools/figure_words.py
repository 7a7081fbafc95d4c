"""The words of the figures: each page of nbs/ja that has figures or tables ends with what they mean.

While a lesson page runs, `record_words` takes down what matplotlib and Pillow write into its pictures;
headings of tables and the words of live figures are read from its outputs. nbs/ja/figure_words.json keeps
them, page by page, with their Japanese: '' is to be written, and a name that is its own Japanese gets no
row. `code` there is a short name for the cells that show something, so that a change is noticed at once;
all else that could change the words is noticed when the tests run the pages.
"""
import hashlib
import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from house import NBS

WORDS = NBS/'ja'/'figure_words.json'
CELL = 'figure-words'     # the id of the cell at the foot of a page
BEGINNING = '''## 図の中の言葉

図と表の中の英語は、次のような意味です（…には数などが入ります）。
'''
ONE_COLUMN = 15           # rows; longer tables have two columns of words
RESULT = 'FIGURE WORDS '  # begins the line in which a kernel tells them


def record_words() -> list:
    "In the kernel of a page: from now on, take down what is written into pictures."
    import functools

    import matplotlib.text
    import PIL.ImageDraw
    words, draw, write = [], matplotlib.text.Text.draw, PIL.ImageDraw.ImageDraw.text

    @functools.wraps(draw)
    def drawn(self, *args, **kwargs):
        if self.get_visible():
            words.append(self.get_text())
        return draw(self, *args, **kwargs)

    @functools.wraps(write)
    def written(self, xy, text, *args, **kwargs):
        words.append(str(text))
        return write(self, xy, text, *args, **kwargs)

    matplotlib.text.Text.draw = drawn
    PIL.ImageDraw.ImageDraw.text = written
    return words


def with_recorder(cells: list) -> list:
    "The cells of a page, between one that begins to take down words and one that tells them."
    begin = f'{inspect.getsource(record_words)}\nrecorded_words = record_words()'
    end = f'import json\nprint({RESULT!r} + json.dumps(recorded_words))'
    new = nbformat.v4.new_code_cell
    return [new(begin, id='record'), *cells, new(end, id='recorded')]


def recorded(cells: list) -> list[str]:
    "What the last cell of `with_recorder` told."
    said = ''.join(output.get('text', '') for output in cells[-1].outputs)
    return json.loads(said.partition(RESULT)[2])


class Headings(HTMLParser):
    "The words of a table or a card: headings, captions, sentences; and cells, which are apart."
    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ('img', 'br', 'input'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        inner = self.open[-1] if self.open else ''
        if inner in ('th', 'figcaption', 'div', 'p'):
            self.words.append(data)
        elif inner == 'td':
            self.cells.append(data)


def words_of_table(html: str) -> list[str]:
    "Headings, and what the program itself says in cells."
    from cat_or_dog.engine.language import translated
    found = Headings()
    found.feed(html)
    return found.words + [cell for cell in found.cells if translated(cell, 'ja') != cell]


def words_of_live(html: str) -> list[str]:
    "What a live figure shows where scripts run: names of axes and labels, buttons, sentences."
    call = re.search(r'\w+\(place, (\{.*\})\); \}\);', html)
    if call is None:
        return []
    data = json.loads(call[1])
    program = html.partition(f"figures.{data.get('kind', '')} =")[2] or html
    program = program.partition('\n  figures.')[0]
    unseen = r"canvas\(words\.\w+|'aria-label': words\.\w+|'aria-label', text\('map'\)"
    keys = re.findall(r"words\.(\w+)|text\('(\w+)'", re.sub(unseen, '', program))
    said = [data['words'].get(one or other) for one, other in dict.fromkeys(keys)]
    named = [*data.get('axes', []), *data.get('names', [])]
    return [*named, *(word for one in said if one for word in ([one] if isinstance(one, str) else one))]


def words_of_outputs(cells: list) -> list[str]:
    "What tables, cards and live figures show; other HTML is not kept (run_pages.py)."
    found = []
    for cell in cells:
        for output in cell.get('outputs', []):
            html = output.get('data', {}).get('text/html', '')
            if 'data-live' in html:
                found += words_of_live(html)
            elif re.search('<table|<img', html):
                found += words_of_table(html)
    return found


def plain(text: str) -> str:
    "A text on one line, with … for its numbers; '' if that leaves no word."
    text = re.sub(r'\s*\bn = \d+$', '', ' '.join(text.split()))
    text = re.sub(r'(?<![\w{])\d+(\.\d+)?', '…', text)
    text = re.sub(r'([ /]+…( %)?)+$', '', text).strip(' ,')
    text = re.sub(r'\{\w+\}', '…', text)   # a blank that a live figure fills
    return text if re.search('[A-Za-z]{2}', text) and not text.startswith('$') else ''


def in_order(texts: list[str]) -> list[str]:
    "Each once; without those that only join others, as cat/dog does."
    words = [word for word in dict.fromkeys(map(plain, texts)) if word]
    single = {word for word in words if re.fullmatch(r'\w+', word)}
    return [word for word in words if word in single or set(re.findall(r'\w+', word)) - single]


def words_of(notebook, drawn: list[str]) -> list[str]:
    "All words of a page that has just run."
    return in_order(drawn + words_of_outputs(notebook.cells))


def shows(cell) -> bool:
    "Has this cell a picture or a table among its outputs?"
    kinds = [kind for output in cell.get('outputs', []) for kind in output.get('data', {})]
    return any(kind.startswith('image/') or kind == 'text/html' for kind in kinds)


def code_of_figures(notebook) -> str:
    "A short name for the cells that show something; it changes with them."
    code = '\n'.join(cell.source for cell in notebook.cells if shows(cell))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def read_words() -> dict[str, dict]:
    "Page -> its code, and its words with their Japanese."
    return json.loads(WORDS.read_text(encoding='utf-8')) if WORDS.exists() else {}


def keep_words(page: Path, notebook, drawn: list[str]) -> None:
    "Write down the words of a page that has just run; what was said in Japanese anywhere stays."
    kept = read_words()
    everywhere = {word: said for one in kept.values() for word, said in one['words'].items()}
    here = everywhere | kept.get(page.stem, {'words': {}})['words']
    words = {word: here.get(word, '') for word in words_of(notebook, drawn)}
    kept[page.stem] = {'code': code_of_figures(notebook), 'words': words}
    text = json.dumps(dict(sorted(kept.items())), ensure_ascii=False, indent=1)
    WORDS.write_text(text + '\n', encoding='utf-8')


def table(page: Path) -> str:
    "The foot of a Japanese page; '' where no figure has a word."
    words = read_words().get(page.stem, {'words': {}})['words']
    rows = [f'{word} | {said}' for word, said in words.items() if said not in ('', word)]
    if not rows:
        return ''
    columns = 1 if len(rows) <= ONE_COLUMN else 2
    high = -(-len(rows)//columns)   # rounded up
    parts = [(rows[i*high:(i + 1)*high] + [' | '])[:high] for i in range(columns)]
    lines = [' | '.join(row) for row in zip(*parts, strict=True)]
    head = ['英語 | 日本語', '--- | ---']
    lines = [' | '.join([one]*columns) for one in head] + lines
    return BEGINNING + '\n' + '\n'.join(f'| {line} |' for line in lines)


def breaches_of_words(notebook, page: Path) -> list[str]:
    "Words without Japanese, and words that are not those of the English page's figures."
    kept = read_words().get(page.stem, {'code': '', 'words': {}})
    name = f'nbs/ja/{WORDS.name}, {page.stem}'
    again = f'Run python tools/run_pages.py --write nbs/{page.name}'
    found = [f'{name}: {word!r} is to be said in Japanese'
             for word, said in kept['words'].items() if not said]
    if kept['code'] != code_of_figures(notebook):
        found.append(f'{name}: cells that show something have changed. {again}')
    unknown = set(in_order(words_of_outputs(notebook.cells))) - kept['words'].keys()
    return found + [f'{name}: {word!r} is new in a table. {again}' for word in sorted(unknown)]


def breaches(page: Path, target: Path) -> list[str]:
    "What is wrong with the words of a lesson page, and with the table at the foot of its Japanese."
    notebook = nbformat.read(page, as_version=4)
    found = breaches_of_words(notebook, page) if any(map(shows, notebook.cells)) else []
    foot = [cell.source for cell in nbformat.read(target, as_version=4).cells if cell.id == CELL]
    if foot != [text for text in [table(page)] if text]:
        found.append(f'nbs/ja/{target.name}: its table of words is not that of today. Run make ja')
    return found

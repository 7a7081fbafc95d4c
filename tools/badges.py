"""The address of the project, and all that is written from it: badges, first cells, the paper for citations.

    python tools/badges.py             write it (make badges)
    python tools/badges.py --check     change nothing; say what is not as the setting says

The one setting is `repository` in settings.ini, as https://github.com/OWNER/NAME. While it is empty there
are no badges and no links: an address that is not ours could be taken by anybody.
"""
import argparse
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from urllib.parse import quote

import nbformat
from house import NBS, ROOT, lesson_pages, name_of

EDITION = NBS/'ja'
BRANCH = 'main'
ADDRESS = re.compile(r'https://github\.com/[A-Za-z0-9-]+/[\w-][\w.-]*(?<!\.git)', re.ASCII)
NOWHERE = 'THIS_REPOSITORY'           # what README says while there is no address
SETUP = 'setup'                       # the id of the first cell of code
CITATION = ROOT/'CITATION.cff'
INDEXES = {NBS/'index.ipynb': NBS/'00_introduction.ipynb',
           EDITION/'index.ipynb': EDITION/'00_introduction.ipynb'}   # which page its badges open
LANGUAGE_LINE = re.compile(r'^(\[(?:日本語で読む|English)\].*)(?:\n\[!\[.*)?$', re.M)
CLONE = re.compile(r'\bgit clone \S+ cat_or_dog\b')

WITHOUT_TORCH = {'01', '08', '10'}    # lesson pages that import neither fastai nor PyTorch
NO_ADDRESS = {   # a sentence of the index; the other one stands there once there is an address
    'en': 'Badges that open them will stand here once the project has an address; until then, upload a page '
          'and the wheel of the library (`pip wheel --no-deps .` makes it), and install the wheel in a cell '
          'above the first one, in Colab: '
          '`%pip install -q --no-deps /content/cat_or_dog-0.2.0-py3-none-any.whl`.',
    'ja': 'プロジェクトの公開先が決まれば、ここに各サービスで開くためのバッジが並びます。'
          'それまでは、ページのファイルとライブラリのwheel（`pip wheel --no-deps .`で作成）をアップロードし、'
          '最初のセルの上にセルを1つ追加して、wheelをインストールしてください。Colabの場合：'
          '`%pip install -q --no-deps /content/cat_or_dog-0.2.0-py3-none-any.whl`'}
AN_ADDRESS = {
    'en': 'The badges at the top of this page and of every lesson page open them there.',
    'ja': 'このページと各レッスンページの先頭にあるバッジから開けます。'}
NOT_FOUND = {
    'en': '# not found? Open the page in its folder (help: engine/setup.ipynb)',
    'ja': '# 見つからないときは、ページを元のフォルダで開く（engine/setup.ipynb）'}
INSTALLS = {'en': '# installs what is missing here', 'ja': '# 足りないものをインストール'}


def repository() -> str:
    "The address of the project; '' while it has none. Raises `ValueError` for what is no such address."
    parser = ConfigParser(interpolation=None, delimiters=['='])
    parser.read(ROOT/'settings.ini', encoding='utf-8')
    address = parser['DEFAULT'].get('repository', '')
    if address and not ADDRESS.fullmatch(address):
        raise ValueError(f'settings.ini: repository = {address} is no https://github.com/OWNER/NAME.')
    return address


def language_of(page: Path) -> str:
    return 'ja' if page.parent.name == EDITION.name else 'en'


def badges(page: Path, address: str) -> str:
    "Four pictures that open `page`, on one line; '' while there is no address."
    if not address:
        return ''
    name, project = name_of(page), address.removeprefix('https://github.com/')
    places = [
        ('Open in Colab', 'https://colab.research.google.com/assets/colab-badge.svg',
         f'https://colab.research.google.com/github/{project}/blob/{BRANCH}/{name}'),
        ('Open in Kaggle', 'https://kaggle.com/static/images/open-in-kaggle.svg',
         f'https://kaggle.com/kernels/welcome?src={address}/blob/{BRANCH}/{name}'),
        ('Open in Binder', 'https://mybinder.org/badge_logo.svg',
         f'https://mybinder.org/v2/gh/{project}/{BRANCH}?labpath={quote(name, safe="")}'),
        ('Open in Codespaces', 'https://github.com/codespaces/badge.svg',
         f'https://codespaces.new/{project}?quickstart=1')]
    return ' '.join(f'[![{words}]({picture})]({link})' for words, picture, link in places)


def below_the_line(page: Path, address: str) -> str:
    "What stands below the line that leads to the other edition: badges."
    shown = badges(page, address)
    return f'\n{shown}' if shown else ''


def setup_source(page: Path, address: str) -> str:
    "The first cell of a lesson page."
    extras = '' if page.name[:2] in WITHOUT_TORCH else "'course'"
    here = "sys.path.append(f'{os.getcwd()}{os.sep}'.rpartition(f'{os.sep}nbs{os.sep}')[0])"
    found = 'from cat_or_dog.engine.setup import get_ready'
    call = f'get_ready({extras})   {INSTALLS[language_of(page)]}'
    if not address:
        return '\n'.join(['import os, sys', here, f'{found}   {NOT_FOUND[language_of(page)]}', call])
    fetch = f'    %pip install -q --no-deps {address}/archive/{BRANCH}.zip'
    return '\n'.join(['import importlib.util, os, sys', here,
                      "if not importlib.util.find_spec('cat_or_dog'):", fetch, found, call])


def setup_cell(page: Path, address: str):
    "The first cell of code of a lesson page."
    cell = nbformat.v4.new_code_cell(setup_source(page, address))
    cell.id = SETUP
    return cell


def with_setup(cells: list, page: Path) -> list:
    "The cells of a page with its first cell of code, before all others; an index and a glossary have none."
    if not page.name[:2].isdigit():
        return cells
    cells = [cell for cell in cells if cell.id != SETUP]
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == 'code' or cell.id == 'edition')
    at = first + (cells[first].id == 'edition')
    return [*cells[:at], setup_cell(page, repository()), *cells[at:]]


def with_address(text: str, page: Path, address: str) -> str:
    "The text of an index, with its badges and the address to clone from; without them where `address` is ''."
    if page not in INDEXES:
        return text
    text = LANGUAGE_LINE.sub(lambda line: line[1] + below_the_line(INDEXES[page], address), text, count=1)
    language = language_of(page)
    old, new = (NO_ADDRESS, AN_ADDRESS) if address else (AN_ADDRESS, NO_ADDRESS)
    text = text.replace(old[language], new[language])
    return CLONE.sub(f'git clone {address or NOWHERE} cat_or_dog', text)


def citation(text: str, address: str) -> str:
    "CITATION.cff with the address, or without one."
    text = re.sub(r'^repository-code:.*\n', '', text, flags=re.M)
    line = f'repository-code: {address}\n' if address else ''
    return re.sub(r'^license:', lambda found: line + found[0], text, flags=re.M)


def expected(page: Path, address: str) -> dict[str, str]:
    "What cells must say that are written from the setting, by their ids; of an index: all its prose."
    cells = nbformat.read(page, as_version=4).cells
    if page in INDEXES:
        return {cell.id: with_address(cell.source, page, address) for cell in cells}
    return {SETUP: setup_source(page, address)}


def pages() -> list[Path]:
    "Every page on which the setting can be seen."
    lesson = lesson_pages()
    return [*INDEXES, *lesson, *(EDITION/page.name for page in lesson)]


def breaches() -> list[str]:
    "What is not as the setting says, a line each."
    address, found = repository(), []
    for page in pages():
        cells = {cell.id: cell.source for cell in nbformat.read(page, as_version=4).cells}
        lines = expected(page, address)
        is_right = all(cells.get(name) == text for name, text in lines.items())
        if page in INDEXES:
            sentence = (AN_ADDRESS if address else NO_ADDRESS)[language_of(page)]
            is_right &= any(sentence in text for text in cells.values())
        else:
            is_right &= cells.get('edition', '').endswith(below_the_line(page, address))
            is_right &= cells.get('edition', '').count('[![') == 4*bool(address)
        if not is_right:
            found.append(f'{name_of(page)}: not what the setting repository makes of it. Run make badges')
    text = CITATION.read_text(encoding='utf-8')
    if citation(text, address) != text:
        found.append(f'{CITATION.name}: not what the setting repository makes of it. Run make badges')
    return found


def write() -> None:
    "Write it all: both indexes and the READMEs, every lesson page in both editions, CITATION.cff."
    import japanese
    import render_readme
    address = repository()
    for page in INDEXES:
        notebook = nbformat.read(page, as_version=4)
        for cell in notebook.cells:
            cell.source = with_address(cell.source, page, address)
        japanese.write(notebook, page)
    for page in japanese.originals():
        japanese.carry(page)
    for page, readme in render_readme.READMES.items():
        readme.write_text(render_readme.render(page), encoding='utf-8')
    text = CITATION.read_text(encoding='utf-8')
    CITATION.write_text(citation(text, address), encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing; only say what is wrong')
    if not parser.parse_args().check:
        write()
    found = breaches()
    said = repository() or 'empty: no badges, no links'
    print(*found or [f'All is as the setting says. (repository: {said})'], sep='\n')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

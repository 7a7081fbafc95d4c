"""The Japanese edition: nbs/ja has the prose, everything else comes from the English pages.

    python tools/japanese.py             carry code and outputs over, by cell id; say what is to be written
    python tools/japanese.py --check     say only what is not as it must be
    python tools/japanese.py --same ID   the English of this cell has changed, and its Japanese need not

nbs/ja/originals.json knows, for each cell of prose, which English and which Japanese were there when the
two last agreed. If only the English has changed since, the Japanese is to be read again; once that has
changed too, they agree.
"""
import argparse
import hashlib
import io
import json
import os
import re
import sys
import tokenize
from pathlib import Path

import figure_words
import nbformat
from badges import below_the_line, repository, with_address, with_setup
from house import NBS, lesson_pages

EDITION = NBS/'ja'
RECORD = EDITION/'originals.json'
ONLY_HERE = EDITION/'article.ipynb'   # the article, section by section, and where it lives here
LINE = 'edition'                      # the id of the cell that leads to the other edition
OWN = {LINE, figure_words.CELL}       # cells of prose that have no original
TO_JAPANESE = '[日本語で読む]({})'
TO_ENGLISH = ('[English]({}) ・ [元の記事との対応](article.ipynb) ・ '
              'コードと実行結果は英語版と共通なので、結果の文と図の中の言葉は英語のままです。')
WORDS_AT_THE_END = '図の中の言葉の表は、ページの最後にあります。'
EXPORTED = '# 英語版の同じセルは「#| export」で始まり、ライブラリになります'
LINK = re.compile(r'(\]\(|(?:src|href)=")([^)\s"#]*)(#[^)\s"]*)?')


def originals() -> dict[Path, Path]:
    "Each English page of the edition, and where its Japanese is."
    english = [NBS/'index.ipynb', *lesson_pages(), NBS/'engine'/'glossary.ipynb']
    return {page: EDITION/page.name for page in english}


def other_edition() -> dict[Path, Path]:
    "For each page of either edition, the same page of the other one."
    return originals() | {japanese: english for english, japanese in originals().items()}


def digest(text: str) -> str:
    "A short name for a text, which changes with it."
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def in_japanese(text: str, page: Path) -> str:
    "The prose of the English `page`, with each link as nbs/ja must write it."
    def link(match: re.Match) -> str:
        "To a page of the edition, or else to the file where it is."
        opening, target, anchor = match[1], match[2], match[3] or ''
        if not target or re.match('[a-z]+:', target):
            return match[0]
        file = (page.parent/target).resolve()
        file = other_edition().get(file, file)
        return opening + Path(os.path.relpath(file, EDITION)).as_posix() + anchor
    return LINK.sub(link, text)


def links(text: str) -> list[str]:
    "Where the links of a text lead, in a fixed order; to the article's page only the Japanese leads."
    found = [match[2] + (match[3] or '') for match in LINK.finditer(text)]
    return sorted(link for link in found if link != ONLY_HERE.name)


def code_of(source: str) -> list[str]:
    "The code of a cell, without its comments and blank lines."
    lines = ['pass' if re.match(r'\s*[!%]', line) else line for line in source.splitlines()]
    tokens = tokenize.generate_tokens(io.StringIO('\n'.join(lines) + '\n').readline)
    unseen = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    return [token.string for token in tokens if token.type not in unseen]


def without_export(source: str) -> str:
    "A cell's code, so that nbdev does not make the library from both editions."
    source = re.sub(r'^#\|\s*default_exp.*\n?', '', source, flags=re.M)
    return re.sub(r'^#\|\s*exporti?\b.*$', EXPORTED, source, flags=re.M)


def edition_line(page: Path, other: Path, words: str):
    "The cell that leads from `page` to the same page of the other edition, and says what comes next."
    address = Path(os.path.relpath(other, page.parent)).as_posix()
    below = below_the_line(page, repository()) if page.name[:2].isdigit() else ''   # a glossary has no code
    cell = nbformat.v4.new_markdown_cell(words.format(address) + below)
    cell.id = LINE
    return cell


def with_line(cells: list, page: Path, words: str) -> list:
    "The cells of a page, with the line of its edition below the title; the index has its own."
    if page.stem == 'index':
        return cells
    line = edition_line(page, other_edition()[page], words)
    cells = [cell for cell in cells if cell.id != LINE]
    title = next((i for i, cell in enumerate(cells, 1) if cell.cell_type == 'markdown'), 0)
    return with_setup([*cells[:title], line, *cells[title:]], page)


def with_words(cells: list, words: str) -> list:
    "The cells of a Japanese page, with the words of its figures at the end, if it has any."
    if not words:
        return cells
    foot = nbformat.v4.new_markdown_cell(words)
    foot.id = figure_words.CELL
    return [*cells, foot]


def carried(english, japanese):
    "A code cell as the Japanese page has it: with comments of its own, as long as the code is the same."
    cell = nbformat.from_dict(english)
    cell.source = without_export(english.source)
    if japanese is not None and code_of(japanese.source) == code_of(cell.source):
        cell.source = japanese.source
    return cell


def carry(page: Path) -> None:
    "Bring code and outputs of an English page into its Japanese one, and the line of the edition into both."
    target = originals()[page]
    english = nbformat.read(page, as_version=4)
    there = nbformat.read(target, as_version=4).cells if target.exists() else []
    known = {cell.id: cell for cell in there}
    english.cells = with_line(english.cells, page, TO_JAPANESE)
    write(english, page)
    cells = []
    for cell in english.cells:
        if cell.cell_type == 'code':
            cells.append(carried(cell, known.get(cell.id)))
        elif cell.id in known and cell.id not in OWN:
            cells.append(known[cell.id])
    words = figure_words.table(page)
    line = TO_ENGLISH + (WORDS_AT_THE_END if words else '')
    english.cells = with_words(with_line(cells, target, line), words)
    write(english, target)


def write(notebook, file: Path) -> None:
    "Write a notebook as nbdev-clean would, if it changes."
    text = nbformat.writes(notebook).rstrip('\n') + '\n'
    if not file.exists() or file.read_text(encoding='utf-8') != text:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding='utf-8')


def prose(page: Path) -> dict[str, str]:
    "The cells of prose of a page, by id; as they are while the project has no address."
    cells = nbformat.read(page, as_version=4).cells if page.exists() else []
    return {cell.id: with_address(cell.source, page, '')
            for cell in cells if cell.cell_type == 'markdown' and cell.id not in OWN}


def read_record() -> dict[str, dict[str, list[str]]]:
    "For each page and cell: the digests of English and Japanese when they last agreed."
    return json.loads(RECORD.read_text(encoding='utf-8')) if RECORD.exists() else {}


def agree(same: list[str]) -> None:
    "Keep which English each Japanese cell belongs to: if it is new, if both have changed, or if in `same`."
    old, new = read_record(), {}
    for page, target in originals().items():
        japanese, known = prose(target), old.get(page.stem, {})
        new[page.stem] = {}
        for name, text in prose(page).items():
            now = [digest(text), digest(japanese.get(name, ''))]
            before = known.get(name, now)
            only_english = before[0] != now[0] and before[1] == now[1] and name not in same
            if name in japanese:
                new[page.stem][name] = before if only_english else now
    RECORD.write_text(json.dumps(new, indent=1, sort_keys=True) + '\n', encoding='utf-8')


def breaches_of_prose(page: Path) -> list[str]:
    "The cells of prose of an English page that have no Japanese, or an older one, or one with other links."
    target, known = originals()[page], read_record().get(page.stem, {})
    japanese, found = prose(target), []
    for name, text in prose(page).items():
        place, title = f'{target.relative_to(NBS.parent)}, cell {name}', ' '.join(text.split())[:60]
        if name not in japanese:
            found.append(f'{place}: to be written. In English it begins: {title}')
        elif known.get(name, [''])[0] != digest(text):
            found.append(f'{place}: the English has changed since. It begins: {title}')
        elif links(japanese[name]) != links(in_japanese(text, page)):
            found.append(f'{place}: its links are not those of the English. It begins: {title}')
    return found


def breaches_of_code(page: Path) -> list[str]:
    "The code cells that are not those of the English page, in their order, with their outputs."
    cells = [nbformat.read(file, as_version=4).cells for file in (page, originals()[page])]
    english, japanese = ({c.id: c for c in some if c.cell_type == 'code'} for some in cells)
    name = originals()[page].relative_to(NBS.parent)
    if list(english) != list(japanese):
        return [f'{name}: its code cells are not those of the English page. Run make ja']
    return [f'{name}, cell {key}: code or outputs are not those of the English page. Run make ja'
            for key, cell in english.items()
            if code_of(without_export(cell.source)) != code_of(japanese[key].source)
            or cell.outputs != japanese[key].outputs]


def breaches() -> list[str]:
    "What is not as it must be: pages, code, prose, links; one line for each."
    found = []
    for page, target in originals().items():
        if not target.exists():
            found.append(f'{target.relative_to(NBS.parent)}: is missing. Run make ja, and write its prose')
        else:
            found += breaches_of_code(page) + breaches_of_prose(page) + figure_words.breaches(page, target)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing')
    parser.add_argument('--same', nargs='*', default=[], metavar='ID', help='cells whose Japanese may stay')
    args = parser.parse_args()
    if not args.check:
        for page in originals():
            carry(page)
        agree(args.same)
    found = breaches()
    print(*found or ['The Japanese edition is that of today.'], sep='\n')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

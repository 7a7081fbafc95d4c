"""The glossary page, and the links to it, are filled from the tables in nbs/engine/glossary.ipynb.

    python tools/link_glossary.py            give each link its title: the Japanese word, and the meaning
    python tools/link_glossary.py --missing  also list the words that first stand on a page without a link
    python tools/link_glossary.py --add      … and link them

A lesson page links to a word as [loss](engine/glossary.ipynb#loss), an engine page as
[loss](glossary.ipynb#loss).
"""
import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from house import NBS, lesson_pages, name_of, pages

from cat_or_dog.engine.glossary import GLOSSARY, SECTIONS, Term

GLOSSARY_PAGE = NBS/'engine'/'glossary.ipynb'
MARK = '<!-- filled from the tables below by tools/link_glossary.py -->'
LINK = re.compile(r'\]\(((?:engine/)?glossary\.ipynb)#([^)\s]*)(?: "[^"]*")?\)')

# Words that mean something else as often (a cat's head, a function's body, a class in Python): only a person
# can link them.
AMBIGUOUS = frozenset('''
    architecture bias body callback channel class features filter gradient head label layer manifest metric
    model normalisation parameters precision predictions probability recall seed threshold transform unit
    weights'''.split())

# What is not prose: fences, code, formulas, links, pictures, addresses, tags; headings and quotations.
NOT_PROSE = re.compile(r'```.*?```|`[^`\n]*`|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|https?://\S+|<[^>\n]+>'
                       r'|^ *(?:#+|>).*$', re.S | re.M)


def entry(term: Term) -> str:
    "One word on the glossary page; its heading is the anchor."
    return f'### {term.term}\n\n**{term.japanese}**: {term.meaning}. → [{term.page}](../{term.page}.ipynb)'


def all_entries() -> str:
    "All words, as Markdown."
    parts = [f'## {title}\n\n' + '\n\n'.join(map(entry, terms.values())) for title, terms in SECTIONS.items()]
    return MARK + '\n\n' + '\n\n'.join(parts)


def title_of(anchor: str) -> str:
    "What a mouse shows over a link: the Japanese word and the meaning."
    if anchor not in GLOSSARY:
        raise KeyError(f'There is no {anchor!r} in the glossary. Add it to a table in '
                       f'{name_of(GLOSSARY_PAGE)}, or link one of: {", ".join(GLOSSARY)}.')
    return f'{GLOSSARY[anchor].japanese}: {GLOSSARY[anchor].meaning}'


def titled(match: re.Match) -> str:
    "A link with its title."
    return f']({match[1]}#{match[2]} "{title_of(match[2])}")'


def filled(nb) -> list[str]:
    "The sources of all cells of a notebook, with the links filled in."
    def source_of(cell) -> str:
        if cell.cell_type != 'markdown':
            return cell.source
        return all_entries() if cell.source.startswith(MARK) else LINK.sub(titled, cell.source)
    return [source_of(cell) for cell in nb.cells]


def forms(term: str) -> str:
    "A pattern for a word, in singular and plural. A `Learner` is fastai's, a learner is a person."
    one = re.escape(term[:-1] if re.search('[^sa]s$', term) else term)   # weights, but not loss, nor bias
    return one + '(?:e?s)?' if term.islower() else f'(?-i:{one}s?)'


# The longest first: a loss function is no loss.
_ANCHORS = sorted(GLOSSARY, key=lambda anchor: -len(GLOSSARY[anchor].term))
WORD = re.compile(r'(?<![\w\-./#])(?:' + '|'.join(f'({forms(GLOSSARY[anchor].term)})' for anchor in _ANCHORS)
                  + r')(?![\w\-])', re.I)


@dataclass
class Missing:
    "A word that first stands on a page without a link."
    cell: int
    start: int
    end: int
    anchor: str


def masked(source: str) -> str:
    "`source` with blanks where there is no prose; every letter stays in its place."
    return NOT_PROSE.sub(lambda found: re.sub(r'[^\n]', ' ', found[0]), source)


def words_and_links(source: str) -> list[tuple[int, int, str, bool]]:
    "Start, end and anchor of each glossary word in prose, and of each link to one (True), in their order."
    links = [(found.start(), found.end(), found[2], True) for found in LINK.finditer(source)]
    words = [(found.start(), found.end(), _ANCHORS[(found.lastindex or 1) - 1], False)
             for found in WORD.finditer(masked(source))]
    return sorted(links + words)


def missing(
    sources: dict[int, str],                         # the Markdown cells of a page, by their number on it
    known: set[str] | frozenset[str] = AMBIGUOUS,   # anchors that need no link
) -> Iterator[Missing]:
    "The words that need a link on a page."
    known = set(known)
    for cell, source in sources.items():
        for start, end, anchor, is_link in words_and_links(source):
            if anchor not in known and not is_link:
                yield Missing(cell, start, end, anchor)
            known.add(anchor)


def missing_on(nb, known: frozenset[str] = AMBIGUOUS) -> list[Missing]:
    "`missing` for a notebook."
    prose = {i: cell.source for i, cell in enumerate(nb.cells) if cell.cell_type == 'markdown'}
    return list(missing(prose, known))


def address(path: Path) -> str:
    "Where the glossary is, seen from the page at `path`."
    return 'glossary.ipynb' if path.parent.name == 'engine' else 'engine/glossary.ipynb'


def add_links(nb, path: Path) -> None:
    "Link each word of `missing_on`; from the end, so that places before it stay right."
    for word in reversed(missing_on(nb)):
        cell = nb.cells[word.cell]
        link = f'[{cell.source[word.start:word.end]}]({address(path)}#{word.anchor})'
        cell.source = cell.source[:word.start] + link + cell.source[word.end:]


def breaches() -> list[str]:
    "What is wrong, a line each: a title of yesterday, a word without its link."
    found = []
    for path in pages():
        nb = nbformat.read(path, as_version=4)
        if filled(nb) != [cell.source for cell in nb.cells]:
            found.append(f'{name_of(path)}: links or entries of yesterday. Run python tools/link_glossary.py')
        if path != GLOSSARY_PAGE:
            words = ', '.join(dict.fromkeys(word.anchor for word in missing_on(nb)))
            found += [f'{name_of(path)}: no link where these first stand: {words} (--add)'] if words else []
    return found


def perhaps() -> list[str]:
    "Words with two meanings that stand on a lesson page without a link: for a person to judge."
    found = []
    for path in lesson_pages():
        unlinked = missing_on(nbformat.read(path, as_version=4), frozenset())
        words = {word.anchor for word in unlinked} & AMBIGUOUS
        found += [f'{name_of(path)}: perhaps also {", ".join(sorted(words))}'] if words else []
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--missing', action='store_true', help='list words that first stand without a link')
    parser.add_argument('--add', action='store_true', help='link them')
    args = parser.parse_args()
    for path in [*pages(), NBS/'index.ipynb']:
        nb = nbformat.read(path, as_version=4)
        before = [cell.source for cell in nb.cells]
        if args.add and path in pages() and path != GLOSSARY_PAGE:
            add_links(nb, path)
        for cell, source in zip(nb.cells, filled(nb), strict=True):
            cell.source = source
        if before != [cell.source for cell in nb.cells]:
            nbformat.write(nb, path)
            print(f'{name_of(path)}: filled in')
    if args.missing:
        print('\n'.join([*breaches(), *perhaps()]) or 'Every word is linked where it first stands.')


if __name__ == '__main__':
    main()

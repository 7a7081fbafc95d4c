"""The glossary page and the links to it are filled from the tables in nbs/engine/glossary.ipynb.

A page links to a word as [loss](engine/glossary.ipynb#loss); this gives the link its title, which a mouse shows: the
word's meaning, and its Japanese name.
"""
import re
from pathlib import Path

import nbformat

from cat_or_dog.engine.glossary import GLOSSARY, SECTIONS, Term

NBS = Path(__file__).resolve().parent.parent/'nbs'
MARK = '<!-- filled from the tables below by tools/link_glossary.py -->'
LINK = re.compile(r'\]\(((?:engine/)?glossary\.ipynb)#([^)\s]*)(?: "[^"]*")?\)')


def entry(term: Term) -> str:
    "One word on the glossary page; its heading is the anchor."
    return f'### {term.term}\n\n**{term.japanese}**: {term.meaning}. → [{term.page}](../{term.page}.ipynb)'


def all_entries() -> str:
    "All words, as Markdown."
    parts = [f'## {title}\n\n' + '\n\n'.join(map(entry, terms.values())) for title, terms in SECTIONS.items()]
    return MARK + '\n\n' + '\n\n'.join(parts)


def titled(match: re.Match) -> str:
    "A link with the word's meaning and its Japanese name as its title."
    page, anchor = match[1], match[2]
    if anchor not in GLOSSARY:
        raise KeyError(f'There is no {anchor!r} in the glossary. Add it to a table in nbs/engine/glossary.ipynb, '
                       f'or link one of: {", ".join(GLOSSARY)}.')
    term = GLOSSARY[anchor]
    return f']({page}#{anchor} "{term.japanese}: {term.meaning}")'


def filled(nb) -> list[str]:
    "The sources of all cells of a notebook, with the links filled in."
    def source_of(cell) -> str:
        if cell.cell_type != 'markdown':
            return cell.source
        return all_entries() if cell.source.startswith(MARK) else LINK.sub(titled, cell.source)
    return [source_of(cell) for cell in nb.cells]


def main() -> None:
    for path in sorted(NBS.rglob('*.ipynb')):
        nb = nbformat.read(path, as_version=4)
        sources = filled(nb)
        if sources == [c.source for c in nb.cells]:
            continue
        for cell, source in zip(nb.cells, sources):
            cell.source = source
        nbformat.write(nb, path)
        print(f'{path.name}: links filled in')


if __name__ == '__main__':
    main()

"""The glossary page and the links to it are filled from the tables in nbs/13_glossary.ipynb.

A page links to a word as [loss](13_glossary.ipynb#loss); this gives the link its title, which a mouse shows: the word's meaning.
"""
import re
from pathlib import Path

import nbformat

from cat_or_dog.glossary import GLOSSARY, SECTIONS

nbs = Path(__file__).resolve().parent.parent/'nbs'
LINK = re.compile(r'\]\(13_glossary\.ipynb#([^)\s]*)(?: "[^"]*")?\)')
MARK = '<!-- filled from the tables below by tests/link_glossary.py -->'


def entry(term):
    "One word on the glossary page; its heading is the anchor."
    return f'### {term.term}\n\n**{term.japanese}**: {term.meaning}. → [{term.page}]({term.page}.ipynb)'


def glossary_page():
    "All words, as Markdown."
    parts = [f'## {title}\n\n' + '\n\n'.join(map(entry, terms.values())) for title, terms in SECTIONS.items()]
    return MARK + '\n\n' + '\n\n'.join(parts)


def titled(match):
    "A link with the word's meaning as its title."
    anchor = match[1]
    if anchor not in GLOSSARY: raise KeyError(f'There is no {anchor!r} in the glossary. Add it to a table in nbs/13_glossary.ipynb, or link one of: {", ".join(GLOSSARY)}.')
    return f'](13_glossary.ipynb#{anchor} "{GLOSSARY[anchor].meaning}")'


def filled(nb):
    "The sources of all cells of a notebook, with the glossary and its links filled in."
    return [c.source if c.cell_type != 'markdown' else
            glossary_page() if c.source.startswith(MARK) else LINK.sub(titled, c.source) for c in nb.cells]


if __name__ == '__main__':
    for path in sorted(nbs.glob('*.ipynb')):
        nb = nbformat.read(path, as_version=4)
        sources = filled(nb)
        if sources == [c.source for c in nb.cells]: continue
        for cell, source in zip(nb.cells, sources): cell.source = source
        nbformat.write(nb, path)
        print(f'{path.name}: glossary filled in')

"""Every glossary link leads to a word and shows its present meaning; the glossary page is what its tables say."""
import os

import nbformat, pytest

from cat_or_dog.glossary import GLOSSARY
from link_glossary import LINK, filled, nbs, titled

pages = {path.stem: nbformat.read(path, as_version=4) for path in sorted(nbs.glob('*.ipynb'))}


@pytest.mark.parametrize('page', pages)
def test_links_are_filled_from_the_table(page):
    sources = [c.source for c in pages[page].cells]
    assert filled(pages[page]) == sources, 'Run python tests/link_glossary.py (make run does) and commit what it changes.'


def test_a_link_gets_its_title_and_a_wrong_one_is_an_error():
    assert LINK.sub(titled, '[x](13_glossary.ipynb#loss "old")') == f'[x](13_glossary.ipynb#loss "{GLOSSARY["loss"].meaning}")'
    with pytest.raises(KeyError, match='no .lose. in the glossary'): LINK.sub(titled, '[x](13_glossary.ipynb#lose)')


@pytest.mark.parametrize('anchor', GLOSSARY)
def test_the_page_named_for_a_word_uses_it(anchor):
    term = GLOSSARY[anchor]
    if term.page not in pages and os.environ.get('CI') != 'true': pytest.skip(f'{term.page} is not written yet')
    prose = ' '.join(c.source for c in pages[term.page].cells if c.cell_type == 'markdown').lower()
    assert term.term.lower() in prose or f'13_glossary.ipynb#{anchor.lower()}' in prose, f'{term.page} does not use {term.term!r}'

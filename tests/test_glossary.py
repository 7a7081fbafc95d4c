"""Every glossary link leads to a word and shows its present meaning; the glossary page is what its tables say."""
import nbformat, pytest

from cat_or_dog.glossary import GLOSSARY
from link_glossary import LINK, filled, nbs, titled

pages = sorted(nbs.glob('*.ipynb'))


@pytest.mark.parametrize('path', pages, ids=lambda p: p.stem)
def test_links_are_filled_from_the_table(path):
    nb = nbformat.read(path, as_version=4)
    assert filled(nb) == [c.source for c in nb.cells], 'Run python tests/link_glossary.py (make run does) and commit what it changes.'


def test_a_link_gets_its_title_and_a_wrong_one_is_an_error():
    assert LINK.sub(titled, '[x](13_glossary.ipynb#loss "old")') == f'[x](13_glossary.ipynb#loss "{GLOSSARY["loss"].meaning}")'
    with pytest.raises(KeyError, match='no .lose. in the glossary'): LINK.sub(titled, '[x](13_glossary.ipynb#lose)')

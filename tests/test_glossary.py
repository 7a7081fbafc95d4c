"""Every word of the glossary is right about its page; a link to a word that is not there is refused."""
import nbformat
import pytest
from house import NBS
from link_glossary import LINK, titled

from cat_or_dog.engine.glossary import GLOSSARY, read_terms


def test_a_link_gets_its_title_and_a_wrong_one_is_an_error():
    loss = GLOSSARY['loss']
    for page in ('glossary.ipynb', 'engine/glossary.ipynb'):
        assert (
            LINK.sub(titled, f'[x]({page}#loss "old")')
            == f'[x]({page}#loss "{loss.japanese}: {loss.meaning}")'
        )
    with pytest.raises(KeyError, match='no .lose. in the glossary'):
        LINK.sub(titled, '[x](glossary.ipynb#lose)')


@pytest.mark.parametrize('anchor', GLOSSARY)
def test_the_page_named_for_a_word_uses_it(anchor):
    term = GLOSSARY[anchor]
    path = NBS/f'{term.page}.ipynb'
    cells = nbformat.read(path, as_version=4).cells
    prose = ' '.join(cell.source for cell in cells if cell.cell_type == 'markdown')
    linked = f'glossary.ipynb#{anchor.lower()}' in prose.lower()
    assert linked or term.term.lower() in prose.lower(), f'{path.name} does not use {term.term!r}'


def test_no_word_is_there_twice():
    assert len({term.term.lower() for term in GLOSSARY.values()}) == len(GLOSSARY)
    japanese = [term.japanese for term in GLOSSARY.values()]
    assert sorted(japanese) == sorted(set(japanese))


@pytest.mark.parametrize(
    'anchor, japanese',
    [
        ('fine-tuning', 'ファインチューニング（微調整）'),
        ('loss-function', '損失関数'),
        ('calibration', 'キャリブレーション'),
        ('spurious-correlation', '疑似相関'),
        ('discriminative-learning-rates', '層ごとに異なる学習率'),
        ('vocab', 'クラス名の一覧（vocab）'),
        ('ImageNet', 'ImageNet'),
        ('ONNX', 'ONNX'),
        ('pickle', 'pickle'),
    ],
)
def test_the_usual_japanese_forms(anchor, japanese):
    assert GLOSSARY[anchor].japanese == japanese


def test_one_word_for_learning():
    "学習 throughout, never 訓練."
    assert [term.term for term in GLOSSARY.values() if '訓練' in term.japanese] == []


def test_a_line_with_a_part_missing_is_refused():
    with pytest.raises(TypeError):
        read_terms('loss | 損失 | one number')

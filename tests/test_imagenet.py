"""ImageNet's words: the whole table with the names of its classes, word senses, and the sums."""
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from cat_or_dog.engine.imagenet import (
    EVERYDAY,
    class_names,
    head_start,
    imagenet_classes,
    imagenet_head,
    log_softmax,
    log_sum_exp,
    mass,
    numbers_of,
)

EXPECTED = Path(__file__).parent/'data'/'everyday_words.txt'


def expected_words():
    "Each line of words in the committed list, and the classes with their names that stand below it."
    table = []
    for line in EXPECTED.read_text(encoding='utf-8').splitlines():
        if line.startswith(' '):
            number, name = line.strip().split(' ', 1)
            table[-1][1].append((int(number), name))
        else:
            table.append((line, []))
    return table


def test_every_word_means_what_the_readable_list_says():
    names, table = class_names(), expected_words()
    assert [words for words, _ in table] == [line.split(':')[0].strip() for line in EVERYDAY.splitlines()]
    for words, classes in table:
        for word in words.split():
            found = imagenet_classes(word)
            assert [(i, names[i]) for i in found] == classes, word


def test_no_word_stands_twice():
    words = [word for line in EVERYDAY.splitlines() for word in line.split(':')[0].split()]
    assert len(words) == len(set(words)) > 300


def test_the_table_names_only_classes_that_there_are():
    numbers = [i for line in EVERYDAY.splitlines() for i in numbers_of(line.split(':')[1])]
    assert min(numbers) >= 0 and max(numbers) < 1000 and len(class_names()) == 1000


@pytest.mark.parametrize('word, not_this', [
    ('house', 'cinema'), ('house', 'monastery'), ('car', 'passenger car'), ('bread', 'meat loaf'),
    ('computer', 'slide rule'), ('mouse', 'mouse'), ('plane', 'plane'), ('cardigan', 'Cardigan'),
    ('crane', 'crane'), ('fish', 'starfish')])
def test_not_in_this_sense(word, not_this):
    assert not_this not in [class_names()[i].split(',')[0] for i in imagenet_classes(word)]


def test_words_of_imagenet():
    assert imagenet_classes('cat') == list(range(281, 286)) and len(imagenet_classes('Dogs')) == 118
    assert imagenet_classes('zebra') == [340] and imagenet_classes('forest') == []


@pytest.mark.parametrize(
    'typed, plain',
    [
        ('Cats', 'cat'),
        ('DOG', 'dog'),
        ('puppies', 'puppy'),
        ('wolves', 'wolf'),
        ('buses', 'bus'),
        ('foxes', 'fox'),
        ('horses', 'horse'),
        ('Polar  Bears', 'polar_bear'),
        ('churches', 'church'),
        ('ｃａｔ', 'cat'),
        ('ﾈｺ', '猫'),
        (unicodedata.normalize('NFD', 'パンダ'), 'panda'),
        ('ワニ', 'crocodile'),
    ],
)
def test_however_it_is_typed(typed, plain):
    assert imagenet_classes(typed) == imagenet_classes(plain) != []


def test_the_head_is_the_packages_own():
    weight, bias = imagenet_head()
    assert weight.shape == (1000, 1280) and bias.shape == (1000,) and weight.dtype == np.float32
    assert np.isfinite(weight).all() and np.isfinite(bias).all()


def test_sums_of_exponentials():
    logits = np.random.default_rng(0).normal(size=(5, 7))
    assert np.allclose(log_sum_exp(logits), np.log(np.exp(logits).sum(1)))
    assert np.allclose(log_sum_exp(logits + 1e4), log_sum_exp(logits) + 1e4)
    assert np.allclose(np.exp(log_softmax(logits)).sum(1), 1)


def test_head_start_and_mass_by_their_definition():
    X = np.abs(np.random.default_rng(0).normal(size=(4, 1280))).astype(np.float32)
    weight, bias = imagenet_head()
    logits = (X @ weight.T + bias).astype(float)
    share = np.exp(logits - logits.max(1)[:, None])
    share /= share.sum(1)[:, None]
    cats = share[:, 281:286].sum(1)
    found = head_start(X, ['cat', 'my aunt'])
    assert np.allclose(found[:, 0], np.log(cats/(5/1000)), atol=1e-3) and (found[:, 1] == 0).all()
    assert np.allclose(mass(X, ['cat', 'dog']), np.log(cats + share[:, 151:269].sum(1)), atol=1e-3)

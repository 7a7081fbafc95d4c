"""Scores against numbers worked out by hand, and advice in sentences."""
import numpy as np
import pytest

from cat_or_dog.engine.scores import advice, calibration_error, scores, wilson_interval


@pytest.mark.parametrize(
    'errors, n, low, high', [(0, 10, 0, 0.2775), (1, 71, 0.0025, 0.0756), (10, 10, 0.7225, 1)]
)
def test_wilson(errors, n, low, high):
    assert np.allclose(wilson_interval(errors, n), (low, high), atol=2e-4)


def test_scores_by_hand():
    p = np.array([[.9, .1], [.6, .4], [.2, .8], [.7, .3]])
    found = scores(p, ['cat', 'dog', 'dog', 'cat'], ['cat', 'dog'])
    assert found['n'] == 4 and found['errors'] == 1 and found['error_rate'] == .25
    assert found['confusion'] == {'cat': {'cat': 2, 'dog': 0}, 'dog': {'cat': 1, 'dog': 1}}
    assert found['per_label'] == {'cat': {'n': 2, 'errors': 0}, 'dog': {'n': 2, 'errors': 1}}
    assert np.isclose(found['brier'], (.02 + .72 + .08 + .18)/4)


def test_calibration_of_the_sure_and_wrong():
    assert np.isclose(calibration_error(np.array([.95]*4), np.array([True, True, False, False])), .45)
    assert np.isclose(calibration_error(np.array([.75]*4), np.array([True, True, True, False])), 0)
    assert np.isclose(calibration_error(np.array([1.]), np.array([True])), 0)


def test_200_cats_and_3_dogs():
    few, lopsided = advice({'cat': 200, 'dog': 3})
    assert 'dog (3)' in few and 'cat' not in few and '20 at least' in few
    assert '200 photos of cat, 3 of dog' in lopsided and 'Add photos of dog' in lopsided


def test_each_labels_own_error_is_said():
    found = {'error_rate': .1, 'per_label': {'cat': {'n': 90, 'errors': 1}, 'dog': {'n': 30, 'errors': 11}}}
    (sentence,) = advice({'cat': 90, 'dog': 30}, found)
    assert 'dog' in sentence and '11 of 30' in sentence


def test_nothing_to_say():
    assert advice({'cat': 100, 'dog': 100}) == []

"""The head: its minimum against SciPy's, many labels, few photos, and what it says of hidden photos."""
import numpy as np
import pytest

from cat_or_dog.engine import head as module
from cat_or_dog.engine.head import (
    Problem,
    belonging,
    curve_from_features,
    directions,
    fit_head,
    folds,
    minimise,
    neither_threshold,
    remember,
    turn,
)


def made_up(labels, per_label, seed=0, spread=2.):
    "Features in clouds, one for each label."
    rng = np.random.default_rng(seed)
    centres = np.abs(rng.normal(size=(labels, 1280)))
    y = np.repeat([f'thing {k:02}' for k in range(labels)], per_label)
    noise = spread*rng.normal(size=(len(y), 1280))
    return (np.repeat(centres, per_label, 0) + noise).astype(np.float32), y


@pytest.mark.parametrize('seed, labels, lam', [(0, 2, .1), (1, 3, .01), (2, 5, .001)])
def test_the_minimum_is_scipys(seed, labels, lam):
    optimize = pytest.importorskip('scipy.optimize')
    rng = np.random.default_rng(seed)
    turned = turn(rng.normal(size=(60, 1280)))
    targets, start = np.eye(labels)[rng.integers(labels, size=60)], rng.normal(size=(60, labels))
    problem, shape = Problem(turned.Z, targets, start, lam), (turned.Z.shape[1], labels)
    ours = minimise(problem.loss, np.zeros(shape), turned.curvature(lam), 1e-7)
    def flat(w):
        value, gradient = problem.loss(w.reshape(shape))
        return value, gradient.ravel()
    options = {'gtol': 1e-9, 'ftol': 1e-15, 'maxiter': 5000}
    scipys = optimize.minimize(flat, np.zeros(shape).ravel(), jac=True, method='L-BFGS-B', options=options)
    assert np.abs(problem.loss(ours)[1]).max() < 1e-7
    assert abs(problem.loss(ours)[0] - scipys.fun) < 1e-8
    differences = ours - scipys.x.reshape(shape)
    assert np.abs(differences - differences.mean(1, keepdims=True)).max() < 1e-3


def test_the_head_stands_at_the_bottom():
    X, y = made_up(3, 20)
    head = fit_head(X, y, start=False)
    W = np.vstack([head.weight.T, head.bias])*head.temperature
    Z = np.column_stack([X.astype(float), np.ones(len(X))])
    targets = (y[:, None] == np.array(head.labels)).astype(float)
    gradient = Problem(Z, targets, np.zeros(targets.shape), head.lam).loss(W)[1]
    assert np.abs(gradient).max() < 1e-3   # along the features' own axes; there 1e-5


@pytest.mark.parametrize('each', [1, 2])
def test_the_bias_costs_where_a_label_has_one_photo(each):
    X, y = made_up(2, each)
    X[y == y[0]] *= 3   # what this label needs is a bias
    head = fit_head(X, y, start=False)
    W = np.vstack([head.weight.T, head.bias])*head.temperature
    Z, targets = np.column_stack([X, np.ones(len(X))]), (y[:, None] == np.array(head.labels)).astype(float)
    def slope(free):
        return np.abs(Problem(Z, targets, 0*targets, head.lam, free).loss(W)[1][-1]).max()
    assert 10*slope(each > 1) < slope(each == 1)   # at the bottom of one bowl, not of the other


def test_37_labels_and_what_many_photos_change(monkeypatch):
    X, y = made_up(37, 12)
    slow = fit_head(X, y, start=False)
    monkeypatch.setattr(module, 'LARGE', 1)
    quick = fit_head(X, y, start=False)
    for head in (slow, quick):
        assert head.labels == sorted(set(y)) and head.weight.shape == (37, 1280)
        assert head.hidden.shape == (len(y), 37) and np.allclose(np.exp(head.hidden).sum(1), 1, atol=1e-4)
        assert (np.array(head.labels)[head.hidden.argmax(1)] == y).mean() > .9


def test_hidden_photos_were_hidden():
    "Labels by chance can be learnt by heart, but not guessed."
    X, y = made_up(1, 80)
    y = np.random.default_rng(1).permutation(['a', 'b']*40)
    head = fit_head(X, y, start=False)
    assert (np.array(head.labels)[head.probabilities(X).argmax(1)] == y).mean() > .9
    assert .25 < (np.array(head.labels)[head.hidden.argmax(1)] == y).mean() < .75


def test_each_fold_has_its_part_of_each_label():
    y = np.array(['a']*23 + ['b']*11)
    for label, n in (('a', 23), ('b', 11)):
        sizes = np.bincount(folds(y, 5, 42)[y == label], minlength=5)
        assert sizes.sum() == n and sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize('y', [['a', 'b'], ['a', 'b', 'b', 'b']])
def test_one_photo_of_a_label_is_not_measured(y):
    X, _ = made_up(1, len(y))
    head = fit_head(X, y, start=False)
    assert head.hidden is None and head.probabilities(X).shape == (len(y), 2)
    assert np.isfinite(head.weight).all()


def test_two_photos_a_label_are_measured():
    assert fit_head(made_up(2, 2)[0], ['a', 'a', 'b', 'b'], start=False).hidden.shape == (4, 2)


def test_the_same_photos_the_same_head():
    X, y = made_up(3, 15)
    first, second = fit_head(X, y), fit_head(X, y)
    assert np.array_equal(first.weight, second.weight) and np.array_equal(first.hidden, second.hidden)


@pytest.mark.parametrize('n, copies', [(400, 1), (2000, 1), (400, 3)])
def test_neither_at_most_one_of_a_hundred(n, copies):
    "With many photos, of which a model remembers some; and in a folder in which each photo lies three times."
    rng = np.random.default_rng(1)
    X = np.abs(rng.normal(size=(n + 5000, 1280)) + 1).astype(np.float32)
    shown, new = np.repeat(X[:n], copies, axis=0), X[n:]
    for labels in ['cat', 'dog'], ['cat', 'my aunt']:
        limit = neither_threshold(shown, labels)
        score = belonging(new, (directions(new) @ remember(shown).T).max(1), labels)
        assert 0.002 < (score < limit).mean() < 0.03


def test_belonging_and_memory():
    X, _ = made_up(1, 9)
    assert remember(X, 4).shape == (4, 1280) and np.allclose(
        np.linalg.norm(remember(X), axis=1), 1, atol=1e-5
    )
    assert np.array_equal(belonging(X, np.arange(9.), ['my aunt', 'cat']), np.arange(9.))


def test_learning_curve():
    X, y = made_up(2, 40, spread=8.)
    points = curve_from_features(X, y, [1, 20, 500], 5, 42, False)
    assert [p.photos for p in points] == [1, 20] and points[1].error_rate < points[0].error_rate
    assert all(p.low <= p.error_rate <= p.high for p in points)


def test_biases_cost_nothing():
    Z, targets, W = np.ones((4, 1)), np.eye(2)[[0, 0, 1, 1]], np.array([[3., -1.]])
    assert (
        Problem(Z, targets, np.zeros((4, 2)), 1.0).loss(W)[0]
        == Problem(Z, targets, np.zeros((4, 2)), 0.0).loss(W)[0]
    )


def test_a_fold_does_not_choose_its_own_temperature():
    "Fold 0 is sure and half wrong; the temperature that fold 1, always right, chose for it is 1."
    sums, fold = np.array([[[9., 0.]]*8]), np.array([0]*4 + [1]*4)
    targets = np.eye(2)[[0, 1, 0, 1, 0, 0, 0, 0]]
    found = module.honest(module.Hidden([1.], sums, fold), targets)
    assert np.allclose(found[:4], module.log_softmax(sums[0][:4]))
    assert not np.allclose(found[4:], module.log_softmax(sums[0][4:]))

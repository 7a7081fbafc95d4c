"""Cleaning: what is found among real photos with known faults, what is missed, and that moving never loses a photo."""
import json, shutil

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from cat_or_dog.clean import ALIKE, KEEP, SET_ASIDE, Cleaner, alike, apply, duplicates, looks, suspects, table, wrong_labels
from cat_or_dog.cli import main
from cat_or_dog.data import labelled_files, photo_files
from cat_or_dog.predict import open_photo
from cat_or_dog.train import features


@pytest.fixture(scope='module')
def real(photos):
    "The real training photos: files, features, labels."
    files = labelled_files(photos/'train')
    return files, features(files), np.array([f.parent.name for f in files])


def test_wrong_labels_among_real_photos_are_found(real, capsys):
    _, X, y = real
    found_right = found_all = 0
    for seed in range(3):
        bad = np.random.default_rng(seed).choice(len(y), len(y)//20, replace=False)
        given = y.copy()
        given[bad] = np.where(y[bad] == 'cat', 'dog', 'cat')
        found = set(wrong_labels(X, given)[0])
        found_right, found_all = found_right + len(found & set(bad.tolist())), found_all + len(found)
    recall, precision = found_right/(3*len(bad)), found_right/found_all
    with capsys.disabled(): print(f'\n5 % wrong labels among {len(y)} real photos, 3 draws: recall {recall:.0%}, precision {precision:.0%}')
    assert recall > 0.75 and precision > 0.65   # measured: 92 % and 89 %; by chance 5 %


def test_copies_of_real_photos_are_told_from_other_photos(real, capsys):
    files, X, _ = real
    some = list(range(0, len(files), 10))
    originals = [open_photo(files[i]) for i in some]
    small = looks([files[i] for i in some])
    def missed(change):
        copies = [change(image) for image in originals]
        return float(np.mean(np.diag(alike((X[some], features(copies)), (small, looks(copies)))) <= ALIKE))
    changes = dict(shrunk=lambda im: im.resize((im.width//2, im.height//2)), brighter=lambda im: ImageEnhance.Brightness(im).enhance(1.2),
                   cut=lambda im: im.crop((im.width*3//100, im.height*3//100, im.width*97//100, im.height*97//100)),
                   mirrored=lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    rates = {name: missed(change) for name, change in changes.items()}
    pairs = duplicates(X, looks(files))
    with capsys.disabled(): print(f'\nmissed of {len(some)} copies: {rates}; pairs named among {len(files)} real photos: {len(pairs)}')
    assert max(rates.values()) <= 0.15   # measured: 0 to 5 %
    assert len(pairs) <= 4               # measured: one pair, and those two are the same photo


def test_three_copies_leave_the_largest(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    with Image.open(folder/'cat'/'000.jpg') as image:
        image.resize((image.width//2, image.height//2)).save(folder/'cat'/'half.jpg')
        image.resize((image.width*2//3, image.height*2//3)).save(folder/'cat'/'two-thirds.jpg')
    twins = {s.file.name: s.other.name for s in suspects(folder) if s.problem == 'duplicate'}
    assert twins == {'half.jpg': '000.jpg', 'two-thirds.jpg': '000.jpg'}


def test_an_unreadable_photo_is_named_and_the_others_are_looked_at(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    (folder/'dog'/'torn.jpg').write_bytes(b'<html>not found</html>')
    assert all(s.file.name != 'torn.jpg' for s in suspects(folder))
    assert 'torn.jpg: this is not a photo' in capsys.readouterr().out
    assert len(photo_files(folder)) == 61   # nothing has been moved


def test_no_suspects_is_a_sentence(): assert table([]) == '0 labels that are probably wrong, 0 photos that are there twice.'


def test_moving_overwrites_nothing_and_loses_nothing(tmp_path):
    for label in ('cat', 'dog'):
        (tmp_path/label).mkdir()
        for name in ('a.jpg', 'b.jpg'): (tmp_path/label/name).write_text(f'{label} {name}')
    before = sorted(f.read_text() for f in tmp_path.rglob('*.jpg'))
    done = apply({tmp_path/'cat'/'a.jpg': 'dog', tmp_path/'cat'/'b.jpg': SET_ASIDE, tmp_path/'dog'/'b.jpg': KEEP})
    assert [m.to for m in done] == [tmp_path/'dog'/'a-2.jpg', tmp_path/'.set-aside'/'cat'/'b.jpg']
    (tmp_path/'cat'/'b.jpg').write_text('another')
    assert apply({tmp_path/'cat'/'b.jpg': SET_ASIDE})[0].to.name == 'b-2.jpg'
    assert sorted(f.read_text() for f in tmp_path.rglob('*.jpg')) == sorted(before + ['another'])
    assert [f.name for f in labelled_files(tmp_path)] == ['a-2.jpg', 'a.jpg', 'b.jpg']


@pytest.mark.parametrize('choice', ['horse', '../elsewhere', '..', '.', '', '/tmp'])
def test_a_choice_that_is_no_label_moves_nothing(tmp_path, choice):
    for label in ('cat', 'dog'):
        (tmp_path/'photos'/label).mkdir(parents=True)
        (tmp_path/'photos'/label/'a.jpg').write_text(label)
    (tmp_path/'elsewhere').mkdir()
    files = labelled_files(tmp_path/'photos')
    with pytest.raises(ValueError, match='no label'): apply({files[0]: 'dog', files[1]: choice})
    assert labelled_files(tmp_path/'photos') == files


def test_a_move_that_fails_is_reported_and_leaves_no_empty_file(tmp_path, monkeypatch):
    for label in ('cat', 'dog'):
        (tmp_path/label).mkdir()
        (tmp_path/label/f'{label}.jpg').write_text(label)
    def refuse(*_): raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr('os.replace', refuse)
    done, = apply({tmp_path/'cat'/'cat.jpg': 'dog'})
    assert done.to is None and done.why == 'Permission denied'
    assert sorted(f.name for f in tmp_path.rglob('*.jpg')) == ['cat.jpg', 'dog.jpg']


def test_the_button_moves_what_was_chosen_and_only_once(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    shutil.move(folder/'cat'/'003.jpg', folder/'dog'/'a-cat.jpg')
    shutil.copy(folder/'dog'/'001.jpg', folder/'dog'/'copy.jpg')
    widget = Cleaner(suspects(folder))
    assert {menu.value for menu in widget.menus} == {KEEP}   # nothing happens by itself
    twin = next(i for i, s in enumerate(widget.found) if s.problem == 'duplicate')
    widget.menus[twin].value = SET_ASIDE
    button = next(child for child in widget.box.children if child.__class__.__name__ == 'Button')
    button.click()
    assert not widget.found[twin].file.exists() and len(list((folder/'.set-aside'/'dog').iterdir())) == 1
    assert widget.apply() == [] and widget.menus[twin].disabled


def test_the_command_lists_suspects_and_changes_nothing(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    shutil.copy(folder/'dog'/'001.jpg', folder/'dog'/'copy.jpg')
    before = sorted(folder.rglob('*'))
    assert main(['clean', str(folder), '--json']) == 0
    twin = next(s for s in json.loads(capsys.readouterr().out)['suspects'] if s['problem'] == 'duplicate')
    assert {twin['file'], twin['other']} == {str(folder/'dog'/'001.jpg'), str(folder/'dog'/'copy.jpg')} and twin['score'] > 0.99
    assert main(['clean', str(folder)]) == 0 and 'photos that are there twice' in capsys.readouterr().out
    assert main(['clean', str(folder/'nowhere')]) == 1
    assert sorted(folder.rglob('*')) == before

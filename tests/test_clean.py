"""Cleaning: what is found among real photos with known faults, and that moving never loses a photo."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from cat_or_dog.engine.body import features
from cat_or_dog.engine.clean import (
    ASIDE,
    KEEP,
    Cleaner,
    Suspect,
    apply,
    duplicates,
    label_choices,
    relabel,
    suspects,
    table,
    wrong_labels,
)
from cat_or_dog.engine.cli import main
from cat_or_dog.engine.duplicates import same_photo
from cat_or_dog.engine.folder import (
    KEPT,
    LEFT_OUT,
    ManifestRow,
    labelled_photos,
    read_manifest,
    write_manifest,
)
from cat_or_dog.engine.photo import open_photo


@pytest.fixture(scope='module')
def real(photos):
    "The real training photos: files, features, labels."
    found = labelled_photos(photos / 'train')
    return found.files, features(found.files), np.array(found.labels)


def test_wrong_labels_among_real_photos_are_found(real, capsys):
    _, X, y = real
    found_right = found_all = 0
    for seed in range(3):
        bad = np.random.default_rng(seed).choice(len(y), len(y) // 20, replace=False)
        given = y.copy()
        given[bad] = np.where(y[bad] == 'cat', 'dog', 'cat')
        found = set(wrong_labels(X, given).suspects)
        found_right, found_all = found_right + len(found & set(bad.tolist())), found_all + len(found)
    recall, precision = found_right / (3 * len(bad)), found_right / found_all
    with capsys.disabled():
        print(
            f'\n5 % wrong labels among {len(y)} real photos, 3 draws: '
            f'recall {recall:.0%}, precision {precision:.0%}'
        )
    assert recall > 0.75 and precision > 0.65  # by chance 5 %


def test_copies_of_real_photos_are_told_from_other_photos(real, tmp_path, capsys):
    files, X, _ = real
    some = files[::20]
    changes = dict(
        shrunk=lambda im: im.resize((im.width // 2, im.height // 2)),
        brighter=lambda im: ImageEnhance.Brightness(im).enhance(1.2),
        cut=lambda im: im.crop(
            (im.width * 3 // 100, im.height * 3 // 100, im.width * 97 // 100, im.height * 97 // 100)
        ),
        edge=lambda im: im.crop((im.width // 10, 0, im.width, im.height)),
        mirrored=lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    )
    missed = {}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        copies = [tmp_path / name / f'{i}.jpg' for i in range(len(some))]
        for file, copy in zip(some, copies):
            change(open_photo(file)).save(copy, quality=90)
        pairs = duplicates(some + copies, features(some + copies))
        missed[name] = 1 - sum((i, i + len(some)) in pairs for i in range(len(some))) / len(some)
    pairs = duplicates(files, X)
    with capsys.disabled():
        print(
            f'\nmissed of {len(some)} copies: {missed}; '
            f'pairs named among {len(files)} real photos: {len(pairs)}'
        )
    assert max(missed.values()) <= 0.15
    assert len(pairs) <= 1 and all(same_photo(files[i], files[j]) for i, j in pairs)


def test_three_copies_leave_the_largest(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    with Image.open(folder / 'cat' / '000.jpg') as image:
        image.resize((image.width // 2, image.height // 2)).save(folder / 'cat' / 'half.jpg')
        image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(folder / 'cat' / 'two-thirds.jpg')
    twins = {s.file.name: s.other.name for s in suspects(folder) if s.problem == 'duplicate'}
    assert twins == {'half.jpg': '000.jpg', 'two-thirds.jpg': '000.jpg'}


def test_an_unreadable_photo_is_named_and_the_others_are_looked_at(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    (folder / 'dog' / 'torn.jpg').write_bytes(b'<html>not found</html>')
    before = sorted(folder.rglob('*'))
    assert all(s.file.name != 'torn.jpg' for s in suspects(folder))
    assert 'torn.jpg: this is not a photo' in capsys.readouterr().out
    assert sorted(folder.rglob('*')) == before  # nothing has been moved


def test_a_label_with_one_photo_names_no_wrong_labels():
    X = np.random.default_rng(0).normal(size=(5, 1280)).astype(np.float32)
    assert wrong_labels(X, ['cat'] * 4 + ['dog']).suspects == []


def test_no_suspects_is_a_sentence():
    assert table([]) == '0 labels that are probably wrong, 0 photos that are there twice.'


def doubt(root, file, label, others=()):
    return Suspect(root / file, root, label, 'label', KEEP, 0.9, choices=(KEEP, *others, ASIDE))


def two_labels(root, *labels):
    for label in labels:
        (root / label).mkdir(parents=True)
        for name in ('a.jpg', 'b.jpg'):
            (root / label / name).write_text(f'{label} {name}')
    return [relabel(label, root / label) for label in labels]


def test_moving_overwrites_nothing_and_loses_nothing(tmp_path):
    cat, dog = two_labels(tmp_path, 'cat', 'dog')
    write_manifest(tmp_path / 'cat', {'u': ManifestRow('u', 'cat', KEPT, file='b.jpg')})
    before = sorted(f.read_text() for f in tmp_path.rglob('*.jpg'))
    done = apply(
        {
            doubt(tmp_path, 'cat/a.jpg', 'cat', [dog]): dog,
            doubt(tmp_path, 'cat/b.jpg', 'cat', [dog]): ASIDE,
            doubt(tmp_path, 'dog/b.jpg', 'dog', [cat]): KEEP,
        }
    )
    assert [m.to for m in done] == [tmp_path / 'dog' / 'a-2.jpg', tmp_path / '.set-aside' / 'cat' / 'b.jpg']
    assert (
        read_manifest(tmp_path / 'cat')['u'].status == LEFT_OUT
    )  # the next download does not fetch it again
    (tmp_path / 'cat' / 'b.jpg').write_text('another')
    assert apply({doubt(tmp_path, 'cat/b.jpg', 'cat'): ASIDE})[0].to.name == 'b-2.jpg'
    assert sorted(f.read_text() for f in tmp_path.rglob('*.jpg')) == sorted([*before, 'another'])


@pytest.mark.parametrize('folder', ['horse', '../elsewhere', '..', '.', '', '/tmp'])
def test_a_choice_that_is_no_label_moves_nothing(tmp_path, folder):
    cat, dog = two_labels(tmp_path, 'cat', 'dog')
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(ValueError, match='cannot be chosen'):
        apply(
            {
                doubt(tmp_path, 'cat/a.jpg', 'cat', [dog]): dog,
                doubt(tmp_path, 'dog/a.jpg', 'dog', [cat]): relabel('x', tmp_path / folder),
            }
        )
    assert sorted(tmp_path.rglob('*')) == before


def test_labels_called_keep_and_set_aside_can_be_chosen(tmp_path):
    keep, aside, _ = two_labels(tmp_path, 'keep', 'set aside', 'discard')
    one, two = (doubt(tmp_path, f'discard/{name}.jpg', 'discard', [keep, aside]) for name in 'ab')
    assert apply({one: KEEP, two: KEEP}) == []
    assert [m.to.parent.name for m in apply({one: keep, two: aside})] == ['keep', 'set aside']
    menu = Cleaner([doubt(tmp_path, 'keep/a.jpg', 'keep', [aside])]).menus[0]
    assert menu.value is KEEP and len({words for words, _ in menu.options}) == 3


def test_labels_are_the_folders_beside_the_photo(tmp_path, drawn):
    for place in ('train/cat', 'train/dog', 'valid/cat', 'valid/dog'):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(drawn / 'cat' / '000.jpg', tmp_path / place)
    choices = label_choices(labelled_photos(tmp_path))
    assert {parent.name: [c.folder for c in labels] for parent, labels in choices.items()} == {
        part: [tmp_path / part / 'cat', tmp_path / part / 'dog'] for part in ('train', 'valid')
    }


def test_labels_from_file_names_have_no_folder_to_move_to(tmp_path, drawn):
    for label in ('cat', 'dog'):
        for i in range(2):
            shutil.copy(drawn / label / f'{i:03}.jpg', tmp_path / f'{label}.{i}.jpg')
    assert label_choices(labelled_photos(tmp_path)) == {}
    assert all(choice in (KEEP, ASIDE) for s in suspects(tmp_path) for choice in s.choices)


def test_a_move_that_fails_is_reported_and_leaves_no_empty_file(tmp_path, monkeypatch):
    _, dog = two_labels(tmp_path, 'cat', 'dog')
    before = sorted(tmp_path.rglob('*'))

    def refuse(*_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('os.replace', refuse)
    (done,) = apply({doubt(tmp_path, 'cat/a.jpg', 'cat', [dog]): dog})
    assert done.to is None and done.why == 'Permission denied'
    assert sorted(tmp_path.rglob('*')) == before


def test_the_button_moves_what_was_chosen_and_only_once(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    shutil.move(folder / 'cat' / '003.jpg', folder / 'dog' / 'a-cat.jpg')
    shutil.copy(folder / 'dog' / '001.jpg', folder / 'dog' / 'copy.jpg')
    widget = Cleaner(suspects(folder))
    assert {menu.value for menu in widget.menus} == {KEEP}  # nothing happens by itself
    twin = next(i for i, s in enumerate(widget.found) if s.problem == 'duplicate')
    widget.menus[twin].value = ASIDE
    widget.button.click()
    assert not widget.found[twin].file.exists() and len(list((folder / '.set-aside' / 'dog').iterdir())) == 1
    assert widget.apply() == [] and widget.menus[twin].disabled


def test_a_suspect_that_vanished_does_not_stop_the_widget(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    shutil.copy(folder / 'dog' / '001.jpg', folder / 'dog' / 'copy.jpg')
    found = suspects(folder)
    found[0].file.unlink()
    widget = Cleaner(found)
    widget.menus[0].value = ASIDE
    assert widget.apply()[0].to is None and 'not there any more' in widget.said.value


def test_the_command_lists_suspects_and_changes_nothing(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    shutil.copy(folder / 'dog' / '001.jpg', folder / 'dog' / 'copy.jpg')
    before = sorted(folder.rglob('*'))
    assert main(['clean', str(folder), '--json']) == 0
    twin = next(s for s in json.loads(capsys.readouterr().out)['suspects'] if s['problem'] == 'duplicate')
    assert {twin['file'], twin['other']} == {
        str(folder / 'dog' / '001.jpg'),
        str(folder / 'dog' / 'copy.jpg'),
    } and twin['score'] > 0.99
    assert main(['clean', str(folder)]) == 0 and 'there twice' in capsys.readouterr().out
    assert main(['clean', str(folder / 'nowhere')]) == 1
    assert sorted(folder.rglob('*')) == before

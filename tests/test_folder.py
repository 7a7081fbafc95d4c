"""Folders as people have them: which files count, where labels come from, what is refused; nothing lost."""
import errno
import os
import socket
import unicodedata

import msgspec
import pytest
from PIL import Image

from cat_or_dog.engine.folder import (
    DUPLICATE,
    KEPT,
    LEFT_OUT,
    MANIFEST,
    REFUSED,
    SET_ASIDE,
    ManifestRow,
    ManifestWriter,
    check_enough,
    is_reserved,
    labelled_photos,
    move_photo,
    photo_files_below,
    plain_label,
    read_manifest,
    read_table,
    readable,
    ready_photos,
    set_aside,
    write_manifest,
)

RED = Image.new('RGB', (40, 30), 'red')


def make(root, *files, format='jpeg'):
    "A photo at each of the relative paths."
    for file in files:
        (root/file).parent.mkdir(parents=True, exist_ok=True)
        RED.save(root/file, format)
    return root


def labels_by_file(photos):
    return {
        file.relative_to(photos.root).as_posix(): label for file, label in zip(photos.files, photos.labels)
    }


# Which files count

@pytest.mark.parametrize(
    'name', ['a.jfif', 'a.JPG', 'a', 'a.jpg_large', 'a.jpeg?w=300', 'a.php', 'a.txt', 'a.b.c', 'ねこ']
)
@pytest.mark.parametrize('format', ['jpeg', 'png', 'webp'])
def test_what_holds_a_photo_counts_whatever_it_is_called(tmp_path, name, format):
    make(tmp_path, f'cat/{name}', format=format)
    assert [file.name for file in photo_files_below(tmp_path)] == [name]


@pytest.mark.parametrize('name', ['notes.txt', MANIFEST, 'page', 'model.onnx', 'drawing.eps', 'empty'])
def test_other_files_do_not_count(tmp_path, name):
    (tmp_path/name).write_bytes(b'' if name == 'empty' else b'%!PS-Adobe-3.0 EPSF-3.0')
    assert photo_files_below(tmp_path) == []


def test_hidden_folders_are_skipped_everywhere(tmp_path):
    make(
        tmp_path,
        'cat/a.jpg',
        '.set-aside/cat/b.jpg',
        '.quarantine/c.jpg',
        'cat/.ipynb_checkpoints/a.jpg',
        'cat/.b.jpg',
    )
    assert [file.name for file in photo_files_below(tmp_path)] == ['a.jpg']


def test_a_class_folder_may_be_a_link_and_a_circle_ends(tmp_path):
    elsewhere = make(tmp_path/'disk', 'a.jpg')
    photos = make(tmp_path/'photos', 'dog/b.jpg')
    (photos/'cat').symlink_to(elsewhere)
    (elsewhere/'up').symlink_to(photos)
    (photos/'dog'/'self').symlink_to(photos/'dog'/'self')
    (photos/'dog'/'gone.jpg').symlink_to(tmp_path/'nowhere.jpg')
    found = labels_by_file(labelled_photos(photos))
    assert found == {'cat/a.jpg': 'cat', 'dog/b.jpg': 'dog', 'dog/gone.jpg': 'dog'}
    assert [file.name for file in readable(labelled_photos(photos).files)] == ['a.jpg', 'b.jpg']


def test_a_pipe_a_socket_and_five_gigabytes_are_rows_with_a_reason(tmp_path, capsys):
    make(tmp_path, 'cat/a.jpg')
    os.mkfifo(tmp_path/'cat'/'pipe.jpg')
    os.mkfifo(tmp_path/'cat'/'pipe-without-ending')
    with open(tmp_path/'cat'/'huge.jpg', 'wb') as file:
        file.truncate(5_000_000_000)
    here = os.getcwd()
    os.chdir(tmp_path/'cat')   # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind('socket.jpg')
    finally:
        os.chdir(here)
    files = photo_files_below(tmp_path)
    assert [file.name for file in files] == ['a.jpg', 'huge.jpg', 'pipe.jpg', 'socket.jpg']
    assert [file.name for file in readable(files)] == ['a.jpg']
    said = capsys.readouterr().out
    assert (
        'pipe.jpg: that is a pipe' in said
        and 'socket.jpg: that is a pipe or a device' in said
        and '300 MB' in said
    )


def test_a_photo_that_vanishes_after_listing_is_named(tmp_path, capsys):
    make(tmp_path, 'cat/a.jpg', 'cat/b.jpg')
    files = photo_files_below(tmp_path)
    files[0].unlink()
    assert readable(files) == files[1:]
    assert 'cat/a.jpg: there is no such file' in capsys.readouterr().out


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, close_folder):
    make(tmp_path, 'cat/a.jpg', 'dog/a.jpg')
    close_folder('dog')
    notes = labelled_photos(tmp_path).notes
    assert any('dog cannot be opened (Permission denied)' in note for note in notes)


def test_listing_does_not_open_files_with_a_known_ending(tmp_path, monkeypatch):
    make(tmp_path, *(f'cat/{i}.jpg' for i in range(5)))
    def refuse(*_):
        raise AssertionError('a photo was opened')
    monkeypatch.setattr('cat_or_dog.engine.folder.looks_like_photo', refuse)
    assert len(photo_files_below(tmp_path)) == 5


def test_the_order_is_that_of_the_names(tmp_path):
    make(tmp_path, 'b/1.jpg', 'a/2.jpg', 'a/1/9.jpg', 'a/10.jpg', 'c.jpg')
    assert photo_files_below(tmp_path) == sorted(photo_files_below(tmp_path))


# Where labels come from

def test_a_folder_without_photos_is_no_label(tmp_path):
    make(tmp_path, *(f'{label}/{i}.jpg' for label in ('cat', 'dog') for i in range(10)))
    (tmp_path/'models').mkdir()
    (tmp_path/'models'/'tmp.pth').write_bytes(b'weights')
    photos = labelled_photos(tmp_path)
    check_enough(photos)
    assert photos.names == ['cat', 'dog']
    assert photos.notes == ["The folder 'models' holds no photo and was left alone."]


def test_the_first_folder_is_the_label_however_deep(tmp_path):
    make(tmp_path, 'cat/2024/may/a.jpg', 'cat/b.jpg', 'dog/2023/c.jpg')
    photos = labelled_photos(tmp_path)
    assert labels_by_file(photos) == {
        'cat/2024/may/a.jpg': 'cat',
        'cat/b.jpg': 'cat',
        'dog/2023/c.jpg': 'dog',
    }
    assert any('2 of 3 photos lie in folders within folders' in note for note in photos.notes)


@pytest.mark.parametrize(
    'parts', [('train', 'valid'), ('train', 'val'), ('Training', 'Test'), ('train', 'validation', 'test')]
)
def test_train_and_valid_are_parts_not_labels(tmp_path, parts):
    make(
        tmp_path, *(f'{part}/{label}/{i}.jpg' for part in parts for label in ('cat', 'dog') for i in range(2))
    )
    photos = labelled_photos(tmp_path)
    assert photos.names == ['cat', 'dog']
    assert {file.relative_to(tmp_path).parts[0] for file in photos.part(False).files} == {parts[0]}
    assert {file.relative_to(tmp_path).parts[0] for file in photos.part(True).files} == set(parts[1:])
    assert any('held out' in note for note in photos.notes)


def test_a_label_that_only_the_held_out_part_has_is_named(tmp_path):
    make(tmp_path, 'train/cat/1.jpg', 'train/dog/1.jpg', 'valid/cat/1.jpg', 'valid/fox/1.jpg')
    assert any("'fox' is only among the photos held out" in note for note in labelled_photos(tmp_path).notes)


def test_trains_and_cars_are_labels(tmp_path):
    make(tmp_path, 'train/1.jpg', 'car/1.jpg', 'test/1.jpg')
    assert labelled_photos(tmp_path).names == ['car', 'test', 'train']
    (tmp_path/'car'/'1.jpg').unlink()
    assert labelled_photos(tmp_path).names == ['test', 'train']   # flat: still labels


@pytest.mark.parametrize('names, labels', [
    (['cat.0.jpg', 'cat.1.jpg', 'dog.0.jpg', 'dog.1.jpg'], {'cat', 'dog'}),
    (['Abyssinian_1.jpg', 'Abyssinian_102.jpg', 'yorkshire_terrier_1.jpg', 'yorkshire_terrier_2.jpg'],
     {'Abyssinian', 'yorkshire_terrier'}),
    (['cat (1).jpg', 'cat (2).jpg', 'ねこ 1.jpg', 'ねこ 2.jpg'], {'cat', 'ねこ'}),
])
def test_labels_from_file_names_are_said_aloud_and_can_be_refused(tmp_path, names, labels):
    make(tmp_path, *names)
    photos = labelled_photos(tmp_path)
    assert set(photos.names) == labels and len(photos) == 4
    assert any('taken from the file names' in note for note in photos.notes)
    assert set(labelled_photos(tmp_path, labels='names').names) == labels
    with pytest.raises(ValueError, match='but no labels'):
        labelled_photos(tmp_path, labels='folders')


@pytest.mark.parametrize(
    'names',
    [
        ['IMG_1.jpg', 'IMG_2.jpg'],
        ['IMG_1.jpg', 'IMG_2.jpg', 'DSC_1.jpg'],
        ['a.jpg', 'b.jpg'],
        ['cat.1.jpg', 'cat.2.jpg', 'dog.1.jpg', 'dog.2.jpg', 'holiday.jpg'],
    ],
)
def test_names_that_are_no_labels_are_not_guessed(tmp_path, names):
    make(tmp_path, *names)
    with pytest.raises(ValueError, match='but no labels'):
        labelled_photos(tmp_path)


def test_kaggles_own_layout(tmp_path):
    make(tmp_path, *(f'train/{label}.{i}.jpg' for label in ('cat', 'dog') for i in range(3)))
    photos = labelled_photos(tmp_path)
    assert photos.counts == {'cat': 3, 'dog': 3}


def test_a_regular_expression_gives_labels(tmp_path):
    make(tmp_path, 'x-cat-1.jpg', 'x-dog-1.jpg', 'other.jpg')
    photos = labelled_photos(tmp_path, labels=r'x-(\w+)-')
    assert labels_by_file(photos) == {'x-cat-1.jpg': 'cat', 'x-dog-1.jpg': 'dog'}
    assert any('1 photo is left alone, like other.jpg' in note for note in photos.notes)
    for wrong in ('nogroup', '('):
        with pytest.raises(ValueError):
            labelled_photos(tmp_path, labels=wrong)


@pytest.mark.parametrize(
    'text',
    [
        'file,label\na.jpg,cat\nsub/b.jpg,dog\n',
        '\ufeffFile;Label\r\na;cat\r\nsub\\b.jpg; dog \r\n',
        'id\tclass\na\tcat\nb\tdog\n',
    ],
)
def test_a_table_gives_labels(tmp_path, text):
    make(tmp_path/'photos', 'a.jpg', 'sub/b.jpg', 'c.jpg')
    table = tmp_path/'labels.csv'
    table.write_text(text, encoding='utf-8', newline='')
    photos = labelled_photos(tmp_path/'photos', labels=table)
    assert labels_by_file(photos) == {'a.jpg': 'cat', 'sub/b.jpg': 'dog'}
    assert any('it has no label in labels.csv' in note for note in photos.notes)


@pytest.mark.parametrize('data, sentence', [(b'', "no column 'file'"), (b'name,label\n', "no column 'file'"),
                                            (b'file,label\n\xff\xfe', 'not in UTF-8')])
def test_a_table_that_cannot_be_read_is_one_sentence(tmp_path, data, sentence):
    (tmp_path/'t.csv').write_bytes(data)
    with pytest.raises(ValueError, match=sentence):
        read_table(tmp_path/'t.csv')


# One name for one label

def test_decomposed_and_composed_names_are_one_label(tmp_path):
    for form in ('NFC', 'NFD'):
        make(tmp_path, f'{unicodedata.normalize(form, "いばら")}/{form}.jpg')
    make(tmp_path, 'cat/1.jpg', 'cat /2.jpg')
    photos = labelled_photos(tmp_path)
    assert photos.counts == {'cat': 2, 'いばら': 2}
    assert sum('are one label' in note for note in photos.notes) == 2


def test_case_only_twins_are_refused(tmp_path):
    make(tmp_path, 'cat/1.jpg', 'Cat/1.jpg')
    if len(os.listdir(tmp_path)) == 1:
        pytest.skip('this disk does not tell cat from Cat')
    with pytest.raises(ValueError, match='only in capital letters'):
        labelled_photos(tmp_path)


@pytest.mark.parametrize(
    'label',
    [
        '',
        '   ',
        'a'*300,
        'ね'*100,
        'con',
        'LPT1.txt',
        '.hidden',
        '..',
        'a/b',
        'a\\b',
        'a:b',
        'a\nb',
        'what?',
        'cat.',
        '\ufeff',
        '\udc80',
    ],
)
def test_what_cannot_be_a_label_everywhere_is_refused(label):
    with pytest.raises(ValueError, match='cannot be a label'):
        plain_label(label)


@pytest.mark.parametrize('label', ['keep', 'set aside', 'polar bear', 'C++', '猫', '100%', 'console'])
def test_plain_words_stay(label):
    assert plain_label(f' \ufeff{label} ') == label


# Enough to train on

def test_the_smallest_label_is_named(tmp_path):
    make(tmp_path, *(f'cat/{i}.jpg' for i in range(12)), 'dog/1.jpg')
    with pytest.raises(ValueError, match="Only 1 photo is labelled 'dog'"):
        check_enough(labelled_photos(tmp_path))


def test_all_photos_of_a_label_unreadable_is_a_sentence(tmp_path):
    make(tmp_path, 'cat/1.jpg', 'cat/2.jpg')
    (tmp_path/'dog').mkdir()
    for i in range(2):
        (tmp_path/'dog'/f'{i}.jpg').write_bytes(b'<html>')
    with pytest.raises(ValueError, match='There is only one label'):
        ready_photos(tmp_path, least=2)


def test_one_folder_too_high_is_a_hint(tmp_path):
    make(tmp_path, 'pets/cat/1.jpg', 'pets/dog/1.jpg')
    with pytest.raises(ValueError, match='Perhaps you mean the folder .*pets'):
        check_enough(labelled_photos(tmp_path))


@pytest.mark.parametrize(
    'path, error', [('nowhere', FileNotFoundError), ('file', NotADirectoryError), ('empty', ValueError)]
)
def test_no_folder_no_photos(tmp_path, path, error):
    (tmp_path/'file').write_text('')
    (tmp_path/'empty').mkdir()
    with pytest.raises(error):
        labelled_photos(tmp_path/path)


def test_nothing_is_written_by_reading(tmp_path):
    make(tmp_path, 'cat/1.jpg', 'cat/2.jpg', 'dog/1.jpg', 'dog/2.jpg')
    before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob('*'))
    ready_photos(tmp_path, least=2)
    read_manifest(tmp_path/'cat')
    assert sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob('*')) == before


# The manifest

def row(url, **about):
    return ManifestRow(url, **{'label': 'cat', 'status': KEPT, 'file': f'{url}.jpg', **about})


def test_rows_of_an_earlier_version_are_read_without_their_look(tmp_path):
    old = (
        '{"url": "u", "status": "kept", "reason": "", "file": "0123456789abcdef.jpg", '
        '"size": 9, "hash": "00", '
        '"look": "'
        + '0f' * 16
        + '", "label": "cat", "license": "", "author": "A", "source_page": "", "title": "", "engine": ""}'
    )
    (tmp_path/MANIFEST).write_text(old + '\n')
    assert read_manifest(tmp_path)['u'] == ManifestRow(
        'u', 'cat', KEPT, file='0123456789abcdef.jpg', size=9, hash='00', author='A'
    )


@pytest.mark.parametrize(
    'line',
    [
        '',
        '[]',
        '7',
        '{}',
        '{"url": 1}',
        '{"url": "u", "status": "sold"}',
        '{"url": "u", "file": "../x"}',
        '{"url": "u", "file": ".x"}',
        '{"url": "u", "status": "kept"}',
        '{"url": "u", "size": "9"}',
        '['*200_000,
        '{"url": "u"',
        '\ud800',
    ],
)
def test_a_bad_line_costs_only_itself(tmp_path, line):
    with ManifestWriter(tmp_path) as manifest:
        manifest.add(row('a'))
    with open(tmp_path/MANIFEST, 'ab') as file:
        file.write(line.encode('utf-8', 'surrogatepass'))
    with ManifestWriter(tmp_path) as manifest:
        manifest.add(row('b'))
    assert list(read_manifest(tmp_path)) == ['a', 'b']


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    rows = {
        r.url: r
        for r in (row('a', title='ねこ\n"x"'), row('b', status=DUPLICATE), row('c', status=REFUSED, file=''))
    }
    write_manifest(tmp_path, rows)
    assert read_manifest(tmp_path) == rows


# Moving

def test_moving_overwrites_nothing_loses_nothing_and_tells_the_manifests(tmp_path):
    make(tmp_path, 'cat/a.jpg', 'cat/b.jpg', 'dog/a.jpg')
    write_manifest(tmp_path/'cat', {'1': row('1', file='a.jpg', author='A'), '2': row('2', file='b.jpg'),
                                    '3': row('3', file='b.jpg', status=DUPLICATE)})
    assert move_photo(tmp_path/'cat'/'a.jpg', tmp_path/'dog') == tmp_path/'dog'/'a-2.jpg'
    assert set_aside(tmp_path/'cat'/'b.jpg', tmp_path, 'torn') == tmp_path/SET_ASIDE/'cat'/'b.jpg'
    cats, dogs = read_manifest(tmp_path/'cat'), read_manifest(tmp_path/'dog')
    assert [(r.status, r.reason, r.file) for r in cats.values()] == [
        (LEFT_OUT, 'moved to dog', ''), (LEFT_OUT, 'torn', ''), (LEFT_OUT, 'torn', '')]
    assert dogs == {'1': msgspec.structs.replace(row('1'), label='dog', file='a-2.jpg', author='A')}
    assert not (tmp_path/SET_ASIDE/'cat'/MANIFEST).exists()
    assert len(list(tmp_path.rglob('*.jpg'))) == 3


def test_setting_aside_again_numbers_the_name(tmp_path):
    for _ in range(3):
        make(tmp_path, 'cat/a.jpg')
        last = set_aside(tmp_path/'cat'/'a.jpg', tmp_path)
    assert last.name == 'a-3.jpg'
    with pytest.raises(ValueError, match='is not in'):
        set_aside(tmp_path/'cat'/'a.jpg', tmp_path/'dog')


def test_a_move_that_fails_leaves_everything_as_it_was(tmp_path, monkeypatch):
    make(tmp_path, 'cat/a.jpg', 'dog/b.jpg')
    def refuse(*_):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr('os.replace', refuse)
    with pytest.raises(PermissionError):
        move_photo(tmp_path/'cat'/'a.jpg', tmp_path/'dog')
    assert sorted(file.name for file in tmp_path.rglob('*.jpg')) == ['a.jpg', 'b.jpg']


def test_another_disk_is_copied_to(tmp_path, monkeypatch):
    make(tmp_path, 'cat/a.jpg')
    data = (tmp_path/'cat'/'a.jpg').read_bytes()
    def refuse(*_):
        raise OSError(errno.EXDEV, 'Invalid cross-device link')
    monkeypatch.setattr('os.replace', refuse)
    new = move_photo(tmp_path/'cat'/'a.jpg', tmp_path/'dog')
    assert new.read_bytes() == data and not (tmp_path/'cat'/'a.jpg').exists()


def test_a_link_still_leads_to_its_photo_after_moving(tmp_path):
    make(tmp_path, 'disk/a.jpg')
    (tmp_path/'photos'/'cat').mkdir(parents=True)
    (tmp_path/'photos'/'cat'/'a.jpg').symlink_to('../../disk/a.jpg')
    new = set_aside(tmp_path/'photos'/'cat'/'a.jpg', tmp_path/'photos')
    assert new.is_symlink() and Image.open(new).size == RED.size


def test_photos_held_out_do_not_count_as_photos_to_train_on(tmp_path):
    make(
        tmp_path,
        'train/cat/1.jpg',
        'train/dog/1.jpg',
        *(f'valid/{label}/{i}.jpg' for label in ('cat', 'dog') for i in range(20)),
    )
    with pytest.raises(ValueError, match='Only 1 photo is'):
        check_enough(labelled_photos(tmp_path))


# What strangers' folders hold

def test_folders_in_folders_as_deep_as_the_disk_allows(tmp_path):
    "A thousand levels: functions call each other only so deep."
    make(tmp_path, 'cat/a.jpg', 'dog/b.jpg')
    here, deep = os.getcwd(), 1100
    os.chdir(tmp_path/'cat')
    try:
        for _ in range(deep):
            os.mkdir('d')
            os.chdir('d')
        RED.save('c.jpg')
        photos = labelled_photos(tmp_path)
        os.remove('c.jpg')
        for _ in range(deep):   # pytest's own way to tidy up is not made for so many
            os.chdir('..')
            os.rmdir('d')
    finally:
        os.chdir(here)
    assert photos.counts == {'cat': 2, 'dog': 1}
    assert max(len(file.parts) for file in photos.files) == len(tmp_path.parts) + deep + 2


def test_a_folder_that_vanishes_while_it_is_walked_through(tmp_path, monkeypatch):
    make(tmp_path, 'cat/a.jpg', 'dog/a.jpg')
    real = os.stat
    def gone(path, *args, **options):
        if str(path).endswith('dog'):
            raise FileNotFoundError(errno.ENOENT, 'No such file or directory')
        return real(path, *args, **options)
    monkeypatch.setattr(os, 'stat', gone)
    assert [file.name for file in photo_files_below(tmp_path)] == ['a.jpg']


def test_a_root_that_cannot_be_opened_is_not_called_empty(tmp_path, close_folder):
    make(tmp_path, 'cat/a.jpg')
    close_folder(tmp_path.name)
    with pytest.raises(ValueError, match=r'cannot be opened \(Permission denied\)'):
        labelled_photos(tmp_path)


@pytest.mark.parametrize(
    'beside', ['sample.jpg', 'test1/7.jpg', 'sample/train/cat/1.jpg', 'unlabelled/x/1.jpg'])
def test_what_lies_beside_the_parts_makes_no_labels_of_them(tmp_path, beside):
    "One stray photo beside train and valid, and the model would tell train from valid."
    make(tmp_path, 'train/cat/1.jpg', 'train/dog/1.jpg', 'valid/cat/2.jpg', 'valid/dog/2.jpg', beside)
    photos = labelled_photos(tmp_path)
    assert photos.counts == {'cat': 2, 'dog': 2} and sum(photos.held_out) == 2
    assert any(f'1 photos are left alone, like {beside}' in note for note in photos.notes)


@pytest.mark.parametrize(
    'training, test', [('training_set', 'test_set'), ('train', 'test'), ('Train-Set', 'val set')])
@pytest.mark.parametrize('twice', [False, True])
def test_kaggles_cats_and_dogs_in_training_set_and_test_set(tmp_path, training, test, twice):
    "Its archives unpack to training_set/training_set/cats."
    inner = [f'{part}/{part}' if twice else part for part in (training, test)]
    make(tmp_path, *(f'{part}/{label}/{i}.jpg'
                     for part in inner for label in ('cats', 'dogs') for i in range(2)))
    (tmp_path/inner[0]/'models').mkdir()
    photos = labelled_photos(tmp_path)
    assert photos.counts == {'cats': 4, 'dogs': 4} and sum(photos.held_out) == 4
    assert "The folder 'models' holds no photo and was left alone." in photos.notes


@pytest.mark.parametrize('folders', [('train', 'car'), ('train', 'bus', 'settest'), ('training day', 'test')])
def test_labels_that_are_no_parts_stay_labels(tmp_path, folders):
    make(tmp_path, *(f'{folder}/old/{i}.jpg' for folder in folders for i in range(2)))
    assert labelled_photos(tmp_path).names == sorted(folders)


def test_a_label_that_is_only_held_out_is_no_obstacle(tmp_path, capsys):
    make(tmp_path, *(f'train/{label}/{i}.jpg' for label in ('cat', 'dog') for i in range(10)),
         'valid/cat/1.jpg', 'valid/dog/1.jpg', 'valid/fox/1.jpg')
    assert ready_photos(tmp_path).names == ['cat', 'dog']
    assert "'fox' is only among the photos held out" in capsys.readouterr().out


def test_more_labels_than_a_model_may_have(tmp_path):
    from msgspec import inspect

    from cat_or_dog.engine.folder import MOST_LABELS, LabelledPhotos
    from cat_or_dog.engine.onnx_file import Metadata
    labels = next(field for field in inspect.type_info(Metadata).fields if field.name == 'labels')
    assert labels.type.max_length == MOST_LABELS
    names = [str(i) for i in range(MOST_LABELS + 1)]
    photos = LabelledPhotos(tmp_path, [tmp_path]*len(names), names, [False]*len(names))
    with pytest.raises(ValueError, match='1,001 labels .* at most 1,000'):
        check_enough(photos, least=1)


@pytest.mark.parametrize(
    'label', ['c\x9bat', 'c\x85at', 'c\u2028at', 'c\u202eat', 'c\u200bat', 'c\ufeffat', 'c\nat'])
def test_a_label_that_looks_like_another_or_moves_the_cursor_is_refused(label):
    with pytest.raises(ValueError, match='cannot be a label: .* in it cannot be seen') as error:
        plain_label(label)
    assert label not in str(error.value) or label == 'c\u200bat' or label == 'c\ufeffat'


# Names of devices on Windows

DEVICES = ['con', 'prn', 'aux', 'nul', 'conin$', 'conout$',
           *(f'{port}{n}' for port in ('com', 'lpt') for n in '123456789¹²³')]


@pytest.mark.parametrize('device', DEVICES)
def test_every_device_is_reserved_in_every_form(device):
    more = [f'{device}{end}' for end in ('.txt', ' .a.b', '. ', '  ')]
    for name in device, device.upper(), device.title(), *more:
        assert is_reserved(name), name
        with pytest.raises(ValueError, match='cannot be a label'):
            plain_label(name)


@pytest.mark.parametrize('device', DEVICES)
def test_what_only_resembles_a_device_is_not_reserved(device):
    before, behind = [f'{start}{device}' for start in ('x', 'a.', '_')], [f'{device}{end}' for end in 'x-0']
    for name in *before, *behind, device[:-1]:
        assert not is_reserved(name) and plain_label(name) == name, name


def test_ports_without_a_number_of_their_own_are_free():
    assert not any(map(is_reserved, ['com', 'com0', 'lpt0', 'com10', 'com⁴', 'conin', 'conout', 'lpt$', '']))


def test_python_thinks_so_too():
    import ntpath
    if not hasattr(ntpath, 'isreserved'):
        pytest.skip('Python 3.13 knows them itself')
    for name in (*DEVICES, 'NUL .txt', 'com0', 'console', 'cat'):
        assert ntpath.isreserved(name) == is_reserved(name), name


# Tables from spreadsheets

TABLES = {
    'of Excel, as Unicode text': 'file\tlabel\ncat/1.jpg\ta\ndog/1.jpg\tb\n'.encode('utf-16'),
    'of Excel, with its own first line': b'sep=;\r\nfile;label\r\ncat/1.jpg;a\r\ndog/1.jpg;b\r\n',
    'with ./ before the names': b'file,label\n./cat/1.jpg,a\n.\\dog\\1.jpg,b\n',
    'with a line twice': b'file,label\ncat/1.jpg,a\ncat/1.jpg,a\ndog/1.jpg,b\n',
    'with line breaks in other columns': b'file,note,label\ncat/1.jpg,"one\ntwo\x0bthree",a\ndog/1.jpg,,b\n',
}


@pytest.mark.parametrize('kind', TABLES)
def test_tables_as_people_have_them(tmp_path, kind):
    make(tmp_path/'photos', 'cat/1.jpg', 'dog/1.jpg')
    (tmp_path/'t.csv').write_bytes(TABLES[kind])
    photos = labelled_photos(tmp_path/'photos', labels=tmp_path/'t.csv')
    assert labels_by_file(photos) == {'cat/1.jpg': 'a', 'dog/1.jpg': 'b'}


def test_a_table_may_name_whole_paths(tmp_path):
    root = make(tmp_path/'photos', 'cat/1.jpg', 'dog/1.jpg')
    (tmp_path/'t.csv').write_text(f'file,label\n{root}/cat/1.jpg,a\n{root}/dog/1.jpg,b\n')
    assert labelled_photos(root, labels=tmp_path/'t.csv').counts == {'a': 1, 'b': 1}


BAD_TABLES = {
    'two labels for one file': (
        b'file,label\ncat/1.jpg,a\ncat/1.jpg,b\n', "two labels for cat/1.jpg: 'a' and 'b'"),
    'a cell that never ends': (b'file,label\ncat/1.jpg,"' + b'x'*200_000, 'not a table that can be read'),
    'another alphabet': ('file,label\ncat/1.jpg,猫\n'.encode('cp932'), 'not in UTF-8'),
    'a quote that is not closed': (b'file,label\ncat/1.jpg,"a\ndog/1.jpg,b\n', 'cannot be a label'),
}


@pytest.mark.parametrize('kind', BAD_TABLES)
def test_what_is_wrong_with_a_table_is_one_sentence(tmp_path, kind):
    data, reason = BAD_TABLES[kind]
    make(tmp_path/'photos', 'cat/1.jpg', 'dog/1.jpg')
    (tmp_path/'t.csv').write_bytes(data)
    with pytest.raises(ValueError, match=reason) as error:
        labelled_photos(tmp_path/'photos', labels=tmp_path/'t.csv')
    assert '\n' not in str(error.value)


def test_a_folder_is_no_table_and_an_empty_cell_no_label(tmp_path):
    make(tmp_path/'photos', 'cat/1.jpg', 'dog/1.jpg')
    (tmp_path/'t.csv').mkdir()
    with pytest.raises(IsADirectoryError, match='is a folder; give the file with the table'):
        labelled_photos(tmp_path/'photos', labels=tmp_path/'t.csv')
    (tmp_path/'u.csv').write_text('file,label\ncat/1.jpg,\ndog/1.jpg,b\n')
    photos = labelled_photos(tmp_path/'photos', labels=tmp_path/'u.csv')
    assert photos.counts == {'b': 1}
    assert any('1 photo is left alone' in note and 'it has no label in u.csv' in note
               for note in photos.notes)


# Manifests

@pytest.mark.parametrize('make_it', [getattr(os, 'mkfifo', os.mkdir), os.mkdir])
def test_a_manifest_that_is_no_file_keeps_nobody_waiting(tmp_path, make_it):
    make_it(tmp_path/MANIFEST)
    assert read_manifest(tmp_path) == {}


def test_a_reason_with_a_name_that_is_no_text_is_written_down(tmp_path):
    make(tmp_path, 'cat/a.jpg')
    write_manifest(tmp_path/'cat', {'1': row('1', file='a.jpg')})
    set_aside(tmp_path/'cat'/'a.jpg', tmp_path, 'the same photo as ' + os.fsdecode(b'caf\xe9.jpg'))
    assert read_manifest(tmp_path/'cat')['1'].reason == r'the same photo as caf\udce9.jpg'

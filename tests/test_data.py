"""Folders of photos: what is taken, what is refused, and that the split is the same every time."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from cat_or_dog.data import dataloaders, labelled_files, photo_files, readable
from cat_or_dog.engine.photo import pixels


def test_hidden_files_and_other_files_are_skipped(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    shutil.copy(folder / 'cat' / '000.jpg', folder / 'cat' / '.hidden.jpg')
    shutil.copy(folder / 'cat' / '000.jpg', folder / 'cat' / 'LOUD.JPG')
    (folder / 'cat' / 'manifest.jsonl').write_text('{}')
    (folder / '.trash').mkdir()
    shutil.copy(folder / 'cat' / '000.jpg', folder / '.trash' / 'x.jpg')
    (folder / 'notes.txt').write_text('')
    names = [f.name for f in photo_files(folder)]
    assert len(names) == 61 and 'LOUD.JPG' in names and '.hidden.jpg' not in names


def test_a_folder_without_a_photo_is_no_label(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    (folder / 'models').mkdir()
    assert len(photo_files(folder)) == 60
    assert dataloaders(folder).vocab == ['cat', 'dog']
    assert "'models' holds no photo and was left alone" in capsys.readouterr().out


def test_one_photo_a_label_is_enough_to_evaluate(tmp_path, drawn):
    (tmp_path / 'cat').mkdir()
    shutil.copy(drawn / 'cat' / '000.jpg', tmp_path / 'cat')
    assert len(labelled_files(tmp_path)) == 1


@pytest.mark.parametrize('cut', [0, 10, 2000])
def test_an_unreadable_photo_is_named_and_left_out(drawn, tmp_path, capsys, cut):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    torn = folder / 'dog' / '005.jpg'
    torn.write_bytes(torn.read_bytes()[:cut])
    assert torn not in readable(photo_files(folder))
    said = capsys.readouterr().out
    assert '1 of 60 photos' in said and 'dog/005.jpg' in said and str(folder) not in said


def test_a_photo_in_a_dangerous_format_is_not_opened(drawn, tmp_path, capsys):
    folder = shutil.copytree(drawn, tmp_path / 'photos')
    (folder / 'dog' / '005.jpg').write_bytes(
        b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n'
    )
    Image.new('1', (20_000, 20_000)).save(folder / 'dog' / 'bomb.png')
    assert len(readable(photo_files(folder))) == 59
    said = capsys.readouterr().out
    assert '005.jpg: this is not a photo' in said and 'bomb.png: it has more than' in said


def test_the_split_is_the_lessons_and_the_same_every_time(drawn):
    from fastai.vision.all import RandomSplitter

    first, second = dataloaders(drawn), dataloaders(drawn)
    files = photo_files(drawn)
    assert (
        first.valid_ds.items
        == second.valid_ds.items
        == [files[i] for i in RandomSplitter(0.2, seed=42)(files)[1]]
    )
    assert (first.train.one_batch()[1] == second.train.one_batch()[1]).all()  # and the order within an epoch


def test_a_part_called_valid_is_the_validation_set(drawn, tmp_path):
    for part, numbers in (('train', range(20)), ('valid', range(20, 25))):
        for label in ('cat', 'dog'):
            (tmp_path / part / label).mkdir(parents=True)
            for i in numbers:
                shutil.copy(drawn / label / f'{i:03}.jpg', tmp_path / part / label)
    dls = dataloaders(tmp_path, bs=100)
    assert {f.relative_to(tmp_path).parts[0] for f in dls.valid_ds.items} == {'valid'}
    assert (len(dls.train_ds), len(dls.valid_ds), dls.train.bs, dls.vocab) == (40, 10, 40, ['cat', 'dog'])
    assert [dls.vocab[y] for _, y in dls.valid_ds] == [f.parent.name for f in dls.valid_ds.items]


def test_deeper_trees_and_names_have_the_right_labels(drawn, tmp_path):
    for label in ('cat', 'dog'):
        (tmp_path / 'deep' / label / '2024').mkdir(parents=True)
        (tmp_path / 'flat').mkdir(exist_ok=True)
        for i in range(12):
            shutil.copy(drawn / label / f'{i:03}.jpg', tmp_path / 'deep' / label / '2024')
            shutil.copy(drawn / label / f'{i:03}.jpg', tmp_path / 'flat' / f'{label}.{i}.jpg')
    deep, flat = dataloaders(tmp_path / 'deep'), dataloaders(tmp_path / 'flat')
    assert [deep.vocab[y] for _, y in deep.train_ds] == [f.parent.parent.name for f in deep.train_ds.items]
    assert [flat.vocab[y] for _, y in flat.train_ds] == [f.name[:3] for f in flat.train_ds.items]


def test_a_batch_is_never_bigger_than_the_training_set(drawn):
    assert dataloaders(drawn, bs=500).train.bs == 48


def strange_photos(folder):
    "A photo that lies on its side, one that is see-through, and one with a palette, in both labels."
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8)).resize(
        (210, 140), Image.Resampling.BICUBIC
    )
    turned = Image.Exif()
    turned[0x0112] = 6
    through = noise.convert('RGBA')
    through.putalpha(noise.convert('L'))
    for label in ('cat', 'dog'):
        (folder / label).mkdir(parents=True)
        for i in range(4):
            noise.save(folder / label / f'{i}-turned.jpg', exif=turned)
            through.save(folder / label / f'{i}-through.png')
            noise.convert('P').save(folder / label / f'{i}-palette.gif', transparency=3)
    return folder


def test_fastai_sees_the_pixels_that_predict_sees(tmp_path):
    dls = dataloaders(strange_photos(tmp_path), size=96)
    batch = dls.valid.one_batch()[0]
    wanted = np.stack([pixels(file, 96) for file in dls.valid_ds.items])
    assert len({f.name.split('-')[1] for f in dls.valid_ds.items}) > 1
    got = np.rint(batch.cpu().numpy().transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    assert np.array_equal(got, wanted)


def test_a_learner_writes_nothing_among_the_photos(drawn, tmp_path, monkeypatch):
    from fastai.vision.all import accuracy, vision_learner
    from torchvision.models import resnet18

    folder = shutil.copytree(drawn, tmp_path / 'photos')
    before = sorted(folder.rglob('*'))
    folder.chmod(0o555)
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    learn = vision_learner(dataloaders(folder, size=64), resnet18, pretrained=False, metrics=accuracy)
    with learn.no_bar():
        learn.lr_find(num_it=2, show_plot=False, suggest_funcs=())
    assert sorted(folder.rglob('*')) == before
    assert (tmp_path / 'here' / learn.path / learn.model_dir).is_dir()


@pytest.mark.skipif(os.name == 'nt', reason='Windows keeps a folder that a program stands in')
def test_where_nothing_can_be_written_a_learner_gets_another_place(drawn, tmp_path, monkeypatch):
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()   # here not even root can write
    path = dataloaders(drawn).path
    assert path.is_absolute() and path.is_dir() and drawn not in path.parents

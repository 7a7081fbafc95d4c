"""Folders of photos: what is taken, what is refused, and that the split is the same every time."""
import shutil

import pytest

from cat_or_dog.data import dataloaders, labelled_files, photo_files, readable


def test_hidden_files_and_other_files_are_skipped(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    shutil.copy(folder/'cat'/'000.jpg', folder/'cat'/'.hidden.jpg')
    shutil.copy(folder/'cat'/'000.jpg', folder/'cat'/'LOUD.JPG')
    (folder/'cat'/'manifest.jsonl').write_text('{}')
    (folder/'.trash').mkdir()
    shutil.copy(folder/'cat'/'000.jpg', folder/'.trash'/'x.jpg')
    (folder/'notes.txt').write_text('')
    names = [f.name for f in photo_files(folder)]
    assert len(names) == 61 and 'LOUD.JPG' in names and '.hidden.jpg' not in names


def test_an_empty_label_is_named(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    (folder/'horse').mkdir()
    with pytest.raises(ValueError, match="Only 0 photos are labelled 'horse'"): photo_files(folder)


def test_one_photo_a_label_is_enough_to_evaluate(tmp_path, drawn):
    (tmp_path/'cat').mkdir()
    shutil.copy(drawn/'cat'/'000.jpg', tmp_path/'cat')
    assert len(labelled_files(tmp_path)) == 1


@pytest.mark.parametrize('cut', [0, 10, 2000])
def test_an_unreadable_photo_is_named_and_left_out(drawn, tmp_path, capsys, cut):
    folder = shutil.copytree(drawn, tmp_path/'photos')
    torn = folder/'dog'/'005.jpg'
    torn.write_bytes(torn.read_bytes()[:cut])
    assert torn not in readable(photo_files(folder))
    said = capsys.readouterr().out
    assert '1 of 60 photos' in said and 'dog/005.jpg' in said and str(folder) not in said


def test_the_split_is_the_lessons_and_the_same_every_time(drawn):
    from fastai.vision.all import RandomSplitter
    first, second = dataloaders(drawn), dataloaders(drawn)
    files = photo_files(drawn)
    assert first.valid_ds.items == second.valid_ds.items == [files[i] for i in RandomSplitter(0.2, seed=42)(files)[1]]
    assert (first.train.one_batch()[1] == second.train.one_batch()[1]).all()   # and the order within an epoch


def test_a_batch_is_never_bigger_than_the_training_set(drawn):
    assert dataloaders(drawn, bs=500).train.bs == 48

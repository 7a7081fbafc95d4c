"""The photos and the model that run through the lesson: made when they are not there, else left alone."""
import pytest

from cat_or_dog.engine import project
from cat_or_dog.engine.project import ENOUGH, LABELS, MODEL, PHOTOS, lesson_model, lesson_photos
from cat_or_dog.predict import Classifier


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def contents():
    return {file: file.read_bytes() for file in PHOTOS.glob('*/*.jpg')}


def test_photos_are_made_once(capsys):
    assert lesson_photos(40) == PHOTOS
    assert capsys.readouterr().out.count('There are no photos in cat_or_not yet') == 1
    photos = contents()
    assert {file.parent.name for file in photos} == set(LABELS) and len(photos) >= 2*ENOUGH
    assert lesson_photos(40) == PHOTOS and capsys.readouterr().out == '' and contents() == photos


def test_a_download_that_stopped_early_goes_on(capsys):
    lesson_photos(40)
    photos = contents()
    dogs = sorted((PHOTOS/'dog').glob('*.jpg'))
    for file in dogs[:-ENOUGH + 1]:
        file.unlink()
    capsys.readouterr()
    lesson_photos(40)
    assert 'There are no photos' in capsys.readouterr().out and contents() == photos


def test_the_model_is_made_once_and_again_when_it_is_torn(capsys, monkeypatch):
    lesson_photos(40)
    assert lesson_model() == MODEL and 'training one now' in capsys.readouterr().out
    model = MODEL.read_bytes()
    assert sorted(Classifier.load(MODEL).labels) == sorted(LABELS)
    with monkeypatch.context() as patch:
        patch.setattr(project, 'lesson_photos', lambda: pytest.fail('it was trained again'))
        assert lesson_model() == MODEL and MODEL.read_bytes() == model and capsys.readouterr().out == ''
    MODEL.write_bytes(model[:1000])
    lesson_model()
    assert 'training one now' in capsys.readouterr().out and Classifier.load(MODEL).labels

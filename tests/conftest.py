"""What all tests share: no live web, and the real photos beside the checkout."""
import os
from pathlib import Path

import pytest

os.environ['CAT_OR_DOG_OFFLINE'] = '1'   # tests never ask the live web; its answers are recorded or played by local servers
root = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def photos():
    "Folder with train/{cat,dog} and valid/{cat,dog}: real photos, kept beside the checkout and never in it."
    folder = Path(os.environ.get('CAT_OR_DOG_PHOTOS', root.parent/'shared'/'photos'))
    if folder.is_dir(): return folder
    reason = f'The real photos are not at {folder}; set CAT_OR_DOG_PHOTOS to where they are.'
    if os.environ.get('CI') == 'true': pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope='session')
def drawn(tmp_path_factory):
    "Folder with 30 drawings of each label."
    from cat_or_dog.engine.drawings import draw
    folder = tmp_path_factory.mktemp('drawn')
    for label in ('cat', 'dog'):
        (folder/label).mkdir()
        for i in range(30): draw(label, i).save(folder/label/f'{i:03}.jpg')
    return folder


@pytest.fixture(scope='session')
def model_file(drawn):
    "A model trained on the drawings of `drawn`."
    from cat_or_dog.train import train
    return train(drawn).save(drawn.parent/'drawn-model.onnx')

"""The wheel, alone in an empty environment: small, without torch, and it predicts."""
import json, subprocess, sys, venv, zipfile
from urllib.request import urlopen

import pytest

from cat_or_dog.engine.drawings import draw
from house import ROOT as root


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    subprocess.run([sys.executable, '-m', 'build', '--wheel', '--outdir', folder, root], check=True, capture_output=True)
    return next(folder.glob('*.whl'))


def test_what_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split('/')[0] for n in names if '.dist-info' not in n} == {'cat_or_dog'}
    library = [*(root/'cat_or_dog').glob('*.py'), *(root/'cat_or_dog'/'static').iterdir()]
    assert {n for n in names if n.startswith('cat_or_dog/')} == {p.relative_to(root).as_posix() for p in library}


def test_wheel_alone(wheel, tmp_path, model_file):
    venv.create(tmp_path/'env', with_pip=True)
    python, command = tmp_path/'env'/'bin'/'python', tmp_path/'env'/'bin'/'cat-or-dog'
    subprocess.run([python, '-m', 'pip', 'install', '--quiet', wheel], check=True)
    installed = subprocess.run([python, '-m', 'pip', 'list'], check=True, capture_output=True, text=True).stdout
    assert 'torch' not in installed and 'fastai' not in installed
    assert 'predict' in subprocess.run([command, '--help'], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    draw('dog', 44).save(tmp_path/'dog.jpg')
    said = subprocess.run([command, 'predict', 'dog.jpg', '--model', model_file], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert said.startswith('dog.jpg: dog')
    with subprocess.Popen([command, 'app', '--model', model_file, '--port', '0', '--json'], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as app:
        page = urlopen(json.loads(app.stdout.readline())['url']).read().decode()   # a wheel, a model file and one command
        app.terminate()
    assert '<h1 data-text="title">Cat or dog?</h1>' in page
    refused = subprocess.run([command, 'train', '.', '--out', 'm.onnx'], capture_output=True, text=True, cwd=tmp_path)
    assert refused.returncode == 1 and 'Traceback' not in refused.stderr


def test_modules_of_the_base_install_import_no_heavy_ones():
    program = '''
import sys
import cat_or_dog.cli, cat_or_dog.search, cat_or_dog.download, cat_or_dog.data, cat_or_dog.predict, cat_or_dog.page
print(sorted({'torch', 'fastai', 'sklearn', 'scipy', 'pandas', 'matplotlib', 'onnx', 'timm', 'ddgs', 'IPython'} & set(sys.modules)))'''
    assert subprocess.run([sys.executable, '-c', program], check=True, capture_output=True, text=True).stdout.strip() == '[]'

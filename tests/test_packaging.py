"""The wheel, alone in an empty environment: small, without torch, and it predicts."""
import subprocess, sys, venv, zipfile

import pytest

from cat_or_dog.drawings import draw
from run_notebooks import root


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    subprocess.run([sys.executable, '-m', 'build', '--wheel', '--outdir', folder, root], check=True, capture_output=True)
    return next(folder.glob('*.whl'))


def test_what_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split('/')[0] for n in names if '.dist-info' not in n} == {'cat_or_dog'}
    assert {n.split('/')[1] for n in names if n.startswith('cat_or_dog/')} == {p.name for p in (root/'cat_or_dog').glob('*.py')}


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
    refused = subprocess.run([command, 'train', '.', '--out', 'm.onnx'], capture_output=True, text=True, cwd=tmp_path)
    assert refused.returncode == 1 and 'Traceback' not in refused.stderr


def test_modules_of_the_base_install_import_no_heavy_ones():
    program = '''
import sys
import cat_or_dog.cli, cat_or_dog.search, cat_or_dog.download, cat_or_dog.data, cat_or_dog.predict
print(sorted({'torch', 'fastai', 'sklearn', 'scipy', 'pandas', 'matplotlib', 'onnx', 'timm', 'ddgs', 'IPython'} & set(sys.modules)))'''
    assert subprocess.run([sys.executable, '-c', program], check=True, capture_output=True, text=True).stdout.strip() == '[]'

"""The wheel in an empty environment: without torch it predicts, and with the extra `train` it trains."""
import json
import os
import subprocess
import sys
import venv
import zipfile
from configparser import ConfigParser
from urllib.request import urlopen

import pytest
from house import ROOT
from packaging.requirements import Requirement

from cat_or_dog.engine.drawings import draw

HEAVY = {
    'torch',
    'fastai',
    'sklearn',
    'scipy',
    'pandas',
    'matplotlib',
    'onnx',
    'timm',
    'ddgs',
    'IPython',
    'ipywidgets',
}

# else the checkout is found
ALONE = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}


def said(*command, env=ALONE, **options):
    "What a program writes; an error if it fails."
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env, **options).stdout


def loaded(statement):
    "The modules that are loaded after `statement`, in a fresh Python."
    program = f'{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))'
    return set(json.loads(said(sys.executable, '-c', program, cwd=ROOT).splitlines()[-1]))


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    said(sys.executable, '-m', 'build', '--outdir', folder, ROOT)   # the wheel is made from the sdist
    return next(folder.glob('*.whl'))


@pytest.mark.slow
def test_both_packages_are_as_pypi_wants_them(wheel):
    sdist = next(wheel.parent.glob('*.tar.gz'))
    said(sys.executable, '-m', 'twine', 'check', '--strict', wheel, sdist)


@pytest.mark.slow
def test_what_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split('/')[0] for name in names if '.dist-info' not in name} == {'cat_or_dog'}
    files = [
        file
        for file in (ROOT/'cat_or_dog').rglob('*')
        if file.is_file() and '__pycache__' not in file.parts
    ]
    expected = {file.relative_to(ROOT).as_posix() for file in files}
    assert {name for name in names if name.startswith('cat_or_dog/')} == expected
    assert {'cat_or_dog/py.typed', 'cat_or_dog/weights/body.onnx', 'cat_or_dog/engine/photo.py'} <= expected


@pytest.fixture(scope='module')
def bare(wheel, tmp_path_factory):
    "The programs of an environment with the wheel and nothing else."
    folder = tmp_path_factory.mktemp('env')
    venv.create(folder, with_pip=True)
    programs = folder/('Scripts' if os.name == 'nt' else 'bin')
    said(programs/'python', '-m', 'pip', 'install', '--quiet', wheel)
    return programs


@pytest.mark.slow
def test_the_wheel_alone_predicts(bare, tmp_path, model_file):
    command = bare/'cat-or-dog'
    installed = said(bare/'python', '-m', 'pip', 'list')
    assert not [name for name in ('torch', 'fastai', 'scipy', 'onnx ') if name in installed]
    assert 'predict' in said(command, '--help', cwd=tmp_path)
    as_module = said(bare/'python', '-m', 'cat_or_dog', '--version', cwd=tmp_path)
    assert as_module == said(command, '--version', cwd=tmp_path)
    draw('dog', 44).save(tmp_path/'dog.jpg')
    assert said(command, 'predict', 'dog.jpg', '--model', model_file, cwd=tmp_path).startswith('dog.jpg: dog')


@pytest.mark.slow
def test_the_wheel_alone_serves_its_page(bare, tmp_path, model_file):
    serve = [bare/'cat-or-dog', 'app', '--model', model_file, '--port', '0', '--json']
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=ALONE) as app:
        page = urlopen(json.loads(app.stdout.readline())['url']).read().decode()
        app.terminate()
    assert '<h1 data-text="title">Cat or dog?</h1>' in page


@pytest.mark.slow
def test_the_extra_train_is_named_and_is_enough(bare, wheel, tmp_path, drawn):
    train = [bare/'cat-or-dog', 'train', drawn, '--out', 'm.onnx']
    refused = subprocess.run(train, capture_output=True, text=True, cwd=tmp_path, env=ALONE)
    assert refused.returncode == 1 and '[train]' in refused.stderr and 'Traceback' not in refused.stderr
    said(bare/'python', '-m', 'pip', 'install', '--quiet', f'{wheel}[train]')
    fresh = ALONE | {'CAT_OR_DOG_CACHE': str(tmp_path/'cache')}   # nothing that another Python has computed
    said(*train, cwd=tmp_path, env=fresh)
    draw('cat', 44).save(tmp_path/'cat.jpg')
    answer = said(bare/'cat-or-dog', 'predict', 'cat.jpg', '--model', 'm.onnx', cwd=tmp_path)
    assert answer.startswith('cat.jpg: cat')
    assert 'torch' not in said(bare/'python', '-m', 'pip', 'list')


@pytest.mark.parametrize('module', ['search', 'download', 'data', 'predict', 'engine.cli', 'engine.page',
                                    'engine.server', 'engine.clean', 'engine.onnx_file', 'train'])
def test_modules_of_the_base_install_import_no_heavy_ones(module):
    assert HEAVY & loaded(f'import cat_or_dog.{module}') == set()


def test_the_ground_floor_and_the_front_door_load_no_onnx_runtime():
    for statement in ('import cat_or_dog', 'import cat_or_dog.engine.fetch', 'import cat_or_dog.engine.cli',
                      'from cat_or_dog.engine.cli import make_parser; make_parser()'):
        assert {'onnxruntime', 'httpx', 'numpy', 'PIL'} & loaded(statement) <= {
            'import cat_or_dog.engine.fetch': {'httpx'}}.get(statement, set()), statement


def test_names_of_the_package_come_when_they_are_asked_for():
    assert not {
        name for name in loaded('import cat_or_dog; dir(cat_or_dog)') if name.startswith('cat_or_dog.')
    }
    code = '''
from cat_or_dog import Classifier, download_photos, search_images, train
import cat_or_dog, cat_or_dog.train, cat_or_dog.predict
assert Classifier is cat_or_dog.predict.Classifier and callable(train) and callable(cat_or_dog.train.train)
assert {'Classifier', 'train', 'search_images', 'download_photos'} <= set(dir(cat_or_dog))
try: cat_or_dog.nothing
except AttributeError as error: print(error)'''
    assert (
        said(sys.executable, '-c', code, cwd=ROOT).strip() == "module 'cat_or_dog' has no attribute 'nothing'"
    )


def test_what_ci_installs_is_what_the_settings_ask_for():
    "uv.lock names PyPI only, and was made from today's settings.ini; `make lock` makes it anew."
    tomllib = pytest.importorskip('tomllib', reason='Python 3.11 and newer')
    settings = ConfigParser(interpolation=None, delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    project = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))['project']
    assert project['requires-python'] == f">={settings['DEFAULT']['min_python']}"
    lock = tomllib.loads((ROOT/'uv.lock').read_text(encoding='utf-8'))
    assert lock['requires-python'] == project['requires-python']
    own, = (one for one in lock['package'] if one['name'] == 'cat-or-dog')
    others = [one['source'] for one in lock['package'] if one is not own]
    assert all(source == {'registry': 'https://pypi.org/simple'} for source in others)
    locked = {(one['name'], one.get('specifier', '')) for one in own['metadata']['requires-dist']}
    asked = [Requirement(one) for name, line in settings['DEFAULT'].items() if name.endswith('requirements')
             for one in line.split()]
    assert locked == {(one.name.lower().replace('_', '-'), str(one.specifier)) for one in asked}


def test_the_version_is_the_one_of_the_settings():
    import cat_or_dog
    settings = (ROOT/'settings.ini').read_text(encoding='utf-8')
    assert f'\nversion = {cat_or_dog.__version__}\n' in settings
    assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'


@pytest.mark.parametrize('extra', ['app', 'train', 'many', 'clean', 'course', 'notebooks'])
def test_a_missing_package_is_answered_with_the_extra_that_brings_it(extra):
    from cat_or_dog.engine.cli import missing
    settings = ConfigParser(interpolation=None, delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    imported_as = {'scikit-learn': 'sklearn', 'scikit-image': 'skimage'}
    for requirement in settings['DEFAULT'][f'{extra}_requirements'].split():
        name = requirement.split('>=')[0].partition('[')[0]   # ray[data] is imported as ray
        package = imported_as.get(name, name.replace('-', '_'))
        assert missing(package).endswith(f"pip install 'cat_or_dog[{extra}]'"), package

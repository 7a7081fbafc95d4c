"""The address of the project: one setting, and what is written from it; tried with an example in a copy."""
import json
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import badges
import nbformat
import pytest
from house import NBS, ROOT, lesson_pages

ADDRESS = 'https://github.com/example-owner/cat.or_dog'
PAGE = NBS/'ja'/'03_data.ipynb'
WRITTEN = ['README.md', 'README.ja.md', 'CITATION.cff', 'settings.ini', 'nbs', 'tools', 'cat_or_dog/language',
           'setup.py', 'pyproject.toml']


def links(line):
    "Picture and link of each badge on a line, by its words."
    return {words: (picture, link)
            for words, picture, link in re.findall(r'\[!\[([^]]+)\]\(([^)]+)\)\]\(([^)]+)\)', line)}


def test_every_badge_has_the_form_of_its_site():
    found = links(badges.badges(PAGE, ADDRESS))
    place = 'example-owner/cat.or_dog/blob/main/nbs/ja/03_data.ipynb'
    assert {words: link for words, (_, link) in found.items()} == {
        'Open in Colab': f'https://colab.research.google.com/github/{place}',
        'Open in Kaggle': f'https://kaggle.com/kernels/welcome?src=https://github.com/{place}',
        'Open in Binder':
            'https://mybinder.org/v2/gh/example-owner/cat.or_dog/main?labpath=nbs%2Fja%2F03_data.ipynb',
        'Open in Codespaces': 'https://codespaces.new/example-owner/cat.or_dog?quickstart=1'}
    assert all(picture.startswith('https://') and picture.endswith('.svg') for picture, _ in found.values())


def test_without_an_address_there_are_none():
    assert badges.badges(PAGE, '') == ''
    assert '[![' not in badges.below_the_line(PAGE, '')
    assert '%pip' not in badges.setup_source(PAGE, '')


def test_what_is_named_in_colab_is_the_wheel_of_this_version():
    version = re.search('^version = (.*)$', (ROOT/'settings.ini').read_text(encoding='utf-8'), re.M)[1]
    line = f'%pip install -q --no-deps /content/cat_or_dog-{version}-py3-none-any.whl'
    page = nbformat.read(NBS/'engine'/'setup.ipynb', as_version=4)
    told = [*badges.NO_ADDRESS.values(), '\n'.join(cell.source for cell in page.cells)]
    assert [line in text for text in told] == [True]*3


@pytest.mark.parametrize('address, is_one', [
    (ADDRESS, True), ('', True), ('example-owner/cat_or_dog', False), ('http://github.com/a/b', False),
    ('https://github.com/a/b/', False), ('https://github.com/a', False), ('https://gitlab.com/a/b', False),
    ("https://github.com/a/b'; rm", False), ('https://github.com/a/b.git', False),
    ('https://github.com/a/b.github', True), ('https://github.com/a/\u0441at', False)])
def test_the_setting_is_an_address_or_nothing(monkeypatch, tmp_path, address, is_one):
    monkeypatch.setattr(badges, 'ROOT', tmp_path)
    (tmp_path/'settings.ini').write_text(f'[DEFAULT]\nrepository = {address}\n', encoding='utf-8')
    if is_one:
        assert badges.repository() == address
    else:
        with pytest.raises(ValueError, match='OWNER/NAME'):
            badges.repository()


def test_the_index_and_the_citation_are_the_same_again_without_it():
    text = 'x\n\n[日本語で読む](ja/index.ipynb)\n\n```sh\ngit clone THIS_REPOSITORY cat_or_dog && cd\n```'
    page = NBS/'index.ipynb'
    there = badges.with_address(text, page, ADDRESS)
    assert f'git clone {ADDRESS} cat_or_dog' in there and there.count('[![') == 4
    assert badges.with_address(there, page, '') == text
    assert badges.with_address(there, page, ADDRESS) == there
    paper = badges.CITATION.read_text(encoding='utf-8')
    assert f'\nrepository-code: {ADDRESS}\n' in badges.citation(paper, ADDRESS)
    assert badges.citation(badges.citation(paper, ADDRESS), '') == badges.citation(paper, '')


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    "What the tool writes, in a copy of its own."
    folder = tmp_path_factory.mktemp('copy')
    for name in WRITTEN:
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT/name).is_dir():
            shutil.copytree(ROOT/name, folder/name, ignore=shutil.ignore_patterns('engine', '__pycache__',
                                                                                  'cat_or_not*', 'first_try'))
        else:
            shutil.copy(ROOT/name, folder/name)
    (folder/'nbs'/'engine').mkdir()
    shutil.copy(NBS/'engine'/'glossary.ipynb', folder/'nbs'/'engine')
    return folder


def write(folder, address):
    "Set the address, and write everything."
    file = folder/'settings.ini'
    text = file.read_text(encoding='utf-8')
    file.write_text(re.sub('^repository =.*$', f'repository = {address}'.strip(), text, flags=re.M),
                    encoding='utf-8')
    return subprocess.run([sys.executable, 'tools/badges.py'], cwd=folder, capture_output=True, text=True)


def texts(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob('*'))
            if file.suffix in ('.md', '.cff', '.ipynb', '.json', '.ini')}


@pytest.mark.slow
def test_an_example_address_in_a_copy_of_the_tree(copy):
    before = texts(copy)
    done = write(copy, ADDRESS)
    assert done.returncode == 0, done.stdout + done.stderr
    japanese = copy/'nbs'/'ja'
    pages = [folder/page.name for page in lesson_pages() for folder in (copy/'nbs', japanese)]
    assert len(pages) == 22
    for page in pages:
        cells = {cell.id: cell.source for cell in nbformat.read(page, as_version=4).cells}
        found = links(cells['edition'])
        assert len(found) == 4, page
        for words in 'Open in Colab', 'Open in Kaggle':
            assert copy/found[words][1].partition('/blob/main/')[2] == page
        assert copy/unquote(found['Open in Binder'][1].partition('labpath=')[2]) == page
        assert f'    %pip install -q --no-deps {ADDRESS}/archive/main.zip\n' in cells['setup']
    for name in 'README.md', 'README.ja.md':
        text = (copy/name).read_text(encoding='utf-8')
        assert len(links(text)) == 4 and f'git clone {ADDRESS} cat_or_dog' in text
        assert all(word not in text for word in badges.NO_ADDRESS.values())
    check = subprocess.run([sys.executable, 'tools/japanese.py', '--check'], cwd=copy, capture_output=True,
                           text=True)
    assert check.returncode == 0, check.stdout
    assert write(copy, '').returncode == 0
    after = texts(copy)
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.slow
def test_a_page_that_was_changed_by_hand_is_named(copy):
    page = copy/'nbs'/'02_download.ipynb'
    text = page.read_text(encoding='utf-8')
    page.write_text(text.replace("get_ready('course')", "get_ready('app')"), encoding='utf-8')
    check = subprocess.run([sys.executable, 'tools/badges.py', '--check'], cwd=copy, capture_output=True,
                           text=True)
    page.write_text(text, encoding='utf-8')
    assert check.returncode == 1 and 'nbs/02_download.ipynb' in check.stdout


@pytest.mark.slow
@pytest.mark.parametrize('address', ['', ADDRESS])
def test_the_metadata_names_the_address_and_nothing_while_it_is_empty(copy, tmp_path, address):
    for name in 'settings.ini', 'setup.py', 'pyproject.toml', 'README.md':
        shutil.copy(copy/name, tmp_path)
    (tmp_path/'cat_or_dog').mkdir()
    (tmp_path/'cat_or_dog'/'__init__.py').touch()
    file = tmp_path/'settings.ini'
    text = re.sub('^repository =.*$', f'repository = {address}'.strip(), file.read_text(encoding='utf-8'),
                  flags=re.M)
    file.write_text(text, encoding='utf-8')
    code = 'from setuptools.build_meta import prepare_metadata_for_build_wheel as p; print(p("."))'
    done = subprocess.run([sys.executable, '-W', 'error::UserWarning', '-c', code], cwd=tmp_path,
                          capture_output=True, text=True, check=True)
    metadata = (tmp_path/done.stdout.splitlines()[-1]/'METADATA').read_text(encoding='utf-8')
    urls = [f'Project-URL: Source, {address}'] if address else []
    assert [line for line in metadata.splitlines() if line.startswith('Project-URL')] == urls


def test_binder_and_codespaces_install_what_the_makefile_installs():
    makefile = (ROOT/'Makefile').read_text(encoding='utf-8')
    wanted = re.search(r"^\.venv/\.lesson:.*?--editable '(\.\[[^']+\])'", makefile, re.M | re.S)[1]
    script = (ROOT/'.binder'/'postBuild').read_text(encoding='utf-8')
    assert re.findall(r"--editable '([^']+)'", script) == [wanted]
    container = json.loads((ROOT/'.devcontainer'/'devcontainer.json').read_text(encoding='utf-8'))
    target = container['postCreateCommand'].removeprefix('make ')
    assert f'\n{target}:' in makefile
    opened = container['customizations']['codespaces']['openFiles']
    assert opened and all((ROOT/name).exists() for name in opened)


def test_the_script_for_binder_is_one_that_bash_reads():
    script = ROOT/'.binder'/'postBuild'
    assert script.read_bytes().startswith(b'#!/usr/bin/env bash\n')
    subprocess.run(['bash', '-n', script], check=True)

"""The notebooks' upload buttons in a real browser: JupyterLab, Notebook and Voila, ipywidgets 7 and 8."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import nbformat
import numpy as np
import pytest
from browser import artefacts, barriers, chromium, screenshot
from house import ROOT as root
from PIL import Image
from playwright.sync_api import expect

from cat_or_dog.engine.drawings import draw

# ipywidgets 8 in a folder of its own, put there by the Makefile: fastbook keeps 7 in the environment
widgets8 = Path(sys.prefix)/'widgets8'
# no question in the corner of a screenshot
SETTINGS = {'apputils-extension/notification': '{"fetchNews": "false", "checkForUpdates": false}'}

# how make notebook makes room for big photos
room = re.search("^ROOM := (.*?)'(.*)'$", (root/'Makefile').read_text(), re.M)


def environment(version, folder):
    "Variables for a Jupyter with ipywidgets `version`, whose settings are all in `folder`."
    own = {
        f'{name}_DIR': str(folder/name)
        for name in ('JUPYTER_CONFIG', 'JUPYTERLAB_SETTINGS', 'JUPYTERLAB_WORKSPACES', 'JUPYTER_RUNTIME',
                     'JUPYTER_DATA')   # in it is which notebooks are trusted
    }
    own |= {'IPYTHONDIR': str(folder/'ipython'), 'PYTHONPATH': str(root), 'PYTHONWARNINGS': 'ignore',
            # 00 has a cell that calls pip: it must change nothing here
            'PIP_DRY_RUN': '1', 'PIP_RETRIES': '0'}
    if version == 8:
        own |= {
            'PYTHONPATH': f'{widgets8}{os.pathsep}{root}',
            'JUPYTER_PATH': str(widgets8/'share'/'jupyter'),
        }
    return os.environ | own


def sign(version, folder, *pages):
    "Trust `pages`, as Jupyter does with what was run on this computer."
    command = [sys.executable, '-m', 'jupyter', 'trust', *pages]
    subprocess.run(
        command, cwd=folder/'nbs', env=environment(version, folder), check=True, capture_output=True
    )


@contextmanager
def running(version, folder, *command):
    "A Jupyter server on a free port, until the end of the block; its address."
    with socket.create_server(('127.0.0.1', 0)) as s:
        port = s.getsockname()[1]
    address = f'http://127.0.0.1:{port}'
    with open(artefacts/f'{command[0]}-widgets{version}.log', 'w') as log:
        server = subprocess.Popen(
            [sys.executable, '-m', *command, '--no-browser', f'--port={port}'],
            cwd=folder/'nbs',
            stdout=log,
            stderr=log,
            env=environment(version, folder),
        )
    try:
        for _ in range(300):
            assert server.poll() is None, f'{command[0]} has stopped; {log.name} says why'
            try:
                urlopen(address)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope='module')
def browser():
    artefacts.mkdir(exist_ok=True)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope='module', params=[7, 8], ids='widgets{}'.format)
def jupyter(request, browser, tmp_path_factory):
    "JupyterLab with Notebook 7, and Voila, on copies of the notebooks."
    if request.param == 8 and not widgets8.is_dir():
        reason = f'There is no ipywidgets 8 in {widgets8}: make test puts it there.'
        pytest.fail(reason) if os.environ.get('CI') == 'true' else pytest.skip(reason)
    folder = tmp_path_factory.mktemp('jupyter')
    shutil.copytree(
        root/'nbs',
        folder/'nbs',
        ignore=shutil.ignore_patterns('cat_or_not', 'models', '.ipynb_checkpoints', '*.onnx'),
    )
    one_line = nbformat.v4.new_code_cell(
        'import ipywidgets; print(f"the kernel has ipywidgets {ipywidgets.__version__}")'
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[one_line]), folder/'nbs'/'version.ipynb')
    # with 7 the whole first page runs as it is; with 8 it trains one epoch instead of three, to save time
    if request.param == 8:
        page = folder/'nbs'/'00_introduction.ipynb'
        page.write_text(
            page.read_text(encoding='utf-8').replace('fine_tune(3)', 'fine_tune(1)'), encoding='utf-8'
        )
    sign(request.param, folder, '07_theory.ipynb', '08_limits.ipynb')
    strange = nbformat.read(folder/'nbs'/'08_limits.ipynb', as_version=4)
    strange.cells.insert(0, nbformat.v4.new_markdown_cell('By somebody whom this computer does not know.'))
    nbformat.write(strange, folder/'nbs'/'untrusted.ipynb')
    for name, text in SETTINGS.items():
        file = folder/'JUPYTERLAB_SETTINGS'/'@jupyterlab'/f'{name}.jupyterlab-settings'
        file.parent.mkdir(parents=True)
        file.write_text(text)
    lab = (
        'jupyter',
        'lab',
        '--allow-root',
        '--IdentityProvider.token=',
        '--ServerApp.port_retries=0',
        room[1] + room[2],
    )
    with running(request.param, folder, *lab) as lab, running(request.param, folder, 'voila', '.') as voila:
        yield SimpleNamespace(
            version=request.param,
            lab=f'{lab}/lab/tree',
            notebook=f'{lab}/notebooks',
            voila=f'{voila}/voila/render',
            address=lab,
        )


@pytest.fixture
def page(browser):
    with browser.new_context(viewport=dict(width=1100, height=900)) as context:
        yield context.new_page()


@pytest.fixture(scope='module')
def uploaded(tmp_path_factory):
    "A drawing of a dog, one of a cat with a Japanese name, and a text file that claims to be a photo."
    folder = tmp_path_factory.mktemp('uploads')
    draw('dog', 904).save(folder/'dog.jpg')
    draw('cat', 905).save(folder/'ねこ.png')
    (folder/'diary.jpg').write_text('Dear diary')
    return [folder/name for name in ('dog.jpg', 'ねこ.png', 'diary.jpg')]


@pytest.fixture(scope='module')
def big(tmp_path_factory):
    "Two photos of more than 10 MB together, as a phone takes them; noise, so that JPEG cannot make it small."
    folder = tmp_path_factory.mktemp('big')
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (2400, 3200, 3), dtype=np.uint8))
    for name in ('one.jpg', 'two.jpg'):
        noise.save(folder/name, quality=90)
    assert sum(f.stat().st_size for f in folder.iterdir()) > 10*2**20
    return sorted(folder.iterdir())


def open_notebook(jupyter, page, where, name):
    page.goto(f'{getattr(jupyter, where)}/{name}?reset', wait_until='commit')
    if where != 'voila':
        page.locator('.jp-NotebookPanel-notebook').wait_for(timeout=60_000)


def run_notebook(jupyter, page, where, name):
    "Open a notebook and run all its cells, as a person does."
    open_notebook(jupyter, page, where, name)
    if where == 'voila':
        return  # it runs them by itself
    for _ in range(300):
        sessions = json.load(urlopen(f'{jupyter.address}/api/sessions'))
        if any(
            s['path'] == name and s['kernel']['connections'] and s['kernel']['execution_state'] == 'idle'
            for s in sessions
        ):
            break
        page.wait_for_timeout(200)
    run_menu(page, 'Run All Cells')


def run_menu(page, entry):
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name=entry, exact=True).click()


def choose(page, button, files):
    "Press `button` with the keyboard, and give the files to the dialog that opens."
    button.scroll_into_view_if_needed()
    with page.expect_file_chooser() as dialog:
        button.press('Enter')
    dialog.value.set_files(files)


def test_the_versions_are_the_ones_we_mean(jupyter, page):
    page.goto(f'{jupyter.voila}/version.ipynb', wait_until='commit')
    expect(page.get_by_text(f'the kernel has ipywidgets {jupyter.version}.')).to_be_visible(timeout=60_000)
    manager = (
        urlopen(f'{jupyter.address}/lab/extensions/@jupyter-widgets/jupyterlab-manager/package.json')
        .read()
        .decode()
    )
    # the browser's half has numbers of its own
    assert re.search(r'"version": "(\d)', manager)[1] == {7: '3', 8: '5'}[jupyter.version]


@pytest.mark.parametrize('where', ['lab', 'notebook', 'voila'])
def test_app(jupyter, page, uploaded, big, where):
    "Each photo gets its card, what is none a sentence; the same photo can come again; and big ones can come."
    run_notebook(jupyter, page, where, '06_app.ipynb')
    button = page.get_by_role('button', name='Choose photos')
    button.wait_for(state='attached', timeout=240_000)
    choose(page, button, uploaded)
    app = page.locator('.widget-vbox', has=button).last
    said = 'Done. Photos answered: 2; not answered: 1.'
    expect(app.get_by_role('status')).to_have_text(said, timeout=30_000)
    dog, cat, diary = app.locator('.widget-html-content > div').all()
    expect(dog).to_contain_text('dog.jpg')
    expect(cat).to_contain_text('ねこ.png')
    expect(diary).to_contain_text('diary.jpg: this is not a photo')
    for card, label in (dog, 'dog'), (cat, 'cat'):
        # the most probable one comes first
        assert card.get_by_role('rowheader').all_text_contents()[0] == label
        assert card.get_by_role('img').count() == 2
        for image in card.get_by_role('img').all():
            assert image.get_attribute('alt') and image.evaluate(
                'image => image.complete && image.naturalWidth > 100'
            )
    screenshot(page, f'app-{where}-widgets{jupyter.version}', full_page=False)
    assert barriers(page, '.widget-vbox') == []
    choose(page, button, uploaded[:1])
    expect(app.get_by_role('status')).to_have_text('Done. Photos answered: 1.', timeout=30_000)
    if where == 'lab':
        choose(page, button, big)
        expect(app.get_by_role('status')).to_have_text('Done. Photos answered: 2.', timeout=60_000)


def test_introduction(jupyter, page, uploaded):
    "The article's own way: run the page, upload a photo, run the cells below the button."
    run_notebook(jupyter, page, 'lab', '00_introduction.ipynb')
    printed = page.locator('.jp-OutputArea-output', has_text="Probability it's a cat:")
    # fastbook's own cat: nobody has uploaded anything yet
    expect(printed).to_have_text(re.compile('This is a cat'), timeout=600_000)
    of_the_cat = printed.text_content()
    choose(page, page.get_by_role('button', name='Upload (0)'), uploaded[0])
    expect(page.get_by_role('button', name='Upload (1)')).to_be_visible()
    reader = page.locator('.jp-CodeCell', has_text='if not uploader.value')
    reader.locator('.cm-content').click()
    run_menu(page, 'Run Selected Cell and All Below')
    # Which label it gives to one drawing is not the page's promise: on a few in a hundred it is wrong.
    expect(printed).not_to_have_text(of_the_cat, timeout=60_000)
    expect(printed).to_have_text(re.compile('This is a (cat|dog)'))
    preview = reader.locator('.jp-OutputArea-output img')
    # the drawing has 320 × 240
    assert preview.evaluate('image => [image.naturalWidth, image.naturalHeight]') == [256, 192]
    preview.scroll_into_view_if_needed()
    screenshot(page, f'introduction-widgets{jupyter.version}', full_page=False)


def scrolled_to(page, selector):
    "The first `selector` of a long page. Jupyter puts on it only what is near the screen, so we go and look."
    found = page.locator(selector).first
    page.mouse.move(550, 500)
    for _ in range(300):
        if found.count() and found.is_visible():
            found.scroll_into_view_if_needed()
            return found
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(100)
    raise AssertionError(f'There is no {selector} on this page.')


def press(page, element, key, times):
    element.focus()
    for _ in range(times):
        page.keyboard.press(key)


@pytest.mark.parametrize('where', ['lab', 'notebook'])
def test_slider_of_a_trusted_page(jupyter, page, where):
    "The threshold of 08 moves with the keyboard, without a cell that was run; and its numbers with it."
    open_notebook(jupyter, page, where, '08_limits.ipynb')
    page.wait_for_timeout(6000)   # a reader reads first: longer than the script looks for its place
    slider = scrolled_to(page, '[data-live] input[type=range]')
    said = page.locator('[data-live] output')
    expect(said).to_contain_text('From 0.50 on')
    before = said.text_content()
    press(page, slider, 'ArrowLeft', 47)
    expect(said).to_contain_text('From 0.03 on')
    found = [int(re.search(r'Found: (\d+)', text)[1]) for text in (before, said.text_content())]
    alarms = [int(re.search(r'alarms: (\d+)', text)[1]) for text in (before, said.text_content())]
    assert found[1] > found[0] and alarms[1] > alarms[0]   # more dogs, and more cats with them
    screenshot(page, f'live-threshold-{where}-widgets{jupyter.version}', full_page=False)


@pytest.mark.parametrize('where', ['lab', 'notebook'])
def test_line_and_ball_of_a_trusted_page(jupyter, page, where):
    "The line of 07 turns with the keyboard and moves with the mouse; the ball rolls."
    open_notebook(jupyter, page, where, '07_theory.ipynb')
    canvas = scrolled_to(page, '[data-live] canvas')
    line = page.locator('[data-live]').first
    said, push = line.locator('output'), line.get_by_label('push the line')
    before = said.text_content()
    press(page, line.get_by_label('turn the line'), 'ArrowRight', 40)
    expect(said).not_to_have_text(before)
    before = said.text_content(), float(push.input_value())
    canvas.scroll_into_view_if_needed()   # the keys were for what lies below it
    box = canvas.bounding_box()
    page.wait_for_timeout(500)
    while box != (box := canvas.bounding_box()):   # pictures above it may still be coming
        page.wait_for_timeout(500)
    x, y = box['x'] + box['width']/2, box['y'] + box['height']/2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - box['height']/6, steps=5)
    page.mouse.up()
    assert said.text_content() != before[0] and float(push.input_value()) != before[1]
    screenshot(page, f'live-line-{where}-widgets{jupyter.version}', full_page=False)
    step = scrolled_to(page, 'button:text-is("one step")')
    press(page, step, 'Enter', 1)
    expect(page.locator('[data-live] output', has_text='Step 1: loss')).to_be_visible()


@pytest.mark.parametrize('where', ['lab', 'notebook'])
def test_still_picture_of_an_untrusted_page(jupyter, page, where):
    "No script of a stranger runs; the picture stands there, with its words, until the cell is run."
    open_notebook(jupyter, page, where, 'untrusted.ipynb')
    picture = scrolled_to(page, 'img[alt^="how many photos got which probability"]')
    assert picture.evaluate('image => image.complete && image.naturalWidth > 300')
    assert picture.bounding_box()['height'] > 100
    page.wait_for_timeout(1000)   # time for a script, if one ran
    expect(picture).to_be_visible()
    assert not page.locator('canvas[role=img], .jp-OutputArea-output input[type=range]').count()
    screenshot(page, f'live-untrusted-{where}-widgets{jupyter.version}', full_page=False)

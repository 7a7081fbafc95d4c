"""The page without a server: the folder, the program from elsewhere, and what a browser makes of both."""
import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import yaml
from browser import FAKE_CAMERA, barriers, chromium, screenshot, watched_page
from house import ROOT
from pictures import saved
from PIL import Image, ImageCms
from static_site import NO_NETWORK, ForEverybody, ask, file_server, off

from cat_or_dog.engine import static_app
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.files import write_whole
from cat_or_dog.engine.page import describe
from cat_or_dog.engine.photo import pixels
from cat_or_dog.predict import Classifier
from cat_or_dog.train import train

command = [sys.executable, '-m', 'cat_or_dog']
cat, dog = draw('cat', 905), draw('dog', 907)


@pytest.fixture(scope='module')
def model(model_file):
    return Classifier.load(model_file)


# ── The program from elsewhere ──

MADE_UP = {static_app.MODULE: b'export let ours', static_app.WASM: b'\0asm'}


def packed(files):
    with tarfile.open(fileobj=(file := io.BytesIO()), mode='w:gz') as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(f'package/dist/{name}')
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    "A registry here with a package of ours, which is known; an empty cache. Its file, and how to end it."
    package = packed(MADE_UP)
    known = {name: static_app.integrity(data) for name, data in MADE_UP.items()}
    monkeypatch.setattr(static_app, 'HASHES', known)
    monkeypatch.setattr(static_app, 'PACKAGE_HASH', static_app.integrity(package, 'sha512'))
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    file = tmp_path/'npm'/'onnxruntime-web'/'-'/f'onnxruntime-web-{static_app.VERSION}.tgz'
    write_whole(file, package)
    with file_server(tmp_path/'npm') as (url, stop):
        monkeypatch.setenv('NPM_CONFIG_REGISTRY', url)
        yield file, stop


def test_the_package_is_fetched_once_and_then_kept(registry):
    assert static_app.runtime() == MADE_UP
    registry[1]()
    assert static_app.runtime() == MADE_UP


def test_what_is_damaged_in_the_cache_is_fetched_again(registry, tmp_path):
    static_app.runtime()
    kept = next((tmp_path/'cache').rglob(static_app.WASM))
    kept.write_bytes(b'\0asm, and more')
    assert static_app.runtime() == MADE_UP and kept.read_bytes() == MADE_UP[static_app.WASM]


@pytest.mark.parametrize('change, reason', [
    (lambda data: data + b'!', 'not what we know'),
    (lambda data: packed(MADE_UP | {static_app.WASM: b'other'}), 'not what we know'),
    (lambda data: b'<html>', 'a web page'),
])
def test_another_package_is_refused_and_not_kept(registry, tmp_path, change, reason):
    file, _ = registry
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(OSError, match=reason) as found:
        static_app.runtime()
    assert str(found.value).count('. ') == 0 and '--from-cdn' in str(found.value)
    assert not list((tmp_path/'cache').rglob('*.wasm'))


def test_a_cache_that_cannot_be_written_to_is_no_reason_to_stop(registry, tmp_path, capsys):
    (tmp_path/'cache').write_text('a file where a folder should be')
    assert static_app.runtime() == MADE_UP


def test_without_network_and_cache_it_is_one_sentence(tmp_path, model_file, monkeypatch):
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    done = export(model_file, tmp_path/'site')
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and '--from-cdn' in done.stderr
    assert done.stderr.startswith('cat-or-dog app: The program that runs a model in browsers')
    assert not (tmp_path/'site').exists() and [file.name for file in tmp_path.iterdir()] == []


# ── The folder ──

def export(model_file, folder, *more):
    return subprocess.run([*command, 'app', '--model', model_file, '--static', folder, *more],
                          capture_output=True, text=True)


def test_the_command_writes_a_folder_and_never_into_one_that_holds_something(model_file, tmp_path):
    done = export(model_file, tmp_path/'site', '--from-cdn', '--json')
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    found = {str(file) for file in (tmp_path/'site').rglob('*') if file.is_file()}
    assert set(said['files']) == found and len(found) == 12
    assert (tmp_path/'site'/'model.onnx').read_bytes() == model_file.read_bytes()
    again = export(model_file, tmp_path/'site', '--from-cdn')
    assert again.returncode == 1 and 'something is there already' in again.stderr
    assert again.stderr.count('\n') == 1 and (tmp_path/'site'/'model.onnx').exists()
    alone = subprocess.run([*command, 'app', '--from-cdn'], capture_output=True, text=True)
    assert alone.returncode == 1 and '--static' in alone.stderr


@pytest.mark.parametrize('place', ['new', 'empty', 'deep/er'])
def test_a_folder_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch, place):
    (tmp_path/'empty').mkdir()
    def fails(file, data):
        if file.name == 'b':
            raise OSError(28, 'No space left on device')
        write_whole(file, data)
    monkeypatch.setattr(static_app, 'write_whole', fails)
    with pytest.raises(OSError, match='No space left on device'):
        static_app.write_new_folder(tmp_path/place, {'a': b'1', 'b': b'2'})
    assert [file for file in tmp_path.rglob('*') if file.is_file()] == []
    monkeypatch.undo()
    static_app.write_new_folder(tmp_path/place, {'a': b'1', 'b/c': b'2'})
    assert (tmp_path/place/'b'/'c').read_bytes() == b'2'


def test_the_service_worker_knows_every_file_that_the_page_needs(model):
    contents = static_app.site(model, from_cdn=True)
    lists = contents['sw.js'].decode().partition('const VERSION')[0].removeprefix('const FILES = ')
    kept = json.loads(lists)
    cdn = {address: static_app.HASHES[name] for name, address in static_app.runtime_addresses(True).items()}
    here = {name: static_app.integrity(data) for name, data in contents.items()
            if name.startswith('static/') or name == 'model.onnx'}
    assert kept == here | cdn | {'./': static_app.integrity(contents['index.html'])}
    other = static_app.service_worker(contents | {'static/page.css': b''}).partition('VERSION = ')[2]
    assert other[:30] != contents['sw.js'].decode().partition('VERSION = ')[2][:30]


def test_the_workflow_publishes_this_folder(model):
    text = static_app.site(model, from_cdn=True)['.github/workflows/pages.yml']
    steps = yaml.safe_load(text)['jobs']['publish']['steps']
    names = [step['uses'].partition('@')[0].removeprefix('actions/') for step in steps]
    assert names == ['checkout', 'configure-pages', 'upload-pages-artifact', 'deploy-pages']


def test_both_languages_say_the_same_and_know_every_refusal(model):
    texts = static_app.static_texts(model)
    assert set(texts['en']) == set(texts['ja'])
    codes = {'empty', 'size', 'heic', 'unknown', 'damaged', 'pixels', 'connection', 'model'}
    assert {f'error_{code}' for code in codes} <= set(texts['en'])
    assert not [said for sentences in texts.values() for said in sentences.values() if '$' in str(said)]


# ── In a browser ──

@pytest.fixture(scope='session')
def programs():
    "onnxruntime-web is in the cache; where it is not, that is a skip, and an error in CI."
    try:
        static_app.runtime()
    except OSError as error:
        pytest.fail(str(error)) if os.environ.get('CI') == 'true' else pytest.skip(str(error))


@pytest.fixture(scope='module')
def site(model, programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp('served')
    static_app.export_static(model, folder/'our site')   # below the server's own, as on GitHub Pages
    return folder/'our site'


@pytest.fixture(scope='module')
def server(site):
    with file_server(site.parent) as (url, stop):
        yield f'{url}our%20site/'


@pytest.fixture(scope='module')
def browser():
    with chromium(*FAKE_CAMERA, NO_NETWORK) as browser:
        yield browser


@pytest.fixture
def open_site(browser, server):
    "A function that opens the page and waits for its model. No complaint, and no stranger, is allowed."
    contexts, complaints = [], []
    def open_site(url=server, language='en-US', scheme='light', width=1100, wait=True, **options):
        contexts.append(browser.new_context(
            locale=language, color_scheme=scheme, viewport=dict(width=width, height=844), **options))
        opened = watched_page(contexts[-1], 'http://127.0.0.1:', complaints,
                              lambda line: line.type in ('error', 'warning'))
        opened.goto(url)
        if wait:
            opened.get_by_text('Ready.').or_(opened.get_by_text('準備ができました')).wait_for()
        opened.complaints = complaints
        return opened
    yield open_site
    for context in contexts:
        context.close()
    assert complaints == []


def until(opened, condition, *args):
    "Wait for a condition in JavaScript. (The page's policy forbids Playwright's own way, which is `eval`.)"
    for _ in range(400):
        if opened.evaluate(condition, *args):
            return
        opened.wait_for_timeout(50)
    raise AssertionError(condition)


def as_file(name, data):
    return dict(name=name, mimeType='', buffer=data)


def choose(opened, *files):
    before = opened.locator('.card').count()
    opened.locator('#files').set_input_files(list(files))
    opened.locator('.card.done, .card.failed').nth(before + len(files) - 1).wait_for()


def sideways(i):
    exif = Image.Exif()
    exif[0x0112] = i
    return saved(draw('cat', 905, size=600), exif=exif, quality=95)


def other_colours(format):
    "With a colour profile that calls red what is blue. Pillow does not look at it, so a model never has."
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    swapped = profile.replace(b'rXYZ', b'TEMP').replace(b'bXYZ', b'rXYZ').replace(b'TEMP', b'bXYZ')
    return saved(cat, format, icc_profile=swapped)


GOOD = {
    'profile.png': lambda: other_colours('png'),
    'profile.jpg': lambda: other_colours('jpeg'),
    'plain.jpg': lambda: saved(cat, quality=95),
    'big.jpg': lambda: saved(dog.resize((2403, 1798))),
    **{f'turned {i}.jpg': lambda i=i: sideways(i) for i in range(2, 9)},
    'see-through.png': lambda: saved(Image.merge('RGBA', [*cat.split(), cat.convert('L')]), 'png'),
    '16-bit.png': lambda: saved(cat.convert('I').point(lambda v: v*257).convert('I;16'), 'png'),
    'grey.jpg': lambda: saved(cat.convert('L')),
    'palette.gif': lambda: saved(cat, 'gif'),
    'moving.gif': lambda: saved(cat, 'gif', save_all=True, append_images=[dog]),
    'web.webp': lambda: saved(cat, 'webp'),
    'new.avif': lambda: saved(cat, 'avif', quality=95),
    'wrong ending.txt': lambda: saved(dog),
    'thin.png': lambda: saved(cat.resize((700, 30)), 'png'),
}


def test_every_kind_of_photo_gets_pythons_answer(open_site, model):
    opened = open_site()
    for name, make in GOOD.items():
        data = make()
        said, python = ask(opened, data, name), describe(model, data)
        assert said['label'] == python['label'] and said['verdict'] == python['verdict'], name
        assert said['probabilities'] == pytest.approx(python['probabilities'], abs=.01), name
        assert (off(said['square'], model.square(data)) <= 1).mean() >= .99, name
        assert np.abs(np.array(said['heat']) - python['heat']).mean() < .02, name


@pytest.mark.parametrize('resize', ['squish', 'crop', 'half'])
def test_from_the_same_pixels_comes_the_same_square(open_site, resize):
    opened = open_site()
    for shape in (400, 301), (99, 81), (64, 900), (1023, 1021), (3, 5):
        values = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        data = saved(Image.fromarray(values), 'png')
        apart = off(ask(opened, data, resize=resize)['square'], pixels(data, 256, resize))
        assert apart.max() <= 1, shape   # Pillow before 13 reckons tall ones in the other order
        assert (apart == 0).mean() > (.999 if shape[0] <= shape[1] else .3), shape


@pytest.mark.slow
def test_two_hundred_photos(open_site, photos, tmp_path):
    model = train(photos/'train')
    static_app.export_static(model, tmp_path/'site')
    with file_server(tmp_path) as (url, _):
        opened, shares, differences, labels = open_site(f'{url}site/'), [], [], []
        for file in sorted((photos/'valid').glob('*/*.jpg')):
            data = file.read_bytes()
            said, python = ask(opened, data), model.predict(data)
            shares.append((off(said['square'], model.square(data)) <= 1).mean())
            differences.append(abs(said['probability'] - python.probabilities[said['label']]))
            labels.append(said['label'] == python.label)
    print(f'{len(shares)} photos: {np.mean(shares):.4%} of pixels within 1, at worst {min(shares):.2%}; '
          f'probabilities off by at most {max(differences):.4f}')
    assert len(shares) >= 200 and all(labels)
    assert np.mean(shares) >= .99 and max(differences) <= .01


BAD = {
    'empty.jpg': (lambda: b'', 'empty'),
    'text.jpg': (lambda: b'I am a cat. '*100, 'unknown'),
    'half.jpg': (lambda: saved(cat)[:3000], 'damaged'),
    'nearly.jpg': (lambda: saved(cat)[:-200], 'damaged'),
    'half.png': (lambda: saved(cat, 'png')[:3000], 'damaged'),
    'scan.tiff': (lambda: saved(cat, 'tiff'), 'unknown'),
    'phone.heic': ((ROOT/'tests'/'data'/'drawing.heic').read_bytes, 'heic'),
    '100 megapixels.png': (lambda: saved(Image.new('1', (10_000, 10_000)), 'png'), 'pixels'),
    'bomb.png': (lambda: saved(Image.new('1', (30_000, 30_000)), 'png'), 'damaged'),   # so says Chromium
    'huge.jpg': (lambda: bytes(31_000_000), 'size'),
}


def test_every_bad_photo_gets_its_sentence(open_site, tmp_path):
    opened = open_site()
    sentences = json.loads(opened.locator('#settings').text_content())['texts']['en']
    for name, (make, code) in BAD.items():
        (tmp_path/name).write_bytes(make())
        choose(opened, tmp_path/name)
        said = opened.locator('.card').first.locator('.verdict').inner_text()
        assert said == sentences[f'error_{code}'].replace('{name}', name)
    choose(opened, as_file('cat.jpg', saved(cat)))
    assert opened.locator('.verdict').first.inner_text() == 'Cat'


def test_without_a_network_afterwards(open_site, site, model):
    data = saved(cat)
    with file_server(site.parent) as (url, stop):
        opened = open_site(f'{url}our%20site/?lang=ja')
        until(opened, '!!navigator.serviceWorker.controller')
        stop()
        opened.reload()
        opened.get_by_text('準備ができました').wait_for()
        choose(opened, as_file('cat.jpg', data))
        assert opened.locator('.verdict').inner_text() == '猫'
        python = model.predict(data).probability
        assert ask(opened, data)['probability'] == pytest.approx(python, abs=.01)


def test_a_new_export_takes_the_old_ones_place(open_site, site, model, tmp_path):
    shutil.copytree(site, tmp_path/'site')
    with file_server(tmp_path) as (url, _):
        opened = open_site(f'{url}site/')
        until(opened, '!!navigator.serviceWorker.controller')
        new = tmp_path/'site'/'index.html'
        text = new.read_text(encoding='utf-8').replace('Cat or dog?', 'Another page')
        new.write_text(text, encoding='utf-8')
        contents = {file.relative_to(new.parent).as_posix(): file.read_bytes()
                    for file in new.parent.rglob('*') if file.is_file()}
        write_whole(new.parent/'sw.js', static_app.service_worker(contents).encode())
        opened.reload()
        until(opened, '''async () => {
            const names = (await caches.keys()), cache = await caches.open(names[0])
            const page = await cache.match('./')
            return names.length == 1 && page && (await page.text()).includes('Another page')
        }''')
        opened.reload()
        assert opened.get_by_role('heading', level=1).inner_text() == 'Another page'


def test_a_model_that_is_not_the_pages_is_not_used(open_site, site, tmp_path):
    shutil.copytree(site, tmp_path/'site')
    with open(tmp_path/'site'/'model.onnx', 'ab') as file:
        file.write(b'!')
    with file_server(tmp_path) as (url, _):
        opened = open_site(f'{url}site/', wait=False)
        opened.get_by_text('The model could not be loaded.').wait_for()
        choose(opened, as_file('cat.jpg', saved(cat)))
        assert 'cat.jpg: the model could not be loaded' in opened.locator('.failed').inner_text()
        assert opened.evaluate('caches.keys()') == []   # and nothing is kept
        assert all('integrity' in said for said in opened.complaints)
        opened.complaints.clear()


@pytest.fixture
def cdn(programs, tmp_path, monkeypatch):
    "A server of somebody else's with onnxruntime-web, and the folder that it hands out; how to end it."
    for name, data in static_app.runtime().items():
        write_whole(tmp_path/'cdn'/name, data)
    with file_server(tmp_path/'cdn', ForEverybody) as (url, stop):
        monkeypatch.setattr(static_app, 'CDN', url.rstrip('/'))
        yield tmp_path/'cdn', stop


def test_from_a_cdn_and_then_without_a_network(open_site, cdn, model, tmp_path):
    static_app.export_static(model, tmp_path/'sites'/'light', from_cdn=True)
    with file_server(tmp_path/'sites') as (url, stop):
        opened = open_site(f'{url}light/')
        assert ask(opened, saved(cat))['label'] == 'cat'
        until(opened, '!!navigator.serviceWorker.controller')
        stop()
        cdn[1]()
        opened.reload()
        opened.get_by_text('Ready.').wait_for()
        assert ask(opened, saved(dog))['label'] == 'dog'


@pytest.mark.parametrize('name', static_app.HASHES)
def test_what_a_cdn_has_changed_is_not_used(open_site, cdn, model, tmp_path, name):
    static_app.export_static(model, tmp_path/'sites'/'light', from_cdn=True)
    with open(cdn[0]/name, 'ab') as file:
        file.write(b'\nglobalThis.stolen = true')
    with file_server(tmp_path/'sites') as (url, _):
        opened = open_site(f'{url}light/', wait=False)
        opened.get_by_text('The model could not be loaded.').wait_for()
        assert opened.evaluate('globalThis.stolen') is None
        assert ask(opened, saved(cat)) == {'error': 'connection'}
        assert opened.complaints and all('integrity' in said for said in opened.complaints)
        opened.goto('about:blank')   # before its servers go: what is still on its way would complain
        opened.complaints.clear()


def test_the_camera_says_what_it_sees(open_site):
    opened = open_site(width=390, has_touch=True)
    opened.evaluate("""() => {
        const frame = createImageBitmap
        globalThis.frames_seen = 0
        globalThis.createImageBitmap = source => (frames_seen++, frame(source))
    }""")
    opened.get_by_role('button', name='Use the camera').click()
    until(opened, 'frames_seen > 5')
    words = json.loads(opened.locator('#settings').text_content())['texts']['en']
    said = opened.locator('#live').inner_text().strip()
    assert said == words['neither'] or said.startswith(('Cat', 'Dog', 'Not sure')) and said.endswith('%')
    assert not barriers(opened)
    screenshot(opened, 'static-camera', full_page=False)
    opened.get_by_role('button', name='Take the photo').click()
    opened.locator('.card.done').wait_for()
    assert opened.locator('.done h3').inner_text() == 'photo 1.jpg'


@pytest.mark.parametrize('language, scheme, width', [
    ('en-US', 'light', 1100), ('en-US', 'dark', 390), ('ja-JP', 'light', 390), ('ja-JP', 'dark', 1100)])
def test_looks_and_barriers(open_site, language, scheme, width):
    opened = open_site(language=language, scheme=scheme, width=width)
    files = ('cat.jpg', saved(cat)), ('dog.jpg', saved(dog)), ('notes.jpg', b'no photo')
    choose(opened, *(as_file(*file) for file in files))
    opened.wait_for_timeout(400)
    screenshot(opened, f'static-{language[:2]}-{scheme}-{width}')
    assert opened.evaluate('document.documentElement.scrollWidth') <= width
    assert barriers(opened) == []


def test_dropped_and_pasted(open_site):
    opened = open_site(permissions=['clipboard-read', 'clipboard-write'])
    data = base64.b64encode(saved(dog, 'png')).decode()
    opened.evaluate("""data => {
        const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0))
        const transfer = new DataTransfer()
        transfer.items.add(new File([bytes], 'my dog.png', {type: 'image/png'}))
        document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true}))
    }""", data)
    opened.locator('.card.done').wait_for()
    assert opened.get_by_role('status').first.inner_text().startswith('my dog.png: Dog, ')
    opened.evaluate("""async data => {
        const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0))
        const blob = new Blob([bytes], {type: 'image/png'})
        await navigator.clipboard.write([new ClipboardItem({'image/png': blob})])
    }""", data)
    opened.keyboard.press('Control+v')
    opened.locator('.card.done').nth(1).wait_for()
    assert opened.locator('.verdict').all_inner_texts()[:2] == ['Dog', 'Dog']

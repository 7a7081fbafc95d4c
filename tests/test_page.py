"""The web page: every kind of upload, strangers, load; people with a mouse, a keyboard, a screen reader."""
import asyncio
import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import onnx
import pytest
from browser import FAKE_CAMERA, barriers, chromium, screenshot, watched_page
from house import ROOT as root
from page_load import load
from pictures import saved
from PIL import Image
from starlette.testclient import TestClient

from cat_or_dog.engine import page
from cat_or_dog.engine import photo as photo_room
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.export_app import export_app, requirements
from cat_or_dog.engine.onnx_file import ModelError
from cat_or_dog.engine.server import names_for, serve
from cat_or_dog.predict import Classifier

command = [sys.executable, '-m', 'cat_or_dog']
cat = draw('cat', 905)


@contextmanager
def serving(model_file, folder, **options):
    "The page in a process of its own, in an empty folder: its address; at the end it has logged no error."
    record, cwd = folder/'record.txt', folder/'cwd'
    cwd.mkdir(parents=True)
    # libraries behave better in CI
    environment = os.environ | dict(PYTHONDONTWRITEBYTECODE='1', TMPDIR=str(cwd), HOME=str(cwd), CI='')
    process = subprocess.Popen(
        [sys.executable, root/'tests'/'page_server.py', model_file, record, json.dumps(options)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert errors == '' and process.returncode == 0
    assert record.read_text() == '' and not list(cwd.iterdir()), (
        'something was written, or somebody was called'
    )


@pytest.fixture(scope='module')
def url(model_file, tmp_path_factory):
    with serving(model_file, tmp_path_factory.mktemp('page')) as address:
        yield address


def send(url, data, name='photo.jpg', **headers):
    return httpx.post(f'{url}predict', params=dict(name=name), content=data, headers=headers, timeout=60)


def still_answers(url):
    return send(url, saved(cat)).json()['label'] == 'cat'


# ── Uploads ──

def sideways():
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(cat.rotate(90, expand=True), exif=exif, quality=95)

def sixteen_bits():
    return saved(cat.convert('I').point(lambda v: v*256).convert('I;16'), 'png')

GOOD = {
    'plain.jpg': lambda: saved(cat),
    'sideways.jpg': sideways,
    'rgba.png': lambda: saved(cat.convert('RGBA'), 'png'),
    'cmyk.jpg': lambda: saved(cat.convert('CMYK')),
    'grey.jpg': lambda: saved(cat.convert('L')),
    '16-bit.png': sixteen_bits,
    'palette.gif': lambda: saved(cat, 'gif'),
    'moving.gif': lambda: saved(cat, 'gif', save_all=True, append_images=[draw('dog', 3)]),
    'web.webp': lambda: saved(cat, 'webp'),
    'new.avif': lambda: saved(cat, 'avif'),
    'scan.tiff': lambda: saved(cat, 'tiff'),
    'phone.heic': (root/'tests'/'data'/'drawing.heic').read_bytes,
    'wrong ending.txt': lambda: saved(cat),
}

@pytest.mark.parametrize('name', GOOD)
def test_every_kind_of_photo_gets_its_answer(url, name):
    answer = send(url, GOOD[name](), name).json()
    assert answer['label'] == 'cat' and sum(answer['probabilities'].values()) == pytest.approx(1, abs=1e-4)
    assert np.asarray(answer['heat']).ndim == 2 and 0 <= np.min(answer['heat']) <= np.max(answer['heat']) <= 1
    assert bool(answer['preview']) == name.endswith(('.heic', '.tiff'))   # which browsers cannot show


BAD = {
    'empty.jpg': (lambda: b'', 422, 'empty'),
    'text.jpg': (lambda: b'I am a cat. '*100, 422, 'unknown'),
    'half.jpg': (lambda: saved(cat)[:3000], 422, 'damaged'),
    'half.heic': (lambda: GOOD['phone.heic']()[:9000], 422, 'damaged'),
    '100 megapixels.png': (lambda: saved(Image.new('1', (10_000, 10_000)), 'png'), 422, 'pixels'),
    'bomb.png': (lambda: saved(Image.new('1', (30_000, 30_000)), 'png'), 422, 'pixels'),
    '50 MB.jpg': (lambda: os.urandom(50_000_000), 413, 'size'),
}

@pytest.mark.parametrize('name', BAD)
def test_every_bad_photo_gets_one_sentence_with_its_name(url, name):
    make, status, code = BAD[name]
    response = send(url, make(), name)
    said = response.json()
    assert (response.status_code, said['code']) == (status, code)
    assert name in said['error'] and said['error'].endswith('.') and '\n' not in said['error']
    assert still_answers(url)


def test_a_heic_photo_without_pi_heif_is_explained(model_file, monkeypatch):
    monkeypatch.setattr(
        'cat_or_dog.engine.photo.FORMATS', [name for name in photo_room.FORMATS if name != 'HEIF']
    )
    client = TestClient(page.page_app(Classifier.load(model_file)), base_url='http://127.0.0.1')
    said = client.post('/predict?name=phone.heic', content=GOOD['phone.heic']()).json()
    assert said['code'] == 'heic' and "pip install 'cat_or_dog[app]'" in said['error']


def test_a_model_that_draws_no_heat_map(model_file):
    proto = onnx.load(model_file)
    del proto.graph.output[[output.name for output in proto.graph.output].index('heat')]
    answer = page.describe(Classifier(proto.SerializeToString()), saved(cat))
    assert answer['label'] == 'cat' and answer['heat'] is None


def test_fifty_files_at_once(url):
    files = [
        (f'{i}.jpg', saved(draw('cat' if i % 2 else 'dog', 900 + i)) if i % 10 else b'no photo')
        for i in range(50)
    ]
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(lambda f: send(url, f[1], f[0]), files))
    assert [r.status_code for r in responses] == [200 if i % 10 else 422 for i in range(50)]
    assert all(name in r.json()['error'] for (name, _), r in zip(files, responses) if r.status_code == 422)


# ── Strangers ──

def test_what_the_browser_is_told(url):
    for path in ('', 'static/page.js', 'static/page.css', 'predict', 'nowhere'):
        headers = httpx.get(url + path).headers
        assert (
            "default-src 'none'" in headers['content-security-policy']
            and 'unsafe' not in headers['content-security-policy']
        )
        assert headers['x-content-type-options'] == 'nosniff' and headers['referrer-policy'] == 'no-referrer'
        assert 'server' not in headers and 'set-cookie' not in headers


@pytest.mark.parametrize(
    'path', ['../page.py', '%2e%2e/page.py', '..%2fpage.py', '/etc/passwd', '%2fetc%2fpasswd']
)
def test_no_other_file_is_served(url, path):
    # a client that does not tidy the path up
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as s:
        s.sendall(f'GET /static/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        assert s.recv(100).startswith(b'HTTP/1.1 404')


@pytest.mark.parametrize(
    'host, status',
    [
        ('127.0.0.1', 200),
        ('localhost:1234', 200),
        ('[::1]:80', 200),
        ('stranger.example', 400),
        ('127.0.0.1.stranger.example', 400),
    ],
)
def test_only_this_computers_names(url, host, status):
    assert httpx.get(url, headers=dict(host=host)).status_code == status


@pytest.mark.parametrize(
    'headers, status',
    [
        ({}, 200),
        ({'sec-fetch-site': 'same-origin'}, 200),
        ({'sec-fetch-site': 'none'}, 200),
        ({'sec-fetch-site': 'cross-site'}, 403),
        ({'sec-fetch-site': 'same-site'}, 403),
        ({'origin': 'https://stranger.example'}, 403),
        ({'origin': 'null'}, 403),
        ({'origin': 'http://['}, 403),   # no address at all
        ({'origin': 'http://localhost:port'}, 403),
    ],
)
def test_another_site_may_not_send_photos(url, headers, status):
    assert send(url, saved(cat), **headers).status_code == status
    assert send(url, saved(cat), origin=url.strip('/')).status_code == 200


def closed_within(sockets, seconds):
    "How many of `sockets` the server closes in that time (what it says before is read away)."
    deadline, closed = time.monotonic() + seconds, 0
    for s in sockets:
        s.settimeout(max(.01, deadline - time.monotonic()))
        try:
            while s.recv(1000):
                pass
            closed += 1
        except ConnectionError:
            closed += 1
        except TimeoutError:
            pass
    return closed


def test_slow_clients_and_clients_that_hang_up_harm_nobody(model_file, tmp_path):
    head = b'POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n'
    with serving(model_file, tmp_path, limits=dict(head_seconds=1, upload_seconds=2)) as url:
        connect = lambda: socket.create_connection((urlsplit(url).hostname, urlsplit(url).port))
        for _ in range(40):                           # hang up half-way
            with connect() as s:
                s.sendall(head + b'\r\n' + saved(cat)[:5000])
        slow_heads, slow_bodies = [connect() for _ in range(40)], [connect() for _ in range(40)]
        for s in slow_heads:
            s.sendall(head)
        for s in slow_bodies:
            s.sendall(head + b'\r\n')
        for _ in range(8):                            # a byte now and then
            for s in slow_heads + slow_bodies:
                with suppress(ConnectionError):
                    s.sendall(b'x')
            assert still_answers(url)
            time.sleep(.2)
        assert closed_within(slow_heads + slow_bodies, 20) == 80
        assert still_answers(url)


def test_a_full_queue_says_when_to_ask_again(model_file, tmp_path):
    with serving(model_file, tmp_path, limits=dict(waiting=3), slow=.2) as url:
        with ThreadPoolExecutor(30) as pool:
            responses = list(pool.map(lambda _: send(url, saved(cat)), range(30)))
        busy = [r for r in responses if r.status_code == 503]
        assert {r.status_code for r in responses} == {200, 503} and all(
            r.headers['retry-after'] == '1' for r in busy
        )
        # the page does ask again: all its photos are answered in the end
        with chromium() as browser:
            opened = browser.new_page()
            opened.on('filechooser', lambda chooser: None)
            opened.goto(url)
            with ThreadPoolExecutor(6) as pool:
                for _ in range(12):
                    pool.submit(send, url, saved(cat))
                choose(opened, *[photo('cat', i) for i in range(905, 909)])
                wait_for(opened, 4)
            assert opened.locator('.failed').count() == 0


def test_fifty_clients_at_once(url, capsys):
    took, wrong, rate = load(url, saved(cat), clients=50, seconds=10)
    assert wrong == [] and len(took) > 50
    with capsys.disabled():
        print(f'\n50 clients at once: {rate:.0f} photos a second, p99 {took[int(0.99 * len(took))]:.2f} s')
    assert still_answers(url)


# ── The command and the exported folder ──

def test_the_command_serves_until_ctrl_c(model_file):
    process = subprocess.Popen(
        [*command, 'app', '--model', model_file, '--port', '0', '--json'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = json.loads(process.stdout.readline())['url']
    assert url.startswith('http://127.0.0.1:') and 'Cat or dog?' in httpx.get(url).text
    port = url.split(':')[-1].strip('/')
    taken = subprocess.run(
        [*command, 'app', '--model', model_file, '--port', port], capture_output=True, text=True
    )
    assert taken.returncode == 1 and taken.stderr.count('\n') == 1 and '--port' in taken.stderr
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == '' and process.returncode == 0


def test_the_exported_folder_runs_by_itself(model_file, tmp_path):
    space = tmp_path/'space'
    said = json.loads(
        subprocess.run(
            [*command, 'app', '--model', model_file, '--export', space, '--json'],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    assert sorted(said['files']) == sorted(str(p) for p in space.rglob('*') if p.is_file())
    front = re.match(r'---\n(.*?)\n---\n', (space/'README.md').read_text(), re.S)[1]
    assert (
        dict(line.split(': ') for line in front.splitlines()).items()
        >= dict(sdk='docker', app_port='7860').items()
    )
    start = json.loads(re.search(r'^CMD (.*)$', (space/'Dockerfile').read_text(), re.M)[1])
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'} | dict(
        PORT=str(port), PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    )
    process = subprocess.Popen(start, cwd=space, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        assert httpx.get(url, headers=dict(host='somebody-cats.hf.space')).status_code == 200
        assert 'frame-ancestors https://huggingface.co' in httpx.get(url).headers['content-security-policy']
        assert still_answers(url)
    finally:
        process.terminate()
        process.communicate(timeout=20)


# ── People ──

def photo(label, i):
    return dict(name=f'{label} {i}.jpg', mimeType='image/jpeg', buffer=saved(draw(label, i), quality=95))


def choose(opened, *files):
    with opened.expect_file_chooser() as chooser:
        opened.get_by_role('button', name=re.compile('Choose photos|写真を選ぶ')).click()
    chooser.value.set_files(list(files))


def wait_for(opened, n):
    opened.locator('.card.done, .card.failed').nth(n - 1).wait_for()


@pytest.fixture(scope='module')
def browser():
    with chromium(*FAKE_CAMERA) as browser:
        yield browser


@pytest.fixture
def open_page(browser, url):
    "A function that opens the page; it must ask nobody else for anything, and its program must not fail."
    contexts, complaints = [], []
    def open_page(language='en-US', scheme='light', width=1100, height=900, **options):
        contexts.append(
            browser.new_context(
                locale=language, color_scheme=scheme, viewport=dict(width=width, height=height), **options
            )
        )
        opened = watched_page(contexts[-1], url, complaints)
        opened.goto(url)
        return opened
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def test_choosing_photos(open_page):
    opened = open_page()
    choose(
        opened,
        photo('cat', 905),
        photo('dog', 907),
        dict(name='notes.txt', mimeType='text/plain', buffer=b'I am a cat'),
    )
    wait_for(opened, 3)
    assert opened.locator('.verdict').all_inner_texts()[:2] == ['Cat', 'Dog']
    assert 'notes.txt: this is not a photo' in opened.locator('.failed').inner_text()
    assert opened.get_by_role('status').inner_text() == 'Done. Photos answered: 2; not answered: 1.'
    painted = (
        'canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)'
        '.data.some(value => value > 100)'
    )
    assert opened.locator('canvas').first.evaluate(painted)   # the heat map
    assert 'It looked most at the' in opened.locator('.where').first.inner_text()


def test_a_photo_of_neither(open_page):
    opened = open_page()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    choose(opened, dict(name='snow.png', mimeType='image/png', buffer=saved(noise, 'png')))
    wait_for(opened, 1)
    assert opened.locator('.verdict').inner_text() == 'Neither, it seems'
    assert opened.locator('.where').inner_text() == 'This is unlike every photo that the model learned from.'


def test_dropping_photos(open_page):
    opened = open_page()
    drop = '''([data, name]) => {
        const transfer = new DataTransfer()
        const bytes = () => Uint8Array.from(atob(data), c => c.charCodeAt(0))
        if (name) transfer.items.add(new File([bytes()], name, {type: 'image/jpeg'}))
        else transfer.setData('text/uri-list', data)
        const about = {dataTransfer: transfer, bubbles: true, cancelable: true}
        document.body.dispatchEvent(new DragEvent('dragover', about))
        document.body.dispatchEvent(new DragEvent('drop', about))
    }'''
    opened.evaluate(drop, [base64.b64encode(saved(draw('dog', 907))).decode(), 'my dog.jpg'])
    wait_for(opened, 1)
    assert opened.locator('.verdict').inner_text() == 'Dog' and opened.get_by_role(
        'status'
    ).inner_text().startswith('my dog.jpg: Dog, ')
    opened.evaluate(drop, ['https://stranger.example/cat.jpg', ''])
    assert 'not a photo file' in opened.get_by_role('status').inner_text()


def test_pasting_a_photo(open_page):
    opened = open_page(permissions=['clipboard-read', 'clipboard-write'])
    opened.evaluate('''async data => {
        const blob = new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))], {type: 'image/png'})
        await navigator.clipboard.write([new ClipboardItem({'image/png': blob})])
    }''', base64.b64encode(saved(cat, 'png')).decode())
    opened.keyboard.press('Control+v')
    wait_for(opened, 1)
    assert opened.locator('.verdict').inner_text() == 'Cat'


def test_the_camera(open_page):
    opened = open_page()
    opened.get_by_role('button', name='Use the camera').click()
    opened.locator('video').evaluate(
        'video => new Promise(done => video.videoWidth ? done() : video.onloadeddata = done)'
    )
    assert not barriers(opened)
    opened.get_by_role('button', name='Take the photo').click()
    wait_for(opened, 1)
    assert (
        opened.locator('.done h3').inner_text() == 'photo 1.jpg' and not opened.locator('dialog').is_visible()
    )


def test_the_keyboard_alone(open_page):
    opened = open_page()
    def tab_to(role, name):
        for _ in range(12):
            opened.keyboard.press('Tab')
            if opened.get_by_role(role, name=name).evaluate('element => element == document.activeElement'):
                return
        raise AssertionError(f'{name} cannot be reached')
    tab_to('button', 'Choose photos')
    with opened.expect_file_chooser() as chooser:
        opened.keyboard.press('Enter')
    chooser.value.set_files([photo('cat', 905)])
    wait_for(opened, 1)
    tab_to('checkbox', 'Show what the model looked at')
    opened.keyboard.press('Space')
    opened.wait_for_timeout(400)
    assert opened.locator('canvas').evaluate('canvas => getComputedStyle(canvas).opacity') == '0'
    tab_to('button', 'Remove all')
    opened.keyboard.press('Enter')
    assert opened.locator('.card').count() == 0
    tab_to('link', '日本語')
    opened.keyboard.press('Enter')
    assert (
        opened.get_by_role('heading', level=1).inner_text() == '猫か犬か？'
        and opened.locator('html').get_attribute('lang') == 'ja'
    )


def test_switching_the_language_keeps_the_answers(open_page):
    opened = open_page('ja-JP')
    choose(
        opened, photo('cat', 905), dict(name='壊れた.jpg', mimeType='image/jpeg', buffer=saved(cat)[:3000])
    )
    wait_for(opened, 2)
    assert (
        opened.locator('.verdict').first.inner_text() == '猫'
        and '壊れた.jpg：写真が壊れています' in opened.locator('.failed').inner_text()
    )
    opened.get_by_role('link', name='English').click()
    assert (
        opened.locator('.verdict').first.inner_text() == 'Cat'
        and '壊れた.jpg: this photo is damaged' in opened.locator('.failed').inner_text()
    )
    opened.reload()
    # the address remembers the choice
    assert opened.get_by_role('heading', level=1).inner_text() == 'Cat or dog?'


def test_a_photo_that_is_too_big_is_not_even_sent(open_page, tmp_path):
    opened = open_page()
    (tmp_path/'huge.jpg').write_bytes(b'x'*31_000_000)
    opened.on('request', lambda request: request.method == 'GET' or pytest.fail('it was sent'))
    choose(opened, tmp_path/'huge.jpg')
    wait_for(opened, 1)
    assert (
        opened.get_by_role('status').inner_text()
        == 'huge.jpg: this file has more than 30 MB. Make it smaller and try again.'
    )


def test_only_so_many_at_a_time(open_page):
    opened = open_page()
    choose(
        opened,
        *[
            dict(name=f'{i}.jpg', mimeType='image/jpeg', buffer=saved(cat) if i else b'no photo')
            for i in range(52)
        ],
    )
    wait_for(opened, 50)
    assert (
        opened.locator('.card').count() == 50
        and '0.jpg: this is not a photo' in opened.locator('.failed').inner_text()
    )
    assert (
        opened.get_by_role('status')
        .inner_text()
        .startswith('Done. Photos answered: 49; not answered: 1. Only the first 50')
    )


@pytest.mark.parametrize(
    'language, scheme, width',
    [
        ('en-US', 'light', 1100),
        ('en-US', 'dark', 390),
        ('ja-JP', 'light', 390),
        ('ja-JP', 'dark', 1100),
        ('en-US', 'light', 320),
    ],
)
def test_looks_and_barriers(open_page, language, scheme, width):
    opened = open_page(language, scheme, width, 844)
    choose(
        opened,
        photo('cat', 905),
        photo('dog', 907),
        photo('cat', 901),
        dict(name='notes.jpg', mimeType='image/jpeg', buffer=b'no photo'),
    )
    wait_for(opened, 4)
    opened.wait_for_timeout(200)
    screenshot(opened, f'page-{language[:2]}-{scheme}-{width}')
    assert opened.evaluate('document.documentElement.scrollWidth') <= width   # nothing to scroll sideways
    assert barriers(opened) == []


def test_an_answer_that_no_model_gave(model_file, monkeypatch):
    "A model that fails while it runs is a sentence with status 500."
    model = Classifier.load(model_file)
    def fails(*_):
        raise ModelError('model.onnx: it failed while it ran. Train a new one.')
    monkeypatch.setattr(page, 'prediction_with_heat', fails)
    client = TestClient(page.page_app(model), base_url='http://127.0.0.1')
    answer = client.post('/predict', content=saved(cat))
    assert answer.status_code == 500 and answer.json() == dict(
        code='model', error='model.onnx: it failed while it ran. Train a new one.'
    )
    for sentences in page.page_texts(['cat', 'dog']).values():
        assert {f'error_{code}' for code in ('model', 'large', 'damaged', 'heic')} <= set(sentences)


def test_in_a_notebook_it_runs_beside_and_stops(model_file):
    async def cell():
        served = serve(Classifier.load(model_file), port=0, ready=lambda url: None,
                       allow_hosts=['hub.example'], embed_in='https://hub.example')
        async with httpx.AsyncClient() as client:
            here, hub, stranger = [await client.get(served.url, headers=dict(host=host))
                                   for host in ('localhost', 'hub.example', 'stranger.example')]
        served.stop()
        return served, here, hub, stranger
    # Playwright has a loop here
    with ThreadPoolExecutor(1) as pool:
        served, here, hub, stranger = pool.submit(asyncio.run, cell()).result()
    assert (here.status_code, hub.status_code, stranger.status_code) == (200, 200, 400)
    assert 'frame-ancestors https://hub.example' in hub.headers['content-security-policy']
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)


def test_a_machine_with_the_gpu_build_pins_the_plain_one(monkeypatch):
    monkeypatch.setattr('cat_or_dog.engine.export_app.version', lambda package: '1.23.0')
    assert requirements({'onnxruntime'}, {'onnxruntime': ['onnxruntime-gpu']}) == 'onnxruntime==1.23.0\n'


def test_clients_that_are_gone_before_they_are_greeted(model_file, tmp_path):
    "They have no name any more; `serving` sees to it that nothing was said about them."
    with serving(model_file, tmp_path) as url:
        port = int(url.rsplit(':')[-1].strip('/'))
        for asks in (b'', b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')*50:
            gone = socket.create_connection(('127.0.0.1', port))
            # close means reset
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            gone.sendall(asks)
            gone.close()
        assert still_answers(url)


@pytest.mark.parametrize(
    'name', ['a*b', 'https://hub.example.org', 'hub.example.org:8000', '', 'a b', '*.*.org', 'a/b'])
def test_a_host_that_is_none_is_refused_before_it_listens(model_file, name):
    model = Classifier.load(model_file)
    with pytest.raises(ValueError, match='is not the name of a host: give one such as hub.example.org'):
        serve(model, port=0, allow_hosts=[name], ready=lambda url: pytest.fail('it listens'))


@pytest.mark.parametrize(
    'name', ['hub.example.org', '*.example.org', '10.0.0.7', '[::1]', '*', 'my_pc', '日本.example'])
def test_a_host_that_is_one_is_taken(name):
    assert name in names_for('127.0.0.1', [name]) and name in names_for('0.0.0.0', [name])


@pytest.mark.parametrize('name', ['app.py', 'README.md', 'requirements.txt', 'Dockerfile', 'model.onnx',
                                  'cat_or_dog/__init__.py'])
def test_an_export_overwrites_no_files_of_somebody_elses(model_file, tmp_path, name):
    "`app --export .` in a project of one's own would have replaced its README and its app."
    mine = tmp_path/'space'/name
    mine.parent.mkdir(parents=True)
    mine.write_text('of many evenings')
    with pytest.raises(FileExistsError, match='is not overwritten. Give another folder'):
        export_app(Classifier.load(model_file), tmp_path/'space')
    assert mine.read_text() == 'of many evenings'
    assert [file for file in (tmp_path/'space').rglob('*') if file.is_file()] == [mine]


def test_an_export_into_a_new_space_and_over_an_earlier_one(model_file, tmp_path):
    (tmp_path/'README.md').write_text('---\ntitle: New\n---\n')   # as Hugging Face makes it
    (tmp_path/'.gitattributes').write_text('*.bin filter=lfs\n')
    (tmp_path/'photos.txt').write_text('mine')
    model = Classifier.load(model_file)
    assert export_app(model, tmp_path) == export_app(model, tmp_path)
    assert (tmp_path/'photos.txt').read_text() == 'mine'
    assert 'Cat or dog' in (tmp_path/'README.md').read_text()


BARE = """
import json, sys
from pathlib import Path
for name in 'torch fastai onnx ddgs httpx tenacity tqdm matplotlib sklearn scipy'.split():
    sys.modules[name] = None
from cat_or_dog.engine.page import describe
from cat_or_dog.engine import server
from cat_or_dog.predict import Classifier
said = describe(Classifier.load('model.onnx'), Path(sys.argv[1]).read_bytes())
import cat_or_dog
loaded = [name for name in sys.modules if name.startswith('cat_or_dog')]
print(json.dumps(dict(label=said['label'], home=cat_or_dog.__file__, loaded=loaded)))
"""

def test_the_exported_folder_needs_nothing_else(model_file, tmp_path):
    "Only its own modules, and none of the packages that it does not pin."
    space = tmp_path/'space'
    exported = export_app(Classifier.load(model_file), space)
    (tmp_path/'cat.jpg').write_bytes(saved(cat))
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    done = subprocess.run(
        [sys.executable, '-c', BARE, tmp_path/'cat.jpg'],
        cwd=space,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said['label'] == 'cat' and Path(said['home']).is_relative_to(space)
    shipped = {p.relative_to(space).as_posix() for p in exported if p.suffix == '.py'} - {'app.py'}
    names = {name.removesuffix('.py').removesuffix('/__init__').replace('/', '.') for name in shipped}
    assert names == set(said['loaded'])   # exactly: nothing missing, nothing that is not used

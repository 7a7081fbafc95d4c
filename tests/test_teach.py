"""Teaching: a folder that loses nothing, a page that keeps what it may, the whole loop in a browser."""
import base64
import errno
import json
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from browser import FAKE_CAMERA, barriers, chromium, screenshot, watched_page
from hostile import BAD, GOOD
from pictures import save_drawings, saved
from PIL import Image
from starlette.testclient import TestClient

from cat_or_dog.engine import teach
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.folder import KEPT, LEFT_OUT, labelled_photos, read_manifest
from cat_or_dog.engine.page import Limits, page_app, page_texts
from cat_or_dog.engine.photo import PhotoError
from cat_or_dog.engine.teach import ALIKE, KNOWN, MOVED, NEW, Classroom, TeachError
from cat_or_dog.engine.teach_page import classroom_of, teach_addition, teach_app, teach_texts
from cat_or_dog.predict import Classifier
from cat_or_dog.train import train

command = [sys.executable, '-m', 'cat_or_dog']
SIZE = 96   # small squares: what is tested here are the ways, not the answers


def drawing(label, number, **more):
    return saved(draw(label, number, **more), quality=92)


@pytest.fixture
def folder(tmp_path):
    save_drawings(tmp_path/'photos', range(6))
    return tmp_path/'photos'


@pytest.fixture
def room(folder):
    return Classroom(folder, size=SIZE)


def photos_below(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in labelled_photos(folder).files}


# ── The folder ──

def test_a_photo_is_kept_under_its_hash_with_a_row_and_without_its_secrets(room, folder):
    exif = Image.Exif()
    exif[0x010e] = 'my garden'
    change = room.show(saved(draw('cat', 50), exif=exif), 'cat', 'IMG_1.jpg')
    row = read_manifest(folder/'cat')[f'app:{teach.hashlib.sha256(change.file.read_bytes()).hexdigest()}']
    assert (row.status, row.engine, row.file) == (KEPT, 'from the app', change.file.name)
    assert change.file.name == f'{row.hash[:16]}.jpg' and b'my garden' not in change.file.read_bytes()


ODD = '../dog', '..', '/etc', 'a/b', 'a\\b', '.set-aside', '', ' ', 'CON', 'x'*300, 'a\0b', 'Cat'

@pytest.mark.parametrize('label', ODD)
def test_labels_stay_in_the_folder(room, folder, label):
    before = sorted(folder.parent.rglob('*'))
    with pytest.raises(TeachError) as error:
        room.show(drawing('cat', 50), label)
    assert error.value.code == 'label' and '\n' not in str(error.value)
    assert sorted(folder.parent.rglob('*')) == before


def test_a_link_does_not_lead_out_of_the_folder(room, folder, tmp_path):
    (tmp_path/'elsewhere').mkdir()
    (folder/'bird').symlink_to(tmp_path/'elsewhere')
    with pytest.raises(TeachError, match='leads out of'):
        room.show(drawing('cat', 50), 'bird')
    assert list((tmp_path/'elsewhere').iterdir()) == []


@pytest.mark.parametrize('name', sorted(BAD.keys() - {'dot', 'icon'}))
def test_hostile_photos_change_nothing(room, folder, name):
    before = photos_below(folder)
    with pytest.raises(PhotoError):
        room.show(BAD[name], 'bird', name)
    assert photos_below(folder) == before and not (folder/'bird').exists()


@pytest.mark.parametrize('name', sorted(GOOD))
def test_every_kind_of_photo_can_be_shown(tmp_path, name):
    change = Classroom(tmp_path/'new', size=SIZE).show(GOOD[name], 'thing', name)
    assert change.kind == NEW and Image.open(change.file).format == 'JPEG'
    assert b'script' not in change.file.read_bytes() and b'php' not in change.file.read_bytes()


def test_a_split_folder_gets_its_photos_into_train(tmp_path):
    for part in ('train', 'valid'):
        save_drawings(tmp_path/'photos'/part, range(3))
    room = Classroom(tmp_path/'photos', size=SIZE)
    change = room.show(drawing('dog', 60), 'wolf')
    assert change.file.parent == tmp_path/'photos'/'train'/'wolf'
    assert room.counts() == {'cat': 3, 'dog': 3, 'wolf': 1}


def test_a_folder_without_labels_is_refused(tmp_path):
    for number in range(3):
        draw('cat', number, size=64).save(tmp_path/f'IMG_{number}.jpg')
    with pytest.raises(TeachError, match='but no labels'):
        Classroom(tmp_path)


def test_the_same_photo_counts_once(room, folder):
    first = room.show(drawing('cat', 50), 'cat')
    assert room.show(drawing('cat', 50), 'cat').kind == KNOWN
    assert room.show(saved(draw('cat', 50).resize((200, 200)), quality=50), 'cat').kind == ALIKE
    assert room.show(saved(draw('cat', 51)), 'cat').kind == NEW
    moved = room.show(drawing('cat', 50), 'dog')
    assert moved.kind == MOVED and not first.file.exists() and room.counts() == {'cat': 7, 'dog': 7}
    old = (folder/'cat'/'0.jpg').read_bytes()   # one that was there before, to the last byte
    assert room.show(old, 'dog').kind == MOVED and room.counts() == {'cat': 6, 'dog': 8}


def test_undo_takes_back_to_the_last_byte(room, folder):
    before, model = photos_below(folder), room.train().data
    changes = [
        room.show(drawing('cat', 50), 'cat'),
        room.show(drawing('dog', 51), 'wolf'),
        room.show((folder/'dog'/'1.jpg').read_bytes(), 'cat'),
        room.remove(folder/'cat'/'2.jpg'),
    ]
    assert room.train().labels == ['cat', 'dog', 'wolf']
    for change in changes[::-1]:
        room.undo(change.number)
    assert photos_below(folder) == before and not (folder/'wolf').exists()
    assert room.train().data == model
    assert {row.status for row in read_manifest(folder/'cat').values()} == {LEFT_OUT}
    with pytest.raises(TeachError, match='nothing to take back'):
        room.undo(changes[0].number)


def test_a_removed_photo_is_set_aside_and_not_deleted(room, folder):
    data = (folder/'cat'/'2.jpg').read_bytes()
    change = room.remove(folder/'cat'/'2.jpg')
    assert change.file.read_bytes() == data and '.set-aside' in change.file.parts
    assert room.counts() == {'cat': 5, 'dog': 6}
    with pytest.raises(TeachError, match='not there any more'):
        room.remove(folder/'cat'/'2.jpg')


# ── When something goes wrong: one sentence, and the earlier model ──

def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize('what', ['write_whole', 'ManifestWriter'])
def test_a_full_disk(room, folder, monkeypatch, what):
    before, model = photos_below(folder), room.train()
    monkeypatch.setattr(teach, what, full)
    with pytest.raises(TeachError, match='No space left') as error:
        room.show(drawing('cat', 50), 'bird')
    assert error.value.code == 'disk' and str(error.value).count('.') >= 1 and '\n' not in str(error.value)
    monkeypatch.undo()
    assert photos_below(folder) == before and not (folder/'bird').exists() and room.train() is model


def test_a_full_disk_keeps_the_saved_model_whole(room, folder, monkeypatch):
    saved_model = room.save().read_bytes()
    room.show(drawing('cat', 50), 'cat')
    monkeypatch.setattr('cat_or_dog.engine.model_file.write_whole', full)
    with pytest.raises(TeachError, match='No space left'):
        room.save()
    assert (folder/'model.onnx').read_bytes() == saved_model


def test_a_label_that_somebody_empties(room, folder):
    room.show(drawing('dog', 50), 'wolf')
    model = room.train()
    for file in (folder/'wolf').glob('*.jpg'):
        file.unlink()
    room.changed()
    with pytest.raises(TeachError, match="no photo of 'wolf'") as error:
        room.train()
    assert error.value.code == 'emptied' and room.model is model
    room.remove_label('wolf')
    assert room.train().labels == ['cat', 'dog']


def test_a_photo_that_is_taken_away_while_the_model_learns(room, folder, monkeypatch):
    model, real = room.train(), teach.train_head
    def too_late(table, *args):
        table.files[0].unlink()
        return real(table, *args)
    monkeypatch.setattr(teach, 'train_head', too_late)
    room.changed()
    with pytest.raises(TeachError, match='taken away') as error:
        room.train()
    assert error.value.code == 'vanished' and room.model is model
    monkeypatch.undo()
    assert room.train().metadata['photos_per_label'] == {'cat': 5, 'dog': 6}   # without it, it goes on


def test_a_photo_that_is_gone_cannot_be_taken_back(room):
    change = room.show(drawing('cat', 50), 'cat')
    change.file.unlink()
    with pytest.raises(TeachError, match='not there any more'):
        room.undo(change.number)


def test_one_label_is_not_enough(tmp_path):
    room = Classroom(tmp_path/'new', size=SIZE)
    with pytest.raises(TeachError, match='two at least'):
        room.train()
    room.show(drawing('cat', 1), 'cat')
    with pytest.raises(TeachError, match='two at least'):
        room.train()
    room.show(drawing('dog', 1), 'dog')
    assert room.train().labels == ['cat', 'dog'] and room.hint().code == 'one'


def test_twenty_corrections_at_once(room, folder):
    def correct(number):
        return room.show(drawing('dog', 100 + number), 'wolf'), room.train()
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(correct, range(20)))
    assert room.counts() == {'cat': 6, 'dog': 6, 'wolf': 20}
    assert all('wolf' in model.labels for _, model in done)
    rows = read_manifest(folder/'wolf').values()
    assert {row.file for row in rows} == {change.file.name for change, _ in done}
    assert room.train().metadata['photos_per_label'] == room.counts()
    assert not list(folder.rglob('.*.part'))


# ── The page that answers, with and without ──

@pytest.fixture
def own_model(folder):
    return train(folder, size=SIZE)


def test_a_plain_page_cannot_be_taught(own_model):
    client = TestClient(page_app(own_model), base_url='http://127.0.0.1')
    assert client.post('/teach/correct?label=dog', content=drawing('cat', 1)).status_code == 404
    assert client.get('/teaching/correct.js').status_code == 404
    assert 'correct.js' not in client.get('/').text and 'teach' not in client.get('/').text


def test_the_page_learns_and_takes_back(own_model, folder):
    room = classroom_of(own_model, folder)
    client = TestClient(page_app(own_model, addition=teach_addition(room)), base_url='http://127.0.0.1')
    photo, before = drawing('dog', 70), photos_below(folder)
    first = client.post('/predict', content=photo).json()
    assert photos_below(folder) == before   # an answer keeps nothing
    said = client.post('/teach/correct?label=wolf&name=a.jpg', content=photo).json()
    assert said['kind'] == NEW and said['labels'] == ['cat', 'dog', 'wolf']
    assert client.post('/predict', content=photo).json()['label'] == 'wolf'
    assert 'wolf' in client.get('/').text
    back = client.post(f'/teach/undo?number={said["undo"]}').json()
    assert back['labels'] == ['cat', 'dog'] and photos_below(folder) == before
    assert client.post('/predict', content=photo).json() == first
    assert own_model.data == room.train().data


def test_the_folder_must_be_the_models_own(own_model, folder, tmp_path):
    save_drawings(tmp_path/'others', range(3), labels=('cat',))
    with pytest.raises(ValueError, match="no photos of 'dog'"):
        classroom_of(own_model, tmp_path/'others')
    own_model.metadata['method'] = 'fine_tune'
    with pytest.raises(ValueError, match='not trained the quick way'):
        classroom_of(own_model, folder)


@pytest.mark.parametrize('more', [['--host', '0.0.0.0'], ['--allow-host', 'hub.example']])
def test_only_this_computer_may_teach(own_model, folder, tmp_path, more):
    own_model.save(tmp_path/'model.onnx')
    asked = 'app', '--model', tmp_path/'model.onnx', '--teach', folder, '--port', '0'
    done = subprocess.run([*command, *asked, *more], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and 'only for this computer' in done.stderr


@pytest.fixture
def client(folder):
    return TestClient(teach_app(Classroom(folder, size=SIZE)), base_url='http://127.0.0.1')


@pytest.mark.parametrize('headers', [{'sec-fetch-site': 'cross-site'}, {'sec-fetch-site': 'same-site'},
                                     {'origin': 'https://stranger.example'}, {'origin': 'null'}])
def test_another_site_may_not_teach(client, folder, headers):
    before = photos_below(folder)
    posts = ('show?label=cat', 'correct?label=cat', 'add?label=x', 'train', 'save', 'search?label=cat',
             'undo?number=1', 'remove?photo=x', 'take_back?number=1', 'close?label=cat')
    for path in posts:
        assert client.post(f'/teach/{path}', headers=headers).status_code == 403, path
    for path in ('state', 'progress', 'map', 'picture?photo=x'):
        assert client.get(f'/teach/{path}', headers=headers).status_code == 403, path
    assert photos_below(folder) == before and not (folder/'model.onnx').exists()
    assert client.get('/teach/state', headers={'host': 'stranger.example'}).status_code == 400


def test_nothing_changes_by_looking(client):
    for path in ('show', 'correct', 'undo', 'add', 'close', 'train', 'save', 'search', 'remove', 'take_back'):
        assert client.get(f'/teach/{path}?label=x&number=1').status_code == 405, path


def test_pictures_have_names_that_are_no_paths(client, folder):
    [photos, *_] = [label['photos'] for label in client.get('/teach/state').json()['labels']]
    answer = client.get(f'/teach/picture?photo={photos[0]}')
    assert answer.status_code == 200 and answer.headers['content-type'] == 'image/jpeg'
    for name in ('', '../cat/0.jpg', 'cat/0.jpg', str(folder/'cat'/'0.jpg'), photos[0][:-1]):
        assert client.get('/teach/picture', params={'photo': name}).status_code == 404
    for file in (folder/'cat').iterdir():
        file.unlink()
    assert client.get('/teach/picture?photo=' + photos[1]).status_code == 404


def test_the_loop_without_a_browser(client, folder):
    client.post('/teach/add?label=鳥')
    assert client.post('/teach/train').json()['code'] == 'emptied'
    assert client.post('/predict', content=drawing('cat', 1)).json()['code'] == 'few'
    for number in range(3):
        client.post('/teach/show?label=鳥', content=drawing('dog', 30 + number))
    said = client.post('/teach/train').json()
    assert said['labels'] == ['cat', 'dog', '鳥']
    assert said['hint'] == dict(code='few', label='鳥', n=3, other='', m=20)
    assert client.post('/teach/close?label=鳥').json()['code'] == 'label'
    assert client.post('/teach/search?label=cat').json()['kept'] > 5
    assert not client.get('/teach/state').json()['fresh']
    assert client.post('/teach/save').json()['file'] == str(folder/'model.onnx')
    assert Classifier.load(folder/'model.onnx').metadata['photos_per_label']['cat'] > 10
    assert client.post('/teach/search?label=鳥').json()['code'] == 'search'


def test_sentences_in_both_languages():
    texts = teach_texts()
    assert texts['en'].keys() == texts['ja'].keys()
    assert texts['en'].keys() & page_texts(['cat', 'dog'])['en'].keys() == {'privacy'}   # the page's stay
    for key, sentence in texts['en'].items():
        assert set(re.findall(r'\{(\w+)\}', sentence)) == set(re.findall(r'\{(\w+)\}', texts['ja'][key])), key
    codes = {'folder', 'label', 'few', 'emptied', 'vanished', 'disk', 'undo', 'search', 'elsewhere'}
    assert {f'error_{code}' for code in codes} <= texts['en'].keys()
    assert {f'hint_{code}' for code in ('one', 'few', 'lopsided', 'worst', 'fine')} <= texts['en'].keys()
    assert {f'learnt_{kind}' for kind in (NEW, KNOWN, MOVED, ALIKE)} <= texts['en'].keys()


# ── A process of its own: the command, twenty at once, a kill in between ──

@contextmanager
def running(*args):
    "The command as a server; its address and its process."
    process = subprocess.Popen([*command, *map(str, args), '--port', '0', '--json'], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())['url'], process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def send(url, what, label, data):
    try:
        return httpx.post(f'{url}teach/{what}', params=dict(label=label), content=data, timeout=60)
    except httpx.HTTPError:   # the server was killed
        return None


def test_killed_among_twenty_corrections(own_model, folder, tmp_path):
    model = own_model.save(tmp_path/'model.onnx')
    photos = [drawing('dog', 200 + number) for number in range(20)]
    command = 'app', '--model', model, '--teach', folder
    with running(*command) as (url, process), ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(send, url, 'correct', 'wolf', photo) for photo in photos]
        while not any(answer.done() for answer in answers):
            time.sleep(.005)
        process.kill()
        answered = [answer.result() for answer in answers]
    good = [photo for photo, answer in zip(photos, answered) if answer and answer.status_code == 200]
    assert good
    room = Classroom(folder, size=SIZE)
    for photo in good:                                        # what was answered is there
        assert room.show(photo, 'wolf').kind == KNOWN
    for file in labelled_photos(folder).files:                # and nothing is half there
        Image.open(file).load()
    with running(*command) as (url, _), ThreadPoolExecutor(20) as pool:
        again = list(pool.map(lambda photo: send(url, 'correct', 'wolf', photo), photos))   # the rest follows
    assert {answer.status_code for answer in again} == {200}
    assert Classroom(folder, size=SIZE).counts() == {'cat': 6, 'dog': 6, 'wolf': 20}
    rows = [row for row in read_manifest(folder/'wolf').values() if row.status == KEPT]
    assert {row.file for row in rows} <= {file.name for file in (folder/'wolf').glob('*.jpg')}
    assert Classifier.load(model).data == own_model.data      # the file that was given stays as it was


# ── In a browser ──

@pytest.fixture(scope='module')
def browser():
    with chromium(*FAKE_CAMERA) as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    "A function that opens a page; it must ask nobody else for anything, and its program must not fail."
    contexts, complaints = [], []
    def open_page(url, language='en-US', scheme='light', width=1100, height=900, **options):
        options |= dict(locale=language, color_scheme=scheme, viewport=dict(width=width, height=height))
        contexts.append(browser.new_context(**options))
        opened = watched_page(contexts[-1], url, complaints, lambda line: 'Content Security' in line.text)
        opened.goto(url)
        return opened
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def as_upload(label, number, **more):
    return dict(name=f'{label} {number}.jpg', mimeType='image/jpeg', buffer=drawing(label, number, **more))


def choose(opened, button, *files):
    with opened.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files(list(files))


def status(opened, pattern, timeout=30_000):
    opened.get_by_role('status').filter(has_text=re.compile(pattern)).wait_for(timeout=timeout)


def test_correct_it_on_the_page(open_page, own_model, folder, tmp_path):
    model, before = own_model.save(tmp_path/'model.onnx'), photos_below(folder)
    with running('app', '--model', model, '--teach', folder) as (url, _):
        opened = open_page(url)
        button = opened.get_by_role('button', name='Choose photos')
        choose(opened, button, as_upload('dog', 70), as_upload('cat', 71))
        opened.locator('.card.done').nth(1).wait_for()
        card = opened.locator('.card').first
        assert photos_below(folder) == before
        card.get_by_text('Wrong? It is a …').click()
        card.get_by_role('combobox').select_option('something else …')
        card.get_by_label('A new label').fill('wolf')
        assert f'kept in {folder}/wolf' in card.locator('.consent').inner_text()
        assert photos_below(folder) == before                 # no consent yet
        assert barriers(opened) == []
        screenshot(opened, 'correct-asked')
        start = time.perf_counter()
        card.get_by_role('button', name='Keep it and learn').click()
        card.locator('.verdict', has_text='Wolf').wait_for()
        print(f'from the click to the new answer: {time.perf_counter() - start:.2f} s')
        assert len(photos_below(folder)) == len(before) + 1
        card.get_by_text('Kept as wolf, and learnt in').wait_for()
        assert barriers(opened) == []
        screenshot(opened, 'correct-learnt')
        assert card.get_by_role('button', name='Undo').evaluate('button => button == document.activeElement')
        opened.keyboard.press('Enter')
        card.get_by_text('Taken back.').wait_for()
        assert photos_below(folder) == before and 'Wolf' not in card.locator('.verdict').inner_text()


@pytest.fixture
def teaching(tmp_path):
    with running('teach', tmp_path/'mine') as (url, _):
        yield url, tmp_path/'mine'


def add_label(opened, name):
    opened.get_by_label('A new label', exact=True).first.fill(name)
    opened.get_by_role('button', name='Add', exact=True).click()
    opened.get_by_role('heading', name=name, level=3).wait_for()


def test_the_whole_loop_with_drawings(open_page, teaching):
    url, folder = teaching
    opened = open_page(url)
    for label, kind, first in ('tabby', 'cat', 0), ('hound', 'dog', 0), ('far away', 'cat', 100):
        add_label(opened, label)
        place = 'outdoors' if label == 'far away' else 'indoors'
        choose(opened, opened.get_by_role('button', name=f'Photos …: {label}'),
               *[as_upload(kind, first + i, place=place) for i in range(8)])
        status(opened, f'New photos of {label}: 8')
    assert opened.get_by_text('Photos: 8').count() == 3
    opened.get_by_role('button', name='Train').click()
    status(opened, 'It knows far away, hound, tabby now')
    assert 'What would help most: more photos of' in opened.locator('#helps').inner_text()
    photo = as_upload('dog', 300)
    choose(opened, opened.get_by_role('button', name='Ask about a photo …'), photo)
    opened.locator('.tried .verdict', has_text=re.compile('.')).wait_for()
    opened.get_by_text('Wrong? It is a …').click()
    opened.locator('#question').get_by_role('combobox').select_option('something else …')
    opened.locator('#question').get_by_label('A new label').fill('wolf')
    opened.get_by_role('button', name='Keep it and learn').click()
    opened.locator('.tried .verdict', has_text='wolf').wait_for()
    opened.get_by_role('heading', name='wolf', level=3).wait_for()
    assert barriers(opened) == []
    screenshot(opened, 'teach-drawings')
    opened.locator('#question').get_by_role('button', name='Undo').click()
    opened.get_by_text('Taken back.').first.wait_for()
    opened.get_by_role('heading', name='wolf', level=3).wait_for(state='detached')
    opened.get_by_role('button', name='Save the model').click()
    status(opened, 'Saved as')
    asked = 'evaluate', folder, '--model', folder/'model.onnx', '--json'
    done = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)['n'] == 24


def test_the_whole_loop_with_the_camera(open_page, teaching):
    url, folder = teaching
    opened = open_page(url, width=390, height=844, has_touch=True)
    add_label(opened, 'early')
    opened.get_by_role('button', name='Turn the camera on').click()
    opened.locator('#seen').evaluate(
        'video => new Promise(done => video.videoWidth ? done() : video.onloadeddata = done)')
    hold = opened.get_by_role('button', name='Take photos (hold: ten): early')
    box = hold.bounding_box()
    hold.scroll_into_view_if_needed()
    box = hold.bounding_box()
    opened.mouse.move(box['x'] + 20, box['y'] + 20)
    opened.mouse.down()
    status(opened, 'New photos of early: [1-9]')
    opened.mouse.up()
    said = opened.get_by_role('status').inner_text()
    counted = re.findall(r'(?:early: |\. )(\d+)', said)   # new, alike, here already
    assert sum(map(int, counted)) == 10, said
    add_label(opened, 'late')
    opened.get_by_role('button', name='Take photos (hold: ten): late').focus()
    opened.keyboard.down('Space')
    opened.wait_for_timeout(500)
    opened.keyboard.up('Space')
    status(opened, 'New photos of late: [1-9]')
    opened.get_by_role('button', name='Train').click()
    status(opened, 'It knows early, late now')
    opened.get_by_role('button', name="Ask the camera's picture").click()
    opened.locator('.tried .verdict', has_text=re.compile('.')).wait_for()
    opened.wait_for_timeout(900)
    assert barriers(opened) == []
    screenshot(opened, 'teach-camera-390')
    assert opened.evaluate('document.documentElement.scrollWidth') <= 390
    opened.get_by_text('Wrong? It is a …').click()            # the picture stands still
    opened.locator('#still').wait_for()
    opened.get_by_role('button', name='Turn the camera off').click()
    assert opened.get_by_role('button', name=re.compile('^Take photos')).count() == 0
    assert sorted(entry.name for entry in folder.iterdir()) == ['early', 'late']


def test_dropping_pasting_removing_and_searching(open_page, teaching):
    url, folder = teaching
    opened = open_page(url, permissions=['clipboard-read', 'clipboard-write'])
    put = '''([data, name, where]) => {
        const transfer = new DataTransfer()
        const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0))
        transfer.items.add(new File([bytes], name, {type: 'image/jpeg'}))
        const about = {bubbles: true, cancelable: true}
        const target = document.querySelector(where)
        target.dispatchEvent(new DragEvent('drop', {...about, dataTransfer: transfer}))
    }'''
    encoded = base64.b64encode(drawing('cat', 40)).decode()
    opened.evaluate(put, [encoded, 'a.jpg', 'body'])
    status(opened, 'Add a label first')
    add_label(opened, 'cat')
    opened.evaluate(put, [encoded, 'a.jpg', '.label'])
    status(opened, 'New photos of cat: 1')
    opened.evaluate(put, [base64.b64encode(b'Dear diary').decode(), 'diary.jpg', '.label'])
    status(opened, 'diary.jpg: this is not a photo')
    opened.evaluate('''async data => {
        const blob = new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))], {type: 'image/png'})
        await navigator.clipboard.write([new ClipboardItem({'image/png': blob})])
    }''', base64.b64encode(saved(draw('cat', 41), 'png')).decode())
    opened.keyboard.press('Control+v')
    opened.get_by_text('Photos: 2').wait_for()
    opened.get_by_role('button', name='cat, photo 1: remove it').click()
    status(opened, 'was set aside')
    opened.get_by_text('Photos: 1', exact=True).wait_for()
    opened.get_by_role('button', name='Undo').first.click()
    opened.get_by_text('Photos: 2').wait_for()
    opened.get_by_role('button', name='Search: cat').click()
    status(opened, r'Found and kept: \d+ photos of cat', timeout=60_000)
    add_label(opened, 'teapot')
    opened.get_by_role('button', name='Search: teapot').click()
    status(opened, 'The search found nothing')
    opened.get_by_role('button', name='Remove the label: teapot').click()
    opened.get_by_role('heading', name='teapot', level=3).wait_for(state='detached')


LOOKS = ('en-US', 'dark', 390), ('ja-JP', 'light', 1100), ('ja-JP', 'dark', 320)

@pytest.mark.parametrize('language, scheme, width', LOOKS)
def test_looks_and_barriers(open_page, tmp_path, language, scheme, width):
    save_drawings(tmp_path/'mine', range(12))
    with running('teach', tmp_path/'mine') as (url, _):
        opened = open_page(url, language, scheme, width, 844)
        opened.get_by_role('button', name=re.compile('^(Train|学ばせる)$')).click()
        opened.locator('#report', has_text=re.compile(r'\d')).wait_for()
        button = opened.get_by_role('button', name=re.compile('^(Ask about a photo|写真について)'))
        choose(opened, button, as_upload('cat', 99))
        opened.locator('.tried .verdict', has_text=re.compile('.')).wait_for()
        opened.locator('.correct summary').click()
        screenshot(opened, f'teach-{language[:2]}-{scheme}-{width}')
        assert opened.evaluate('document.documentElement.scrollWidth') <= width
        assert barriers(opened) == []


def test_the_seconds_from_a_correction_to_the_new_answer(tmp_path, capsys):
    "For 400 photos whose features are known; the number is printed, and no clock is looked at."
    save_drawings(tmp_path/'photos', range(200), size=160)
    model = train(tmp_path/'photos')
    room = classroom_of(model, tmp_path/'photos')
    client = TestClient(page_app(model, addition=teach_addition(room)), base_url='http://127.0.0.1')
    took = []
    for number in range(5):
        photo, start = drawing('dog', 300 + number), time.perf_counter()
        said = client.post('/teach/correct?label=cat', content=photo).json()
        assert client.post('/predict', content=photo).status_code == 200
        took.append(time.perf_counter() - start)
        assert said['kind'] == NEW
    with capsys.disabled():
        each = ', '.join(f'{seconds:.2f}' for seconds in took)
        print(f'\nfrom a correction to the new answer, 400 photos: {each} s')
    assert room.counts() == {'cat': 205, 'dog': 200}


def test_a_photo_that_is_too_big_is_not_kept(folder):
    before = photos_below(folder)
    app = teach_app(Classroom(folder, size=SIZE), Limits(photo_bytes=1000))
    client = TestClient(app, base_url='http://127.0.0.1')
    answer = client.post('/teach/show?label=cat', content=drawing('cat', 50))
    assert (answer.status_code, answer.json()['code']) == (413, 'size') and photos_below(folder) == before


def test_a_map_of_the_photos(client, folder):
    (folder/'cat'/'0.jpg').rename(folder/'dog'/'a cat, really.jpg')
    data = client.get('/teach/map').json()
    assert data['names'] == ['cat', 'dog'] and len(data['points']) == len(data['pictures']) == 12
    assert all(-1 <= place <= 1 for point in data['points'] for place in point)
    assert client.get('/' + data['pictures'][0]).status_code == 200


def test_clean_draws_a_map(folder, tmp_path):
    asked = [*command, 'clean', folder, '--map']
    done = subprocess.run([*asked, tmp_path/'map.png'], capture_output=True, text=True)
    assert done.returncode == 0 and 'a map of the photos' in done.stderr
    assert min(Image.open(tmp_path/'map.png').size) >= 900
    for name, reason in ('map.txt', 'a map is a picture'), ('no/folder/../x', 'a map is a picture'):
        done = subprocess.run([*asked, name], capture_output=True, text=True)
        assert done.returncode == 1 and reason in done.stderr and done.stderr.count('\n') == 1


def test_the_map_in_a_browser(open_page, tmp_path):
    save_drawings(tmp_path/'mine', range(12))
    (tmp_path/'mine'/'cat'/'0.jpg').rename(tmp_path/'mine'/'dog'/'a cat, really.jpg')
    with running('teach', tmp_path/'mine') as (url, _):
        opened = open_page(url)
        opened.get_by_role('button', name='Train').click()
        status(opened, 'It knows')
        opened.get_by_text('See what it sees').click()
        photos = opened.locator('#map-place [role=group] button')
        photos.nth(23).wait_for(timeout=60_000)
        photos.first.focus()
        opened.keyboard.press('Enter')
        opened.get_by_text('Most similar:').wait_for()
        before = opened.evaluate('document.activeElement.title')
        for key in 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown':
            opened.keyboard.press(key)
        assert opened.evaluate('document.activeElement.title') != before
        assert opened.locator('#map-place li').count() == 6
        assert barriers(opened) == []
        screenshot(opened, 'teach-map')


def test_the_keyboard_alone(open_page, teaching):
    url, _ = teaching
    opened = open_page(url)
    def tab_to(name, role='button'):
        for _ in range(30):
            opened.keyboard.press('Tab')
            wanted = opened.get_by_role(role, name=name, exact=True).first
            if wanted.evaluate('element => element == document.activeElement'):
                return
        raise AssertionError(f'{name} cannot be reached')
    for label, kind in ('mine', 'cat'), ('yours', 'dog'):
        opened.get_by_label('A new label', exact=True).first.focus()
        opened.keyboard.type(label)
        opened.keyboard.press('Enter')
        opened.get_by_role('heading', name=label, level=3).wait_for()
        tab_to(f'Photos …: {label}')
        with opened.expect_file_chooser() as chooser:
            opened.keyboard.press('Enter')
        chooser.value.set_files([as_upload(kind, number) for number in range(4)])
        status(opened, f'New photos of {label}: 4')
    tab_to('Train')
    opened.keyboard.press('Enter')
    status(opened, 'It knows mine, yours now')
    tab_to('Ask about a photo …')
    with opened.expect_file_chooser() as chooser:
        opened.keyboard.press('Enter')
    chooser.value.set_files([as_upload('cat', 99)])
    opened.locator('.tried .verdict', has_text=re.compile('.')).wait_for()

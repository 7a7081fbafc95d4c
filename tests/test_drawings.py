"""Drawings: the same ones for ever; and their server: only what is ours leads to it."""
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import PIL
import pytest
from PIL import Image, UnidentifiedImageError

from cat_or_dog.engine import drawing_server
from cat_or_dog.engine.drawing_server import (
    BROKEN,
    answer,
    drawing_name,
    drawing_urls,
    is_drawing,
    serve_drawings,
    served_now,
)
from cat_or_dog.engine.drawings import BREEDS, LABELS, PLACES, contact_sheet, draw

# The same drawings

DRAWN = [
    ('cat', 0, {}),
    ('cat', 1, {}),
    ('cat', 7, {}),
    ('dog', 0, {}),
    ('dog', 5, {}),
    ('dog', 123, {}),
    ('cat', 3, dict(seed=7, size=200)),
    ('dog', 3, dict(breed='poodle')),
    ('cat', 4, dict(place='outdoors')),
]
HASHES = ['3f7e2512800cb694', '53516df326ccb375', 'd0ccf1eb6cb8fd72', 'ddf856e412016f27', 'ad51af882fb6a7c8',
          '5339f682107c93bc', '312a830596c0a311', 'fbf7b770603e60ec', 'bd519e924a818f4a']
COARSE = [
    'c6b0b7b4b5b3d9b9c7d0b2bfbeaca3d9cbbde3ceced5c0c6b1b1a8b9afa2c9bcadaeaea4aab6b7afbdbeafbcbeaab7b9',
    '7c90b9828fae8890ab7c90b94a673f6d72407a6e4769817759753385663a6d7a43546d314b6829746c3f5266314a6829',
    '8e9a88c1aa94a6a08c9998859fa08ce6d5bdefd5bb939983998f78c0aa8ce9d9bab8b0a5beb6a0b7b0a7d1c3aef2e4ca',
    '948686717267a78d7588746b90837b6b5e49352a248774626f604c715f498161518d8a7776786f756e5f857761776e5e',
    '65525759454361526163576c82655e957c65785b4f6b637a61517cbdb3a17e654d6b5b75615c6b99999188877e7c7882',
    '8378869185919291a77c768a9781899782859986917f6d7f90808f968793827884867e8e887d9c9387a89286a7897d9c',
    '809ab082a9c98ba9c37ca2c1b5b5bfcdbbb3a483739bb6cda09c92c7bbaf8656316e8d9bbda68abda89e986848ad8f6d',
    '6c9ac06b9abd79a8d1709cc28c8e93aba2a8a59aa095908a717c5d727162847d777e766e48632b4f6c304d6a2e4b6330',
    '6776946e7da06a7f9664769268695495878b51654f6c7b8445452b8c716b997c7548442d363f1f3a43233b422435411e',
]
VERSIONS = ('2.4.6', '13.0.0')   # of NumPy and Pillow: others may round a pixel differently


def coarse(image):
    "The picture as 4 × 4 colours."
    return np.asarray(image.resize((4, 4), Image.Resampling.BOX)).ravel()


@pytest.mark.parametrize('number', range(len(DRAWN)))
def test_the_same_drawing_as_ever(number):
    label, i, options = DRAWN[number]
    image = draw(label, i, **options)
    then = np.frombuffer(bytes.fromhex(COARSE[number]), np.uint8)
    assert np.abs(coarse(image).astype(int) - then).max() <= 2
    if (np.__version__, PIL.__version__) == VERSIONS:
        assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == HASHES[number]


def test_a_drawing_does_not_depend_on_what_was_drawn_before():
    first = draw('cat', 5).tobytes()
    draw('dog', 6, seed=1)
    assert draw('cat', 5).tobytes() == first
    others = draw('cat', 6), draw('cat', 5, seed=1), draw('dog', 5)
    assert first not in [other.tobytes() for other in others]


def corners(image):
    "How bright the four corners are."
    grey = np.asarray(image.convert('L'), float)
    return np.array([grey[y:y+20, x:x+20].mean() for y in (0, -21) for x in (0, -21)])


def test_the_background_does_not_give_the_label_away():
    "Cat and dog of one number are in the same place: their corners are alike, but for a tail or an ear."
    cats, dogs = ([corners(draw(label, i)) for i in range(24)] for label in LABELS)
    same = [np.median(abs(cat - dog)) for cat, dog in zip(cats, dogs)]
    other = [np.median(abs(cat - dog)) for cat, dog in zip(cats, dogs[3:])]
    assert np.mean(same) < np.mean(other)/1.5


@pytest.mark.parametrize('label, options, words', [
    ('horse', {}, "no drawings of 'horse'"), ('cat', dict(breed='pug'), "no cat of the breed 'pug'"),
    ('dog', dict(place='moon'), "no place 'moon': choose one of indoors, outdoors, studio")])
def test_what_cannot_be_drawn(label, options, words):
    with pytest.raises(ValueError, match=words):
        draw(label, 0, **options)


def test_shapes_breeds_and_places():
    assert [draw('dog', i).size for i in range(3)] == [(320, 320), (320, 240), (240, 320)]
    pictures = [draw(b.label, 2, breed=b.name, size=64) for b in BREEDS]
    assert len({picture.tobytes() for picture in pictures}) == len(BREEDS) == 21
    assert len({draw('cat', 2, place=place, size=64).tobytes() for place in PLACES}) == 3
    sheet = contact_sheet(pictures, columns=5, thumb=64, captions=[b.name for b in BREEDS])
    assert sheet.size == (5*64, 5*(64 + 18)) and contact_sheet(pictures, columns=5, thumb=64).size == (
        320,
        320,
    )


# The server

def test_what_the_server_answers():
    urls = drawing_urls('cat', 74)
    assert [i for i, url in enumerate(urls) if '-' in url] == [9, 25, 41, 57, 73]
    with pytest.raises(HTTPError, match='404'):
        urlopen(urls[9])
    assert urlopen(urls[25]).read().startswith(b'<html>') and urlopen(urls[57]).read() == b''
    with pytest.raises((OSError, UnidentifiedImageError)):
        Image.open(BytesIO(urlopen(urls[41]).read())).load()
    good = urlopen(urls[7])
    assert good.headers['Content-Type'] == 'image/jpeg' and Image.open(good).size == draw('cat', 7).size
    assert urls[0].startswith('http://127.0.0.1:') and drawing_urls('cat', 2, seed=7)[1].endswith(
        '/drawings/7/cat/1.jpg'
    )


@pytest.mark.parametrize(
    'path',
    [
        '/',
        '/drawings/',
        '/drawings/42/cat/',
        '/drawings/42/horse/1.jpg',
        '/drawings/42/cat/1.png',
        '/drawings/42/cat/-1.jpg',
        '/drawings/42/cat/1.jpg?a=b',
        '/drawings/42/cat/1-odd.jpg',
        '/drawings/../../etc/passwd',
        '/drawings/42/cat/１.jpg',
        f'/drawings/{"9" * 5000}/cat/1.jpg',
        '//drawings/42/cat/1.jpg',
        '/drawings/42/cat/1.jpg/',
        '/drawings/42/cat/1.jpg\n',
    ],
)
def test_paths_that_lead_nowhere(path):
    assert answer(path)[0] == 404


def test_only_cats_and_dogs_have_addresses():
    with pytest.raises(ValueError, match="no drawings of 'horse': only of 'cat' and 'dog'"):
        drawing_urls('horse', 3)


def test_threads_that_ask_together_get_one_server(monkeypatch):
    drawing_server.the_server.cache_clear()
    gate = threading.Barrier(8)
    def ask(_):
        gate.wait()
        return serve_drawings()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_many_knock_at_once():
    urls = drawing_urls('cat', 25)[:25]
    with ThreadPoolExecutor(25) as pool:
        assert all(pool.map(lambda url: urlopen(url.replace('-missing', '')).status == 200, urls))


# Whose address?

def test_a_drawing_is_found_again_in_another_program():
    for label in LABELS:
        for number, url in enumerate(drawing_urls(label, 60, seed=7)):
            old = url.replace(serve_drawings(), 'http://127.0.0.1:9/drawings/')
            assert is_drawing(url) and served_now(old) == url and drawing_name(number) in url


STRANGE = [
    'https://stranger.example/drawings/42/cat/1.jpg',
    'http://stranger.example/drawings/42/cat/1.jpg',
    'http://127.0.0.1:1@stranger.example/drawings/42/cat/1.jpg',
    'http://127.0.0.1.stranger.example:1/drawings/42/cat/1.jpg',
    'http://127.0.0.1:1#@stranger.example/drawings/42/cat/1.jpg',
    'https://127.0.0.1:9/drawings/42/cat/1.jpg',
    'http://localhost:9/drawings/42/cat/1.jpg',
    'http://10.0.0.1:9/drawings/42/cat/1.jpg',
    'http://127.0.0.1/drawings/42/cat/1.jpg',
    'http://127.0.0.1:9/other/3.jpg',
    'http://127.0.0.1:9/drawings/a.jpg',
    'http://127.0.0.1:9/x/drawings/42/cat/1.jpg',
    'http://127.0.0.1:9/drawings/42/horse/1.jpg',
    'http://127.0.0.1:9/drawings/42/cat/1.jpg?a=b',
    'http://127.0.0.1:9/drawings/42/cat/1.jpg#a',
    'http://127.0.0.1:9/drawings/42/cat/1-torn.jpg',
    'http://127.0.0.1:9/drawings/42/cat/9.jpg',
    'http://127.0.0.1:9/drawings/42/cat/01.jpg',
    'http://127.0.0.1:x/drawings/42/cat/1.jpg',
    'http://127.0.0.1:99999/drawings/42/cat/1.jpg',
    'http://127.0.0.1:09/drawings/42/cat/1.jpg',
    'http://127.0.0.1:9/drawings/42/cat/../cat/1.jpg',
    'http://[::1]:9/drawings/42/cat/1.jpg',
    'http://[',
    '',
]


@pytest.mark.parametrize('url', STRANGE)
def test_a_strangers_address_stays_and_starts_nothing(url, monkeypatch):
    monkeypatch.setattr(drawing_server, 'serve_drawings', lambda: pytest.fail('a server was started'))
    assert not is_drawing(url) and served_now(url) == url


def test_every_way_to_be_broken_is_there():
    assert {drawing_name(i).partition('-')[2].removesuffix('.jpg') for i in range(80)} == {'', *BROKEN}

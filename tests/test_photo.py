"""One way to open photos: formats by content, right brightness, nothing that hangs or starts a program."""
import os
import pickle
import socket
from io import BytesIO

import numpy as np
import PIL
import pytest
from pictures import saved
from PIL import Image, features

from cat_or_dog.engine.photo import (
    FORMATS,
    PhotoError,
    data_url,
    looks_like_photo,
    open_photo,
    photo_bytes,
    pixels,
    thumbnail,
    to_jpeg,
    why_unreadable,
)


def code(photo, **options):
    with pytest.raises(PhotoError) as caught:
        open_photo(photo, **options)
    assert '\n' not in str(caught.value)
    return caught.value.code


RAMP = np.tile(np.arange(256, dtype=np.uint8), (32, 1))
GREY = Image.fromarray(RAMP)
TWO_BYTES = RAMP.astype(np.uint16)*257


@pytest.mark.parametrize(
    'data',
    [
        saved(GREY, 'png'),
        saved(GREY, 'tiff'),
        saved(GREY.convert('RGB'), 'tiff'),
        saved(GREY.convert('RGBA'), 'png'),
        saved(GREY.convert('LA'), 'png'),
        saved(GREY.convert('CMYK'), 'tiff'),
        saved(Image.fromarray(TWO_BYTES), 'png'),
        saved(Image.fromarray(TWO_BYTES), 'tiff'),
        saved(Image.fromarray(TWO_BYTES.astype(np.int32)), 'tiff'),
        saved(Image.frombytes('I;16B', (256, 32), TWO_BYTES.astype('>u2').tobytes()), 'tiff'),
        saved(Image.fromarray(RAMP.astype(np.float32)/255), 'tiff'),
        saved(Image.fromarray(RAMP.astype(np.float32)), 'tiff'),
        saved(GREY.convert('P'), 'png'),
        pytest.param(saved(GREY.convert('RGB').convert('YCbCr'), 'tiff'), marks=pytest.mark.skipif(
            int(PIL.__version__.split('.')[0]) < 13, reason='Pillow 12 calls its own file truncated')),
    ],
    ids=lambda data: data[:4].hex() + f'-{len(data)}',
)
def test_every_mode_keeps_its_brightness(data):
    off = np.abs(np.asarray(open_photo(data)).astype(int) - RAMP[..., None]).max()
    assert off <= 1


def test_lab_keeps_its_brightness():
    lab = Image.merge('LAB', [GREY, *[Image.new('L', GREY.size, 128)]*2])
    shown = np.asarray(open_photo(saved(lab, 'tiff'))).astype(int)
    assert (np.diff(shown.mean(2)[0]) >= 0).all() and shown[0, 0].max() < 8 and shown[0, -1].min() > 247


def test_black_and_white():
    assert set(np.unique(np.asarray(open_photo(saved(GREY.convert('1'), 'png'))))) == {0, 255}


def test_what_is_see_through_is_white():
    clear = Image.new('RGBA', (40, 40), (0, 0, 0, 0))
    palette = Image.new('P', (40, 40), 0)
    transparent = saved(palette, 'png', transparency=0)
    for data in saved(clear, 'png'), saved(clear, 'webp', lossless=True), transparent:
        assert np.asarray(open_photo(data)).min() == 255


def test_an_eps_never_starts_ghostscript(tmp_path, monkeypatch):
    eps = tmp_path/'cat.jpg'
    GREY.convert('RGB').save(eps, 'eps')
    from PIL import EpsImagePlugin
    monkeypatch.setattr(
        EpsImagePlugin, 'Ghostscript', lambda *args, **kwargs: pytest.fail('Ghostscript was started')
    )
    assert 'EPS' not in FORMATS and not looks_like_photo(eps.read_bytes()[:32])
    assert code(eps) == 'unknown'


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
def test_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path/'pipe.jpg')
    assert code(tmp_path/'pipe.jpg') == 'special'
    assert code('/dev/zero') == 'special'
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path/'s.jpg'))
        assert code(tmp_path/'s.jpg') == 'special'


def test_each_refusal_has_its_code(tmp_path):
    whole = saved(Image.effect_noise((300, 200), 50), 'jpeg')
    (tmp_path/'loop.jpg').symlink_to(tmp_path/'loop.jpg')
    assert code(tmp_path/'none.jpg') == 'missing'
    assert code('a\0b.jpg') == 'missing'
    assert code(tmp_path) == 'folder'
    assert code(tmp_path/'loop.jpg') == 'damaged'
    assert code(b'') == 'empty'
    assert code(b'I am a cat') == 'unknown'
    assert code(whole[:len(whole)//2]) == 'damaged'
    assert code(whole, max_pixels=59_999) == 'pixels' and open_photo(whole, max_pixels=60_000).size == (
        300,
        200,
    )


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    with open(tmp_path/'big.jpg', 'wb') as file:
        file.truncate(5_000_000_000)   # a hole: it takes no place on the disk
    assert code(tmp_path/'big.jpg') == 'large'


def test_a_bomb_is_not_unpacked():
    bomb = saved(Image.new('1', (20_000, 20_000)), 'png')
    assert len(bomb) < 100_000 and code(bomb) == 'pixels'


def test_heic_without_its_package_names_the_package(monkeypatch):
    monkeypatch.setattr('cat_or_dog.engine.photo.FORMATS', [f for f in FORMATS if f != 'HEIF'])
    error = why_unreadable(b'\0\0\0\x18ftypheic' + bytes(100))
    assert error.code == 'heic' and "pip install 'cat_or_dog[app]'" in str(error)


def test_the_name_is_the_one_that_people_gave():
    named = BytesIO(b'I am a cat')
    named.name = 'tama.jpg'
    assert str(why_unreadable(named)).startswith('tama.jpg: ')
    with pytest.raises(PhotoError, match='^photo 7: '):
        open_photo(b'x', name='photo 7')


def test_an_open_file_can_be_read_twice():
    file = BytesIO(saved(GREY, 'png'))
    assert photo_bytes(file) == photo_bytes(file)


def test_the_error_travels_between_processes():
    # ours, made a line before
    error = pickle.loads(pickle.dumps(PhotoError('a.jpg', 'empty', 'the file is empty')))
    assert (error.name, error.code, str(error)) == ('a.jpg', 'empty', 'a.jpg: the file is empty.')


def test_a_damaged_exif_note_costs_nothing():
    photo = saved(GREY.convert('RGB'), 'jpeg', exif=b'Exif\0\0II*\0' + b'\xff'*40)
    assert open_photo(photo).size == GREY.size


@pytest.mark.parametrize('turn', range(1, 9))
def test_turned_photos_stand_upright(turn):
    note = Image.Exif()
    note[0x0112] = turn
    size = open_photo(saved(GREY.convert('RGB'), 'jpeg', exif=note)).size
    assert size == (GREY.size if turn < 5 else GREY.size[::-1])


@pytest.mark.parametrize(
    ('options', 'longest'),
    [
        ({}, 1600),
        ({'least': 300}, 800),
        ({'least': 301}, 1600),
        ({'longest': 400}, 400),
        ({'longest': 401}, 800),
        ({'least': 300, 'longest': 100}, 800),
    ],
)
def test_a_big_jpeg_is_decoded_smaller_but_not_too_small(options, longest):
    photo = saved(Image.effect_noise((1600, 600), 50).convert('RGB'), 'jpeg')
    assert max(open_photo(photo, **options).size) == longest


def test_squish_is_what_fastai_makes():
    fastai = pytest.importorskip('fastai.vision.all')
    photo = Image.effect_noise((300, 200), 50).convert('RGB')
    theirs = fastai.Resize(192, method='squish')(fastai.PILImage(photo))
    assert (np.asarray(theirs) == pixels(photo, 192)).all()


def test_nothing_but_pixels_in_a_small_copy():
    note = Image.Exif()
    note[0x010e] = 'taken at home'
    photo = saved(Image.effect_noise((1600, 600), 50).convert('RGB'), 'jpeg', exif=note, comment=b'secret')
    small = to_jpeg(thumbnail(photo, 400))
    assert open_photo(small).size == (400, 150)
    assert b'home' not in small and b'secret' not in small and b'Exif' not in small
    assert data_url(thumbnail(photo, 16)).startswith('data:image/jpeg;base64,')


@pytest.mark.skipif(not features.check('avif'), reason='this Pillow has no AVIF')
def test_avif_is_read_and_known_by_its_first_bytes():
    data = saved(GREY.convert('RGB'), 'avif')
    assert looks_like_photo(data[:32]) and open_photo(data).size == GREY.size

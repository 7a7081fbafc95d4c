"""Copies: found among photos and drawings, whatever was done to them; and nothing else is called a copy."""
import io

import numpy as np
import pytest
from pictures import saved
from PIL import Image

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.duplicates import (
    alike_pairs,
    alike_to,
    confirmed,
    copies_among,
    is_look,
    likeness,
    look,
    looks_of,
    misfit,
    same_photo,
    worse_copies,
)


def saved_again(image, quality=30):
    return Image.open(io.BytesIO(saved(image, quality=quality)))


def cut(image, left, top, right, bottom):
    w, h = image.size
    return image.crop((round(left*w), round(top*h), round(w - right*w), round(h - bottom*h)))


CHANGES = {   # the part of copies that must be found among real photos; measured: 95 to 100 %
    'quality 30': (saved_again, .99),
    'quality 10': (lambda im: saved_again(im, 10), .97),
    'half': (lambda im: im.resize((im.width//2, im.height//2)), .98),
    'another shape': (lambda im: im.resize((200, 200)), .99),
    '2 % all around': (lambda im: cut(im, .02, .02, .02, .02), .99),
    '5 % all around': (lambda im: cut(im, .05, .05, .05, .05), .95),
    '5 % on the left': (lambda im: cut(im, .05, 0, 0, 0), .97),
    'mirrored': (lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT), .99),
    'lighter': (lambda im: im.convert('RGB').point(lambda v: min(255, int(v*1.2))), .93),
}


def difference_hash_finds(a, b):
    "The way of the first version: at most 8 of 128 answers differ."
    def bits(image):
        grey = np.asarray(image.convert('L').resize((9, 9), Image.Resampling.BOX), int)
        return np.concatenate(
            [(grey[:-1, 1:] > grey[:-1, :-1]).ravel(), (grey[1:, :-1] > grey[:-1, :-1]).ravel()]
        )
    return (bits(a) != bits(b)).sum() <= 8


def test_copies_of_real_photos_are_found(photos, capsys):
    originals = [Image.open(file).convert('RGB') for file in sorted(photos.glob('*/*/*.jpg'))[::6]]
    for name, (change, least) in CHANGES.items():
        copies = [change(image) for image in originals]
        before = np.mean([difference_hash_finds(a, b) for a, b in zip(originals, copies)])
        seen = [bool(alike_to([look(b)], look(a))) for a, b in zip(originals, copies)]
        found = np.mean([first and same_photo(a, b) for first, a, b in zip(seen, originals, copies)])
        with capsys.disabled():
            print(
                f'\n{name:16} first look {np.mean(seen):.0%}, both {found:.0%}, difference hash {before:.0%}',
                end='',
            )
        assert found >= least, name


def test_different_real_photos_are_not_copies(photos):
    files = sorted(photos.glob('*/*/*.jpg'))
    seen = alike_pairs(looks_of(files))
    assert len(seen) <= 3
    assert len(confirmed(files, seen)) <= 1   # there is one photo twice


def test_different_drawings_are_not_copies():
    drawings = [draw(label, i, size=128) for label in ('cat', 'dog') for i in range(100)]
    assert copies_among(drawings) == {}


def test_plain_pictures_of_different_colours_are_not_copies():
    sheets = [
        Image.new('RGB', (200, 150), colour)
        for i in range(6)
        for colour in ((255 - 20*i, 10*i, 0), (0, 10*i, 255 - 20*i))
    ]
    assert copies_among(sheets) == {}
    assert same_photo(sheets[0], saved_again(sheets[0], 40))
    greys = [Image.new('RGB', (200, 150), (v, v, v)) for v in range(20, 250, 20)]
    assert copies_among(greys) == {}


def test_scanned_digits_are_not_copies_and_their_copies_are():
    digits = pytest.importorskip('sklearn.datasets').load_digits().images[:120]
    scans = [
        Image.fromarray((255 - digit*15).astype(np.uint8)).resize((128, 128), Image.Resampling.BICUBIC)
        for digit in digits
    ]
    seen = alike_pairs(looks_of(scans))
    assert len(seen) > 100   # at the first look many are alike: the second has something to do
    assert confirmed(scans, seen) == {}
    for scan in scans[:10]:
        assert same_photo(scan, saved_again(scan)) and same_photo(scan, cut(scan, .03, .03, .03, .03))


def test_colour_counts():
    cat = draw('cat', 3)
    red, green, blue = cat.split()
    assert not same_photo(cat, Image.merge('RGB', (blue, green, red)))


def test_old_hashes_and_empty_looks_are_like_nothing():
    text = look(draw('cat', 1))
    assert alike_pairs(['', '0f'*16, text, text]).keys() == {(2, 3)}
    assert (
        alike_pairs([]) == alike_pairs([text]) == {}
        and alike_to([text], '') == []
        and alike_to(['', text], text) == [1]
    )
    assert not is_look('!'*288) and not is_look(text[:-4])


def test_all_pairs_at_once_say_what_one_pair_says():
    drawings = [draw('cat', i, size=96) for i in range(12)]
    looks = looks_of([*drawings, *(image.resize((60, 60)) for image in drawings)])
    pairs = alike_pairs(looks, threshold=.5)
    for (i, j), value in pairs.items():
        assert value >= likeness(looks[i], looks[j]) - 1e-3
    assert all(pairs[i, i + 12] > .95 for i in range(12))
    assert {j for i, j in pairs if i == 0} == set(alike_to(looks, looks[0], threshold=.5)) - {0}


def test_more_photos_than_one_block():
    rng = np.random.default_rng(0)
    images = [
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).resize((48, 48)) for _ in range(60)
    ]
    looks = looks_of(images)*20   # 1,200: each 20 times
    pairs = alike_pairs(looks)
    assert len(pairs) == 60*(20*19//2) and all((j - i) % 60 == 0 for i, j in pairs)


def test_what_cannot_be_read_is_no_copy(tmp_path):
    draw('cat', 1).save(tmp_path/'a.jpg')
    draw('cat', 1).save(tmp_path/'b.jpg', quality=60)
    (tmp_path/'torn.jpg').write_bytes(b'torn')
    files = [tmp_path/'torn.jpg', tmp_path/'a.jpg', tmp_path/'b.jpg']
    assert copies_among(files).keys() == {(1, 2)}
    looks = looks_of(files)
    files[2].unlink()   # it vanishes between the two looks
    assert confirmed(files, alike_pairs(looks)) == {}


def test_the_second_look_ignores_how_large_and_which_way_round():
    dog = draw('dog', 4)
    for other in (
        dog.resize((100, 90)),
        dog.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        cut(dog, 0.06, 0, 0, 0.03),
    ):
        assert misfit(dog, other) < .4
        assert misfit(other, dog) < .55
    assert misfit(dog, draw('dog', 5)) > 1


def test_of_a_chain_of_copies_the_middle_one_stands_for_both():
    pairs = {(0, 1): .9, (1, 2): .95}
    assert worse_copies(pairs, [1, 2, 1].__getitem__) == {0: (1, .9), 2: (1, .95)}
    assert worse_copies(pairs) == {1: (0, .9)}
    assert worse_copies({}) == {}

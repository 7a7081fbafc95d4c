"""Japanese in pictures: drawn with a font that has it, or one sentence says which package to install."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageFont

from cat_or_dog.engine import fonts
from cat_or_dog.engine.drawings import contact_sheet
from cat_or_dog.engine.figures import png_bytes

with_font = pytest.mark.skipif(not fonts.japanese_font(), reason='There is no Japanese font here.')
PICTURES = '''
from PIL import Image
from cat_or_dog.engine.drawings import contact_sheet
from cat_or_dog.engine.figures import png_bytes
import matplotlib.pyplot as plt
sheet = contact_sheet([Image.new('RGB', (8, 8))]*2, captions=['猫', '犬'])
fig, ax = plt.subplots()
ax.bar(['猫', '犬'], [1, 2])
print(len(png_bytes(sheet)) > 500, len(png_bytes(fig)) > 500)
'''
NOTHING = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>'


@pytest.fixture
def known(monkeypatch):
    "Look for the font anew, in this test and behind it."
    cached = fonts.japanese_font
    cached.cache_clear()
    yield monkeypatch
    cached.cache_clear()


def figure_with(label):
    "A figure with the label in its title, on an axis, and in the legend."
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.bar([label], [1], label=label)
    ax.set_title(label)
    ax.legend()
    data = png_bytes(fig)
    plt.close(fig)
    return data


def sheet_with(label):
    return png_bytes(contact_sheet([Image.new('RGB', (8, 8))], columns=1, captions=[label]))


def test_without_a_font_one_sentence_comes_and_the_figures_too(tmp_path):
    (tmp_path/'fonts.conf').write_text(NOTHING)
    empty = {'XDG_DATA_HOME': str(tmp_path), 'XDG_DATA_DIRS': str(tmp_path), 'MPLBACKEND': 'agg',
             'FONTCONFIG_FILE': str(tmp_path/'fonts.conf')}
    if sys.platform in ('win32', 'darwin'):
        pytest.skip('Here the system brings a font, and it cannot be hidden.')
    command = [sys.executable, '-c', PICTURES]
    done = subprocess.run(command, env=os.environ | empty, capture_output=True, encoding='utf-8')
    assert done.stdout == 'True True\n', done.stderr
    assert done.stderr.count(fonts.NO_FONT) == 1 and 'fonts-ipafont-gothic' in fonts.NO_FONT
    assert 'Glyph' not in done.stderr


def test_a_font_in_the_working_folder_is_a_strangers(tmp_path, known):
    "Such as a folder of photos from somebody. A font with its whole path is taken."
    from matplotlib import font_manager
    name = 'a-font-of-a-stranger.ttf'
    shutil.copy(font_manager.findfont('DejaVu Sans'), tmp_path/name)
    known.chdir(tmp_path)
    known.setattr(fonts, 'FONT_FILES', (name,))
    known.setattr(fonts.shutil, 'which', lambda name: None)
    assert fonts.japanese_font() == ''
    known.setattr(fonts, 'FONT_FILES', (str(tmp_path/name),))
    fonts.japanese_font.cache_clear()
    assert fonts.japanese_font() == str(tmp_path/name)


@with_font
@pytest.mark.parametrize('picture', [figure_with, sheet_with])
def test_with_a_font_there_is_no_tofu(picture, known):
    "Two kanji are two pictures; without a font both would be the same box."
    assert picture('猫') != picture('犬')
    known.setattr(fonts, 'japanese_font', lambda: '')
    known.setattr(fonts, 'say_once', lambda sentence: None)
    assert picture('猫') == picture('犬')


def test_latin_letters_are_drawn_as_before(known):
    known.setattr(fonts, 'japanese_font', lambda: pytest.fail('no font is needed'))
    assert figure_with('cat') != figure_with('dog') and sheet_with('cat') != sheet_with('dog')


@with_font
def test_labels_that_are_announced_are_drawn_by_others_too():
    import matplotlib.pyplot as plt
    from matplotlib import rc_context, rcParams
    with rc_context():
        before = rcParams['font.family']
        fonts.announce(['cat', 'dog'])
        assert rcParams['font.family'] == before
        for _ in range(2):
            fonts.announce(['cat', '猫'])
        assert len(rcParams['font.family']) == len(before) + 1
        fig, ax = plt.subplots()
        assert ax.set_title('猫').get_fontfamily() == rcParams['font.family']
        plt.close(fig)


@with_font
def test_fontconfig_is_asked_for_fonts_of_other_names(known):
    known.setattr(fonts, 'FONT_FILES', ('no-such-font.ttf',))
    known.setattr(fonts.shutil, 'which', lambda name: None)
    assert fonts.japanese_font() == ''
    known.undo()
    fonts.japanese_font.cache_clear()
    known.setattr(fonts, 'FONT_FILES', ())
    if fonts.shutil.which('fc-list'):
        assert ImageFont.truetype(fonts.japanese_font(), 12).getmask('猫').getbbox()


@with_font
def test_a_batch_of_japanese_labels_is_shown_with_their_names(drawn, tmp_path):
    import matplotlib.pyplot as plt
    from matplotlib import rc_context

    from cat_or_dog.data import dataloaders
    for name, label in ('猫', 'cat'), ('犬', 'dog'):
        shutil.copytree(drawn/label, tmp_path/name)
    with rc_context():
        dls = dataloaders(tmp_path)
        dls.show_batch(max_n=2)
        titles = [ax.title for ax in plt.gcf().axes]
        families = [title.get_fontfamily()[-1] for title in titles if title.get_text() in dls.vocab]
    plt.close('all')
    assert len(families) == 2 and not any('sans-serif' in family for family in families)


@with_font
def test_the_legend_of_a_map_of_photos():
    import numpy as np

    from cat_or_dog.engine.photo_map import PhotoMap, still_map
    def legend(name):
        gone = Path('no-such-photo.jpg')   # drawn in grey
        return still_map(PhotoMap([gone], [name], np.zeros((1, 2)), [[]], {}), 100).tobytes()
    assert legend('猫') != legend('犬')

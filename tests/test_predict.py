"""Predicting: photos of every kind, tables of predictions, how good they are; model files: test_onnx_file."""
import csv
import io
import json
import os
import subprocess
import sys
import threading
import unicodedata

import numpy as np
import onnx
import pytest
from pictures import save_drawings, saved
from PIL import Image

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.evaluate import as_cell, seen_before
from cat_or_dog.engine.files import usable_cores
from cat_or_dog.engine.model_file import how_good
from cat_or_dog.predict import Classifier, ModelError, PhotoError, Prediction, open_photo


@pytest.fixture
def model(model_file):
    return Classifier.load(model_file)


@pytest.mark.parametrize(
    'format, mode',
    [
        (f, m)
        for f, modes in dict(
            jpeg='RGB L CMYK',
            png='RGB L RGBA LA P 1 I;16',
            gif='RGB L RGBA P 1',
            tiff='RGB L RGBA LA P 1 CMYK I;16',
            webp='RGB RGBA',
            avif='RGB RGBA',
            bmp='RGB L P 1',
        ).items()
        for m in modes.split()
    ],
)
def test_every_mode_and_format_becomes_rgb(mode, format):
    image = draw('cat', 1)
    image = (
        image.convert('I').point(lambda v: v*256).convert('I;16') if mode == 'I;16' else image.convert(mode)
    )
    photo = open_photo(saved(image, format))
    assert photo.mode == 'RGB' and photo.size == image.size
    assert 30 < np.asarray(photo).mean() < 230   # neither black nor white: nothing was lost on the way


def test_every_way_to_give_a_photo_is_the_same(model, tmp_path):
    image = draw('dog', 5)
    file = tmp_path/'dog.png'
    image.save(file)
    ways = [file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes()), np.asarray(image), image]
    assert len({str(model.predict(photo)) for photo in ways}) == 1


def bomb():
    "A small PNG that says it has 30,000 x 30,000 pixels."
    return saved(Image.new('1', (30_000, 30_000)), 'png')


@pytest.mark.parametrize(
    'name, data, reason',
    [
        ('empty', b'', 'empty'),
        ('text', b'I am a cat', 'not a photo'),
        ('html', b'<html><body>404</body></html>', 'not a photo'),
        ('half', saved(draw('cat', 2), 'jpeg')[:3000], 'damaged'),
        ('bomb', bomb(), 'pixels'),
        ('none', None, 'no such file'),
    ],
)
def test_bad_photos_get_one_sentence_with_their_name(tmp_path, name, data, reason):
    file = tmp_path/f'{name}.jpg'
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(PhotoError, match=reason) as error:
        open_photo(file)
    assert file.name in str(error.value) and '\n' not in str(error.value)


def test_a_bad_photo_costs_one_row(model):
    good = [draw('cat', i) for i in range(40)]
    rows = list(model.predict_many(good[:35] + [b'bad'] + good[35:], batch_size=8))
    assert [type(a) for _, a in rows] == [Prediction]*35 + [PhotoError] + [Prediction]*5
    assert [p for p, _ in rows[:35]] == good[:35]


def test_predict_many_reads_only_a_few_ahead(model):
    given = []
    def endless():
        while True:
            given.append(1)
            yield draw('cat', 0)
    rows = model.predict_many(endless(), batch_size=4)
    for _ in range(5):
        next(rows)
    # The batch that is read, one for each core, and one that waits.
    assert len(given) <= 4*(usable_cores() + 2)


def test_threads_share_a_classifier(model):
    photo = draw('dog', 9)
    expected, found = model.predict(photo), []
    threads = [threading.Thread(target=lambda: found.append(model.predict(photo))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [expected]*8


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
def test_a_pipe_a_folder_and_a_vanished_photo_are_rows(model, tmp_path):
    "Nothing waits for ever, and the photo after them is named."
    os.mkfifo(tmp_path/'pipe.jpg')
    (tmp_path/'folder.jpg').mkdir()
    (tmp_path/'loop.jpg').symlink_to(tmp_path/'loop.jpg')
    draw('cat', 1).save(tmp_path/'good.png')
    names = ['pipe.jpg', 'folder.jpg', 'vanished.jpg', 'loop.jpg', '/dev/zero', 'good.png']
    files = [tmp_path/name for name in names]
    answers = [answer for _, answer in model.predict_many(files)]
    assert [getattr(answer, 'code', answer) for answer in answers[:3]] == ['special', 'folder', 'missing']
    assert isinstance(answers[3], PhotoError) and answers[4].code == 'special'
    assert answers[5].label == 'cat'


def changed(model, **metadata):
    "The model with other metadata."
    proto = onnx.load_from_string(model.data)
    onnx.helper.set_model_props(proto, {'cat_or_dog': json.dumps({**model.metadata, **metadata})})
    return proto.SerializeToString()


def test_strange_photos_are_neither(model):
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    answers = [model.predict(photo) for photo in (noise, Image.new('RGB', (300, 300), 'red'))]
    assert all(a.neither and 'nothing that the model was trained on' in str(a) for a in answers)
    known = [model.predict(draw(label, i)) for label in ('cat', 'dog') for i in range(100, 110)]
    assert sum(a.neither for a in known) <= 4


def test_the_border_of_neither_is_the_files_own(model):
    photo = draw('cat', 3)
    models = [Classifier(changed(model, threshold=border)) for border in (None, -1e9, 1e9)]
    said = [one.predict(photo).neither for one in models]
    assert said == [False, False, True]


def test_without_a_memory_it_is_never_neither(model):
    answer = Classifier(changed(model, threshold=None)).predict(draw('cat', 3))
    assert not answer.neither and answer.familiarity > 0


def test_heat_is_the_evidence_of_each_place(model):
    "The mean of the maps over all places goes with the difference of the sums before softmax."
    batch = np.stack([model.square(draw(label, i)) for label in ('cat', 'dog') for i in range(3)])
    heat, p = model.run(batch, 'heat', 'probabilities')
    by_place, by_softmax = heat.mean((2, 3)), np.log(p)
    assert heat.shape == (6, 2, 8, 8)
    together = np.corrcoef(by_place[:, 1] - by_place[:, 0], by_softmax[:, 1] - by_softmax[:, 0])[0, 1]
    assert together > 0.8
    # With two labels, what speaks for one speaks against the other.
    assert np.allclose(heat.sum(1), 0, atol=1e-3)
    assert np.allclose(model.heat_map(draw('cat', 1), 'dog'), heat[1, 1], atol=1e-3)


# Tables

def rows_of(file):
    with open(file, encoding='utf-8-sig', newline='') as table:
        return list(csv.DictReader(table))


def test_predictions_stream_to_a_file(model, tmp_path):
    for i in range(3):
        draw('cat', i).save(tmp_path/f'{i}.png')
    (tmp_path/'1.png').write_bytes(b'torn')
    files = sorted(tmp_path.glob('*.png'))
    assert model.predict_to(files, tmp_path/'rows.csv') == {'predicted': 2, 'unreadable': 1}
    rows = rows_of(tmp_path/'rows.csv')
    assert [row['photo'] for row in rows] == list(map(str, files))
    assert 'not a photo' in rows[1]['error'] and rows[0]['label'] == 'cat'
    def stopped(photos):
        yield files[0]
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        model.predict_to(stopped(files), tmp_path/'rows.csv')
    assert len(rows_of(tmp_path/'rows.csv')) == 3 and not list(tmp_path.glob('.*'))   # the old table is whole


def test_a_table_that_excel_reads_right(model, tmp_path, monkeypatch):
    "Japanese names stay Japanese, and no name becomes a formula."
    names = ['猫.png', '=cmd|calc.png', '+1.png', '-1.png', '@sum.png', '＝cat.png', '1=1.png']
    monkeypatch.chdir(tmp_path)   # so that the rows begin with the names
    for name in names:
        draw('cat', 1).save(name)
    model.predict_to(names, 'rows.csv')
    assert (tmp_path/'rows.csv').read_bytes().startswith(b'\xef\xbb\xbfphoto,')   # the byte-order mark
    wanted = ['猫.png', "'=cmd|calc.png", "'+1.png", "'-1.png", "'@sum.png", "'＝cat.png", '1=1.png']
    assert [row['photo'] for row in rows_of('rows.csv')] == wanted


@pytest.mark.parametrize('text', ['=1', '+1', '-1', '@a', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠a'])
def test_what_begins_like_a_formula_becomes_text(text):
    assert as_cell(text) == "'" + text
    assert as_cell('cat' + text) == 'cat' + text and as_cell(-1.5) == -1.5


def test_json_lines_keep_names_as_they_are(model, tmp_path):
    draw('cat', 1).save(tmp_path/'=猫.png')
    model.predict_to([tmp_path/'=猫.png'], tmp_path/'rows.jsonl')
    row = json.loads((tmp_path/'rows.jsonl').read_text(encoding='utf-8'))
    assert row['photo'] == str(tmp_path/'=猫.png') and row['label'] == 'cat'


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems have no such names')
@pytest.mark.parametrize('ending', ['csv', 'jsonl'])
def test_a_name_that_is_no_text_does_not_end_the_table(model, tmp_path, ending):
    file = os.path.join(os.fsencode(tmp_path), b'caf\xe9.png')
    draw('cat', 1).save(tmp_path/'cat.png')
    os.rename(tmp_path/'cat.png', file)
    counts = model.predict_to([os.fsdecode(file), os.fsdecode(file)], tmp_path/f'rows.{ending}')
    assert counts == {'predicted': 2, 'unreadable': 0}
    assert 'caf\\udce9.png' in (tmp_path/f'rows.{ending}').read_text(encoding='utf-8')


def test_a_table_that_cannot_be_written_is_said_before_the_work(model, tmp_path):
    (tmp_path/'a file').write_text('not a folder')
    def photos():
        pytest.fail('the work had begun')
        yield
    with pytest.raises(OSError, match='The table cannot be saved as .*rows.csv'):
        model.predict_to(photos(), tmp_path/'a file'/'rows.csv')


# How good is it?

def test_photos_seen_in_training_are_counted(model, drawn, tmp_path):
    new = save_drawings(tmp_path, range(100, 103))
    old = sorted(drawn.glob('*/*.jpg'))[:4]
    report = model.evaluate(new + old)
    assert (report['n'], report['seen']) == (10, 4)
    assert model.evaluate(new)['seen'] == 0


def test_a_model_that_does_not_say_what_it_saw(model, drawn):
    "Then nobody may say that photos are new to it."
    silent = Classifier(changed(model, photos_seen=None))
    assert silent.evaluate(sorted(drawn.glob('*/*.jpg'))[:4])['seen'] is None
    assert seen_before(['anything'], {}) is None


def test_each_label_has_its_own_error(model, tmp_path):
    files = save_drawings(tmp_path, range(200, 205))
    turned = ['dog']*5 + ['dog']*5   # five cats are called dogs
    report = model.evaluate(files, turned)
    assert list(report['per_label']) == ['dog'] and report['per_label']['dog']['n'] == 10
    assert report['errors'] == report['per_label']['dog']['errors'] >= 4
    assert {row['actual'] for row in report['most_confused']} == {'dog'}
    assert f'dog {report["errors"]} of 10' in how_good(report)


def test_unreadable_photos_are_counted_and_explained(model, tmp_path):
    files = save_drawings(tmp_path, range(300, 302))
    files[0].write_bytes(b'torn')
    report = model.evaluate(files)
    assert (report['n'], report['unreadable']) == (3, 1) and str(files[0]) in report['reasons'][0]
    for file in files:
        file.write_bytes(b'torn')
    with pytest.raises(ValueError, match='not one readable photo'):
        model.evaluate(files)


def test_an_unknown_label_is_named(model, tmp_path):
    files = save_drawings(tmp_path, [1], ['dog'])
    (tmp_path/'dog').rename(tmp_path/'horse')
    files = [tmp_path/'horse'/files[0].name]
    with pytest.raises(ValueError, match="'horse' is not a label of this model; it knows cat, dog"):
        model.evaluate(files)


@pytest.mark.parametrize('in_model, in_folder', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_kana_in_either_spelling_are_one_label(model, tmp_path, in_model, in_folder):
    "macOS writes が as two letters in the names of folders."
    known = [unicodedata.normalize(in_model, 'がちょう'), 'dog']
    theirs = Classifier(changed(model, labels=known))
    files = save_drawings(tmp_path, [400, 401])
    found = theirs.evaluate(files, [unicodedata.normalize(in_folder, 'がちょう')]*2 + ['dog']*2)
    assert found['n'] == 4 and set(found['per_label']) == set(known)


def test_predicting_needs_no_torch(model_file, tmp_path):
    draw('cat', 77).save(tmp_path/'cat.png')
    program = '''
import sys
for name in 'torch fastai torchvision timm onnx sklearn scipy matplotlib fastbook'.split():
    sys.modules[name] = None
from cat_or_dog.predict import Classifier
print(Classifier.load(sys.argv[1]).predict(sys.argv[2]))'''
    run = subprocess.run([sys.executable, '-c', program, model_file, tmp_path/'cat.png'],
                         capture_output=True, text=True, check=True)
    assert run.stdout.startswith('This is a cat')


def test_names_that_people_import_from_here():
    from cat_or_dog.predict import pixels
    assert issubclass(ModelError, ValueError) and pixels(draw('cat', 1), 64).shape == (64, 64, 3)

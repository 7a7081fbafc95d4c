"""Predicting: photos of every kind, hostile photos, hostile model files."""
import csv
import io
import json
import os
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest
from PIL import Image

from cat_or_dog import predict
from cat_or_dog.engine.drawings import draw
from cat_or_dog.predict import Classifier, ModelError, PhotoError, open_photo


@pytest.fixture
def model(model_file):
    return Classifier.load(model_file)


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


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
        ('empty', b'', 'not a photo'),
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
    assert [type(a) for _, a in rows] == [predict.Prediction]*35 + [PhotoError] + [predict.Prediction]*5
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
    assert len(given) <= 16


def test_threads_share_a_classifier(model):
    photo = draw('dog', 9)
    expected, found = model.predict(photo), []
    threads = [threading.Thread(target=lambda: found.append(model.predict(photo))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [expected]*8


def changed(model, **metadata):
    proto = onnx.load_from_string(model.data)
    onnx.helper.set_model_props(proto, {'cat_or_dog': json.dumps({**model.metadata, **metadata})})
    return proto.SerializeToString()


@pytest.mark.parametrize(
    'metadata, reason',
    [
        (dict(labels=['cat', 'dog', 'horse']), 'does not fit'),
        (dict(labels='cat'), 'labels'),
        (dict(labels=['cat', 'cat']), 'labels'),
        (dict(labels=['cat']), 'labels'),
        (dict(resize='stretch'), 'resize'),
        (dict(threshold='high'), 'threshold'),
        (dict(size=224), 'does not fit'),
        (dict(size='big'), 'size'),
        (dict(format=99), 'format'),
    ],
)
def test_wrong_metadata_is_refused(model, metadata, reason):
    with pytest.raises(ModelError, match=reason):
        Classifier(changed(model, **metadata))


def test_no_metadata_is_refused(model):
    proto = onnx.load_from_string(model.data)
    del proto.metadata_props[:]
    with pytest.raises(ModelError, match='not made by cat_or_dog'):
        Classifier(proto.SerializeToString())


def test_a_model_that_points_at_another_file_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    proto = onnx.load_from_string(model.data)
    weight = next(t for t in proto.graph.initializer if t.name == 'weight')
    (tmp_path/'secret.bin').write_bytes(weight.raw_data)
    weight.ClearField('raw_data')
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key='location', value='secret.bin')
    with pytest.raises(ModelError, match='another file'):
        Classifier(proto.SerializeToString())


def with_node(model, *args, **options):
    "The model with one operation more in its graph."
    proto = onnx.load_from_string(model.data)
    proto.graph.node.append(onnx.helper.make_node(*args, **options))
    return proto.SerializeToString()


@pytest.mark.parametrize('node, options, reason', [
    (('ConstantOfShape', ['probabilities'], ['huge']), {}, 'do not need: ConstantOfShape'),
    (('Loop', ['', '', 'probabilities'], ['again']), {}, 'do not need: Loop'),
    (('Evil', ['probabilities'], ['x']), dict(domain='stranger'), 'operations of its own')])
def test_a_graph_that_could_do_more_is_refused(model, node, options, reason):
    with pytest.raises(ModelError, match=reason):
        Classifier(with_node(model, *node, **options))


def test_functions_of_a_stranger_are_refused(model):
    proto = onnx.load_from_string(model.data)
    proto.functions.append(
        onnx.helper.make_function(
            'stranger',
            'F',
            ['x'],
            ['y'],
            [onnx.helper.make_node('Identity', ['x'], ['y'])],
            proto.opset_import,
        )
    )
    with pytest.raises(ModelError, match='operations of its own'):
        Classifier(proto.SerializeToString())


def test_dimensions_that_do_not_fit_are_refused(model):
    proto = onnx.load_from_string(model.data)
    weight = next(t for t in proto.graph.initializer if t.name == 'weight')
    weight.dims[:] = [1_000_000, 1_000_000]
    with pytest.raises(ModelError, match='not a complete ONNX model'):
        Classifier(proto.SerializeToString())
    proto = onnx.load_from_string(model.data)
    for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:3]:
        dim.dim_value = 1_000_000
    with pytest.raises(ModelError):
        Classifier(proto.SerializeToString())


@pytest.mark.parametrize('part', [0, 1, 10, 1000, 0.5, 0.999])
def test_a_torn_file_is_refused(model, part):
    data = model.data[:part if isinstance(part, int) else int(len(model.data)*part)]
    with pytest.raises(ModelError):
        Classifier(data)


def test_bytes_changed_at_random_never_crash(model):
    "A model, or one sentence: whatever a stranger's file holds."
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = np.frombuffer(model.data[:300] + model.data[-3000:], np.uint8).copy()
        data[rng.integers(0, len(data), 5)] = rng.integers(0, 256, 5)
        with pytest.raises(ModelError):
            Classifier(data.tobytes())


def test_our_own_files_are_on_the_list(model_file):
    assert set(Classifier(model_file.read_bytes()).outputs) == {
        'probabilities',
        'familiarity',
        'heat',
        'features',
    }


def test_strange_photos_are_neither(model):
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    answers = [model.predict(photo) for photo in (noise, Image.new('RGB', (300, 300), 'red'))]
    assert all(a.neither and 'nothing that the model was trained on' in str(a) for a in answers)
    known = [model.predict(draw(label, i)) for label in ('cat', 'dog') for i in range(100, 110)]
    assert sum(a.neither for a in known) <= 4


def test_without_a_memory_it_is_never_neither(model):
    answer = Classifier(changed(model, threshold=None)).predict(draw('cat', 3))
    assert not answer.neither and answer.familiarity > 0


def test_heat_is_the_evidence_of_each_place(model):
    "The mean of the maps over all places is the difference of the sums before softmax."
    batch = np.stack([model.square(draw(label, i)) for label in ('cat', 'dog') for i in range(3)])
    heat, p = model.run(batch, 'heat', 'probabilities')
    by_place, by_softmax = heat.mean((2, 3)), np.log(p)
    assert heat.shape == (6, 2, 6, 6)
    assert np.corrcoef((by_place[:, 1] - by_place[:, 0]), by_softmax[:, 1] - by_softmax[:, 0])[0, 1] > 0.8
    assert model.heat_map(draw('cat', 1), 'dog').shape == (6, 6)


def test_predictions_stream_to_a_file(model, tmp_path, monkeypatch):
    for i in range(3):
        draw('cat', i).save(tmp_path/f'{i}.png')
    (tmp_path/'1.png').write_bytes(b'torn')
    files = sorted(tmp_path.glob('*.png'))
    assert model.predict_to(files, tmp_path/'rows.csv') == dict(predicted=2, unreadable=1)
    with open(tmp_path/'rows.csv', encoding='utf-8') as table:
        rows = list(csv.DictReader(table))
    assert (
        [r['photo'] for r in rows] == list(map(str, files))
        and 'not a photo' in rows[1]['error']
        and rows[0]['label'] == 'cat'
    )
    def stopped(photos):
        yield files[0]
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        model.predict_to(stopped(files), tmp_path/'rows.csv')
    # the old table is whole
    lines = (tmp_path/'rows.csv').read_text(encoding='utf-8').splitlines()
    assert len(lines) == 4 and not list(tmp_path.glob('.*'))


def test_the_card_says_what_the_model_is(model_file):
    card = model_file.with_suffix('.md').read_text()
    assert 'tells cat from dog' in card and '30 × cat' in card and 'error rate of' in card


def test_a_failed_save_leaves_the_old_model_whole(model, tmp_path, monkeypatch):
    file = tmp_path/'model.onnx'
    file.write_bytes(b'the old model')
    def full(self, data):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr('pathlib.Path.write_bytes', full)
    with pytest.raises(OSError, match='cannot be saved.*No space left'):
        model.save(file)
    assert file.read_bytes() == b'the old model' and os.listdir(tmp_path) == ['model.onnx']


def test_an_unknown_label_is_named(model, tmp_path):
    (tmp_path/'horse').mkdir()
    draw('dog', 1).save(tmp_path/'horse'/'1.jpg')
    with pytest.raises(ValueError, match="'horse' is not a label"):
        model.evaluate((tmp_path/'horse').iterdir())


def test_predicting_needs_no_torch(model_file, tmp_path):
    draw('cat', 77).save(tmp_path/'cat.png')
    program = '''
import sys
for name in 'torch fastai torchvision timm onnx sklearn scipy matplotlib fastbook'.split():
    sys.modules[name] = None
from cat_or_dog.predict import Classifier
print(Classifier.load(sys.argv[1]).predict(sys.argv[2]))'''
    out = subprocess.run(
        [sys.executable, '-c', program, model_file, tmp_path/'cat.png'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.startswith('This is a cat')

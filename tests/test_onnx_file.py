"""Model files: what is refused before it is opened, what is refused after, and what no answer is."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cat_or_dog.engine import onnx_file
from cat_or_dog.engine.onnx_file import FORMAT, check_graph, contents
from cat_or_dog.predict import Classifier, ModelError

SIZE = 64
ARRAYS = {'rows_and_columns': [1, 2], 'none': [0], 'two': [2], 'one': [1]}
MEANS = [  # two numbers for a photo: the means of its red and its green
    helper.make_node('Cast', ['photo'], ['float_photo'], to=TensorProto.FLOAT),
    helper.make_node('ReduceMean', ['float_photo', 'rows_and_columns'], ['means'], keepdims=0),
    helper.make_node('Slice', ['means', 'none', 'two', 'one'], ['logits']),
]
SOFTMAX = helper.make_node('Softmax', ['logits'], ['probabilities'])
BLACK = np.zeros((SIZE, SIZE, 3), np.uint8)
GREY = np.full((SIZE, SIZE, 3), 100, np.uint8)
ANSWERS = [('probabilities', TensorProto.FLOAT, ['n', 2])]


def tiny(nodes=(SOFTMAX,), outputs=ANSWERS, arrays=None, text=None, **metadata):
    "A model file of a few hundred bytes, for what can't be said with a big one."
    values = ARRAYS | (arrays or {})
    graph = helper.make_graph(
        MEANS + list(nodes),
        'tiny',
        [helper.make_tensor_value_info('photo', TensorProto.UINT8, ['n', 'h', 'w', 3])],
        [helper.make_tensor_value_info(*output) for output in outputs],
        [numpy_helper.from_array(np.array(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    known = {'format': FORMAT, 'labels': ['cat', 'dog'], 'size': SIZE} | metadata
    helper.set_model_props(model, {'cat_or_dog': json.dumps(known) if text is None else text})
    return model.SerializeToString()


def number(value):
    "A whole number as protocol buffers write it."
    written = []
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def field(key, message, above=0):
    "A field with a length; `above` are bits of its key that a 32-bit reader drops."
    return number(key << 3 | 2 | above << 32) + number(len(message)) + message


@pytest.fixture
def model(model_file):
    return Classifier.load(model_file)


def test_the_tiny_model_is_fine():
    "All tests below change one thing in a file that works."
    answer = Classifier(tiny()).predict(GREY)
    assert (
        answer.probabilities == {'cat': 0.5, 'dog': 0.5} and not answer.neither and answer.familiarity is None
    )


# Before it is opened


@pytest.mark.parametrize('part', [0, 1, 10, 1000, 0.5, 0.999])
def test_a_torn_file_is_refused_before_it_is_opened(model, part, monkeypatch):
    "By our own reader: ONNX Runtime, which would refuse it too, never sees it."
    monkeypatch.setattr(
        onnx_file.ort, 'InferenceSession', lambda *args, **options: pytest.fail('it was opened')
    )
    data = model.data[: part if isinstance(part, int) else int(len(model.data) * part)]
    with pytest.raises(ModelError, match='not a complete ONNX model'):
        Classifier(data)


def test_bytes_changed_at_random_never_crash(model):
    "A model that answers, or one sentence: whatever a stranger's file holds."
    rng, whole = np.random.default_rng(0), tiny()
    for _ in range(300):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
        try:
            Classifier(data.tobytes()).predict(GREY)
        except ModelError as error:
            assert '\n' not in str(error)


def with_node(model, *args, **options):
    "The model with one operation more in its graph."
    proto = onnx.load_from_string(model.data)
    proto.graph.node.append(helper.make_node(*args, **options))
    return proto.SerializeToString()


@pytest.mark.parametrize(
    'node, options, reason',
    [
        (('ConstantOfShape', ['probabilities'], ['huge']), {}, 'do not need: .ConstantOfShape'),
        (('Loop', ['', '', 'probabilities'], ['again']), {}, 'do not need: .Loop'),
        (('Evil', ['probabilities'], ['x']), {'domain': 'stranger'}, 'operations of its own'),
    ],
)
def test_a_graph_that_could_do_more_is_refused(model, node, options, reason):
    with pytest.raises(ModelError, match=reason):
        Classifier(with_node(model, *node, **options))


def test_functions_of_a_stranger_are_refused(model):
    proto = onnx.load_from_string(model.data)
    identity = helper.make_node('Identity', ['x'], ['y'])
    proto.functions.append(
        helper.make_function('stranger', 'F', ['x'], ['y'], [identity], proto.opset_import)
    )
    with pytest.raises(ModelError, match='operations of its own'):
        Classifier(proto.SerializeToString())


def elsewhere(tensor):
    "Say that the numbers of `tensor` lie in another file."
    tensor.ClearField('raw_data')
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key='location', value='secret.bin')
    return tensor


@pytest.mark.parametrize('place', ['initializer', 'attribute', 'list in an attribute'])
def test_a_file_that_points_at_another_file_is_refused(model, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    proto = onnx.load_from_string(model.data)
    tensor = next(t for t in proto.graph.initializer if t.name == 'weight')
    (tmp_path / 'secret.bin').write_bytes(tensor.raw_data)
    if place == 'initializer':
        elsewhere(tensor)
    else:
        node = proto.graph.node.add(op_type='Constant', output=['theirs'])
        attribute = node.attribute.add(name='value', type=onnx.AttributeProto.TENSOR)
        copy = attribute.t if place == 'attribute' else attribute.tensors.add()
        copy.CopyFrom(tensor)
        elsewhere(copy)
    with pytest.raises(ModelError, match='another file'):
        Classifier(proto.SerializeToString())


@pytest.mark.parametrize('place', ['initializer', 'attribute'])
def test_sparse_tables_are_refused(place):
    proto = onnx.load_from_string(tiny())
    if place == 'initializer':
        sparse = proto.graph.sparse_initializer.add()
    else:
        node = proto.graph.node.add(op_type='Constant', output=['theirs'])
        attribute = node.attribute.add(name='sparse_value', type=onnx.AttributeProto.SPARSE_TENSOR)
        sparse = attribute.sparse_tensor
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), 'sparse'))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64)))
    sparse.dims.append(9)
    with pytest.raises(ModelError, match='sparse'):
        Classifier(proto.SerializeToString())


def test_a_field_number_that_others_read_differently_is_refused():
    "A 32-bit reader drops the bits above: to it, this is a second graph, with an operation that we refuse."
    node = helper.make_node('ConstantOfShape', ['two'], ['huge']).SerializeToString()
    graph = field(1, node)
    with pytest.raises(ModelError, match='ConstantOfShape'):
        check_graph(tiny() + field(7, graph))
    with pytest.raises(ModelError, match='not a complete'):
        check_graph(tiny() + field(7, graph, above=1))


def test_a_number_where_text_should_be_costs_no_memory():
    "bytes(n) has n bytes: an operation called 2**40 would take a terabyte. (Here: 0.1 GB, if this fails.)"
    node = number(4 << 3) + number(10**8)
    with pytest.raises(ModelError, match='not a complete'):
        check_graph(tiny() + field(7, field(1, node)))


def test_a_file_of_tiny_fields_keeps_nobody_busy(monkeypatch):
    monkeypatch.setattr(onnx_file, 'MAX_FIELDS', 1000)
    check_graph(tiny())
    with pytest.raises(ModelError, match='not a complete'):
        check_graph(tiny() + number(5 << 3 | 0) + b'\0' + (number(5 << 3) + b'\0') * 1000)


def test_it_is_read_in_the_format_that_was_checked():
    "Four letters make ONNX Runtime take a file for its own format, which nothing has checked."
    producer = b'\0\0' + b'ORTM' + b'x' * 100
    disguised = bytes([2 << 3 | 2, len(producer)]) + producer + tiny()
    assert disguised[4:8] == b'ORTM'
    assert Classifier(disguised).predict(GREY).probability == 0.5  # read as what we have checked


def test_no_more_is_opened_than_the_list_allows(model_file):
    assert contents(model_file.read_bytes()).operations <= onnx_file.OPERATIONS
    outputs = set(Classifier(model_file.read_bytes()).outputs)
    assert outputs == {'probabilities', 'familiarity', 'belonging', 'heat', 'features'}


# Memory

BOMBS = {  # each asks for 6 GB, with allowed operations
    'while it is opened': """
        arrays = {'start': np.float32(0), 'end': np.float32(1.5e9), 'step': np.float32(1)}
        nodes = [helper.make_node('Range', ['start', 'end', 'step'], ['huge']),
                 helper.make_node('ReduceMax', ['huge'], ['unused'])]""",
    'while it runs': """
        arrays = {'pads': np.array([0, 0, 0, 1_500_000_000])}
        nodes = [helper.make_node('Pad', ['means', 'pads'], ['huge'], mode='edge'),
                 helper.make_node('ReduceMax', ['huge', 'one'], ['unused'])]""",
    'stretched': """
        arrays = {'shape': np.array([1_500_000_000, 1])}
        nodes = [helper.make_node('Slice', ['means', 'none', 'one', 'one'], ['thin']),
                 helper.make_node('Expand', ['thin', 'shape'], ['huge']),
                 helper.make_node('ReduceMax', ['huge', 'one'], ['unused'])]""",
    'laid side by side': """
        arrays = {'times': np.array([1, 750_000_000])}
        nodes = [helper.make_node('Tile', ['means', 'times'], ['huge']),
                 helper.make_node('ReduceMax', ['huge', 'one'], ['unused'])]""",
}


@pytest.mark.parametrize('when', BOMBS)
def test_memory_that_a_file_may_ask_for_is_bounded(when, tmp_path):
    "In a process of its own, whose peak is measured; the machine's own limit is never what stops it."
    scope = {'np': np, 'helper': helper}
    exec('if True:' + BOMBS[when], scope)
    outputs = [*ANSWERS, ('unused', TensorProto.FLOAT, None)]
    file = tmp_path / 'bomb.onnx'
    file.write_bytes(tiny([SOFTMAX, *scope['nodes']], outputs, scope['arrays']))
    program = r'''
import re, sys
from pathlib import Path
import numpy as np
from cat_or_dog.predict import Classifier, ModelError
try:
    model = Classifier.load(sys.argv[1])
    model.run(np.zeros((1, 64, 64, 3), np.uint8), 'unused')
except ModelError as error:
    print(error)
print(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])'''
    run = subprocess.run([sys.executable, '-c', program, file], capture_output=True, text=True, check=True)
    sentence, peak = run.stdout.strip().rsplit('\n', 1)
    assert 'bomb.onnx' in sentence and '\n' not in sentence
    assert int(peak) < 1_000_000  # kB


@pytest.mark.parametrize(
    'version, keeps', [('1.22.1', False), ('1.26.0', False), ('1.27.0', True), ('2.0', True)]
)
def test_older_versions_compute_nothing_beforehand(version, keeps, monkeypatch):
    assert onnx_file.keeps_to_the_limit(version) is keeps
    monkeypatch.setattr(onnx_file.ort, '__version__', version)
    levels, real = [], onnx_file.ort.InferenceSession
    def session(data, options, **more):
        levels.append(options.graph_optimization_level)
        return real(data, options, **more)
    monkeypatch.setattr(onnx_file.ort, 'InferenceSession', session)
    assert Classifier(tiny()).predict(GREY).probability == 0.5
    nothing = onnx_file.ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert [level == nothing for level in levels] == [not keeps]


# Other versions

@pytest.mark.parametrize('change', [
    lambda proto: setattr(proto, 'ir_version', 99),
    lambda proto: setattr(proto.opset_import[0], 'version', 99)], ids=['ir', 'opset'])
def test_another_version_of_onnx_is_not_called_damaged(change):
    proto = onnx.load_from_string(tiny())
    change(proto)
    with pytest.raises(ModelError, match='another version of ONNX'):
        Classifier(proto.SerializeToString())


# What it says about itself


def changed(model, **metadata):
    "The model with other metadata."
    proto = onnx.load_from_string(model.data)
    helper.set_model_props(proto, {'cat_or_dog': json.dumps({**model.metadata, **metadata})})
    return proto.SerializeToString()


@pytest.mark.parametrize(
    'metadata, reason',
    [
        ({'labels': ['cat', 'dog', 'horse']}, 'does not fit'),
        ({'labels': 'cat'}, 'labels'),
        ({'labels': ['cat', 'cat']}, 'labels'),
        ({'labels': ['cat']}, 'labels'),
        ({'labels': ['cat', '']}, 'labels'),
        ({'labels': ['cat', 'a\x1b[2J']}, 'labels'),
        ({'labels': ['cat', 'two\nlines']}, 'labels'),
        ({'resize': 'stretch'}, 'resize'),
        ({'threshold': 'high'}, 'threshold'),
        ({'size': 'big'}, 'size'),
        ({'size': 16}, 'size'),
        ({'size': 5000}, 'size'),
        ({'validation': 'good'}, 'validation'),
        ({'validation': {'n': 0}}, 'validation'),
        ({'photos_per_label': [1]}, 'photos_per_label'),
        ({'versions': 3}, 'versions'),
        ({'licences': {'CC0': 'many'}}, 'licences'),
        ({'photos_seen': 7}, 'photos_seen'),
    ],
)
def test_wrong_metadata_is_refused(model, metadata, reason):
    with pytest.raises(ModelError, match=reason):
        Classifier(changed(model, **metadata))


@pytest.mark.parametrize(
    'text',
    [
        '',
        'null',
        '[]',
        '{',
        '{"format": NaN}',
        '{"format": 3, "x": ' + '[' * 100_000,
        '{"format": 3, "x": ' + '[' * 100_000 + ']' * 100_000 + '}',
        '{"x": ' + '1' * 6000 + '}',
    ],
)
def test_metadata_that_is_no_metadata_is_refused(text):
    with pytest.raises(ModelError, match='metadata|format|not made by') as error:
        Classifier(tiny(text=text))
    assert '\n' not in str(error.value)


def test_a_size_that_the_graph_does_not_have_is_refused():
    proto = onnx.load_from_string(tiny())
    for side in proto.graph.input[0].type.tensor_type.shape.dim[1:3]:
        side.dim_value = 96
    with pytest.raises(ModelError, match='does not fit'):
        Classifier(proto.SerializeToString())


@pytest.mark.parametrize('old', [1, 2, 99, None])
def test_another_format_gets_one_sentence(model, old):
    with pytest.raises(
        ModelError, match=f'its format is {old}, and this version reads {FORMAT}. Train a new one'
    ):
        Classifier(changed(model, format=old))


def test_no_metadata_is_refused(model):
    proto = onnx.load_from_string(model.data)
    del proto.metadata_props[:]
    with pytest.raises(ModelError, match='not made by cat_or_dog'):
        Classifier(proto.SerializeToString())


def test_dimensions_that_do_not_fit_are_refused(model):
    proto = onnx.load_from_string(model.data)
    weight = next(t for t in proto.graph.initializer if t.name == 'weight')
    weight.dims[:] = [1_000_000, 1_000_000]
    with pytest.raises(ModelError, match='not a complete ONNX model'):
        Classifier(proto.SerializeToString())


# What it answers

N = helper.make_node
SUM = N('ReduceMax', ['logits', 'one'], ['familiarity'], keepdims=0)
FLAT = ('familiarity', TensorProto.FLOAT, ['n'])
STRANGE = {
    'no softmax': ([N('Identity', ['logits'], ['probabilities'])], ANSWERS, 'do not sum to 1'),
    'text': (
        [N('Cast', ['logits'], ['probabilities'], to=TensorProto.STRING)],
        [('probabilities', TensorProto.STRING, ['n', 2])],
        'other than float32',
    ),
    'one row for all': (
        [N('ReduceMean', ['logits', 'none'], ['mean']), N('Softmax', ['mean'], ['probabilities'])],
        [('probabilities', TensorProto.FLOAT, ['rows', 2])],
        'the shape',
    ),
    'not a number': (
        [N('Log', ['logits'], ['minus']), N('Softmax', ['minus'], ['probabilities'])],
        ANSWERS,
        'need: .Log',
    ),
    'zero by zero': (
        [N('Div', ['logits', 'logits'], ['ratio']), N('Softmax', ['ratio'], ['probabilities'])],
        ANSWERS,
        'numbers that are none',
    ),
    'two signs a photo': (
        [SOFTMAX, N('Identity', ['logits'], ['belonging'])],
        [*ANSWERS, ('belonging', TensorProto.FLOAT, ['n', 2])],
        'the shape',
    ),
}


@pytest.mark.parametrize('kind', STRANGE)
def test_an_answer_that_is_none_is_a_sentence(kind, tmp_path):
    nodes, outputs, reason = STRANGE[kind]
    file = tmp_path / 'strange.onnx'
    file.write_bytes(tiny(nodes, outputs, threshold=0.5))
    with pytest.raises(ModelError, match=f'strange.onnx: .*{reason}'):
        from cat_or_dog.engine.prediction import predictions

        predictions(Classifier.load(file), np.stack([BLACK, BLACK + 1]))


def test_one_sign_without_the_other_is_no_traceback():
    answer = Classifier(tiny([SOFTMAX, SUM], [*ANSWERS, FLAT], threshold=0.5)).predict(GREY)
    assert answer.familiarity == 100 and not answer.neither


def test_a_heat_map_of_another_shape_is_a_sentence():
    outputs = [*ANSWERS, ('heat', TensorProto.FLOAT, ['n', 2])]
    model = Classifier(tiny([SOFTMAX, N('Identity', ['logits'], ['heat'])], outputs))
    with pytest.raises(ModelError, match='heat'):
        model.heat_map(GREY)


def test_weights_that_are_nan_are_a_sentence(model):
    proto = onnx.load_from_string(model.data)
    bias = next(t for t in proto.graph.initializer if t.name == 'bias')
    bias.raw_data = np.full(2, np.nan, np.float32).tobytes()
    broken = Classifier(proto.SerializeToString(), 'broken.onnx')
    for ask in (broken.predict, broken.heat_map, lambda photo: list(broken.predict_many([photo]))):
        with pytest.raises(ModelError, match='broken.onnx: the model answers with numbers that are none'):
            ask(GREY)


def test_an_operation_that_fails_while_it_runs_is_a_sentence():
    shape = {'shape': [-1, 7]}
    nodes = [
        N('Reshape', ['means', 'shape'], ['odd']),
        N('Slice', ['odd', 'none', 'two', 'one'], ['some']),
        N('Softmax', ['logits'], ['probabilities']),
        N('ReduceMax', ['some', 'one'], ['familiarity'], keepdims=0),
    ]
    with pytest.raises(ModelError, match='failed while it was running'):
        Classifier(tiny(nodes, [*ANSWERS, FLAT], shape)).predict(GREY)


# Files


@pytest.mark.parametrize(
    'what, reason',
    [
        ('none', 'there is no such model file'),
        ('folder', 'that is a folder'),
        ('pipe', 'a pipe or a device'),
        ('loop', 'cannot be read'),
        ('long', 'cannot be read'),
        ('pickle', 'not a complete ONNX model'),
    ],
)
def test_what_is_no_model_file_gets_one_sentence(what, reason, tmp_path):
    file = tmp_path / ('x' * 300 if what == 'long' else f'{what}.onnx')
    if what == 'folder':
        file.mkdir()
    elif what == 'pipe':
        os.mkfifo(file)
    elif what == 'loop':
        file.symlink_to(file)
    elif what == 'pickle':
        file.write_bytes(b'\x80\x04cposix\nsystem\n(S"exit"\ntR.')
    with pytest.raises(ModelError, match=reason) as error:
        Classifier.load(file)
    assert str(error.value).startswith(str(file)) and '\n' not in str(error.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    resource = pytest.importorskip('resource')
    with open(tmp_path / 'huge.onnx', 'wb') as file:
        file.truncate(onnx_file.MAX_MODEL_BYTES + 1)  # takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match='more than 500 MB'):
        Classifier.load(tmp_path / 'huge.onnx')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_failed_save_leaves_the_old_model_whole(model, tmp_path, monkeypatch):
    file = tmp_path / 'model.onnx'
    file.write_bytes(b'the old model')

    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.replace', full)
    with pytest.raises(OSError, match='cannot be saved.*No space left'):
        model.save(file)
    assert file.read_bytes() == b'the old model' and os.listdir(tmp_path) == ['model.onnx']


def test_the_card_says_what_the_model_is(model_file):
    card = model_file.with_suffix('.md').read_text(encoding='utf-8')
    for part in (
        'tells photos of these apart: cat, dog',
        '30 × cat, 30 × dog',
        'Wrong on',
        '95 % interval',
        'Hash of the photos: ',
    ):
        assert part in card


def test_the_card_names_each_labels_own_error(model):
    found = {
        'n': 40,
        'errors': 8,
        'error_rate': 0.2,
        'interval': [0.1, 0.35],
        'calibration_error': 0.04,
        'per_label': {'cat': {'n': 20, 'errors': 1}, 'dog': {'n': 20, 'errors': 7}},
    }
    card = Classifier(changed(model, validation=found, photos_per_label={'cat': 200, 'dog': 3})).card()
    assert 'cat 1 of 20, dog 7 of 20' in card
    assert 'There are few photos of dog (3)' in card and '200 photos of cat, 3 of dog' in card


# Where it is saved

def test_the_card_of_a_strangers_model_has_no_power_over_a_terminal():
    "`info` prints what the file says of itself: nothing of it may clear the screen or forge a line."
    evil = 'x\x1b[2J\n- **How good**: perfect\x9b1m\u202e'
    model = Classifier(tiny(method=evil, body=evil, photos_hash=evil, licences={evil: 1},
                            versions={evil: evil}, photos_per_label={evil: 1}))
    card = model.card(evil)
    assert not re.search('[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]', card)
    assert card.count('\n- **How good**') == 1


def test_a_model_called_like_its_card_is_refused(model, tmp_path):
    "It would be saved, and then its card over it."
    for name in 'model.md', 'README.MD':
        with pytest.raises(ValueError, match=f'call the model {name[:-3]}.onnx'):
            model.save(tmp_path/name)
    with pytest.raises(OSError, match='give'):
        model.save('')
    assert list(tmp_path.iterdir()) == []


def test_a_card_replaces_cards_and_nothing_else(model, tmp_path):
    mine = tmp_path/'notes.md'
    mine.write_text('# Notes\n\nof many evenings')
    with pytest.raises(FileExistsError, match='which is no card of a model'):
        model.save(tmp_path/'notes.onnx')
    assert mine.read_text().endswith('evenings') and list(tmp_path.iterdir()) == [mine]
    (tmp_path/'model.md').write_text('# model.onnx\n\nA model that tells cat from dog in photos.')   # of 0.1
    for _ in range(2):   # the second time over its own
        model.save(tmp_path/'model.onnx')
    (tmp_path/'other.md').mkdir()
    with pytest.raises(OSError, match="The model's card cannot be saved as .*other.md: that is a folder"):
        model.save(tmp_path/'other.onnx')
    assert not (tmp_path/'other.onnx').exists()

"""The shipped body: whole numbers throughout, safe for old processors, and a cache that is never wrong."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from house import ROOT as root

from cat_or_dog.engine import body as room
from cat_or_dog.engine.batches import in_batches
from cat_or_dog.engine.body import FEATURES, FeatureCache, body, features, open_session, read_features
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.files import usable_cores
from cat_or_dog.engine.photo import PhotoError, pixels


def in_the_house():
    "The environment for a program that imports the library from here."
    return os.environ | {'PYTHONPATH': str(root)}


def python(code, *args):
    "A program of its own that has run this code."
    return subprocess.run([sys.executable, '-c', code, *map(str, args)], env=in_the_house(), text=True,
                          capture_output=True, check=True)


# The graph

def test_all_49_convolutions_are_computed_in_whole_numbers():
    onnx = pytest.importorskip('onnx')
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = f'{folder}/optimised.onnx'
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        ort.InferenceSession(body(), options, providers=['CPUExecutionProvider'])
        kinds = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert kinds.count('QLinearConv') == 49
    assert kinds.count('Conv') + kinds.count('FusedConv') == 0
    assert kinds.count('QLinearAdd') == 9 and kinds.count('Add') == 0


def test_the_file_names_no_machine():
    for word in (b'site-packages', b'.py"', str(root).encode()):
        assert word not in body()


@pytest.mark.parametrize('shape', [(1, 192, 192), (3, 256, 256), (2, 64, 320)])
def test_any_number_and_any_size_of_photos(shape):
    photos = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    maps, found = open_session(body()).run(['maps', 'features'], {'photo': photos})
    assert maps.shape == (shape[0], FEATURES, shape[1]//32, shape[2]//32)
    assert np.allclose(maps.mean((2, 3)), found, atol=1e-4)


class Convolution:
    "What a quantised convolution reads: its name for the photo's side, and its whole weights."
    def __init__(self, node, makers, arrays):
        self.input = makers[node.input[0]].input[0]
        self.weight = arrays[makers[node.input[1]].input[0]].astype(np.int32)   # (out, in, rows, columns)


@pytest.fixture(scope='module')
def convolutions():
    "The 49 convolutions, and what really flows into those of 1 × 1 when they see drawings."
    onnx = pytest.importorskip('onnx')
    model = onnx.load_from_string(body())
    arrays = {a.name: onnx.numpy_helper.to_array(a) for a in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    found = [Convolution(node, makers, arrays) for node in model.graph.node if node.op_type == 'Conv']
    wanted = sorted({c.input for c in found if c.weight.shape[2:] == (1, 1)})
    for name in wanted:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None))
    photos = np.stack([pixels(draw(label, i), 192, 'half') for i in range(2) for label in ('cat', 'dog')])
    flows = open_session(model.SerializeToString()).run(wanted, {'photo': photos})
    return found, dict(zip(wanted, flows, strict=True))


def overflows(rows, weight):
    """How many sums of two products leave 16 bits, where VPMADDUBSW of AVX2 would cut them off.

    `rows` uint8 (n, in), `weight` whole numbers (out, in); the instruction takes neighbours as pairs.
    """
    count, rows = 0, rows.astype(np.int32)
    for k in range(0, weight.shape[1] - 1, 2):
        sums = rows[:, k, None]*weight[:, k] + rows[:, k + 1, None]*weight[:, k + 1]
        count += int(((sums > 2**15 - 1) | (sums < -2**15)).sum())
    return count


def test_seven_bits_cannot_overflow_on_old_processors_and_eight_would(convolutions):
    found, flows = convolutions
    assert len(found) == 49
    assert max(int(np.abs(c.weight).max()) for c in found) == 64
    assert 2*255*64 <= 2**15 - 1 < 2*255*127   # whatever flows
    seven = eight = 0
    for c in found:
        if c.weight.shape[2:] != (1, 1):
            continue
        rows = np.moveaxis(flows[c.input], 1, -1).reshape(-1, c.weight.shape[1])[::7][:200]
        weight = c.weight[:, :, 0, 0]
        largest = np.maximum(np.abs(weight).max(1, keepdims=True), 1)   # some channels are all zeros
        in_full_range = np.round(weight*127/largest).astype(np.int32)
        seven += overflows(rows, weight)
        eight += overflows(rows, in_full_range)
    assert seven == 0
    assert eight > 1000   # on drawings, with these very weights: the features would be wrong


# Compared with where it comes from

def cosine(a, b):
    return (a*b).sum(1)/np.linalg.norm(a, axis=1)/np.linalg.norm(b, axis=1)


@pytest.fixture(scope='module')
def squares():
    return np.stack([pixels(draw(label, i), 256, 'half') for i in range(8) for label in ('cat', 'dog')])


@pytest.mark.slow
def test_the_shipped_body_is_what_make_body_makes(tmp_path, squares):
    "Half a minute: it exports and quantises the body anew."
    pytest.importorskip('torch')
    pytest.importorskip('onnxscript')
    command = [sys.executable, root/'tools'/'make_body.py', '--dest', tmp_path]
    subprocess.run(command, check=True, env=in_the_house())
    fresh = (tmp_path/'body.onnx').read_bytes()
    a, b = (open_session(data).run(['features'], {'photo': squares})[0] for data in (body(), fresh))
    assert cosine(a, b).min() >= 0.999
    with np.load(tmp_path/'imagenet_head.npz') as new, \
            np.load(root/'cat_or_dog'/'weights'/'imagenet_head.npz') as shipped:
        for name in ('weight', 'bias', 'names'):
            assert (new[name] == shipped[name]).all()


@pytest.mark.slow
def test_whole_numbers_say_nearly_what_pytorch_says(squares):
    torch = pytest.importorskip('torch')
    pytest.importorskip('timm')
    sys.path.insert(0, str(root/'tools'))
    from make_body import Body, efficientnet_lite0
    network = Body(efficientnet_lite0()).eval()
    with torch.no_grad():
        exact = network(torch.from_numpy(squares).permute(0, 3, 1, 2).float()/127.5 - 1)[1].numpy()
    near = cosine(open_session(body()).run(['features'], {'photo': squares})[0], exact)
    print(f'cosine with the float body: mean {near.mean():.4f}, least {near.min():.4f}')
    assert near.mean() > 0.97 and near.min() > 0.94   # measured: 0.974, 0.950; on photos 0.979, 0.958


# The cache

@pytest.fixture
def home(tmp_path, monkeypatch):
    "A cache of its own."
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


@pytest.fixture
def drawings(tmp_path):
    files = [tmp_path/f'{i}.png' for i in range(3)]
    for i, file in enumerate(files):
        draw('cat', i, size=64).save(file)
    return files


@pytest.fixture
def computed(monkeypatch):
    "How many squares the body was really asked about."
    counts, real = [], ort.InferenceSession.run
    def run(self, names, feed, *rest):
        counts.append(len(feed['photo']))
        return real(self, names, feed, *rest)
    monkeypatch.setattr(ort.InferenceSession, 'run', run)
    return counts


def test_known_photos_are_not_computed_again_whatever_their_name(home, drawings, computed, tmp_path):
    first = features(drawings, 64)
    assert sum(computed) == 3
    drawings[0] = shutil.move(drawings[0], tmp_path/'renamed.png')
    assert (features(drawings, 64) == first).all() and sum(computed) == 3
    features(drawings, 96)   # another size is another question
    assert sum(computed) == 6


def test_one_pixel_more_is_another_photo(home, drawings, computed):
    first = features(drawings[:1], 64)
    draw('dog', 7, size=64).save(drawings[0])
    assert not (features(drawings[:1], 64) == first).all() and sum(computed) == 2


def test_another_body_or_other_pixels_are_another_question(home, drawings, computed, monkeypatch):
    features(drawings, 64)
    room.made_by.cache_clear()
    monkeypatch.setattr(room, 'sample_pixels', lambda: b'another Pillow')
    features(drawings, 64)
    room.made_by.cache_clear()
    assert sum(computed) == 6


@pytest.mark.parametrize('damage', ['not a database', 'cut off', 'other table', 'folder'])
def test_a_damaged_cache_gives_no_wrong_answer(home, drawings, damage):
    right = features(drawings, 64)
    file = home/'features.db'
    if damage == 'not a database':
        file.write_bytes(b'nonsense'*1000)
    elif damage == 'cut off':
        file.write_bytes(file.read_bytes()[:4096])
    else:
        file.unlink()
        if damage == 'folder':
            file.mkdir()
        else:
            with sqlite3.connect(file) as database:
                database.execute('create table features (something)')
    assert (features(drawings, 64) == right).all()
    assert (features(drawings, 64) == right).all()


def test_a_file_that_is_no_database_is_replaced(home, drawings, computed):
    features(drawings, 64)
    (home/'features.db').write_bytes(b'nonsense'*1000)
    features(drawings, 64)
    features(drawings, 64)
    features(drawings, 64)
    assert sum(computed) == 9   # at first; with the damaged one; once more into the new one; and then known


def test_one_changed_bit_is_noticed(home, drawings, computed):
    right = features(drawings, 64)
    with sqlite3.connect(home/'features.db') as database:
        (blob,), *_ = database.execute('select numbers from features').fetchall()
        database.execute('update features set numbers = ?', [bytes([blob[0] ^ 1]) + blob[1:]])
    assert (features(drawings, 64) == right).all() and sum(computed) == 6


def test_features_under_another_photos_key_are_noticed(tmp_path):
    file, numbers = tmp_path/'features.db', np.ones(FEATURES, np.float16)
    with FeatureCache(file) as cache:
        cache.put('mine', numbers)
    with sqlite3.connect(file) as database:
        database.execute("update features set key = 'yours'")
    with FeatureCache(file) as cache:
        assert cache.get('yours') is None and cache.get('mine') is None


def test_a_place_that_cannot_be_written_to_is_said_once(tmp_path, drawings, monkeypatch, capsys):
    (tmp_path/'file').write_text('in the way')
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'file'/'cache'))
    assert (features(drawings, 64) == features(drawings, 64)).all()
    said = capsys.readouterr().err
    assert said.count('Nothing can be kept for the next run') == 1


def test_no_home_folder(drawings, monkeypatch, capsys):
    monkeypatch.delenv('CAT_OR_DOG_CACHE', raising=False)
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    def no_home():
        raise RuntimeError('Could not determine home directory.')
    monkeypatch.setattr(Path, 'home', no_home)
    assert features(drawings, 64).shape == (3, FEATURES)
    assert 'there is no home folder' in capsys.readouterr().err


def test_a_full_disk_costs_only_the_memory(home, drawings):
    code = """import resource, sys
from cat_or_dog.engine.body import features
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))   # no file may grow beyond: as on a full disk
print(features(sys.argv[1:], 64).shape, (features(sys.argv[1:], 64) == features(sys.argv[1:], 64)).all())"""
    done = python(code, *drawings)
    assert done.stdout == f'(3, {FEATURES}) True\n'
    assert done.stderr.count('Nothing can be kept') == 1 and 'Traceback' not in done.stderr
    assert features(drawings, 64).shape == (3, FEATURES)   # and there is room again


def test_a_cache_that_may_only_be_read_still_answers(home, drawings, computed):
    if os.geteuid() == 0:
        pytest.skip('root may write everywhere')
    features(drawings, 64)
    (home/'features.db').chmod(0o444)
    home.chmod(0o555)
    features(drawings, 64)
    home.chmod(0o755)
    assert sum(computed) == 3


def test_two_programs_at_once_lose_nothing(home, drawings):
    code = ('import sys; from cat_or_dog.engine.body import features; '
            'x = features(sys.argv[1:], 64); print(x.sum())')
    both = [subprocess.Popen([sys.executable, '-c', code, *map(str, drawings)], env=in_the_house(), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [program.communicate() for program in both]
    assert answers[0][0] == answers[1][0] != '' and answers[0][1] == answers[1][1] == ''
    with sqlite3.connect(home/'features.db') as database:
        assert database.execute('select count(*) from features').fetchone() == (3,)


def test_what_is_computed_before_a_stop_is_kept(home, drawings, computed, monkeypatch):
    real, asked = room.pixels, []
    def pixels_until_stop(photo, *args, **rest):
        asked.append(photo)
        if len(asked) > 16:
            raise KeyboardInterrupt   # as if someone pressed Ctrl-C in the second batch
        return real(photo, *args, **rest)
    room.made_by()
    many = drawings[:1]*16 + drawings[1:]   # 16 are a batch
    monkeypatch.setattr(room, 'pixels', pixels_until_stop)
    monkeypatch.setattr(room, 'in_batches', lambda items, work, threads: in_batches(items, work, threads=1))
    with pytest.raises(KeyboardInterrupt):
        features(many, 64)
    before = len(computed)
    assert features(drawings[:1], 64).shape == (1, FEATURES) and len(computed) == before


def test_a_file_that_changes_while_it_is_read_leaves_no_wrong_features(home, drawings, computed, monkeypatch):
    dog = drawings[1].read_bytes()
    real = room.pixels
    def late(photo, *args, **rest):   # after it was hashed, before it is decoded
        drawings[0].write_bytes(dog)
        return real(photo, *args, **rest)
    cat = drawings[0].read_bytes()
    monkeypatch.setattr(room, 'pixels', late)
    as_cat = features(drawings[:1], 64)
    monkeypatch.setattr(room, 'pixels', real)
    assert (features([cat], 64) == as_cat).all()
    drawings[0].write_bytes(cat)
    assert (features(drawings[:1], 64) == as_cat).all()


def test_bad_photos_are_rows_with_reasons(home, drawings, tmp_path):
    (tmp_path/'torn.png').write_bytes(drawings[0].read_bytes()[:200])
    (tmp_path/'empty.jpg').write_bytes(b'')
    os.mkfifo(tmp_path/'pipe.jpg')
    files = [tmp_path/'torn.png', drawings[0], tmp_path/'empty.jpg', tmp_path/'pipe.jpg', tmp_path/'gone.jpg']
    found = read_features(files, 64)
    assert [x.code if isinstance(x, PhotoError) else 'fine' for x in found] == \
        ['damaged', 'fine', 'empty', 'special', 'missing']
    assert str(found[0]).startswith(f'{tmp_path/"torn.png"}: ')
    assert read_features([], 64) == [] and features([], 64).shape == (0, FEATURES)


def test_the_same_photo_as_file_bytes_picture_or_array(home, drawings):
    picture = draw('cat', 0, size=64)
    forms = [drawings[0], str(drawings[0]), drawings[0].read_bytes(), picture, np.asarray(picture)]
    X = features(forms, 64)
    assert all((x == X[0]).all() for x in X)


def test_the_runtime_says_nothing_about_threads(drawings, home):
    code = 'import sys; from cat_or_dog.engine.body import features; features(sys.argv[1:], 64)'
    done = python(code, *drawings)
    assert done.stderr == '' and done.stdout == ''
    options = open_session(body(), usable_cores()).get_session_options()
    assert options.intra_op_num_threads == usable_cores() and options.inter_op_num_threads == 1


def test_nobody_spins_when_the_answer_is_there():
    code = """if True:
        import statistics, time
        import numpy as np
        from cat_or_dog.engine.body import body, open_session
        session, photo, idle = open_session(body(), 2), np.zeros((1, 64, 64, 3), np.uint8), []
        for _ in range(6):
            session.run(['features'], {'photo': photo})
            before = time.process_time()
            time.sleep(.1)
            idle.append(time.process_time() - before)
        print(statistics.median(idle))
    """
    done = python(code)
    assert float(done.stdout) < .003   # seconds of processor time; it is .04 where threads go on spinning


def test_the_notice_names_what_is_shipped():
    notice = (root/'NOTICE').read_text(encoding='utf-8')
    for file in (root/'cat_or_dog'/'weights').iterdir():
        assert f'cat_or_dog/weights/{file.name}' in notice
    assert '"License: UNKNOWN"' in notice   # what the source says of itself, as it says it

"""More than one machine, on one: Ray's workers, an object store, and what is there after a kill."""
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pyarrow as pa
import pytest
from house import ROOT
from pictures import save_drawings, saved, tar_file
from PIL import Image
from pyarrow import parquet

from cat_or_dog.engine import body
from cat_or_dog.engine.body import made_by, read_features
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.folder import photo_files_below
from cat_or_dog.engine.many import (
    PartPredictor,
    PartReader,
    RowFolder,
    Worker,
    each_part,
    predict_with_ray,
    ray_started,
    read_features_with_ray,
    rows_as_parquet,
    train_with_ray,
)
from cat_or_dog.engine.photo import NamedBytes, PhotoError
from cat_or_dog.engine.shards import Part, parts_of, put_whole, store_of
from cat_or_dog.predict import Classifier
from cat_or_dog.train import train

TWO = 2   # workers


@pytest.fixture(scope='module')
def ray(bucket):   # first the store: workers know the environment in which Ray was started
    "One Ray for the tests of this file: to start it takes seconds."
    with ray_started(TWO) as ray:
        yield ray


@pytest.fixture
def model(model_file):
    return Classifier.load(model_file)


@pytest.fixture(scope='module')
def mixed(tmp_path_factory):
    "A folder of drawings, and of all that goes wrong with photos."
    folder = tmp_path_factory.mktemp('many')
    save_drawings(folder, range(40, 60))
    cat = saved(draw('cat', 41))
    (folder/'cat'/'torn.jpg').write_bytes(cat[:900])
    (folder/'cat'/'empty.jpg').write_bytes(b'')
    (folder/'cat'/'diary.jpg').write_text('Dear diary')
    Image.new('1', (20_000, 20_000)).save(folder/'dog'/'bomb.png')   # 400 million pixels
    (folder/'dog'/os.fsdecode(b'caf\xe9.jpg')).write_bytes(cat)      # a name that is no text
    (folder/'dog'/'=1+1.jpg').write_bytes(cat)
    return folder


@pytest.fixture(scope='module')
def bucket():
    "An object store on this computer that speaks S3's language; its bucket is called photos."
    from moto.server import ThreadedMotoServer
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {'AWS_ENDPOINT_URL': f'http://{host}:{port}', 'AWS_ACCESS_KEY_ID': 'test',
                            'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': 'us-east-1'}.items():
            patch.setenv(name, value)
        store = store_of('s3://photos')
        store.mkdir('photos')
        yield store
        server.stop()


def here(model, sources, folder):
    "The rows of the local engine."
    model.predict_to(sources, folder/'here.jsonl')
    rows = [json.loads(line) for line in (folder/'here.jsonl').read_text(encoding='utf-8').splitlines()]
    for row in rows:   # Parquet takes no name that is no text: there it has backslashes
        row['photo'] = row['photo'].encode('utf-8', 'backslashreplace').decode()
    return rows


def rows_in(folder):
    "The rows of a folder of Parquet files, without what is null."
    rows = parquet.read_table(folder).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def by_name(rows):
    return sorted(rows, key=lambda row: row['photo'])


def test_the_same_rows_as_the_local_engine(ray, model, mixed, tmp_path):
    done = predict_with_ray(model, [str(mixed)], str(tmp_path/'rows'), TWO, size=16)
    assert done == {'predicted': 42, 'unreadable': 4, 'parts': 3, 'kept': 0}
    wanted = here(model, map(str, photo_files_below(mixed)), tmp_path)
    assert by_name(rows_in(tmp_path/'rows')) == by_name(wanted)
    assert sorted(os.listdir(tmp_path/'rows')) == [
        '_SUCCESS', '_plan.json', 'part-000000.parquet', 'part-000001.parquet', 'part-000002.parquet']
    assert sum('pixels' in row.get('error', '') for row in wanted) == 1   # the bomb was refused, and counted


def test_csv_is_that_of_the_local_engine(ray, model, mixed, tmp_path):
    done = predict_with_ray(model, [str(mixed)], str(tmp_path/'rows.csv'), TWO, size=16)
    model.predict_to(map(str, photo_files_below(mixed)), tmp_path/'here.csv')
    def table(file):
        return list(csv.DictReader(io.StringIO(file.read_bytes().decode('utf-8-sig'), newline='')))
    found = [row for file in (tmp_path/'rows.csv').glob('part-*.csv') for row in table(file)]
    assert by_name(found) == by_name(table(tmp_path/'here.csv')) and done['unreadable'] == 4


def test_relative_paths_stay_relative(ray, model, mixed, tmp_path, monkeypatch):
    monkeypatch.chdir(mixed.parent)
    done = predict_with_ray(model, [mixed.name], str(tmp_path/'rows'), TWO)
    assert (done['predicted'], done['unreadable']) == (42, 4)   # they were found
    assert {row['photo'].split('/')[0] for row in rows_in(tmp_path/'rows')} == {mixed.name}


def test_a_relative_path_is_another_photo_in_another_folder(model, tmp_path, monkeypatch):
    monkeypatch.setattr('cat_or_dog.engine.many.each_part', tables_of(['0.jpg']))
    for folder in ('a', 'b'):
        save_drawings(tmp_path/folder/'photos', range(2))
    def predict(folder, photos='photos'):
        monkeypatch.chdir(tmp_path/folder)
        return predict_with_ray(model, [str(photos)], str(tmp_path/'rows'))
    assert predict('a')['kept'] == 0 and predict('a')['kept'] == 1
    with pytest.raises(FileExistsError, match='the rows of other photos or of another model'):
        predict('b')
    shutil.rmtree(tmp_path/'rows')
    assert predict('a', tmp_path/'a'/'photos')['kept'] == 0
    assert predict('b', tmp_path/'a'/'photos')['kept'] == 1   # a whole path means the same from everywhere


def test_a_photo_that_was_changed_meanwhile_is_noticed(model, tmp_path, monkeypatch):
    monkeypatch.setattr('cat_or_dog.engine.many.each_part', tables_of(['0.jpg']))
    [first, *_] = save_drawings(tmp_path/'photos', range(2))
    def predict():
        return predict_with_ray(model, [str(tmp_path/'photos')], str(tmp_path/'rows'))
    assert predict()['kept'] == 0 and predict()['kept'] == 1
    first.write_bytes(saved(draw('dog', 7)))
    with pytest.raises(FileExistsError, match='the rows of other photos or of another model'):
        predict()


def tables_of(*photos_of_part):
    "Instead of `each_part`: for each part a table of these photos, without Ray."
    def each_part(worker, about, parts, workers):
        for number, photos in zip(parts, photos_of_part, strict=True):
            rows = rows_as_parquet([{'photo': photo, 'label': 'cat'} for photo in photos], ['cat', 'dog'])
            put_whole(f'{about["folder"]}/part-{number:06}.parquet', rows)
            yield {'number': number}
    return each_part


def test_from_a_store_from_tar_files_and_from_parquet_to_a_store(ray, model, mixed, bucket, tmp_path):
    files = [file for file in photo_files_below(mixed) if file.name.isascii() and file.suffix == '.jpg']
    members = {str(file.relative_to(mixed)): file.read_bytes() for file in files}
    names = list(members)
    for name, data in members.items():
        bucket.pipe_file(f'photos/loose/{name}', data)
    half = len(names)//2
    for i, some in enumerate((names[:half], names[half:])):
        bucket.pipe_file(f'photos/tars/{i}.tar', Path(
            tar_file(tmp_path/'one.tar', {name: members[name] for name in some})).read_bytes())
    table = pa.table({'image': list(members.values()), 'path': names})
    with bucket.open('photos/tables/all.parquet', 'wb') as file:
        parquet.write_table(table, file, row_group_size=10)
    wanted = here(model, map(str, files), tmp_path)
    def plain_row(row):
        name = '/'.join(row['photo'].replace('#', '/').split('/')[-2:])
        return {key: value for key, value in row.items() if key != 'error'} | {
            'photo': name, 'good': 'error' not in row}
    def plain(rows):
        return by_name([plain_row(row) for row in rows])
    for source in ('loose', 'tars', 'tables'):
        done = predict_with_ray(model, [f's3://photos/{source}'], f's3://photos/rows/{source}', TWO, size=16)
        assert (done['predicted'], done['unreadable']) == (41, 3) and done['parts'] > 1
        bucket.invalidate_cache()
        bucket.get(f'photos/rows/{source}/', f'{tmp_path}/{source}/', recursive=True)
        assert plain(rows_in(tmp_path/source)) == plain(wanted)
        assert bucket.exists(f'photos/rows/{source}/_SUCCESS')
        assert not bucket.find(f'photos/rows/{source}.unfinished')
    # and the local engine reads them too
    local = call('predict', 's3://photos/tables/all.parquet', '--model', model.save(tmp_path/'model.onnx'),
                 '--out', tmp_path/'local.jsonl', '--json')
    assert json.loads(local.stdout)['predicted'] == 41, local.stderr
    lines = (tmp_path/'local.jsonl').read_text(encoding='utf-8').splitlines()
    assert plain(map(json.loads, lines)) == plain(wanted)


def many_rows(place, n):
    "A Parquet file with `n` photos in row groups of 16."
    some = [saved(draw('cat', i)) for i in range(16)]
    table = pa.table({'image': [some[i % 16] for i in range(n)], 'path': [f'{i}.jpg' for i in range(n)]})
    parquet.write_table(table, place, row_group_size=16)
    return place


def workers_of(process):
    "The processes of Ray's workers that `process` has started."
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if 'PartPredictor' in ' '.join(child.cmdline()):
                found.append(child.pid)
        except psutil.Error:
            pass
    return found


SMALL_PARTS = '''
import sys
from cat_or_dog.engine.many import predict_with_ray
from cat_or_dog.predict import Classifier
print(predict_with_ray(Classifier.load(sys.argv[1]), [sys.argv[2]], sys.argv[3], 2, size=16))
'''


def begun(model_file, photos, out):
    "A run in a process of its own, when it has written some of its parts."
    process = subprocess.Popen([sys.executable, '-c', SMALL_PARTS, model_file, photos, out], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=without_ray())
    unfinished = Path(f'{out}.unfinished')
    deadline = time.monotonic() + 300   # Ray takes its time to start on a busy machine
    while len(list(unfinished.glob('part-*'))) < 3:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate(timeout=60)[1]
        time.sleep(0.02)
    return process


def without_ray():
    "The environment of a program that starts a Ray of its own."
    return {name: value for name, value in os.environ.items() if name != 'RAY_ADDRESS'}


def names(folder):
    return Counter(row['photo'].partition('#')[2] for row in rows_in(folder))


def test_a_worker_that_is_killed_costs_nothing(model_file, tmp_path):
    n = 1600
    photos = many_rows(tmp_path/'photos.parquet', n)
    process = begun(model_file, photos, tmp_path/'rows')
    while len(victims := workers_of(process)) < TWO:   # the second may come later
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(victims[0], signal.SIGKILL)
    written = len(list((tmp_path/'rows.unfinished').glob('part-*')))
    assert 3 <= written < n/16 - 10   # in the middle
    assert not (tmp_path/'rows').exists()
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert f"'predicted': {n}, 'unreadable': 0, 'parts': {n//16}" in said
    assert names(tmp_path/'rows') == Counter(f'{i}.jpg' for i in range(n))   # each of them once


def test_a_run_that_is_killed_is_taken_up_again(ray, model_file, model, tmp_path):
    n = 800
    photos = many_rows(tmp_path/'photos.parquet', n)
    process = begun(model_file, photos, tmp_path/'rows')
    process.kill()
    process.communicate(timeout=60)
    assert not (tmp_path/'rows').exists()
    first = min((tmp_path/'rows.unfinished').glob('part-*'))
    made = first.stat().st_mtime_ns
    done = predict_with_ray(model, [str(photos)], str(tmp_path/'rows'), TWO, size=16)
    assert done['predicted'] == n and 3 <= done['kept'] < n//16
    assert (tmp_path/'rows'/first.name).stat().st_mtime_ns == made   # it was not done again
    assert names(tmp_path/'rows') == Counter(f'{i}.jpg' for i in range(n))
    again = predict_with_ray(model, [str(photos)], str(tmp_path/'rows'), TWO, size=16)
    assert again == done | {'kept': n//16}


CLUSTER = """
import os, sys, threading, time
from pathlib import Path
from ray.cluster_utils import Cluster
model, photos, out = sys.argv[1:]
room = dict(object_store_memory=100_000_000)
cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0, include_dashboard=False) | room)
machines = [cluster.add_node(num_cpus=1, **room) for _ in range(2)]
os.environ['RAY_ADDRESS'] = cluster.address
def end_one():
    while len(list(Path(f'{out}.unfinished').glob('part-*'))) < 8:
        time.sleep(0.02)
    cluster.remove_node(machines[1], allow_graceful=False)
    print('one is dead', flush=True)
threading.Thread(target=end_one, daemon=True).start()
from cat_or_dog.engine.many import predict_with_ray
from cat_or_dog.predict import Classifier
print(predict_with_ray(Classifier.load(model), [photos], out, 2, size=16))
"""


def test_a_machine_that_dies_costs_nothing(model_file, tmp_path):
    "Three machines by Ray's own kit for tests, on this one: the first gives the work out, two do it."
    n = 1600
    photos = many_rows(tmp_path/'photos.parquet', n)
    (tmp_path/'run.py').write_text(CLUSTER, encoding='utf-8')
    done = subprocess.run([sys.executable, tmp_path/'run.py', model_file, photos, tmp_path/'rows'],
                          capture_output=True, text=True, env=without_ray(), timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'one is dead' in done.stdout   # Ray has its say on it there, too
    assert f"'predicted': {n}, 'unreadable': 0, 'parts': {n//16}" in done.stdout
    assert names(tmp_path/'rows') == Counter(f'{i}.jpg' for i in range(n))   # each of them once


def test_a_photo_that_kills_its_worker_ends_the_run_with_a_sentence(ray, tmp_path):
    class Dies(Worker):
        def work(self, table):
            for _ in self.parts(table):
                os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(OSError, match='The worker died 3 times in a part that begins with 0.jpg'):
        list(each_part(Dies, {'home': str(tmp_path)}, {7: Part('files', ['0.jpg'])}, TWO))


def test_a_worker_without_the_disk_calls_no_photo_missing(ray, model_file, tmp_path):
    with pytest.raises(OSError, match=f'A worker finds no folder {tmp_path}/nowhere. If it is there'):
        about = {'home': str(tmp_path), 'size': 128, 'made': made_by()}
        list(each_part(PartReader, about, {0: Part('files', [f'{tmp_path}/nowhere/0.jpg'])}, TWO))
    save_drawings(tmp_path/'photos', range(1))
    [part] = parts_of([str(tmp_path/'photos')])
    about = dict(home=str(tmp_path), data=model_file.read_bytes(), folder=f'{tmp_path}/rows', kind='csv')
    with pytest.raises(OSError, match=f'A worker finds no folder {tmp_path}/rows. If it is there'):
        list(each_part(PartPredictor, about, {0: part}, TWO))
    assert os.listdir(tmp_path) == ['photos']


def test_the_register_stays_here_and_its_end_is_one_sentence(ray, tmp_path, monkeypatch):
    class Ends(Worker):
        def work(self, table):
            import ray
            ray.kill(self.register)
            time.sleep(0.5)
            raise OSError('nobody will know')
    asked, real = [], ray.remote
    def remote(*args, **options):
        asked.append(options)
        return real(*args, **options)
    monkeypatch.setattr(ray, 'remote', remote)
    with pytest.raises(OSError, match='The workers gave up'):
        list(each_part(Ends, {'home': str(tmp_path)}, {0: Part('files', ['0.jpg'])}, TWO))
    where = asked[0]['scheduling_strategy']
    assert (where.node_id, where.soft) == (ray.nodes()[0]['NodeID'], False)


def test_shards_without_a_photo_are_no_success(model, tmp_path, monkeypatch):
    for name in 'ab':
        tar_file(tmp_path/f'{name}.tar', {'notes.txt': b'Dear diary'})
    monkeypatch.setattr('cat_or_dog.engine.many.each_part', tables_of([], []))
    with pytest.raises(ValueError, match='no photo in any of these shards.*rows.unfinished, can be deleted'):
        predict_with_ray(model, [str(tmp_path)], str(tmp_path/'rows'))
    assert not (tmp_path/'rows').exists()
    monkeypatch.setattr('cat_or_dog.engine.many.each_part', tables_of([], ['0.jpg']))   # one is enough
    assert predict_with_ray(model, [str(tmp_path)], str(tmp_path/'others'))['predicted'] == 1


@pytest.mark.parametrize('address, says', [('', 'try once more'), ('127.0.0.1:1', 'RAY_ADDRESS right')])
def test_a_ray_that_does_not_start_is_one_sentence(monkeypatch, address, says):
    import ray
    def init(**options):
        raise Exception('The node timed out\n  during startup.')
    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    monkeypatch.setattr(ray, 'init', init)
    monkeypatch.setenv('RAY_ADDRESS', address)
    said = rf'^Ray did not start \(The node timed out during startup\.\).*{says}'
    with pytest.raises(OSError, match=said), ray_started(TWO):
        raise AssertionError('it has started')


def test_the_register_ends_with_the_run(ray, tmp_path, monkeypatch):
    "Also in a Ray that goes on."
    class Nothing(Worker):
        def work(self, table):
            return {'number': np.array([number for number, _ in self.parts(table)])}
    killed, kill = [], ray.kill
    def noted(actor):
        killed.append(actor)
        kill(actor)
    monkeypatch.setattr(ray, 'kill', noted)
    list(each_part(Nothing, {'home': str(tmp_path)}, {0: Part('files', ['s3://a/0.jpg'])}, TWO))
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(killed[0].why.remote(), timeout=20)


def test_a_disk_that_fails_is_one_sentence(ray, tmp_path):
    class Full(Worker):
        def work(self, table):
            raise OSError(28, 'No space left on device', 'rows')
    with pytest.raises(OSError, match='No space left on device') as error:
        list(each_part(Full, {'home': str(tmp_path)}, {0: Part('files', ['0.jpg'])}, TWO))
    assert error.value.errno == 28


def test_a_folder_that_holds_other_things_is_left_alone(model_file, model, tmp_path):
    (tmp_path/'mine').mkdir()
    (tmp_path/'mine'/'letter.txt').write_text('dear')
    with pytest.raises(FileExistsError, match='mine is there already, and holds other things'):
        RowFolder(str(tmp_path/'mine'), 'plan', 1).finished()
    for said in ('', '{"predicted": "many"}', '[]'):   # Spark's is empty
        (tmp_path/'mine'/'_SUCCESS').write_text(said)
        with pytest.raises(FileExistsError, match='mine is there already, and holds other things'):
            RowFolder(str(tmp_path/'mine'), 'plan', 1).finished()
    begun = RowFolder(str(tmp_path/'rows'), 'plan', 1)
    assert begun.missing() == [0]
    with pytest.raises(FileExistsError, match='rows.unfinished was begun with other photos or another model'):
        RowFolder(str(tmp_path/'rows'), 'another plan', 1).missing()
    (tmp_path/'rows.unfinished'/'_plan.json').write_text('')
    with pytest.raises(FileExistsError, match='rows.unfinished was begun with other photos or another model'):
        RowFolder(str(tmp_path/'rows'), 'plan', 1).missing()


def test_ray_listens_on_this_computer_only(ray):
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    listening = {(process.name(), one.laddr.ip.removeprefix('::ffff:')) for process in family
                 for one in process.net_connections('inet') if one.status == psutil.CONN_LISTEN}
    assert {'raylet', 'gcs_server'} < {name for name, _ in listening}
    told = [process.environ().get('RAY_USAGE_STATS_ENABLED') for process in family[1:]
            if process.name() in ('raylet', 'gcs_server')]
    assert told == ['0', '0']   # no statistics; whether Ray does as it is told is not tested
    assert {ip for _, ip in listening} <= {'127.0.0.1', '::1'}


def test_the_same_features_and_the_same_model(ray, drawn, mixed, tmp_path, monkeypatch):
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    files = photo_files_below(mixed)
    wanted = read_features(files, 128)
    for found, x in zip(read_features_with_ray(files, 128, TWO), wanted, strict=True):
        if isinstance(x, PhotoError):
            assert str(found) == str(x) and found.code == x.code
        else:
            np.testing.assert_array_equal(found, x)
    assert train_with_ray(str(drawn), workers=TWO).data == train(drawn).data


def test_features_of_a_shard_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    photo = NamedBytes(saved(draw('cat', 41)), 'shard#0.jpg')
    asked = []
    monkeypatch.setattr(body, '_answers', lambda squares: asked.append(len(squares)) or np.ones((1, 1280)))
    read_features([photo])
    read_features([photo])
    assert asked == [1, 1]   # what is no file leaves nothing behind …
    for _ in range(2):
        list(PartReader.rows(SimpleNamespace(size=256), 0, Part('tar', [tar_file(tmp_path/'one.tar', {
            '0.jpg': photo.getvalue()})])))
    assert asked == [1, 1, 1]   # … but a shard comes again


def test_large_photos_are_not_held_together(tmp_path, monkeypatch):
    asked, large = [], bytes(30_000_000)
    monkeypatch.setattr('cat_or_dog.engine.many.read_features', lambda photos, *args, **more: (
        asked.append(len(photos)), [PhotoError('x', 'damaged', 'x')]*len(photos))[1])
    tar = tar_file(tmp_path/'a.tar', {f'{i}.jpg': large for i in range(5)})
    [part] = parts_of([tar])
    rows = list(PartReader(str(tmp_path), None, 128, '').rows(0, part))
    assert [row['place'] for row in rows] == [0, 1, 2, 3, 4] and asked == [2, 2, 1]


def test_labels_come_with_the_shard(ray, drawn, tmp_path):
    files = photo_files_below(drawn)
    members = {}
    for i, file in enumerate(files):
        members |= {f'{i:03}.jpg': file.read_bytes(), f'{i:03}.cls': file.parent.name.encode()}
    members['nobody.jpg'] = files[0].read_bytes()
    tar = tar_file(tmp_path/'drawn.tar', members)
    wanted = train(drawn)
    assert train_with_ray(tar, workers=TWO).data == wanted.data   # the same photos in the same order
    columns = {'image': [{'bytes': file.read_bytes(), 'path': None} for file in files],
               'label': [file.parent.name for file in files]}
    parquet.write_table(pa.table(columns), tmp_path/'drawn.parquet', row_group_size=20)
    assert train_with_ray(str(tmp_path/'drawn.parquet'), workers=TWO).data == wanted.data


def test_a_label_of_which_no_photo_can_be_read_is_named(tmp_path, monkeypatch):
    def rows(parts, size, workers):   # without Ray
        return list(PartReader.rows(SimpleNamespace(size=size), 0, parts[0]))
    monkeypatch.setattr('cat_or_dog.engine.many.rows_of_features', rows)
    members = {}
    for i, label in enumerate(['cat', 'cat', 'dog', 'dog', 'fox', 'fox']):
        photo = b'torn' if label == 'fox' else saved(draw(label, i))
        members |= {f'{i}.jpg': photo, f'{i}.cls': label.encode()}
    with pytest.raises(ValueError, match=r"Not one photo of 'fox' can be read: .*#4\.jpg"):
        train_with_ray(tar_file(tmp_path/'drawn.tar', members), workers=TWO)


def call(*args):
    "What a command did, in a process of its own."
    command = [sys.executable, '-m', 'cat_or_dog', *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=without_ray())


@pytest.mark.parametrize('rayed', [True, False])
def test_where_ray_was_at_work_its_threads_do_not_decide_the_exit_code(rayed):
    "One of them aborts now and then while Python ends; here something always does."
    lines = ['import atexit, os, sys, types', 'from cat_or_dog.engine.cli import script',
             'atexit.register(os.abort)', "sys.argv[1:] = ['predict', 'no.jpg', '--model', 'no.onnx']"]
    if rayed:
        lines.append("sys.modules['ray'] = types.ModuleType('ray')")
    command = [sys.executable, '-c', '\n'.join([*lines, 'script()'])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 1) is rayed and done.stderr.count('\n') == 1


def test_the_commands_with_ray(model_file, drawn, tmp_path):
    rows, with_ray = tmp_path/'rows', ('--engine', 'ray', '--workers', TWO)
    done = call('predict', drawn, '--model', model_file, *with_ray, '--out', rows)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'{rows}: 60 photos; 0 could not be read.\n', done.stderr
    trained = call('train', drawn, *with_ray, '--out', tmp_path/'model.onnx', '--json')
    assert json.loads(trained.stdout)['labels'] == ['cat', 'dog'], trained.stderr
    assert (tmp_path/'model.onnx').read_bytes() == model_file.read_bytes()
    assert trained.stderr.count('\n') < 5   # Ray talks to its developers elsewhere


@pytest.mark.parametrize('args, said', [
    (('--engine', 'ray'), 'name one with --out'),
    (('--workers', '2'), '--workers goes with --engine ray'),
    (('--engine', 'ray', '--out', 'x', '--workers', '-1'), 'workers=-1 does not fit'),
    (('--engine', 'ray', '--out', 'x', '-'), 'cannot read standard input'),
    (('--engine', 'ray', '--out', 'x', 'https://example.org/cat.jpg'), 'download it first'),
])
def test_what_does_not_go_together(model_file, drawn, tmp_path, args, said, capsys, monkeypatch):
    from cat_or_dog.engine.cli import main
    monkeypatch.chdir(tmp_path)
    assert main(['predict', str(drawn), '--model', str(model_file), *args]) == 1
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_without_ray_the_extra_is_named(model_file, drawn, monkeypatch, capsys):
    from cat_or_dog.engine.cli import main
    monkeypatch.setitem(sys.modules, 'ray', None)
    for args in (['predict', drawn, '--model', model_file, '--out', 'x'], ['train', drawn]):
        assert main([*map(str, args), '--engine', 'ray']) == 1
        assert "pip install 'cat_or_dog[many]'" in capsys.readouterr().err


def test_fastai_on_two_processes_is_fastai_on_one():
    command = [sys.executable, ROOT/'benchmarks'/'processes.py', '--json']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found['two'] < 1e-5 < 1e-3 < found['half']
    assert found['losses'][0] == pytest.approx(found['losses'][1], abs=1e-5)

"""The command line's contract: standard output, exit codes, and that errors are one sentence."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import save_drawings

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.files import cache_folder

command = [sys.executable, '-m', 'cat_or_dog']


def call(*args, code=0, **options):
    "Run cat-or-dog with `args`; its standard output. The exit code must be `code`."
    done = subprocess.run([*command, *map(str, args)], capture_output=True, text=True, **options)
    assert done.returncode == code, done.stderr
    assert 'Traceback' not in done.stderr
    return done.stderr if code else done.stdout


def test_search_download_train_evaluate_predict(tmp_path):
    listed = call('search', 'cat', 'dog', '--n', 30, '--source', 'drawings')
    assert all(line.split('\t')[0] in ('cat', 'dog') for line in listed.splitlines())
    found = json.loads(call('search', 'cat', 'dog', '--n', 30, '--source', 'drawings', '--json'))
    assert [r['label'] for r in found['results']] == ['cat'] * 30 + ['dog'] * 30
    for name, text in ('list.txt', listed), ('list.json', json.dumps(found)):
        (tmp_path / name).write_text(text)
    report = json.loads(call('download', tmp_path / 'list.txt', tmp_path / 'photos', '--json'))
    for label in ('cat', 'dog'):
        counts = report['labels'][label]
        assert counts['kept'] + counts['refused'] == 30 and counts['kept'] == len(
            list((tmp_path / 'photos' / label).glob('*.jpg'))
        )
    # the drawings come with some broken answers
    assert sum(counts['refused'] for counts in report['labels'].values()) > 0
    again = json.loads(call('download', tmp_path / 'list.json', tmp_path / 'photos2', '--json'))
    assert again['labels'] == report['labels']
    trained = json.loads(call('train', tmp_path / 'photos', '--out', tmp_path / 'model.onnx', '--json'))
    assert trained['labels'] == ['cat', 'dog'] and 'error_rate' in trained['validation']
    (tmp_path / 'photos' / 'cat' / 'broken.jpg').write_bytes(b'oops')
    result = json.loads(call('evaluate', tmp_path / 'photos', '--model', tmp_path / 'model.onnx', '--json'))
    assert (
        result['error_rate'] == result['errors'] / result['n'] < 0.1
        and result['unreadable'] == len(result['reasons']) == 1
    )


def test_search_says_whose_photo_it_is(tmp_path):
    found = json.loads(call('search', 'dog', '--n', 3, '--license', 'open', '--json'))['results']
    assert len(found) == 3 and {(r['license'], r['author'], r['engine']) for r in found} == {
        ('Apache-2.0', 'cat_or_dog', 'drawings')
    }
    assert set(found[0]) == {
        'url',
        'label',
        'title',
        'author',
        'license',
        'source_page',
        'engine',
        'query',
        'time',
    }
    (tmp_path / 'list.txt').write_text('dog\thttps://a.example/1.jpg\n')
    assert 'open licence' in call(
        'search', 'dog', '--license', 'open', '--source', tmp_path / 'list.txt', code=1
    )


def test_predict_gives_a_line_a_photo(tmp_path, model_file):
    draw('cat', 70).save(tmp_path / 'a.jpg')
    (tmp_path / 'b.jpg').write_text('no photo')
    done = subprocess.run(
        [*command, 'predict', 'a.jpg', 'b.jpg', '--model', model_file, '--json'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    good, bad = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (
        set(good) == {'photo', 'label', 'probability', 'probabilities', 'neither', 'familiarity'}
        and good['label'] == 'cat'
    )
    assert set(bad) == {'photo', 'error'} and 'not a photo' in bad['error']


def test_predict_a_folder_to_a_table(tmp_path, model_file):
    save_drawings(tmp_path / 'photos', range(3))
    said = call('predict', 'photos', '--model', model_file, '--out', 'rows.csv', cwd=tmp_path)
    assert said == 'rows.csv: 6 photos; 0 could not be read.\n'
    rows = (tmp_path / 'rows.csv').read_text().splitlines()
    assert len(rows) == 7 and rows[1].startswith('photos/cat/0.jpg,cat,')


def test_train_twice_predicts_the_same(drawn, tmp_path):
    for name in 'ab':
        call('train', drawn, '--out', tmp_path / f'{name}.onnx', '--seed', 7, '--size', 96)
    assert (tmp_path / 'a.onnx').read_bytes() == (tmp_path / 'b.onnx').read_bytes()


def folder(tmp_path, **labels):
    for label, n in labels.items():
        (tmp_path / label).mkdir()
        for i in range(n):
            draw('cat', i, size=64).save(tmp_path / label / f'{i}.jpg')
    return tmp_path


@pytest.mark.parametrize('labels, reason', [({}, 'no '), (dict(cat=12), 'cat'), (dict(cat=12, dog=1), 'dog')])
def test_folders_that_cannot_be_trained_on(tmp_path, labels, reason):
    said = call('train', folder(tmp_path, **labels), '--out', tmp_path / 'model.onnx', code=1)
    assert reason in said and said.count('\n') == 1 and not (tmp_path / 'model.onnx').exists()


@pytest.mark.parametrize(
    'args',
    [
        ('evaluate', 'nowhere', '--model', 'MODEL'),
        ('evaluate', '.', '--model', 'nowhere.onnx'),
        ('train', 'nowhere', '--out', 'x.onnx'),
        ('train', 'MODEL', '--out', 'x.onnx'),
        ('download', 'nowhere.txt', 'x'),
        ('search', 'cat', '--source', 'nowhere.txt'),
        ('search', 'horse', '--source', 'drawings'),
    ],
)
def test_refusals_are_one_sentence(args, tmp_path, model_file):
    said = call(*(str(model_file) if a == 'MODEL' else a for a in args), code=1, cwd=tmp_path)
    assert said.startswith(f'cat-or-dog {args[0]}: ') and said.count('\n') == 1


@pytest.mark.parametrize(
    'args',
    [
        (),
        ('fly',),
        ('train',),
        ('search', 'cat', '--n', '0'),
        ('predict',),
        ('train', 'x', '--out', 'y', '--method', 'z'),
    ],
)
def test_wrong_usage(args):
    assert 'usage:' in call(*args, code=2)


def test_nothing_kept_is_a_refusal(tmp_path):
    (tmp_path / 'list.txt').write_text('cat\thttp://127.0.0.1:1/a.jpg\n')
    assert 'not one photo' in call('download', tmp_path / 'list.txt', tmp_path / 'photos', code=1)


def test_no_permission_keeps_the_old_model(drawn, tmp_path):
    target = tmp_path / 'taken'
    target.mkdir()
    said = call('train', drawn, '--out', target, code=1)
    # said before training
    assert 'that is a folder' in said and 'features' not in said and list(target.iterdir()) == []


def test_ctrl_c_leaves_earlier_results_whole(drawn, tmp_path):
    cache, target = tmp_path / 'cache', tmp_path / 'models' / 'model.onnx'
    # or the features are known, and it is done at once
    shutil.copytree(cache_folder(), cache, ignore=shutil.ignore_patterns('features.db*'))
    target.parent.mkdir()
    target.write_bytes(b'the old model')
    process = subprocess.Popen(
        [*command, 'train', drawn, '--out', target],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {'CAT_OR_DOG_CACHE': str(cache)},
        # a CI in the background ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # it has begun to look at the photos
    while not (cache / 'features.db').exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130 and 'Stopped' in said and 'Traceback' not in said
    assert os.listdir(target.parent) == ['model.onnx'] and target.read_bytes() == b'the old model'


def test_head_of_a_pipe():
    done = subprocess.run(
        f'{" ".join(command)} search cat --n 200 --source drawings | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
    )
    assert (
        done.stdout.startswith('cat\t') and 'Traceback' not in done.stderr and 'BrokenPipe' not in done.stderr
    )


def test_demo(tmp_path):
    result = json.loads(call('demo', '--dest', tmp_path / 'lesson', '--n', 25, '--json', cwd=tmp_path))
    for key in ('photos', 'model', 'contact_sheet'):
        assert Path(result[key]).exists()
    assert result['new_right'] >= result['new_pictures'] * 0.6
    shutil.rmtree(tmp_path / 'lesson' / 'photos')
    # and once more, over what is there, as `make lesson` does on a Japanese computer
    environ = os.environ | {'CAT_OR_DOG_LANG': '', 'LC_ALL': 'ja_JP.UTF-8'}
    done = subprocess.run(
        [*command, 'demo', '--dest', 'lesson', '--n', '25', '--source', 'drawings'],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        encoding='utf-8',
        check=True,
    )
    said = re.split('[\r\n]+', done.stderr + done.stdout)
    assert len(said) > 30 and [line for line in said if english_in(line)] == []


# What stays Latin on a Japanese screen: names, paths, and lines to type.
NAMES = re.compile(
    r"https?://\S+|cat-or-dog (predict|app) .*|lesson/[\w./]+|CAT_OR_DOG_\w+|'(cat|dog) photo'"
    r"|pip install '.*'"
    r'|\b(cat|dog|HTTP|URL|Web|MB|fastai|fastbook|fine_tune|EfficientNet-Lite0|resnet18|torchvision)\b',
    re.ASCII,   # so that a word ends where Japanese begins
)


def english_in(line):
    "The words of a line that are neither Japanese nor names."
    return re.findall('[A-Za-z]{2,}', NAMES.sub('', line))


def test_english_is_found_in_a_japanese_line():
    assert english_in('HTTP 404（見つからない）: cat, lesson/model.onnx') == []
    assert english_in('download cat: 100%|██| 25/25 [00:00<00:00, 90.1photo/s]') == ['download', 'photo']
    assert english_in('3  HTTP 404 (not found)') == ['not', 'found']


def test_predict_takes_standard_input_and_an_address(tmp_path, model_file):
    from cat_or_dog.engine.drawing_server import drawing_urls

    photo = tmp_path / 'dog.jpg'
    draw('dog', 905).save(photo)
    done = subprocess.run(
        [*command, 'predict', '-', '--model', model_file], input=photo.read_bytes(), capture_output=True
    )
    assert done.returncode == 0 and done.stdout.decode().startswith('standard input: dog (')
    private = drawing_urls('dog', 1)[0]  # on this computer: a stranger's address may not lead there
    assert 'private network' in call('predict', private, '--model', model_file, code=1)
    assert 'not a web address' not in call(
        'predict', 'https://no-such-host.invalid/1.jpg', '--model', model_file, code=1
    )


def test_info_prints_the_card(model_file):
    assert '30 × cat, 30 × dog' in call('info', model_file)
    assert json.loads(call('info', model_file, '--json'))['labels'] == ['cat', 'dog']


def test_evaluate_says_not_seen_before_only_where_it_knows(drawn, tmp_path, model_file):
    from cat_or_dog.engine.drawings import save_drawings

    assert 'had not seen' not in (same := call('evaluate', drawn, '--model', model_file)) and '60' in same
    save_drawings(tmp_path, range(500, 510))
    assert '20 photos' in (new := call('evaluate', tmp_path, '--model', model_file)) and new != same


def test_check_and_clean_only_report_unless_asked(tmp_path):
    pytest.importorskip('cleanlab')
    from cat_or_dog.engine.drawings import save_drawings

    files = save_drawings(tmp_path / 'photos', range(20))
    shutil.copy(files[0], files[0].with_name('again.jpg'))
    before = sorted(tmp_path.rglob('*'))
    call('check', tmp_path / 'photos', code=1)
    rows = json.loads(call('clean', tmp_path / 'photos', '--json'))['suspects']
    assert {Path(row['file']).name for row in rows if row['problem'] == 'duplicate'} <= {
        '000.jpg',
        'again.jpg',
    }
    assert {row['suggestion'] for row in rows if row['problem'] == 'duplicate'} == {'set aside'}
    assert sorted(tmp_path.rglob('*')) == before
    call('clean', tmp_path / 'photos', '--apply')
    assert len(list((tmp_path / 'photos' / '.set-aside').rglob('*.jpg'))) == 1
    assert 'as it should be' in call('check', tmp_path / 'photos')


def test_search_says_what_it_asks_for():
    done = subprocess.run(
        [*command, 'search', 'cat', '--n', '2', '--source', 'drawings'], capture_output=True, text=True
    )
    assert "'cat photo'" in done.stderr or 'cat photo' in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_output_is_utf_8_whatever_the_machine_says():
    ascii_only = os.environ | {'PYTHONIOENCODING': 'ascii'}
    done = subprocess.run(
        [*command, 'search', '猫', '--n', '1', '--source', 'drawings'], capture_output=True, env=ascii_only
    )
    assert done.returncode == 0 and done.stdout.decode('utf-8').startswith('猫\t')


def test_help_has_an_example():
    assert 'cat-or-dog train photos --out model.onnx' in call('train', '--help')


# Odd ways to call it

@pytest.fixture(scope='module')
def cat(tmp_path_factory):
    file = tmp_path_factory.mktemp('photo') / 'cat.jpg'
    draw('cat', 900).save(file)
    return file


def test_options_may_stand_between_the_photos(model_file, cat):
    model = '--model', model_file
    for args in ([cat, *model, cat, '--json'], ['--json', *model, cat, cat], [cat, cat, '--json', *model]):
        assert [json.loads(line)['label'] for line in call('predict', *args).splitlines()] == ['cat'] * 2


def test_a_name_that_looks_like_an_option_stands_behind_two_dashes(model_file, cat, tmp_path):
    shutil.copy(cat, tmp_path / '-odd.jpg')
    said = call('predict', '--model', model_file, '--', '-odd.jpg', cwd=tmp_path)
    assert said.startswith('-odd.jpg: cat (')


@pytest.mark.parametrize(
    'args',
    [
        ('check', '', '--apply'),
        ('train', ''),
        ('train', 'x', '--out', ''),
        ('predict', 'x', ' '),
        ('predict', 'x', '--model', ''),
        ('download', 'list', ''),
        ('search', ''),
        ('app', '--host', ''),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(args, tmp_path):
    '`check "$PHOTOS" --apply` without such a variable must not tidy up wherever one is.'
    torn = tmp_path / 'torn.jpg'
    torn.write_bytes(b'\xff\xd8\xff\xe0')
    assert 'must not be empty' in call(*args, code=2, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == [torn]


@pytest.mark.parametrize('n', ['0', '100001', '99999999999999999999'])
def test_a_number_of_photos_that_makes_no_sense(n):
    assert 'must be 1 to 100,000' in call('search', 'cat', '--n', n, '--source', 'drawings', code=2)


@pytest.mark.parametrize('args, reason', [
    (('train', 'photos', '--seed', '-1'), 'seed=-1 does not fit'),
    (('train', 'photos', '--seed', str(2**32)), 'does not fit: take a whole number'),
    (('clean', 'photos', '--size', '7'), 'size=7 does not fit'),
    (('clean', 'photos', '--size', '100000'), 'size=100000 does not fit'),
    (('train', 'photos', '--out', '/dev/null'), 'a pipe or a device'),
    (('train', 'photos', '--out', '..'), 'that is a folder'),
    (('train', 'photos', '--out', 'model.md'), 'call the model model.onnx')])
def test_what_cannot_work_is_said_before_any_work(args, reason, tmp_path):
    (tmp_path / 'photos').mkdir()
    said = call(*args, code=1, cwd=tmp_path)
    assert reason in said and said.count('\n') == 1


def closed(*streams):
    "For a child: without these of its standard streams."
    return lambda: [os.close(number) for number in streams]


@pytest.mark.parametrize('streams', [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_are_no_reason_to_fail(streams, model_file, cat):
    calls = (['info', model_file], 0), (['predict', cat, '--model', model_file], 0), (['info', 'nowhere'], 1)
    for args, code in calls:
        done = subprocess.run([*command, *args], preexec_fn=closed(*streams), capture_output=True)
        assert done.returncode == code and b'Traceback' not in done.stderr


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='a disk that is always full, on Linux')
def test_an_output_that_is_full_is_one_sentence(model_file):
    with open('/dev/full', 'w') as full:
        done = subprocess.run([*command, 'info', model_file], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr == 'cat-or-dog info: No space left on device.\n'


def call_check(folder):
    return subprocess.run([*command, 'check', folder], capture_output=True, text=True).stdout


def test_names_that_are_no_text_or_would_move_the_cursor(model_file, cat, tmp_path):
    names = [os.fsdecode(b'caf\xe9.jpg'), 'two\nlines.jpg', 'red\x1b[31m.jpg']
    for name in names:
        shutil.copy(cat, tmp_path / name)
    (tmp_path / 'torn\n.jpg').write_bytes(b'\xff\xd8\xff\xe0')
    asked = ['predict', tmp_path, '--model', model_file]
    done = subprocess.run([*command, *asked], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and r'torn\n.jpg: ' in done.stderr
    shown = [line.rpartition('/')[2].partition(':')[0] for line in done.stdout.splitlines()]
    assert shown == [r'caf\udce9.jpg', r'red\x1b[31m.jpg', r'two\nlines.jpg']
    done = subprocess.run([*command, *asked, '--json'], capture_output=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = {os.path.basename(row['photo']) for row in rows if 'label' in row}
    assert found == set(names) and all(os.path.exists(row['photo']) for row in rows)   # and can be opened
    told = call_check(tmp_path)
    assert r'two\nlines.jpg: the same photo as caf\udce9.jpg' in told and '\x1b' not in told


def test_a_folder_without_photos_is_a_row_with_a_reason(model_file, tmp_path, cat):
    (tmp_path / 'empty').mkdir()
    asked = ['predict', 'empty', cat, 'HTTPS://[oh/', '--model', model_file, '--out', 'rows.jsonl']
    done = subprocess.run([*command, *asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and '3 photos; 2 could not be read' in done.stdout
    rows = [json.loads(line) for line in (tmp_path / 'rows.jsonl').read_text().splitlines()]
    assert [row.get('label') for row in rows] == [None, 'cat', None]   # each in its place
    assert 'no photos in this folder' in rows[0]['error'] and 'no such host' in rows[2]['error']


def test_what_pillow_tells_its_developers_is_not_told_to_the_user(model_file, tmp_path):
    "A damaged EXIF note is usual; the photo is fine."
    from PIL import Image
    photo = draw('cat', 900)
    note = Image.Exif()
    note[0x010f] = 'a camera'
    photo.save(tmp_path / 'a.jpg', exif=note.tobytes()[:-6])
    asked = ['predict', tmp_path / 'a.jpg', '--model', model_file]
    done = subprocess.run([*command, *asked], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ''


@pytest.mark.parametrize('module', ['argparse', 'numpy', 'onnxruntime'])
def test_ctrl_c_while_it_starts_is_no_traceback(module, cat, tmp_path):
    "Stopped while a module is imported: by one of the same name that does what Ctrl-C does."
    (tmp_path / f'{module}.py').write_text('raise KeyboardInterrupt')
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent)])
    done = subprocess.run([*command, 'predict', cat, '--model', 'm.onnx'], capture_output=True, text=True,
                          env=os.environ | {'PYTHONPATH': path})
    assert done.returncode == 130 and 'Traceback' not in done.stderr

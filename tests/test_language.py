"""The command line in Japanese: nothing stays English, nothing for programs changes, nothing is endless."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys

import messages
import pytest
from tqdm import tqdm

from cat_or_dog.engine import language
from cat_or_dog.engine.cli import COMMANDS, main
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.language import (
    Interpreter,
    Patience,
    PhraseBook,
    language_for,
    phrase_book,
    translated,
)

LOCALE = ('CAT_OR_DOG_LANG', 'LC_ALL', 'LC_MESSAGES', 'LANG')
command = [sys.executable, '-m', 'cat_or_dog']


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    "A computer that speaks no language in particular."
    for name in LOCALE:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def say(capsys, monkeypatch):
    "Run the command line; what it prints, to standard output and to standard error."

    def run(*argv, lang='ja', code=0):
        monkeypatch.setenv('CAT_OR_DOG_LANG', lang)
        try:
            ended = main([str(arg) for arg in argv])
        except SystemExit as error:
            ended = error.code
        said = capsys.readouterr()
        assert ended == code, said
        return said

    return run


def english_in(text: str) -> list[str]:
    "The lines in which three English words stand in a row; code and quotations may."
    lines = re.split('[\r\n]+', text)
    may = r'`[^`]*`|\'[^\']*\'|"[^"]*"|\([^()]*\)|（[^（）]*）|https?://\S+|pip install.*|例：.*'
    bare = [re.sub(may, '', line) for line in lines]
    return [line for line, rest in zip(lines, bare) if re.search(r"\b[a-z]+( [a-z']+){2}\b", rest, re.I)]


def test_every_message_of_the_library_is_translated():
    assert messages.breaches() == []


@pytest.mark.parametrize(
    'code, found',
    [
        ("raise ValueError(f'{file}: that is new')", ['{file}: that is new']),
        ("say('one long ' 'sentence')", ['one long sentence']),
        ("print('one ' + f'and {other.two}')", ['one and {two}']),
        ("x = f'{len(a)} of {len(b)} photos'", ['{n_a} of {n_b} photos']),
        ("x = f'it {\"is\" if n else \"is not\"} there'", ['it is there', 'it is not there']),
        ("x = f'{counted(n, \"photo\", \"photos\")} there'", ['1 photo there', '{n} photos there']),
        ("x = f'{row[\"a\"]} and {row[\"a\"]}'", ['{a} and {a2}']),
        ("x = {'a key': 'a whole reason'}", ['a whole reason']),
        ("def f():\n    'A docstring is not said.'\n    return 'but this is'", ['but this is']),
        ("say(f'{word}\\n{n} of all')", ['{n} of all']),
        ("re.compile('two words')\nx = 'word'", []),
    ],
)
def test_messages_are_found_in_the_source(code, found):
    assert [message for _, message in messages.strings(ast.parse(code))] == found


def test_a_new_message_is_to_be_translated(monkeypatch):
    was = messages.template_catalogue

    def with_a_new_one():
        catalogue = was()
        catalogue.add('{file}: nobody has said this before')
        return catalogue

    monkeypatch.setattr(messages, 'template_catalogue', with_a_new_one)
    assert any('nobody has said this before' in line for line in messages.breaches())


def catalogue() -> list:
    "All messages of the command line."
    return [message for message in messages.read_catalogue() if message.id and not message.context]


def filled(template: str, values: dict) -> str:
    "A message with its blanks filled."
    return ''.join(blank.before + values.get(blank.name, '') for blank in language.blanks_of(template))


@pytest.mark.parametrize('message', catalogue(), ids=lambda message: message.id[:60])
def test_each_message_is_known_when_it_comes(message):
    marks = {blank.name: blank.mark for blank in language.blanks_of(message.string)[:-1]}
    values = {name: '7' if mark == 'number' else f'X{i}' for i, (name, mark) in enumerate(marks.items())}
    if not any(re.search('[A-Za-z]{2}', blank.before) for blank in language.blanks_of(message.id)):
        joined = [name for name, mark in marks.items() if mark == 'translated']   # what joins messages
        values |= dict.fromkeys(joined, 'the file is empty')
    line = filled(message.id, values)
    expected = filled(message.string, {name: translated(value, 'ja') for name, value in values.items()})
    assert translated(line, 'ja') == expected


@pytest.mark.parametrize('name', COMMANDS)
def test_help(say, name):
    said = say(name, '--help').out
    assert english_in(said) == [] and f'使い方：  cat-or-dog {name} ' in said and 'オプション：' in said
    assert max(map(language.width, said.splitlines())) <= 82


@pytest.mark.parametrize(
    'argv',
    [
        ('fly',),
        ('search',),
        ('search', 'cat', '--n', '0'),
        ('search', 'cat', '--n', 'many'),
        ('train', 'x', '--method', 'y'),
        ('app', '--port', '70000'),
        ('predict', 'x', '--fly'),
        ('info', 'x', '--lang', 'de'),
    ],
)
def test_wrong_usage(say, argv):
    said = say(*argv, code=2).err
    assert english_in(said) == [] and 'エラー：' in said
    *usage, problem = said.splitlines()
    assert usage and max(map(language.width, usage)) <= 82   # wrapped, as in --help


@pytest.mark.parametrize(
    'argv',
    [
        ('predict', 'a.jpg', '--model', 'nowhere.onnx'),
        ('predict', 'a.jpg', '--model', 'list.txt'),
        ('predict', 'a.jpg', '--model', '.'),
        ('train', 'nowhere'),
        ('train', 'list.txt'),
        ('train', 'one'),
        ('train', 'few'),
        ('train', 'loose'),
        ('train', 'few', '--size', '7'),
        ('train', 'few', '--labels', '['),
        ('train', 'few', '--labels', 'nowhere.csv'),
        ('train', 'few', '--out', 'one'),
        ('evaluate', 'few', '--model', 'nowhere.onnx'),
        ('download', 'nowhere.txt', 'x'),
        ('download', 'list.txt', 'x'),
        ('download', 'dead.txt', 'x'),
        ('download', 'dead.txt', 'list.txt'),
        ('search', 'horse'),
        ('search', 'cat', '--source', 'nowhere'),
        ('search', 'cat', '--source', 'dead.txt', '--license', 'open'),
        ('search', 'cat', '--source', 'ddgs', '--license', 'open'),
        ('check', 'nowhere'),
    ],
)
def test_refusals(say, argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'list.txt').write_text('no address')
    (tmp_path / 'dead.txt').write_text('cat\thttp://127.0.0.1:1/a.jpg\ncat\thttp://127.0.0.1:1/a.jpg\n')
    for folder, labels in {'one': ['cat'], 'few': ['cat', 'dog'], 'loose': ['']}.items():
        for label in labels:
            (tmp_path / folder / label).mkdir(parents=True, exist_ok=True)
            draw('cat', 1, size=64).save(tmp_path / folder / label / 'a.jpg')
    said = say(*argv, code=1)
    assert english_in(said.out + said.err) == []
    assert f'cat-or-dog {argv[0]}：' in said.err


def test_the_whole_way(say, drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(drawn, 'photos')
    shutil.copy('photos/cat/000.jpg', 'photos/cat/again.jpg')
    (tmp_path / 'photos' / 'dog' / 'broken.jpg').write_bytes(b'oops')
    (tmp_path / 'photos' / 'loose.jpg').write_bytes((tmp_path / 'photos/cat/000.jpg').read_bytes())
    with_model = '--model', 'model.onnx'
    said = [
        say('search', 'cat', '--n', 2),
        say('check', 'photos', code=1),
        say('train', 'photos', '--out', 'model.onnx'),
        say('predict', 'photos/cat/000.jpg', 'photos/dog/broken.jpg', 'x.jpg', *with_model, code=1),
        say('predict', 'photos', '--model', 'model.onnx', '--out', 'rows.csv', code=1),
        say('evaluate', 'photos', '--model', 'model.onnx'),
        say('info', 'model.onnx'),
    ]
    for one in said:
        assert english_in(one.out + one.err) == []
    assert said[0].out.startswith('cat\thttp://') and 'のURL' not in said[0].out
    assert said[3].out.startswith('photos/cat/000.jpg: cat (0.')   # an answer is the same in every language
    assert 'broken.jpg：Pillowが読める形式の写真ではありません。' in said[3].err
    assert '（うち61枚は学習に使ったもの）61枚のうち' in said[5].out
    card = (tmp_path / 'model.md').read_text()
    assert card.startswith('# model.onnx\n\nA model that tells')   # files stay English


def test_json_never_changes(say, tmp_path, model_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'empty.jpg').write_bytes(b'')
    for argv, code in [
        (('search', 'cat', '--n', 2, '--source', 'drawings'), 0),
        (('predict', 'photos/empty.jpg', 'nowhere.jpg', '--model', model_file), 1),
        (('check', 'photos'), 1),
        (('info', model_file), 0),
    ]:
        english, japanese = (say(*argv, '--json', lang=lang, code=code).out for lang in ('en', 'ja'))
        assert english == japanese and all(map(json.loads, english.splitlines()))


def test_english_is_what_was_printed(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(language, 'phrase_book', None)   # nobody may open it
    assert say('predict', 'a.jpg', '--model', 'b.onnx', lang='en', code=1) == (
        '',
        'cat-or-dog predict: b.onnx: there is no such model file. '
        'Make one with `cat-or-dog train FOLDER --out b.onnx`.\n',
    )
    before = sys.stdout, sys.stderr
    with language.speaking('en'):
        assert (sys.stdout, sys.stderr) == before


def test_who_decides(say, monkeypatch):
    assert '使い方' in say('--lang', 'ja', '--help', lang='en').out
    assert 'usage' in say('--lang=en', '--help', lang='ja').out
    assert 'usage' in say('search', '--help', '--lang', 'en', lang='ja').out
    monkeypatch.setenv('LANG', 'ja_JP.UTF-8')
    assert '使い方' in say('--help', lang='').out
    monkeypatch.setenv('LC_ALL', 'C.UTF-8')
    assert 'usage' in say('--help', lang='').out
    assert language_for('', {'LC_MESSAGES': 'ja', 'LANG': 'de'}) == 'ja'
    assert language_for('', {'CAT_OR_DOG_LANG': 'de', 'LANG': 'ja_JP'}) == 'en'


@pytest.mark.parametrize(
    'platform, name, expected',
    [
        ('win32', 'Japanese_Japan', 'ja'),
        ('darwin', 'ja_JP', 'ja'),
        ('darwin', None, 'en'),
        ('linux', 'ja_JP', 'en'),
    ],
)
def test_where_no_variable_says_it_the_system_is_asked(monkeypatch, platform, name, expected):
    monkeypatch.setattr(sys, 'platform', platform)
    monkeypatch.setattr('locale.getlocale', lambda: (name, None))
    assert language_for('', {}) == expected


def test_a_japanese_locale_without_utf_8(tmp_path):
    env = os.environ | {'LC_ALL': 'ja_JP.eucJP', 'PYTHONIOENCODING': 'euc_jp'}
    done = subprocess.run([*command, 'train', '見つからない'], cwd=tmp_path, capture_output=True, env=env)
    assert done.returncode == 1
    assert done.stderr.decode('utf-8') == (
        "cat-or-dog train：フォルダ'見つからない'がありません。先に写真をダウンロードしてください。\n"
    )


def test_a_stream_that_cannot_show_japanese_stays_english():
    raw = io.BytesIO()
    stream = Interpreter(io.TextIOWrapper(raw, encoding='ascii'), phrase_book('ja').translated)
    print('Find addresses of photos.', file=stream, flush=True)
    assert raw.getvalue() == b'Find addresses of photos.\n'


def test_head_of_a_pipe():
    line = f'{" ".join(command)} search cat --n 200 --source drawings | head -n 1'
    env = os.environ | {'CAT_OR_DOG_LANG': 'ja'}
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=env)
    assert done.stdout.startswith('cat\t')
    assert 'Traceback' not in done.stderr and 'BrokenPipe' not in done.stderr


def test_progress_bars_of_others_pass_unharmed():
    plain, screen = io.StringIO(), io.StringIO()
    for file in plain, Interpreter(screen, phrase_book('ja').translated):
        bar = {'bar_format': '{desc} {n}', 'miniters': 1, 'mininterval': 0}
        for _ in tqdm(range(3), desc='somebody else', file=file, **bar):
            pass
        print('done', file=file)
    assert screen.getvalue() == plain.getvalue()


def states(bar_of):
    "The states that a progress bar shows in Japanese, one after the other."
    screen = io.StringIO()
    bar_of(Interpreter(screen, phrase_book('ja').translated))
    return [state.rstrip() for state in re.split('[\r\n]', screen.getvalue()) if state.strip()]


def test_our_own_progress_bars():
    def download(file):
        bar = tqdm(total=4, desc='download cat', unit='photo', file=file, mininterval=0)
        for kept in range(1, 4):
            bar.set_postfix({'kept': kept, 'refused': 1}, refresh=False)
            bar.update()
        bar.close()
    shown = states(download)
    assert re.fullmatch(r'取得中 cat： +0%\|.*\| 0/4 \[00:00<\?, \?枚/秒\]', shown[0])
    assert re.fullmatch(r'取得中 cat： +75%\|.*\| 3/4 \[.*枚/秒, 保存=3, 拒否=1\]', shown[-1])
    assert english_in('\n'.join(shown)) == [] and not re.search('photo|kept|refused', ''.join(shown))


def test_what_fastai_prints_while_it_trains():
    def train(file):
        print('epoch     train_loss  valid_loss  error_rate  time    ', file=file)
        file.write('\rEpoch 1/3 : |███-| 50.00% [1/2 00:01<00:02 0.4321]')
        file.flush()
        file.write('\rEpoch 1/3 :            \r')
        print('0         0.876051    0.162939    0.080000    00:05     ', file=file)
    head, bar, gone, row = states(train)
    assert bar == 'エポック1/3：|███-| 50.00% [1/2 00:01<00:02 0.4321]' and gone == 'エポック1/3：'
    begin = [language.width(head[:head.index(word)]) for word in head.split()]
    assert begin == [row.index(number) for number in row.split()]   # columns stand below their heads


def test_threads_that_print_at_once_lose_nothing():
    from concurrent.futures import ThreadPoolExecutor

    screen = io.StringIO()
    stream = Interpreter(screen, str.upper)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: stream.write(f'line {i:03}\n'), range(400)))
    assert sorted(screen.getvalue().splitlines()) == [f'LINE {i:03}' for i in range(400)]


HOSTILE = [
    'a' * 10_000 + ': the file is empty.',
    'a: ' * 3900,
    'x. ' * 3900,
    'no such host; ' * 800,
    ' of ' * 2900,
    'a  ' * 3900,
    'x: y. ' * 12,
    'left out: ' * 1100,
    'cat-or-dog a: ' * 800,
    ('photo: ' * 10 + '. ') * 12,
    '{n} {0} {} %s %(n)s {',
    'x' * 1_000_000,
]


@pytest.mark.parametrize('line', HOSTILE, ids=lambda line: line[:12])
def test_hostile_lines_cost_a_bounded_number_of_looks(line, monkeypatch):
    looks = []
    monkeypatch.setattr(Patience, 'is_over', lambda self: looks.append(1) or was(self))
    phrase_book('ja').translated(line)
    assert len(looks) < 300


was = Patience.is_over


NAMES = ['the file is empty', 'kept', 'Every photo is as it should be.', '保存 {n}', 'a' * 10_000]


@pytest.mark.parametrize('name', NAMES)
def test_a_name_that_looks_like_a_message_stays_a_name(name):
    assert translated(f'There is no table {name}.', 'ja') == f'表{name}がありません。'
    assert translated(f'cat\t{name}', 'ja') == f'cat\t{name}'


def test_the_same_blanks_in_another_order():
    book = PhraseBook({'{n} of {all} right': '{all:number}枚中{n:number}枚が正解'})
    assert book.translated('  11 of 12 right') == '  12枚中11枚が正解'
    assert book.translated('most of them right') == 'most of them right'


def test_the_notebooks_app_answers_in_the_readers_language(model_file, tmp_path, monkeypatch):
    pytest.importorskip('ipywidgets')
    from cat_or_dog.app import answer, app
    from cat_or_dog.predict import Classifier

    model = Classifier.load(model_file)
    (tmp_path / 'a.jpg').write_bytes(b'')
    assert 'this file is empty' in answer(model, tmp_path / 'a.jpg').value
    monkeypatch.setenv('LANG', 'ja_JP.UTF-8')
    assert 'ファイルが空です' in answer(model, tmp_path / 'a.jpg').value
    assert app(model).children[0].description == '写真を選ぶ'
    assert app(model, 'en').children[0].description == 'Choose photos'

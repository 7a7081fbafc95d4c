"""Lists of photos: from every editor, from strangers, and by every label."""
import codecs
import json
import threading
from dataclasses import replace

import pytest

from cat_or_dog.engine import photo_list
from cat_or_dog.engine.photo_list import Question, from_list, keep, kept, kept_file, labels_in
from cat_or_dog.engine.search_engines import Answer
from cat_or_dog.search import Found, SearchError, find_photos, is_open, read_list, save_list, search_images


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


def urls(*numbers):
    return [f'https://photos.example/{i}.jpg' for i in numbers]


# Forms

def test_lists_in_every_form(tmp_path):
    pairs = [('cat', 'https://a.example/猫.jpg'), ('golden retriever', 'http://b.example/2.jpg')]
    found = [dict(label=label, url=url) for label, url in pairs]
    save_list(pairs, tmp_path/'l.jsonl')
    (tmp_path/'l.json').write_text(json.dumps(dict(results=found)), encoding='utf-8')
    (tmp_path/'pretty.json').write_text(json.dumps(dict(results=found), indent=2), encoding='utf-8')
    (tmp_path/'l.tsv').write_text(''.join(f'{label}\t{url}\r\n' for label, url in pairs), encoding='utf-8')
    (tmp_path/'spaces.txt').write_text(
        ''.join(f'{label}   {url}\n' for label, url in pairs), encoding='utf-8'
    )
    (tmp_path/'old_mac.txt').write_bytes('\r'.join(f'{label}\t{url}' for label, url in pairs).encode())
    for file in tmp_path.iterdir():
        assert read_list(file) == [Found(url, label) for label, url in pairs], file.name
    assert search_images('golden retriever photo', source=tmp_path/'l.tsv') == ['http://b.example/2.jpg']


def test_a_list_keeps_all_that_is_known(tmp_path):
    photo = Found('https://a.example/1.jpg', 'cat', 'A\u2028title\x85in "results"\n<b>', 'Ada', 'CC BY 4.0',
                  'https://a.example', 'openverse', 'cat photo', '2026-11-24T09:30:00Z')
    for photos in [photo], [photo, photo]:
        save_list(photos, tmp_path/'l.jsonl')
        on_one_line = replace(photo, title='A title in "results" <b>')
        assert read_list(tmp_path/'l.jsonl') == [on_one_line]*len(photos)
    (tmp_path/'l.jsonl').write_text(
        '{"url": "https://a.example/1.jpg", "title": null, "author": 7, "more": []}'
    )
    assert read_list(tmp_path/'l.jsonl') == [Found('https://a.example/1.jpg', author='7')]


@pytest.mark.parametrize(
    'text',
    [
        '',
        '# nothing',
        'cat',
        '{"label": "cat"}',
        '{broken',
        '[1, 2]',
        '{"url": 7}',
        '{"results": 5}',
        '{"results": []}',
        '{"results": [5]}',
        'javascript:alert(1)',
        'cathttps://a.example/1.jpg',
        '['*100_000,
    ],
)
def test_broken_lists_are_refused_with_their_name(tmp_path, text):
    (tmp_path/'list.txt').write_text(text)
    with pytest.raises(ValueError, match='list.txt'):
        read_list(tmp_path/'list.txt')


@pytest.mark.parametrize('label', ['..', '../up', '/etc', 'a/b', 'a\\b', '.hidden', 'C:', 'a\0b'])
def test_a_label_cannot_leave_the_folder(tmp_path, label):
    (tmp_path/'list.jsonl').write_text(json.dumps(dict(label=label, url='https://a.example/1.jpg')))
    with pytest.raises(ValueError, match='cannot be the name of a folder'):
        read_list(tmp_path/'list.jsonl')


def test_missing_lists_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match='Make one with'):
        read_list(tmp_path/'none')
    with pytest.raises(IsADirectoryError, match='folder'):
        read_list(tmp_path)


def test_a_long_line_takes_no_time(tmp_path):
    (tmp_path/'list.txt').write_text('a' + ' '*300_000 + 'b')
    done = threading.Event()

    def read():
        with pytest.raises(ValueError, match='line 1: there is no web address'):
            read_list(tmp_path/'list.txt')
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(20)   # a regular expression that goes back and forth takes hours


# Encodings

TEXT = 'cat\thttps://a.example/1.jpg\r\n犬\thttps://a.example/2.jpg\r\n'


@pytest.mark.parametrize('data', [
    TEXT.encode(), TEXT.encode('utf-8-sig'), codecs.BOM_UTF16_LE + TEXT.encode('utf-16-le'),
    codecs.BOM_UTF16_BE + TEXT.encode('utf-16-be'), TEXT.encode('utf-32'),
    b''.join(line.encode('utf-8-sig') for line in TEXT.splitlines(True))],
    ids=['UTF-8', 'Notepad', 'PowerShell', 'UTF-16, the other way round', 'UTF-32', 'two files joined'])
def test_what_editors_and_shells_write(tmp_path, data):
    (tmp_path/'list.txt').write_bytes(data)
    assert [(photo.label, photo.url[-5]) for photo in read_list(tmp_path/'list.txt')] == [
        ('cat', '1'),
        ('犬', '2'),
    ]


def test_json_lines_and_one_document_from_powershell(tmp_path):
    found = dict(label='cat', url='https://a.example/1.jpg')
    for text in json.dumps(found) + '\r\n', json.dumps(dict(results=[found]), indent=1) + '\r\n':
        (tmp_path/'list.txt').write_bytes(codecs.BOM_UTF16_LE + text.encode('utf-16-le'))
        assert read_list(tmp_path/'list.txt') == [Found('https://a.example/1.jpg', 'cat')]


@pytest.mark.parametrize(
    'data',
    [
        b'\xff\xd8\xff\xe0',
        TEXT.encode('cp932'),
        TEXT.encode('utf-16-le'),
        'https://a.example/1.jpg'.encode('utf-16-le'),
        codecs.BOM_UTF16_LE + b'odd',
    ],
    ids=['photo', 'Shift JIS', 'no mark', 'no mark, plain letters', 'cut off'],
)
def test_what_is_no_text_is_said_to_be_none(tmp_path, data):
    (tmp_path/'list.txt').write_bytes(data)
    with pytest.raises(ValueError, match='list.txt is not a text file in UTF-8 or UTF-16: .* save it again'):
        read_list(tmp_path/'list.txt')


def test_one_label_however_it_is_written(tmp_path):
    (tmp_path/'list.txt').write_text(
        'か\u3099\thttps://a.example/1.jpg\nが \thttps://a.example/2.jpg\n', encoding='utf-8'
    )
    assert {photo.label for photo in read_list(tmp_path/'list.txt')} == {'が'}
    assert len(search_images('か\u3099の写真', source=tmp_path/'list.txt')) == 2


# Labels

@pytest.mark.parametrize(
    'query, expected',
    [
        ('polar bear', 'polar bear'),
        ('polar bear photo', 'polar bear'),
        ('bear photo', 'bear'),
        ('Polar  Bear photo', 'polar bear'),
        ('a bear and a polar bear', 'bear, polar bear'),
        ('bearing', ''),
        ('C++', 'C++'),
        ('C++ photo', 'C++'),
        ('c++11', 'C++'),
        ('a C', ''),
        ('.net logo', '.NET'),
        ('猫の写真', '猫'),
        ('黒猫', '猫'),
        ('子犬の写真', '子犬'),
        ('犬の写真', '犬'),
        ('犬と子犬', '子犬, 犬'),
        ('cat写真', 'cat'),
        ('แมวดำ', 'แมว'),
        ('고양이의 사진', '고양이'),
        ('cats', ''),
        ('concat', ''),
        ('cat, dog', 'cat'),
        ('', ''),
    ],
)
def test_which_labels_a_query_names(query, expected):
    labels = ['bear', 'polar bear', 'cat', 'C++', '.NET', '猫', '犬', '子犬', 'แมว', '고양이', '']
    assert ', '.join(sorted(labels_in(query, labels))) == expected


def test_polar_bears_are_not_bears(tmp_path):
    rows = [('bear', url) for url in urls(1, 2)] + [('polar bear', url) for url in urls(3, 4)]
    save_list(rows, tmp_path/'l')
    assert search_images('polar bear photo', source=tmp_path/'l') == urls(3, 4)
    assert search_images('bear photo', source=tmp_path/'l') == urls(1, 2)
    assert {photo.label for photo in find_photos('polar bear photo', source=tmp_path/'l')} == {'polar bear'}


def test_a_label_may_differ_from_the_query(tmp_path):
    save_list([('jaguar', urls(1)[0]), ('car', urls(2)[0])], tmp_path/'l')
    for query in 'jaguar animal', 'big cat':
        assert find_photos(query, source=tmp_path/'l', label='jaguar') == [Found(urls(1)[0], 'jaguar')]
    assert find_photos('sports car', source=tmp_path/'l', label='auto') == [Found(urls(2)[0], 'auto')]
    assert from_list('sports car', 9, tmp_path/'l', label='auto') == [Found(urls(2)[0], 'auto')]
    with pytest.raises(SearchError, match="a word of 'lynx'; it has car, jaguar"):
        find_photos('big cat', source=tmp_path/'l', label='lynx')


def test_a_list_without_labels_has_what_you_ask_for(tmp_path):
    (tmp_path/'l').write_text('\n'.join(urls(1, 2, 3)))
    assert search_images('cat photo', n=2, source=tmp_path/'l') == urls(1, 2)
    assert {photo.label for photo in find_photos('cat photo', source=tmp_path/'l', label='cat')} == {'cat'}


def test_a_label_that_the_list_has_not(tmp_path):
    save_list([('cat', urls(1)[0]), ('dog', urls(2)[0])], tmp_path/'l')
    with pytest.raises(SearchError, match="no photos labelled with a word of 'horse photo'; it has cat, dog"):
        search_images('horse photo', source=tmp_path/'l')


def test_open_licences_of_a_list(tmp_path):
    licences = 'CC BY 4.0', 'CC BY-NC 4.0', ''
    save_list([Found(url, 'cat', license=name) for url, name in zip(urls(1, 2, 3), licences)], tmp_path/'l')
    assert search_images('cat', source=tmp_path/'l', license='open') == urls(1)
    assert from_list('cat', 9, tmp_path/'l', license='open')[0].license == 'CC BY 4.0'
    save_list([('cat', 'https://a.example/1.jpg')], tmp_path/'l')
    with pytest.raises(SearchError, match='open licence'):
        search_images('cat', source=tmp_path/'l', license='open')


# Kept answers

def test_what_is_kept_is_found_again_for_the_same_question_only(cache):
    question, photo = (
        Question('openverse', '猫', 9),
        Found('https://a.example/1.jpg', title='猫', engine='openverse'),
    )
    keep(question, Answer([photo], complete=True))
    assert kept(question) == Answer([photo], complete=True)
    for other in dict(n=8), dict(query='犬'), dict(engine='commons'), dict(license='open'):
        assert kept(question._replace(**other)) is None
    assert kept_file(question).parent == cache/'searches' and kept_file(question).name.startswith(
        'openverse-'
    )


def test_without_a_cache_the_search_goes_on(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(photo_list, 'say_no_cache', said.append)
    (tmp_path/'file').write_text('in the way')
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'file'))
    monkeypatch.setattr(
        photo_list, 'find_live', lambda *question, seconds: Answer([Found(urls(1)[0])], complete=True)
    )
    assert photo_list.ask_once(Question('openverse', 'cat', 1), seconds=1).photos == [Found(urls(1)[0])]
    assert len(said) == 1
    monkeypatch.setattr(
        photo_list, 'cache_folder', lambda: (_ for _ in ()).throw(FileNotFoundError('no home folder'))
    )
    assert photo_list.ask_once(Question('openverse', 'cat', 1), seconds=1).complete and len(said) == 2


def test_drawings_are_ours_and_open():
    assert all(is_open(p.license) and p.author for p in find_photos('dog', n=3, source='drawings'))

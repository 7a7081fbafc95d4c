"""Searching: recorded answers of the live web, and what happens when there are none."""
import json, sys, threading, types

import pytest
from ddgs.exceptions import DDGSException, RatelimitException

from cat_or_dog import search
from cat_or_dog.drawings import drawing_urls, served_now
from cat_or_dog.search import SearchError, read_list, save_list, search_images

# The shape of an answer of ddgs 9.16, `DDGS().images('cat photo')`, with made-up addresses.
recorded = [dict(title=f'A cat {i}', image=f'https://photos.example/{i}.jpg', thumbnail='https://t.example/1', url='https://example/page',
                 height=600, width=800, source='Bing') for i in (1, 2, 2, 3)] + [dict(title='odd', image='data:image/png;base64,AA')]


@pytest.fixture
def web(monkeypatch):
    "The live web is played by a list of answers: results, or exceptions to raise."
    answers = []
    class DDGS:
        def __init__(self, timeout): pass
        def images(self, query, max_results):
            answer = answers.pop(0)
            if callable(answer): return answer()
            if isinstance(answer, Exception): raise answer
            return answer
    monkeypatch.setitem(sys.modules, 'ddgs', types.SimpleNamespace(DDGS=DDGS))
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    monkeypatch.setattr(search.time, 'sleep', lambda seconds: None)
    return answers


def test_the_real_ddgs_still_has_what_we_call():
    from ddgs import DDGS
    assert callable(DDGS(timeout=5).images)   # nothing is asked


def test_live_results_are_web_addresses_each_once(web, capsys):
    web.append(recorded)
    assert search_images('cat photo') == [f'https://photos.example/{i}.jpg' for i in (1, 2, 3)]
    assert capsys.readouterr().out == ''


def test_a_rate_limit_is_waited_out_once(web):
    web.extend([RatelimitException('202 Ratelimit'), recorded])
    assert len(search_images('cat photo', n=2, source='ddgs')) == 2
    web.extend([RatelimitException('202 Ratelimit')]*2)
    with pytest.raises(SearchError, match='pause'): search_images('cat photo', source='ddgs')


@pytest.mark.parametrize('answer, reason', [(DDGSException('DNSError: no records\nmore'), 'is there a network?'),
                                            (ValueError('<html>'), '<html>'), ([], 'no photos')])
def test_auto_says_in_one_sentence_what_it_does_instead(web, capsys, answer, reason):
    web.append(answer)
    assert search_images('cat photo', n=5) == drawing_urls('cat', 5)
    said = capsys.readouterr().out
    assert said.count('\n') == 1 and reason in said and '5 drawings' in said


def test_a_search_that_hangs_is_given_up(web):
    never = threading.Event()
    web.append(never.wait)
    with pytest.raises(SearchError, match='no answer within'): search_images('cat photo', source='ddgs', seconds=0.1)
    never.set()


def test_no_drawings_of_that(web):
    web.append(DDGSException('DNSError'))
    with pytest.raises(SearchError, match='is there a network.*no drawings of'): search_images('forest photo')


def test_lists_in_every_form(tmp_path):
    pairs = [('cat', 'https://a.example/猫.jpg'), ('golden retriever', 'http://b.example/2.jpg')]
    save_list(pairs, tmp_path/'l.jsonl')
    (tmp_path/'l.json').write_text(json.dumps(dict(results=[dict(label=l, url=u) for l, u in pairs])))
    (tmp_path/'l.tsv').write_text(''.join(f'{l}\t{u}\n' for l, u in pairs))
    for file in tmp_path.iterdir(): assert read_list(file) == pairs
    assert search_images('golden retriever photo', source=tmp_path/'l.tsv') == ['http://b.example/2.jpg']


@pytest.mark.parametrize('text', ['', '# nothing', 'cat', '{"label": "cat"}', '{broken', '[1, 2]', '{"url": 7}', '{"results": 5}', 'javascript:alert(1)'])
def test_broken_lists_are_refused_with_their_name(tmp_path, text):
    (tmp_path/'list.txt').write_text(text)
    with pytest.raises(ValueError, match='list.txt'): read_list(tmp_path/'list.txt')


@pytest.mark.parametrize('label', ['..', '../up', '/etc', 'a/b', 'a\\b', '.hidden', 'C:', 'a\0b'])
def test_a_label_cannot_leave_the_folder(tmp_path, label):
    (tmp_path/'list.jsonl').write_text(json.dumps(dict(label=label, url='https://a.example/1.jpg')))
    with pytest.raises(ValueError, match='cannot be the name of a folder'): read_list(tmp_path/'list.jsonl')


def test_binary_and_missing_lists(tmp_path):
    (tmp_path/'photo.jpg').write_bytes(b'\xff\xd8\xff\xe0')
    with pytest.raises(ValueError, match='not a text file'): read_list(tmp_path/'photo.jpg')
    with pytest.raises(FileNotFoundError, match='Make one with'): read_list(tmp_path/'none')
    with pytest.raises(IsADirectoryError, match='folder'): read_list(tmp_path)


def test_a_drawing_is_found_again_in_another_program():
    assert served_now('http://127.0.0.1:9/drawings/42/dog/3.jpg') == drawing_urls('dog', 4)[3]
    assert served_now('http://127.0.0.1:9/other/3.jpg') == 'http://127.0.0.1:9/other/3.jpg'

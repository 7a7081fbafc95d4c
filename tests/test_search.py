"""Searching: engines played by a local server, what happens without an answer; the real ddgs."""
import json
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import httpx
import pytest
from ddgs.engines.bing_images import BingImages
from ddgs.engines.duckduckgo_images import DuckduckgoImages
from ddgs.exceptions import DDGSException
from engines import (
    Engines,
    Handler,
    bing_page,
    broken,
    busy,
    commons_page,
    duckduckgo_page,
    empty_body,
    nothing,
    ok,
    openverse_page,
    page_of,
    refused,
    web_page,
)

from cat_or_dog.engine import photo_list, search_engines
from cat_or_dog.engine.drawing_server import drawing_urls
from cat_or_dog.engine.files import CONTACT, USER_AGENT
from cat_or_dog.engine.search_engines import ENGINES, Answer, find_live
from cat_or_dog.search import Found, SearchError, find_photos, search_images

APIS = 'openverse', 'commons'


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('CAT_OR_DOG_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


@pytest.fixture
def web(monkeypatch):
    "The engines, at addresses of a local server; all of them find nothing until a test gives them answers."
    server = Engines()
    server.answers = {name: [answer] for name, answer in nothing.items()}
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    monkeypatch.setattr(search_engines, 'SITES', {name: server.url(name) for name in APIS})
    monkeypatch.setattr(BingImages, 'search_url', server.url('bing'))
    monkeypatch.setattr(DuckduckgoImages, 'search_url', server.url('duckduckgo'))
    # a number from DuckDuckGo's own first page
    monkeypatch.setattr(DuckduckgoImages, '_get_vqd', lambda self, query: '4-1')
    yield server
    server.close()


@pytest.fixture
def waits(monkeypatch):
    "The seconds of each wait; waiting costs no time, but the clock goes on."
    waits, now = [], time.monotonic
    monkeypatch.setattr(time, 'monotonic', lambda: now() + sum(waits))
    monkeypatch.setattr(time, 'sleep', waits.append)
    return waits


def urls(*numbers):
    return [f'https://photos.example/{i}.jpg' for i in numbers]


# What the engines say

def test_openverse(web):
    web.answers['openverse'] = [
        openverse_page(range(20), page_count=12),
        openverse_page(range(20, 40), page_count=12),
    ]
    found = find_photos('cat photo', n=30, source='openverse')
    assert [p.url for p in found] == urls(*range(30))
    first, second = found[:2]
    assert (first.title, first.author, first.license) == (
        'Cat 0',
        '',
        'CC BY 2.0',
    ) and second.license == 'CC BY-NC-ND 2.0'
    assert (second.author, second.source_page) == ('Author 1', 'https://photos.example/about/1')
    assert (
        {(p.engine, p.query) for p in found} == {('openverse', 'cat photo')}
        and first.time.endswith('Z')
        and len(first.time) == 20
    )
    assert [(a['q'], a['page'], a['page_size']) for a in web.asked['openverse']] == [
        ('cat photo', '1', '20'),
        ('cat photo', '2', '20'),
    ]
    assert set(web.agents) == {USER_AGENT} and USER_AGENT.startswith('cat_or_dog/') and CONTACT in USER_AGENT


def test_the_last_page_is_the_end(web):
    web.answers['openverse'] = [
        openverse_page(range(20), page_count=2),
        openverse_page(range(20, 25), page_count=2),
    ]
    assert len(search_images('cat photo', source='openverse')) == 25 and len(web.asked['openverse']) == 2


def test_commons(web):
    web.answers['commons'] = [
        commons_page(range(50), more={'gsroffset': 50, 'continue': 'gsroffset||'}),
        commons_page(range(50, 60)),
    ]
    found = find_photos('cat photo', n=200, source='commons')
    # in the engine's order of relevance
    assert [p.title for p in found] == [f'Cat {i}.jpg' for i in range(60)]
    assert found[7] == Found(
        'https://upload.example/thumb/960px-7.jpg',
        title='Cat 7.jpg',
        author='Author & 7',
        license='CC BY-SA 4.0',
        source_page='https://commons.example/wiki/File:7.jpg',
        engine='commons',
        query='cat photo',
        time=found[7].time,
    )
    first, second = web.asked['commons']
    assert (
        first['gsrsearch'] == 'cat photo filetype:bitmap'
        and first['gsrnamespace'] == '6'
        and 'gsroffset' not in first
    )
    assert second == first | {'gsroffset': '50', 'continue': 'gsroffset||'}


def test_commons_without_a_small_version_or_metadata(web):
    web.answers['commons'] = [commons_page([1], thumburl=None, extmetadata=None)]
    assert [(p.url, p.author, p.license) for p in find_photos('cat', source='commons')] == [
        ('https://upload.example/1.jpg', '', '')
    ]


def test_ddgs(web, waits, capsys):
    web.answers['duckduckgo'] = [
        duckduckgo_page(range(100)),
        duckduckgo_page(range(90, 150)),
        nothing['duckduckgo'],
    ]
    found = find_photos('cat photo')
    # each once; no results on page 3 is the end, not an error
    assert [p.url for p in found] == urls(*range(150))
    assert found[3] == Found(
        urls(3)[0],
        title='Cat 3',
        source_page='https://photos.example/about/3',
        engine='ddgs',
        query='cat photo',
        time=found[3].time,
    )
    assert capsys.readouterr().out == '' and waits == [] and 'openverse' not in web.asked


@pytest.mark.parametrize('answer', [refused, busy(), broken, web_page, nothing['duckduckgo']])
def test_ddgs_goes_on_with_bing(web, answer):
    web.answers |= dict(duckduckgo=[answer], bing=[bing_page(range(5))])
    assert search_images('cat photo', n=5, source='ddgs') == urls(*range(5))


def test_only_web_addresses_come_through(web):
    answer = json.loads(openverse_page(range(7))[2])
    for entry, url in zip(
        answer['results'],
        [
            'data:image/png;base64,AA',
            'javascript:alert(1)',
            '',
            'https://a.example/1\n2',
            'https://a.example/\x9b2J',
            None,
        ],
    ):
        entry['url'] = url
    web.answers['openverse'] = [ok(answer)]
    assert search_images('cat', source='openverse') == urls(6)


def test_texts_come_on_one_line(web):
    web.answers |= dict(
        openverse=[openverse_page([1], title=' A\u2028cat\n\ton  a\x85mat ')],
        commons=[
            commons_page(
                [1],
                extmetadata=dict(
                    Artist=dict(value='<p>Ada\n</p><script>alert(1)</script> &lt;3'),
                    LicenseShortName=dict(value=None),
                ),
            )
        ],
    )
    assert find_photos('cat', source='openverse')[0].title == 'A cat on a mat'
    photo, = find_photos('cat', source='commons')
    assert (photo.author, photo.license) == ('Ada alert(1) <3', '')


# Licences

def test_only_open_licences(web):
    web.answers |= dict(openverse=[openverse_page(range(6))], commons=[commons_page(range(6))])
    # by-nc-nd left out
    assert [p.license for p in find_photos('cat', source='openverse', license='open')] == [
        'CC BY 2.0',
        'CC0 2.0',
    ]*2
    assert web.asked['openverse'][0]['license'] == 'by,by-sa,cc0,pdm'
    assert {p.license for p in find_photos('cat', source='commons', license='open')} == {'CC BY-SA 4.0'}


def test_auto_with_open_licences_asks_only_engines_that_know_them(web):
    web.answers |= dict(duckduckgo=[duckduckgo_page(range(5))], openverse=[openverse_page(range(6))])
    assert len(find_photos('cat photo', license='open')) == 4 and 'duckduckgo' not in web.asked


def test_wrong_licences_are_refused():
    with pytest.raises(ValueError, match="use 'open'"):
        find_photos('cat', license='free')
    with pytest.raises(ValueError, match="source='openverse'"):
        find_photos('cat', source='ddgs', license='open')


# When an engine does not answer

def last_word(error):
    return str(error.value).rstrip('.').split(': ')[-1]


@pytest.mark.parametrize('engine', APIS)
@pytest.mark.parametrize(
    'answer, reason, what_to_do',
    [
        (refused, 'refuses to answer (403)', 'choose another source'),
        (
            busy(7200),
            'wants a pause (rate limit)',
            'wait 7200 seconds and try again, or choose another source',
        ),
        (web_page, 'not JSON', 'choose another source'),
        (empty_body, 'not JSON', 'choose another source'),
        (ok([1, 2]), 'not JSON', 'choose another source'),
        (ok({'found': []}), 'have changed (KeyError', 'update cat_or_dog, or choose another source'),
        (
            ok({'results': 7, 'query': 'x'}),
            'have changed (TypeError',
            'update cat_or_dog, or choose another source',
        ),
        (ok({'error': 'no', 'detail': 'x'}), 'refuses to answer (no)', 'choose another source'),
        (
            ok({'results': [], 'page_count': 1, 'batchcomplete': True, 'x': 'x'*11_000_000}),
            'not JSON',
            'choose another source',
        ),
    ],
    ids=['403', 'long 429', 'web page', 'empty body', 'list', 'no results', 'wrong types', 'error', 'huge'],
)
def test_answers_that_are_none_end_at_once_with_what_to_do(web, waits, engine, answer, reason, what_to_do):
    web.answers[engine] = [answer]
    with pytest.raises(SearchError) as error:
        search_images('cat photo', source=engine)
    assert (
        engine in str(error.value)
        and reason in str(error.value)
        and last_word(error) == what_to_do
        and '\n' not in str(error.value)
    )
    assert len(web.asked[engine]) == 1 and waits == []


@pytest.mark.parametrize('engine', APIS)
def test_entries_that_have_changed(web, engine):
    web.answers |= dict(
        openverse=[ok(dict(page_count=1, results=[{'image_url': 'https://a.example/1.jpg'}]))],
        commons=[ok(dict(batchcomplete=True, query=dict(pages={'1': dict(title='File:x', imageinfo=[{}])})))],
    )
    with pytest.raises(SearchError, match='have changed'):
        search_images('cat', source=engine)


@pytest.mark.parametrize('engine', APIS)
def test_nothing_found_is_an_answer(web, waits, engine):
    with pytest.raises(SearchError, match="no photos for 'xyzzy': try other words"):
        search_images('xyzzy', source=engine)
    assert waits == []


@pytest.mark.parametrize(
    'engine, answer, shortest',
    [
        (engine, answer, shortest)
        for engine in APIS
        for answer, shortest in [
            (busy(5), 5),
            (busy(), 1),
            (broken, 1),
            ((503, {'Retry-After': 'Wed, 21 Oct 2015 07:28:00 GMT'}, b''), 1),
        ]
    ]
    + [('commons', ok({'error': {'code': 'ratelimited', 'info': 'x'}}), 1)],
)
def test_a_busy_engine_is_asked_again_after_growing_waits(web, waits, engine, answer, shortest):
    web.answers[engine] = [answer, answer, page_of[engine](range(3))]
    assert len(search_images('cat photo', source=engine)) == 3
    first, second = waits
    assert shortest <= first <= max(2, shortest) and max(2, shortest) <= second <= max(3, shortest)


@pytest.mark.parametrize('engine', APIS)
@pytest.mark.parametrize('answer', [busy(), busy(3), broken])
def test_waiting_ends_with_the_time_that_was_given(web, waits, engine, answer):
    web.answers[engine] = [answer]
    with pytest.raises(SearchError, match='and try again, or choose another source.$'):
        search_images('cat photo', source=engine, seconds=20)
    assert len(waits) >= 3 and sum(waits) < 20 and len(web.asked[engine]) == len(waits) + 1


def test_waits_are_not_the_same_twice(web, waits):
    web.answers['openverse'] = [broken]
    for _ in range(2):
        with pytest.raises(SearchError):
            search_images('cat', source='openverse', seconds=4)
    assert len(set(waits)) == len(waits) >= 2


@pytest.mark.parametrize('answer', [refused, busy(), broken, web_page, nothing['bing']])
def test_ddgs_says_no_results_when_it_is_refused_so_it_is_asked_again(web, waits, answer):
    web.answers |= dict(
        duckduckgo=[nothing['duckduckgo'], nothing['duckduckgo'], duckduckgo_page(range(4))], bing=[answer]
    )
    assert search_images('cat photo', n=4, source='ddgs') == urls(*range(4)) and len(waits) == 2
    web.answers |= dict(duckduckgo=[answer])
    with pytest.raises(SearchError, match="try again|wants a pause"):
        search_images('cats', source='ddgs', seconds=10)


def test_ddgs_that_cannot_read_an_answer_is_asked_again(web, waits, monkeypatch):
    def fail(self, query):
        raise DDGSException('_extract_vqd() Could not extract vqd.\nmore')
    monkeypatch.setattr(DuckduckgoImages, '_get_vqd', fail)
    with pytest.raises(SearchError, match='ddgs failed .*vqd.*try again in a few minutes'):
        search_images('cat', source='ddgs', seconds=5)
    assert waits


@pytest.mark.parametrize('query, n', [('', 9), (' ', 9), ('cat', 0), ('cat', -1)])
def test_a_search_needs_words_and_a_number(query, n):
    with pytest.raises(ValueError, match='needs words'):
        search_images(query, n)


@pytest.mark.parametrize('engine', ['ddgs', *APIS])
def test_a_search_that_hangs_is_given_up(web, engine):
    web.answers |= {name: ['never'] for name in web.answers}
    with pytest.raises(SearchError, match='no answer within 1 s .is there a network'):
        search_images('cat photo', source=engine, seconds=0.3)


@pytest.mark.parametrize('engine', APIS)
def test_no_connection(web, engine, monkeypatch):
    monkeypatch.setitem(search_engines.SITES, engine, 'http://127.0.0.1:1/')
    with pytest.raises(SearchError, match='is there a network'):
        search_images('cat photo', source=engine)


def test_half_of_the_photos_are_better_than_none(web, waits, capsys, cache):
    web.answers['openverse'] = [openverse_page(range(20), page_count=9), busy(7200)]
    assert len(search_images('cat photo', source='openverse')) == 20
    said, progress = capsys.readouterr()
    assert progress == ''   # a bar is for people: on a terminal or a page, not in a file
    assert (
        said.startswith(
            'openverse gave 20 of 200 photos. Then: openverse wants a pause (rate limit): wait 7200 seconds'
        )
        and said.count('\n') == 1
    )
    assert not cache.exists()   # so that the next run asks for the rest


# auto

def test_auto_goes_on_with_the_next_engine(web, waits, capsys):
    web.answers['openverse'] = [openverse_page(range(6))]
    assert len(search_images('cat photo')) == 6
    said = capsys.readouterr().out
    assert (
        said == "ddgs found no photos for 'cat photo': going on with 6 photos from openverse.\n"
        and sum(waits) < 10
    )


def test_auto_says_in_one_sentence_what_it_does_instead(web, waits, capsys):
    web.answers |= dict(openverse=[busy(3600)], commons=[refused])
    assert search_images('cat photo', n=5) == drawing_urls('cat', 5)
    said = capsys.readouterr().out
    assert said == (
        "ddgs found no photos for 'cat photo'; openverse wants a pause (rate limit); "
        "commons refuses to answer (403): "
        "going on with 5 drawings for 'cat photo'.\n"
    )


def test_auto_without_a_network(web, monkeypatch, capsys):
    for name in APIS:
        monkeypatch.setitem(search_engines.SITES, name, 'http://127.0.0.1:1/')
    for engine in BingImages, DuckduckgoImages:
        monkeypatch.setattr(engine, 'search_url', 'http://127.0.0.1:1/')
    assert search_images('cat photo', n=5) == drawing_urls('cat', 5)
    assert (
        capsys.readouterr().out
        == "no connection (is there a network?): going on with 5 drawings for 'cat photo'.\n"
    )
    with pytest.raises(SearchError, match='is there a network.*no drawings of'):
        search_images('forest photo')


def test_offline_asks_nobody(web, monkeypatch, capsys):
    monkeypatch.setenv('CAT_OR_DOG_OFFLINE', '1')
    assert search_images('cat photo', n=5) == drawing_urls('cat', 5) and web.asked == {}


# Asked once

@pytest.mark.parametrize(
    'source, engine', [('auto', 'openverse'), ('openverse', 'openverse'), ('commons', 'commons')]
)
def test_a_second_run_asks_nobody(web, waits, capsys, source, engine):
    web.answers[engine] = [page_of[engine](range(6)), page_of[engine](range(10, 14))]
    found = find_photos('cat photo', source=source)
    capsys.readouterr()
    web.asked.clear()
    assert (
        find_photos('cat photo', source=source) == found and web.asked == {} and capsys.readouterr().out == ''
    )
    assert len(find_photos('cat photo', source=source, fresh=True)) == 4 and len(web.asked[engine]) == 1
    assert len(find_photos('cat photo', source=source)) == 4   # and that is what is kept now
    web.asked.clear()
    for other in dict(query='dog photo'), dict(n=3), dict(license='open'):
        find_photos(**dict(query='cat photo', source=engine) | other)
    assert len(web.asked[engine]) == 3   # another question


def test_a_damaged_or_unwritable_cache_costs_a_search_not_an_error(web, cache, monkeypatch):
    said = []
    monkeypatch.setattr(photo_list, 'say_no_cache', said.append)
    web.answers['openverse'] = [openverse_page(range(6))]
    for damage in b'', b'{"url": ', b'\xff\xd8':
        find_photos('cat', source='openverse')
        file, = (cache/'searches').iterdir()
        file.write_bytes(damage)
    assert len(find_photos('cat', source='openverse')) == 6 and len(web.asked['openverse']) == 4
    for file in (cache/'searches').iterdir():
        file.unlink()
    (cache/'searches').rmdir()
    (cache/'searches').write_text('a file in the way')
    assert (
        len(find_photos('cat', source='openverse')) == 6 and len(said) == 1 and isinstance(said[0], OSError)
    )


# How much is all

# all that a guest gets, and it says 240
GUEST = [openverse_page(range(20*i, 20*i + 20), page_count=12) for i in range(12)]
LIMIT = (
    'openverse gives no more than 240 photos to those without an account: '
    'for the rest, choose another source.'
)


def test_openverse_stops_at_240_and_that_is_never_called_all(web, capsys):
    web.answers['openverse'] = list(GUEST)
    for _ in range(2):   # the second time the answer comes from the cache, and so does the sentence
        assert len(search_images('cat photo', n=500, source='openverse')) == 240
        assert capsys.readouterr().out == f'openverse gave 240 of 500 photos. Then: {LIMIT}\n'
        assert len(web.asked['openverse']) == 12


def test_auto_says_it_too(web, waits, capsys):
    web.answers['openverse'] = list(GUEST)
    assert len(search_images('cat photo', n=500)) == 240
    assert capsys.readouterr().out == (
        "ddgs found no photos for 'cat photo': going on with 240 photos from openverse.\n"
        f'openverse gave 240 of 500 photos. Then: {LIMIT}\n'
    )


@pytest.mark.parametrize(
    'n, last_page, found, complete',
    [
        (240, range(220, 240), 240, True),
        (220, range(220, 240), 220, True),
        (241, range(220, 240), 240, False),
        (500, range(220, 231), 231, True),
    ],
    ids=['as many as wanted', 'fewer wanted', 'one more', 'there are 231'],
)
def test_what_is_complete(web, n, last_page, found, complete):
    last = json.loads(openverse_page(last_page, page_count=12)[2]) | dict(result_count=220 + len(last_page))
    web.answers['openverse'] = [*GUEST[:11], ok(last)]
    answer = find_live('openverse', 'cat photo', n)
    assert (len(answer.photos), answer.complete, bool(answer.note)) == (found, complete, not complete)


def test_a_page_without_an_open_licence_is_not_the_end(web):
    # even numbers: GFDL
    web.answers['commons'] = [commons_page([2, 4], more={'gsroffset': 2}), commons_page([5])]
    assert [p.title for p in find_photos('cat', source='commons', license='open')] == ['Cat 5.jpg']


def test_an_engine_that_repeats_its_last_page_has_no_more(web):
    web.answers['commons'] = [commons_page([1, 2], more={'gsroffset': 2})]
    assert len(find_photos('cat', source='commons')) == 2 and len(web.asked['commons']) == 2


def test_a_connection_that_breaks_on_a_later_page_is_not_the_end(web, waits, capsys):
    web.answers |= dict(duckduckgo=[duckduckgo_page(range(100)), 'hang up'], bing=['hang up'])
    assert len(search_images('cat photo', source='ddgs', seconds=20)) == 100
    assert capsys.readouterr().out.startswith('ddgs gave 100 of 200 photos. Then: ')


def test_a_slow_engine_ends_with_the_time_that_was_given(monkeypatch, waits):
    def slow(query, license, end):
        for i in range(100):
            time.sleep(4)
            yield [Found(f'https://a.example/{i}.jpg')]
    monkeypatch.setitem(ENGINES, 'slow', slow)
    answer = find_live('slow', 'cat', n=200, seconds=10)
    assert len(answer.photos) == 3 and answer.again
    assert answer.note == 'slow gave 3 of 200 photos. Then: 10 s were not enough: give it more seconds.'


def test_a_pause_until_a_time_of_day(web, waits):
    soon = datetime.now(timezone.utc) + timedelta(seconds=7)
    web.answers['commons'] = [
        (429, {'Retry-After': format_datetime(soon, usegmt=True)}, b''),
        commons_page([1]),
    ]
    assert len(find_photos('cat', source='commons')) == 1 and len(waits) == 1 and 4 < waits[0] <= 7


def test_the_kept_answer_is_better_than_drawings(web, waits, capsys):
    web.answers['openverse'] = [openverse_page(range(6)), refused]
    found = find_photos('cat photo')
    capsys.readouterr()
    assert find_photos('cat photo', fresh=True) == found
    said = capsys.readouterr().out
    assert 'openverse refuses to answer (403); ' in said
    assert (
        said.endswith(f'going on with 6 photos from openverse, found {found[0].time}.\n')
        and said.count('\n') == 1
    )


def test_a_label_that_is_not_in_the_words(web):
    web.answers['openverse'] = [openverse_page(range(3))]
    found = find_photos('jaguar animal', source='openverse', label='jaguar')
    assert {(p.label, p.query) for p in found} == {('jaguar', 'jaguar animal')}
    assert {p.label for p in find_photos('jaguar animal', source='openverse')} == {''}   # kept without it
    assert {p.label for p in find_photos('kitten', n=3, source='drawings', label='cat')} == {'cat'}
    assert {p.label for p in find_photos('kitten', n=3, label='cat')} == {'cat'}


def test_an_answer_that_may_grow_is_not_kept(cache):
    question = photo_list.Question('openverse', 'cat', 9)
    photo = Found('https://a.example/1.jpg')
    photo_list.keep(question, Answer([photo], complete=False, note='It wants a pause.', again=True))
    assert photo_list.kept(question) is None and not cache.exists()
    photo_list.keep(question, Answer([photo], complete=False, note='That is all\nthat it gives.'))
    assert photo_list.kept(question) == Answer([photo], complete=False, note='That is all that it gives.')


def test_a_misspelt_source_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match="no source 'openvers': use auto, ddgs, openverse, commons, drawings, or the file"
    ):
        search_images('cat', source='openvers')
    with pytest.raises(FileNotFoundError, match='There is no list openvers.txt'):
        search_images('cat', source='openvers.txt')
    (tmp_path/'mine').write_text('https://a.example/1.jpg')
    assert search_images('cat', source='mine') == ['https://a.example/1.jpg']


# What the environment says of proxies and certificates

@pytest.mark.parametrize('name, value, reason', [
    ('http_proxy', 'socks5://127.0.0.1:1', r'the proxy in the environment \(socks5\) is of another kind'),
    ('http_proxy', 'http://127.0.0.1:port', r'the environment \(http://127.0.0.1:port\) is no address'),
    ('http_proxy', 'http://127.0.0.1:1', 'no connection to the proxy that the environment names'),
    ('SSL_CERT_FILE', '/no/such/school.pem', 'SSL_CERT_FILE names /no/such/school.pem, .*No such file')])
@pytest.mark.parametrize('engine', APIS)
def test_wrong_settings_of_the_network_are_named(web, monkeypatch, engine, name, value, reason):
    "An ImportError, an InvalidURL, 'no connection', and 'No such file or directory' they were."
    monkeypatch.setitem(search_engines.SITES, engine, 'http://photos.example/api')
    monkeypatch.delenv('no_proxy', raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(SearchError, match=reason) as error:
        search_images('cat photo', source=engine)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('error, reason', [
    (httpx.ProxyError('407 Proxy Authentication Required'), 'the proxy wants a password'),
    (httpx.ProxyError('403 Forbidden'), 'the proxy refuses'),
    (httpx.ConnectError('[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'), 'its certificate cannot be trusted'),
    (httpx.ConnectError('refused'), 'is there a network'),
    (httpx.RemoteProtocolError('broke'), 'is there a network')])
def test_who_is_in_the_way_is_named(web, monkeypatch, error, reason):
    def fails(*args):
        raise error
    monkeypatch.setattr(search_engines, 'read_answer', fails)
    with pytest.raises(SearchError, match=reason):
        search_images('cat photo', source='openverse')


def test_a_search_goes_through_a_proxy_that_wants_a_password(web, monkeypatch):
    "The local engines play the proxy: it is asked for the whole address, with name and password."
    web.answers['openverse'] = [openverse_page(range(3), page_count=1)]
    seen, real = [], Handler.do_GET
    def do_GET(self):
        seen.append((self.path.split('?')[0], self.headers['Proxy-Authorization']))
        real(self)
    monkeypatch.setattr(Handler, 'do_GET', do_GET)
    monkeypatch.setitem(search_engines.SITES, 'openverse', 'http://photos.example/openverse')
    monkeypatch.delenv('no_proxy', raising=False)
    monkeypatch.setenv('http_proxy', f'http://ann:a%2Fb@127.0.0.1:{web.server_port}')
    search_images('cat photo', n=3, source='openverse', fresh=True)
    assert seen == [('http://photos.example/openverse', 'Basic YW5uOmEvYg==')]


def test_half_a_letter_in_a_title_does_not_cost_the_search(web, cache):
    "A site cut a title in the middle of an emoji; JSON can say that, UTF-8 can't."
    page = json.loads(openverse_page(range(3), page_count=1)[2])
    page['results'][0]['title'] = 'sleepy \ud83d'
    page['results'][1]['url'] = 'https://photos.example/\ud83d.jpg'
    web.answers['openverse'] = [(200, {}, json.dumps(page).encode())]
    found = find_photos('cat photo', source='openverse')
    assert [photo.title for photo in found][0] == r'sleepy \ud83d' and len(found) == 2
    assert find_photos('cat photo', source='openverse') == found   # and it could be kept


@pytest.mark.parametrize('n', [0, 100_001, 10**12])
def test_a_number_of_photos_that_makes_no_sense(n):
    with pytest.raises(ValueError, match='n from 1 to 100,000'):
        find_photos('cat', n, 'drawings')

"""Downloading from a hostile web server: each behaviour with its row in the report."""
import errno
import hashlib
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hostile import BAD, FAULTS, GOOD, Hostile, photo, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cat_or_dog.download import check_folder, download_labels, download_photos
from cat_or_dog.engine import downloader
from cat_or_dog.engine.cli import main
from cat_or_dog.engine.duplicates import alike_to, look
from cat_or_dog.engine.fetch import Limits, Refused
from cat_or_dog.engine.folder import MANIFEST, SET_ASIDE, ManifestRow, read_manifest, write_manifest
from cat_or_dog.engine.photo import PhotoError
from cat_or_dog.engine.search_engines import Found


@pytest.fixture(scope='module')
def site():
    server = Hostile()
    yield server
    server.shutdown()


def get(site, names, dest, **options):
    return download_photos(
        [name if re.match('[a-z]+:', name) else site.url + name for name in names],
        dest,
        allow=[site.host],
        **options,
    )


def photos_in(folder):
    return sorted(p.name for p in Path(folder).glob('*.jpg'))


# ---- each behaviour with its expected row

no_photo, web_page, damaged, private = (
    'not a photo in a format that Pillow knows',
    'a web page, not a photo',
    'damaged photo',
    'leads into a private network',
)
late, large, broke, loop, no_address = (
    'took longer than 2 s',
    'larger than 5 MB',
    'connection broke off',
    'more than 5 redirects',
    'not a web address',
)
kept = [
    *GOOD,
    'moved',
    'moved_307',
    'moved_with_endless_text',
    'lying_type',
    'gzipped',
    'deflated',
    'plain_as_gzip',
    'plain_as_brotli',
    'plain_as_both',
    'no_length',
    'chunked',
    'a_little_slow',
    'cookies',
    'attachment',
    'second_time',
    'odd/ünï—🐈.jpg',
    'odd/' + 'long'*1000 + '.jpg',
    'odd/%2e%2e%2fpasswd',
    'odd/a b.jpg',
    "odd/'; rm -rf ~;'.jpg",
    'odd/x.jpg?a=../../b#c',
    'odd/nul%00.jpg',
    'odd/CON.jpg',
]
refused = dict(
    html=web_page,
    html_bom=web_page,
    html_then_jpeg=web_page,
    svg=web_page,
    svg_xml=web_page,
    empty='empty answer',
    text=no_photo,
    zip=no_photo,
    pdf=no_photo,
    eps=no_photo,
    ppm=no_photo,
    torn=damaged,
    torn_png=damaged,
    torn_webp=damaged,
    torn_heic=damaged,
    zeros=no_photo,
    header_only=no_photo,
    bomb='more than 80 million pixels',
    bomb_gif='more than 80 million pixels',
    dot='smaller than 32 pixels',
    icon='smaller than 32 pixels',
    loop=loop,
    growing_loop=loop,
    to_private=private,
    to_metadata=private,
    to_localhost=private,
    to_ipv6=private,
    to_file=no_address,
    to_ftp=no_address,
    to_nowhere='no such host',
    silent=late,
    slow_header=late,
    slow_body=late,
    slow_redirects=late,
    endless=large,
    huge_length=large,
    gzip_bomb=large,
    endless_headers=broke,
    length_too_long=broke,
    length_too_short=damaged,
    torn_gzip='damaged packing',
    brotli='packed in a way that was not asked for',
    two_lengths=broke,
    no_number=broke,
    no_http=broke,
    bad_chunks=broke,
    hang_up=broke,
    reset_half_way=broke,
    bad_reason='HTTP 404 (not found)',
    **{
        '204': 'HTTP 204 (no content)',
        '304': 'HTTP 304 (not modified)',
        '401': 'HTTP 401 (unauthorized)',
        '403': 'HTTP 403 (forbidden)',
        '404': 'HTTP 404 (not found)',
        'odd/../../../etc/passwd': 'HTTP 404 (not found)',
        '410': 'HTTP 410 (gone)',
        '429': 'HTTP 429 (too many requests)',
        '500': 'HTTP 500 (internal server error)',
        '503': 'HTTP 503 (service unavailable)',
        '599': 'HTTP 599 (unknown)',
        'ftp://a.example/1': no_address,
        'file:///etc/passwd': no_address,
        'data:image/png;base64,AAAA': no_address,
        'javascript://x': no_address,
        'http://[oh no/': 'no such host',
        'http://': no_address,
        'http://user:password@10.0.0.1/': private,
        'http://127.0.0.1:1/1.jpg': private,
        'http://localhost/': private,
        'http://0/': private,
        'http://2130706433/': private,
        'http://[::1]/': private,
        'http://[fe80::1]/': private,
        'http://no-such-host.invalid/': 'no such host',
    },
)


def test_there_are_enough_behaviours():
    assert len(refused) >= 40 and len(kept) >= 30 and set(BAD) <= set(refused)


@pytest.fixture(scope='module')
def hostile_run(site, tmp_path_factory):
    dest = tmp_path_factory.mktemp('hostile')/'in'
    names = [*kept, *refused]
    assert all(type(BAD[name]) is bytes for name in BAD)   # made before any clock runs
    limits = Limits(seconds=2, bytes=5_000_000)
    patience = 3.   # seconds, some of them for a loaded machine; by itself it would wait a minute
    report = get(site, names, dest, max_size=200, limits=limits, per_host=64, patience=patience)
    return dest, dict(zip(names, report.rows)), report


@pytest.mark.parametrize('name', kept)
def test_good_photos_become_plain_rgb(hostile_run, name):
    dest, rows, _ = hostile_run
    assert rows[name].status == 'kept', rows[name]
    with Image.open(dest/rows[name].file) as image:
        assert (
            image.format == 'JPEG' and image.mode == 'RGB' and max(image.size) <= 200 and not image.getexif()
        )
        if name == 'turned':
            assert image.width < image.height
    data = (dest/rows[name].file).read_bytes()
    assert b'<script' not in data and b'<?php' not in data and len(data) == rows[name].size


@pytest.mark.parametrize('name', refused)
def test_bad_answers_get_their_reason(hostile_run, name):
    row = hostile_run[1][name]
    assert (row.status, row.reason, row.file) == ('refused', refused[name], '')


def test_every_address_is_accounted_for_and_nothing_else_is_there(hostile_run):
    dest, rows, report = hostile_run
    assert (
        report.kept == len(kept)
        and sum(report.reasons.values()) == len(refused)
        and len(report.rows) == len(kept) + len(refused)
    )
    assert set(os.listdir(dest)) == {MANIFEST, *(rows[name].file for name in kept)} and os.listdir(
        dest.parent
    ) == ['in']
    assert check_folder(dest) == {}


def test_the_animation_gives_its_first_picture(hostile_run):
    dest, rows, _ = hostile_run
    for name, number in dict(animated=10, animated_webp=13).items():
        assert alike_to([look(photo(number))], rows[name].look) == [0]
        assert alike_to([look(photo(number + 1))], rows[name].look) == []


# ---- duplicates

def test_duplicates_are_kept_once(tmp_path, site, monkeypatch):
    smaller = dict(
        a=saved(photo(60)),
        b=saved(photo(60)),
        smaller=saved(photo(60, (100, 75))),
        worse=saved(photo(60), quality=30),
        png=saved(photo(60), 'png'),
        other=saved(photo(61)),
    )
    monkeypatch.setattr('hostile.GOOD', smaller)
    report = get(site, [*smaller, 'a'], tmp_path)
    near, again = 'nearly the same photo again', 'the same photo again'
    assert [row.reason for row in report.rows] == ['', again, near, near, near, '', 'the same address again']
    assert len(photos_in(tmp_path)) == 2 and len({row.file for row in report.rows}) == 2
    assert len(photos_in(tmp_path/SET_ASIDE)) == 3   # put aside, not deleted
    asked = len(site.asked)
    # run again: the same report, nobody is asked
    assert get(site, [*smaller, 'a'], tmp_path).rows == report.rows and len(site.asked) == asked


def test_a_photo_of_two_labels_is_left_out_of_both(tmp_path, site, monkeypatch):
    def url(*numbers):
        return [f'{site.url}many/{n}' for n in numbers]
    monkeypatch.setitem(GOOD, 'plain', saved(photo(60, (320, 240)), 'png'))
    # smaller, saved again
    monkeypatch.setitem(GOOD, 'grey', saved(photo(60, (320, 240)).resize((200, 150)), quality=60))
    labels = dict(
        cat=[*url(1, 2, 3), site.url + 'plain'], dog=url(4, 5, 2), bird=[*url(6, 7), site.url + 'grey']
    )
    reports = download_labels(labels, tmp_path, allow=[site.host])
    result = {label: [(row.status, row.reason) for row in report.rows] for label, report in reports.items()}
    good, bird, cat = ('kept', ''), ('left out', 'found for bird too'), ('left out', 'found for cat too')
    assert result == dict(
        cat=[good, ('left out', 'found for dog too'), good, bird],
        dog=[good, good, cat],
        bird=[good, good, cat],
    )
    assert {label: len(photos_in(tmp_path/label)) for label in labels} == dict(cat=2, dog=2, bird=2)
    assert len(list((tmp_path/SET_ASIDE).glob('*/*.jpg'))) == 4 and check_folder(tmp_path) == {}
    asked = len(site.asked)
    again = download_labels(labels, tmp_path, allow=[site.host])
    assert again == reports and len(site.asked) == asked
    later = download_labels(dict(fish=url(3, 8)), tmp_path, allow=[site.host])   # another label, another day
    assert later['fish'].reasons == {'found for cat too': 1} and len(photos_in(tmp_path/'cat')) == 1


def test_a_label_is_a_plain_word(tmp_path):
    for label in '..', '../x', '/x', 'a/b', '.hidden', 'a\\b', 'C:x':
        with pytest.raises(ValueError, match='cannot be a label'):
            download_labels({label: []}, tmp_path/'in')


# ---- the manifest

def test_licence_and_source_page_go_along(tmp_path, site):
    found = Found(
        url=site.url + 'plain',
        label='cat',
        title='A \u2028 <b>cat</b> 🐈',
        author='Ann',
        license='CC BY 4.0',
        source_page='https://a.example/1',
        engine='commons',
    )
    report = download_photos(
        [found, vars(found) | dict(url=site.url + 'grey', author=None)], tmp_path, allow=[site.host]
    )
    rows = read_manifest(tmp_path)
    assert list(rows.values()) == report.rows
    for key in ('label', 'license', 'author', 'source_page', 'title', 'engine'):
        assert getattr(rows[found.url], key) == getattr(found, key)
    assert rows[site.url + 'grey'].author == ''
    row = rows[found.url]
    assert (
        row.size == (tmp_path/row.file).stat().st_size
        and hashlib.sha256((tmp_path/row.file).read_bytes()).hexdigest() == row.hash
    )
    assert (tmp_path/MANIFEST).read_bytes().count(b'\n') == 2


def test_only_what_is_missing_is_fetched_again(site, tmp_path):
    names = list(GOOD)
    first = get(site, names[:5], tmp_path)
    (tmp_path/first.rows[2].file).unlink()
    site.asked.clear()
    assert get(site, names, tmp_path).kept == len(names)
    assert sorted(site.asked) == sorted([names[2], *names[5:]])


def test_refused_addresses_stay_in_the_manifest_and_are_asked_again(site, tmp_path):
    get(site, ['404', 'plain'], tmp_path)
    site.asked.clear()
    get(site, ['grey', '404'], tmp_path)
    assert sorted(site.asked) == ['404', 'grey'] and {
        url.rpartition('/')[2]: row.status for url, row in read_manifest(tmp_path).items()
    } == {'404': 'refused', 'plain': 'kept', 'grey': 'kept'}


def test_a_manifest_cannot_lead_out_of_the_folder(site, tmp_path):
    (tmp_path/'secret.jpg').write_bytes(saved(photo(1)))
    dest = tmp_path/'in'
    get(site, ['plain'], dest)
    row = json.loads((dest/MANIFEST).read_text())
    (dest/MANIFEST).write_text(
        ''.join(
            json.dumps(row | dict(url=f'u{i}', file=file)) + '\n'
            for i, file in enumerate(['../secret.jpg', str(tmp_path/'secret.jpg'), 'secret.jpg'])
        )
    )
    assert [row.file for row in read_manifest(dest).values()] == ['secret.jpg']   # a plain name stays inside
    check_folder(dest, apply=True)
    assert (tmp_path/'secret.jpg').exists()


def made_of(body):
    "What the downloader keeps of `body`; `None` if it refuses it."
    try:
        return downloader.kept_photo(ManifestRow('http://a.example/1.jpg'), body, Limits())
    except (Refused, PhotoError):
        return None


@settings(max_examples=60, deadline=None)
@given(st.binary())
def test_any_bytes_are_a_photo_or_are_refused(data):
    for start in (
        b'',
        GOOD['plain'][:300],
        GOOD['webp'][:200],
        GOOD['rgba'][:100],
        GOOD['palette'][:900],
        GOOD['heic'][:600],
        GOOD['avif'][:400],
        GOOD['tiff'][:-300],
    ):
        outcome = made_of(start + data)
        if outcome is None:
            continue
        with Image.open(io.BytesIO(outcome.jpeg)) as image:
            assert image.format == 'JPEG' and image.mode == 'RGB' and max(image.size) <= Limits().max_size


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(['kept', 'duplicate', 'left out', 'refused']), st.text(max_size=5)))
)
def test_a_report_counts_every_row_once(rows):
    report = downloader.Report([ManifestRow(f'u{i}', status=status, reason=reason if status != 'kept' else '')
                                for i, (status, reason) in enumerate(rows)])
    assert report.kept + report.refused == report.kept + sum(report.reasons.values()) == len(rows)
    assert sum(n for _, n, _ in report.table()[:-1]) == report.table()[-1][1] == len(rows)


def test_an_html_report_shows_a_strangers_words_as_text():
    report = downloader.Report(
        [ManifestRow('http://a.example/<script>1', reason='<script>alert(1)</script>')]
    )
    assert '<script>' not in report._repr_html_()


# ---- when something stops it

def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path/'file').write_text('')
    for dest in ('file', 'file/in'):
        with pytest.raises(NotADirectoryError, match='is a file'):
            download_photos([], tmp_path/dest)


def test_a_full_disk_stops_with_whole_photos(site, tmp_path, monkeypatch):
    get(site, ['plain'], tmp_path)
    write, full = downloader.write_whole, OSError(errno.ENOSPC, 'No space left on device', 'disk')
    def almost_full(file, data):
        if file.suffix == '.jpg':
            raise full
        write(file, data)
    monkeypatch.setattr(downloader, 'write_whole', almost_full)
    with pytest.raises(OSError, match='No space left'):
        get(site, ['plain', 'grey'], tmp_path)
    assert (
        len(photos_in(tmp_path)) == 1 and check_folder(tmp_path) == {} and len(read_manifest(tmp_path)) == 1
    )


def test_ctrl_c_keeps_what_is_done(site, tmp_path, monkeypatch):
    class Stopped(downloader.tqdm):
        def update(self, n=1):
            if self.n >= 2:
                raise KeyboardInterrupt
            super().update(n)
    monkeypatch.setattr(downloader, 'tqdm', Stopped)
    with pytest.raises(KeyboardInterrupt):
        get(site, GOOD, tmp_path, workers=1)
    done = read_manifest(tmp_path)
    assert 3 <= len(done) < len(GOOD) and all((tmp_path/row.file).exists() for row in done.values())
    assert not list(tmp_path.glob('.*')) and check_folder(tmp_path) == {}
    monkeypatch.undo()
    assert get(site, GOOD, tmp_path).kept == len(GOOD)


def test_killed_ten_times(site, tmp_path):
    urls, dest = [f'{site.url}many/{i}?ms=20&faults=10' for i in range(220)], tmp_path/'in'
    (tmp_path/'urls.json').write_text(json.dumps(urls))
    program = (
        'import json, sys; from cat_or_dog.download import download_photos; '
        f'download_photos(json.load(open(sys.argv[1])), sys.argv[2], workers=4, allow=["{site.host}"])'
    )
    moments = random.Random(42).sample(range(5, 30), 10)
    for lines in moments:   # kill it after so many more lines in the manifest
        process = subprocess.Popen(
            [sys.executable, '-c', program, str(tmp_path/'urls.json'), str(dest)], stderr=subprocess.DEVNULL
        )
        known = len([row for row in read_manifest(dest).values() if row.status != 'refused'])
        while process.poll() is None and (
            not (dest/MANIFEST).exists() or len((dest/MANIFEST).read_bytes().split(b'\n')) < known + lines
        ):
            time.sleep(0.002)
        assert process.poll() is None, 'it was done before it could be killed'
        process.send_signal(signal.SIGKILL)
        process.wait()
        rows = read_manifest(dest)
        # no photo that nobody knows about
        assert len(rows) >= known and set(photos_in(dest)) <= {row.file for row in rows.values()}
        # and none is half
        for file in dest.glob('*.jpg'):
            Image.open(file).load()
    report = download_photos(urls, dest, allow=[site.host])
    faults = sum(i % 100 < 10 for i in range(220))
    assert (
        len(report.rows) == 220
        and report.kept == 220 - faults == len(photos_in(dest))
        and check_folder(dest) == {}
    )


def test_five_thousand_photos(tmp_path):
    server = subprocess.Popen(
        [sys.executable, Path(__file__).parent/'hostile.py'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url, memory = server.stdout.readline().strip(), psutil.Process().memory_info
        urls, host = [f'{url}many/{i}?faults=10' for i in range(5000)], url.split('/')[2]
        download_photos(urls[:1000], tmp_path, allow=[host], per_host=64)
        before = memory().rss
        report = download_photos(urls, tmp_path, allow=[host], per_host=64)
        assert memory().rss - before < 60_000_000
    finally:
        server.communicate('')
    assert len(report.rows) == 5000 and report.kept == 4500 == len(photos_in(tmp_path))
    assert sum(report.reasons.values()) == 500 and len(report.reasons) == len(FAULTS)
    assert [row.url for row in report.rows] == urls and len(read_manifest(tmp_path)) == 5000


# ---- check

DAMAGED = 'the file is damaged'


def test_check_finds_what_is_wrong_and_deletes_nothing(site, tmp_path, capsys):
    download_labels(
        dict(cat=[f'{site.url}many/{n}' for n in range(4)], dog=[f'{site.url}many/{n}' for n in range(4, 8)]),
        tmp_path,
        allow=[site.host],
    )
    cats, dogs = photos_in(tmp_path/'cat'), photos_in(tmp_path/'dog')
    (tmp_path/'cat'/cats[0]).write_bytes((tmp_path/'cat'/cats[0]).read_bytes() + b'x')   # changed
    (tmp_path/'cat'/cats[1]).unlink()                                                    # missing
    (tmp_path/'cat'/'torn.JPG').write_bytes(BAD['torn'])
    (tmp_path/'cat'/'same.png').write_bytes(saved(Image.open(tmp_path/'cat'/cats[2]), 'png'))
    (tmp_path/'dog'/'both.jpg').write_bytes((tmp_path/'cat'/cats[3]).read_bytes())
    expected = {
        f'cat/{cats[0]}': 'changed since it was downloaded',
        f'cat/{cats[1]}': 'missing, although the manifest lists it',
        'cat/torn.JPG': DAMAGED,
        'cat/same.png': f'the same photo as {cats[2]}',
        'dog/both.jpg': f'the same photo as cat/{cats[3]}',
        f'cat/{cats[3]}': 'the same photo as dog/both.jpg',
    }
    def relative(found):
        names = {file.relative_to(tmp_path).as_posix(): reason for file, reason in found.items()}
        return {name: DAMAGED if reason.startswith(DAMAGED) else reason for name, reason in names.items()}
    before = sorted(f for f in tmp_path.rglob('*') if f.is_file())
    # it only looks
    assert (
        relative(check_folder(tmp_path)) == expected
        and sorted(f for f in tmp_path.rglob('*') if f.is_file()) == before
    )
    assert (
        main(['check', str(tmp_path), '--json']) == 1
        and sorted(f for f in tmp_path.rglob('*') if f.is_file()) == before
    )
    capsys.readouterr()
    assert main(['check', str(tmp_path), '--json', '--apply']) == 1
    assert (
        relative(
            {Path(file): reason for file, reason in json.loads(capsys.readouterr().out)['failed'].items()}
        )
        == expected
    )
    assert sum(f.is_file() for f in tmp_path.rglob('*')) == len(before)   # quarantined, not deleted
    assert photos_in(tmp_path/'cat') == [cats[2]] and photos_in(tmp_path/'dog') == dogs
    reports = download_labels(
        dict(cat=[f'{site.url}many/{n}' for n in range(4)]), tmp_path, allow=[site.host]
    )
    # the changed and the missing one came back
    assert photos_in(tmp_path/'cat') == cats[:3] and reports['cat'].reasons == {
        'the same photo as dog/both.jpg': 1
    }
    assert main(['check', str(tmp_path)]) == 0 and 'as it should be' in capsys.readouterr().out


def test_check_of_no_folder(tmp_path, capsys):
    assert main(['check', str(tmp_path/'nowhere')]) == 1 and capsys.readouterr().err.count('\n') == 1


def test_a_whole_photo_is_kept_and_half_a_photo_is_not():
    assert made_of(GOOD['plain']).row.status == 'kept' and made_of(GOOD['plain'][:-200]) is None


# ---- sites that want a pause, or send one picture for all

def many(site, numbers):
    return [f'{site.url}many/{i}' for i in numbers]


def busy_first(site, monkeypatch, times, **headers):
    "The site answers the first `times` questions with 429, then with photos; the moments of all questions."
    moments, many_photos = [], site.RequestHandlerClass.many
    def answer(self, number):
        moments.append(time.monotonic())
        return self.reply(429, **headers) if len(moments) <= times else many_photos(self, number)
    monkeypatch.setattr(site.RequestHandlerClass, 'many', answer)
    return moments


def test_a_pause_is_obeyed_and_all_photos_come(site, tmp_path, monkeypatch):
    moments = busy_first(site, monkeypatch, 8, Retry_After='1')
    report = download_photos(many(site, range(20)), tmp_path, allow=[site.host], per_host=8)
    assert report.kept == 20 and len(moments) == 28
    assert moments[8] - moments[0] >= 1   # nobody was asked in between
    assert len(read_manifest(tmp_path)) == 20


def test_many_complaints_at_once_are_one_pause(site, tmp_path, monkeypatch):
    moments = busy_first(site, monkeypatch, 16)   # it doesn't say for how long
    report = download_photos(many(site, range(20)), tmp_path, allow=[site.host], patience=5)
    assert report.kept == 20 and len(moments) == 36


def test_a_site_that_complains_is_asked_one_at_a_time_after_a_growing_rest():
    host = downloader.Host(at_once=16)
    for _ in range(16):   # their questions were on their way already
        host.rest(0, now=100.)
    assert (host.at_once, host.pauses, host.rests_until) == (1, 1, 102.)
    host.rest(0, now=103.)
    assert (host.pauses, host.rests_until) == (2, 107.)
    host.rest(30, now=104.)   # now it says for how long
    assert host.rests_until == 134. and not host.is_given_up(134.) and host.is_given_up(133.)


@pytest.mark.parametrize('pause', ['86400', 'inf', '1e308'])
def test_a_site_that_wants_to_be_left_alone_until_tomorrow_is(site, tmp_path, monkeypatch, pause):
    moments = busy_first(site, monkeypatch, 1000, Retry_After=pause)
    report = download_photos(many(site, range(30)), tmp_path, allow=[site.host], per_host=4)
    assert report.reasons == {'HTTP 429 (too many requests)': 30} and len(moments) == 4
    monkeypatch.undo()
    assert download_photos(many(site, range(30)), tmp_path, allow=[site.host]).kept == 30   # tomorrow


def test_a_site_that_is_always_busy_is_given_up(site, tmp_path, monkeypatch):
    moments = busy_first(site, monkeypatch, 1000)
    report = download_photos(many(site, range(30)), tmp_path, allow=[site.host], per_host=4, patience=1)
    assert report.reasons == {'HTTP 429 (too many requests)': 30} and len(moments) < 10


def test_other_sites_do_not_wait_for_a_busy_one(site, tmp_path, monkeypatch):
    other = Hostile()
    monkeypatch.setattr(other, 'RequestHandlerClass', type('Other', (site.RequestHandlerClass,), {}))
    moments = busy_first(site, monkeypatch, 2, Retry_After='2')
    asked = []
    def answer(self, number):
        asked.append(time.monotonic())
        self.reply(body=saved(photo(500 + number)))
    other.RequestHandlerClass.many = answer
    urls = many(site, range(4)) + many(other, range(100, 104))
    report = download_photos(urls, tmp_path, allow=[site.host, other.host], per_host=2)
    other.shutdown()
    assert report.kept == 8 and max(asked) < moments[2]


def test_one_picture_for_every_address_is_one_finding(site, tmp_path, monkeypatch):
    def answer(self, number):
        self.reply(body=saved(photo(900 if number < 6 else number)))   # 900: "forbidden"
    monkeypatch.setattr(site.RequestHandlerClass, 'many', answer)
    report = download_photos(many(site, range(10)), tmp_path, allow=[site.host])
    assert report.reasons == {'the site sends the same picture for every address': 6} and report.kept == 4
    assert len(photos_in(tmp_path)) == 4 and check_folder(tmp_path) == {}
    few = download_photos(many(site, [0, 1, 7, 8, 9]), tmp_path/'few', allow=[site.host])
    assert few.kept == 4 and few.reasons == {'the same photo again': 1}   # twice is only a copy


# ---- Ctrl-C and SIGTERM, from outside

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_files_and_no_child(site, tmp_path, number):
    urls, dest = [f'{site.url}many/{i}?ms=20' for i in range(400)], tmp_path/'in'
    (tmp_path/'program.py').write_text(
        'import sys\n'
        'from cat_or_dog import download\n'
        'from cat_or_dog.engine.cli import stop_politely\n'
        'stop_politely()\n'
        f'download.download_photos({urls!r}, sys.argv[1], workers=4, allow=["{site.host}"])\n')
    # Behind nohup or & the tests' own process ignores SIGINT, and its children would too.
    process = subprocess.Popen([sys.executable, tmp_path/'program.py', dest], stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for _ in range(6000):   # 60 s
        if len(photos_in(dest)) >= 10:
            break
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(60) != 0
    rows = read_manifest(dest)
    assert 10 <= len(rows) < 400 and not list(dest.rglob('*.part'))
    assert set(photos_in(dest)) == {row.file for row in rows.values()} and check_folder(dest) == {}
    # Python 3.14 has a tidying helper for tqdm's lock; it ends when its parent has ended
    assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.parametrize('scheme', ['http', 'proxy'])
def test_ctrl_c_does_not_wait_for_servers_that_say_nothing(tmp_path, scheme):
    "A photo may take 20 seconds; whoever presses Ctrl-C should not."
    with socket.create_server(('127.0.0.1', 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        host = f'127.0.0.1:{port}' if scheme == 'http' else 'cats.invalid'
        env = os.environ | ({'http_proxy': f'http://127.0.0.1:{port}'} if scheme == 'proxy' else {})
        (tmp_path/'list.txt').write_text(''.join(f'cat\thttp://{host}/{n}.jpg\n' for n in range(40)))
        process = subprocess.Popen(
            [sys.executable, '-m', 'cat_or_dog', 'download', tmp_path/'list.txt', tmp_path/'photos',
             '--allow', '127.0.0.1'], stderr=subprocess.PIPE, text=True, env=env,
            # a CI in the background ignores it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        asker, _ = silent.accept()
        asker.recv(1)   # it waits for an answer now
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=10)[1]
        asker.close()
    assert process.returncode == 130 and 'Stopped' in said and 'Traceback' not in said
    assert os.listdir(tmp_path/'photos'/'cat') == [MANIFEST]


def test_two_programs_that_download_into_one_folder_keep_both_books(site, tmp_path, monkeypatch):
    "The one that ends later must not forget what the other wrote down."
    other = ManifestRow('http://other.example/1.jpg', 'cat', 'kept', file='other.jpg', license='CC0')
    real = downloader.get_photo
    def meanwhile(client, row, limits):
        rows = read_manifest(tmp_path/'cat') | {other.url: other}
        write_manifest(tmp_path/'cat', rows)
        (tmp_path/'cat'/'other.jpg').write_bytes(saved(photo(99)))
        return real(client, row, limits)
    monkeypatch.setattr(downloader, 'get_photo', meanwhile)
    get(site, ['plain'], tmp_path/'cat')
    rows = read_manifest(tmp_path/'cat')
    assert rows[other.url].license == 'CC0' and rows[site.url + 'plain'].status == 'kept'


# ---- check: folders that may only be read, and empty ones

def test_check_tells_what_it_found_where_nothing_may_be_moved(tmp_path, monkeypatch, capsys):
    for name in 'a.jpg', 'b.jpg', 'c.jpg':
        (tmp_path/name).write_bytes(BAD['torn'] if name != 'a.jpg' else GOOD['plain'])
    real = os.replace
    def refuse(old, new):
        if str(old).endswith('b.jpg'):
            raise PermissionError(errno.EACCES, 'Permission denied')
        real(old, new)
    monkeypatch.setattr(os, 'replace', refuse)
    assert main(['check', str(tmp_path), '--apply']) == 1
    said = capsys.readouterr().out
    assert 'b.jpg: the file is damaged' in said and 'it cannot be moved (Permission denied)' in said
    assert said.endswith('2 failed; 1 now in .set-aside, 1 could not be moved.\n')
    assert {file.name for file in tmp_path.glob('*.jpg')} == {'a.jpg', 'b.jpg'}


def test_check_of_a_folder_without_photos_does_not_praise_them(tmp_path, capsys):
    assert main(['check', str(tmp_path)]) == 1
    assert f'There are no photos in {tmp_path}' in capsys.readouterr().err


def test_check_names_a_folder_that_it_cannot_open(tmp_path, close_folder, capsys):
    for label in 'cat', 'dog':
        (tmp_path/label).mkdir()
        (tmp_path/label/'a.jpg').write_bytes(GOOD['plain' if label == 'cat' else 'grey'])
    close_folder('dog')
    assert check_folder(tmp_path) == {}
    assert 'dog cannot be opened (Permission denied)' in capsys.readouterr().err

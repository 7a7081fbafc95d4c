"""Downloading from a hostile web server: each behaviour with its row in the report."""
import errno, io, os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from cat_or_dog import download
from cat_or_dog.download import Limits, check_folder, download_photos, read_manifest
from cat_or_dog.drawings import draw


def saved(image, format='jpeg', **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


cat = draw('cat', 1)
turned = Image.Exif()
turned[0x0112] = 6
good_photos = dict(plain=saved(cat), rgba=saved(cat.convert('RGBA'), 'png'), cmyk=saved(cat.convert('CMYK')),
    grey=saved(cat.convert('L')), palette=saved(cat.convert('P'), 'gif'), webp=saved(cat, 'webp'), tiff=saved(cat, 'tiff'),
    deep=saved(Image.fromarray(np.arange(40_000, dtype=np.uint16).reshape(200, 200)), 'png'),
    animated=saved(cat, 'gif', save_all=True, append_images=[draw('cat', 2)]), turned=saved(draw('cat', 4), exif=turned),
    wide=saved(cat.resize((3000, 100))), tiny=saved(cat.resize((3, 3))), trailing=saved(cat, quality=80) + b'<?php evil() ?>'*50)
bad_photos = dict(html=b'<!DOCTYPE html><html>log in</html>', svg=b'<svg xmlns="http://www.w3.org/2000/svg"/>', empty=b'',
    text=b'I am a cat', torn=saved(cat)[:5000], bomb=saved(Image.new('1', (30_000, 30_000)), 'png'), zip=b'PK\x03\x04' + bytes(99))


class Hostile(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    asked = []

    def log_message(self, *args): pass

    def reply(self, status=200, body=b'', **headers):
        self.send_response(status)
        for name, value in {'Content-Type': 'image/jpeg', 'Content-Length': str(len(body)), **headers}.items(): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.strip('/').split('?')[0]
        self.asked.append(name)
        try: self.answer(name)
        except (BrokenPipeError, ConnectionResetError): pass

    def answer(self, name):
        if name in good_photos: self.reply(body=good_photos[name])
        elif name in bad_photos: self.reply(body=bad_photos[name])
        elif name.isdigit(): self.reply(int(name), b'<h1>sorry</h1>')
        elif name == 'moved': self.reply(302, Location='/plain')
        elif name == 'loop': self.reply(302, Location='/loop')
        elif name == 'short':          # promises more than it sends
            self.reply(body=good_photos['plain'], **{'Content-Length': '999999'})
            self.close_connection = True
        elif name in ('slow', 'endless'):
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            for _ in range(200):
                self.wfile.write(b'\xff\xd8'*(50 if name == 'slow' else 50_000))
                self.wfile.flush()
                if name == 'slow': time.sleep(0.05)
        elif name == 'silent': time.sleep(3)
        elif name == 'reset': self.close_connection = True
        else: self.reply(404)


@pytest.fixture(scope='module')
def site():
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


@pytest.mark.parametrize('name', good_photos)
def test_good_photos_become_plain_rgb(site, tmp_path, name):
    report = download_photos([site + name], tmp_path, max_size=200)
    assert report.kept == 1, report
    photo = Image.open(tmp_path/report.rows[0]['file'])
    assert photo.format == 'JPEG' and photo.mode == 'RGB' and max(photo.size) <= 200 and not photo.getexif()
    if name == 'turned': assert photo.size == (150, 200) or photo.width < photo.height


expected = dict(html='a web page, not a photo', svg='a web page, not a photo', empty='empty answer', torn='damaged photo',
    text='this is not a photo in a format that Pillow knows', zip='this is not a photo in a format that Pillow knows',
    bomb='it has more than 80 million pixels', loop='more than 5 redirects', slow='took longer than 1 s',
    silent='took longer than 1 s', endless='larger than 5 MB', short='connection broke off', reset='connection broke off', **{
    '403': 'HTTP 403 (forbidden)', '404': 'HTTP 404 (not found)', '429': 'HTTP 429 (too many requests)', '500': 'HTTP 500 (internal server error)'})


def test_bad_answers_get_their_reason_and_leave_nothing(site, tmp_path):
    report = download_photos([site + name for name in expected], tmp_path, limits=Limits(seconds=1, bytes=5_000_000))
    assert {row['url'].removeprefix(site): row['reason'] for row in report.rows} == expected
    assert report.kept == 0 and os.listdir(tmp_path) == [download.MANIFEST]


@pytest.mark.parametrize('url, reason', [('ftp://a.example/1', 'not a web address'), ('file:///etc/passwd', 'not a web address'),
    ('http://127.0.0.1:1/1.jpg', 'no connection'), ('http://', 'not a web address'), ('http://[bad', 'no connection')])
def test_addresses_that_are_none(tmp_path, url, reason):
    assert download_photos([url], tmp_path).reasons == {reason: 1}


def test_every_address_is_accounted_for_once(site, tmp_path):
    urls = [site + name for name in (*good_photos, *bad_photos, 'moved', 'plain', '404')]
    report = download_photos(urls, tmp_path)
    assert [row['url'] for row in report.rows] == urls
    assert report.kept + sum(report.reasons.values()) == len(urls)
    assert report.kept == len(list(tmp_path.glob('*.jpg'))) == len(good_photos)
    assert report.reasons['the same photo again'] == 1 and report.reasons['the same address again'] == 1
    assert report.rows == download_photos(urls, tmp_path).rows   # run again: the same report


def test_only_what_is_missing_is_fetched_again(site, tmp_path):
    urls = [site + name for name in good_photos]
    first = download_photos(urls[:5], tmp_path)
    (tmp_path/first.rows[2]['file']).unlink()
    Hostile.asked.clear()
    assert download_photos(urls, tmp_path).kept == len(urls)
    assert sorted(Hostile.asked) == sorted([list(good_photos)[2], *list(good_photos)[5:]])


def test_a_broken_manifest_costs_a_download_not_the_photos(site, tmp_path):
    download_photos([site + 'plain'], tmp_path)
    (tmp_path/download.MANIFEST).write_text('{"url": \n[1]\n"x"\n')
    assert read_manifest(tmp_path) == {}
    assert download_photos([site + 'plain'], tmp_path).kept == 1


def test_names_come_from_the_content(site, tmp_path):
    report = download_photos([site + 'plain?../../../etc/passwd\u0000' + 'x'*3000], tmp_path/'in')
    assert report.refused or len(report.rows[0]['file']) == 20
    assert os.listdir(tmp_path) == ['in']


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path/'file').write_text('')
    for dest in ('file', 'file/in'):
        with pytest.raises(NotADirectoryError, match='is a file'): download_photos([], tmp_path/dest)


def test_a_full_disk_stops_with_whole_photos(site, tmp_path, monkeypatch):
    download_photos([site + 'plain'], tmp_path)
    write, full = download.write_whole, OSError(errno.ENOSPC, 'No space left on device', 'disk')
    def almost_full(file, data):
        if file.suffix == '.jpg': raise full
        write(file, data)
    monkeypatch.setattr(download, 'write_whole', almost_full)
    with pytest.raises(OSError, match='No space left'): download_photos([site + 'plain', site + 'grey'], tmp_path)
    assert len(list(tmp_path.glob('*.jpg'))) == 1 and check_folder(tmp_path) == {} and len(read_manifest(tmp_path)) == 1


def test_ctrl_c_keeps_what_is_done(site, tmp_path, monkeypatch):
    class Stopped(download.tqdm):
        def update(self, n=1):
            if self.n >= 2: raise KeyboardInterrupt
            super().update(n)
    monkeypatch.setattr(download, 'tqdm', Stopped)
    urls = [site + name for name in good_photos]
    with pytest.raises(KeyboardInterrupt): download_photos(urls, tmp_path, workers=1)
    done = read_manifest(tmp_path)
    assert 3 <= len(done) < len(urls) and all((tmp_path/row['file']).exists() for row in done.values())
    assert not list(tmp_path.glob('.*')) and check_folder(tmp_path) == {}
    monkeypatch.undo()
    assert download_photos(urls, tmp_path).kept == len(urls)


def test_an_html_report_shows_a_strangers_words_as_text():
    report = download.Report([dict(url='x', status='refused', reason='<script>alert(1)</script>', file='')])
    assert '<script>' not in report._repr_html_()


def test_check_folder_deletes_nothing(tmp_path):
    (tmp_path/'a.jpg').write_bytes(saved(cat))
    (tmp_path/'b.JPG').write_bytes(saved(cat)[:500])
    assert [file.name for file in check_folder(tmp_path)] == ['b.JPG'] and len(os.listdir(tmp_path)) == 2

"""A web server with every bad habit we know of, and some good ones.

`python tests/hostile.py` plays it in a process of its own.

    server = Hostile(); server.url + 'torn'     one behaviour: a name in GOOD, BAD or a method of `Handler`
    server.url + 'many/7?faults=10&ms=50'        photo number 7; so many of 100 are broken; so long to wait
    server.url + 'drawn/50/10/7.jpg'             the same in a path (ms, faults), with 7.jpg of a folder:
                                                 `python tests/hostile.py FOLDER`
"""
import gzip
import sys
import threading
import time
import zlib
from contextlib import suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from pictures import saved
from PIL import Image


def photo(number, size=(160, 120)):
    "A picture of coloured patches, another one for each number."
    patches = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BILINEAR)


class Files(dict):
    "What is in files, by name; what takes a while is made when it is asked for."

    def __getitem__(self, name):
        value = super().__getitem__(name)
        if callable(value):
            value = self[name] = value()
        return value


turned = Image.Exif()
turned[0x0112] = 6
GOOD = dict(
    plain=saved(photo(0)),
    grey=saved(photo(1).convert('L')),
    cmyk=saved(photo(2).convert('CMYK')),
    rgba=saved(photo(3).convert('RGBA'), 'png'),
    palette=saved(photo(4).convert('P'), 'gif'),
    webp=saved(photo(5), 'webp'),
    tiff=saved(photo(6), 'tiff'),
    bmp=saved(photo(7), 'bmp'),
    avif=saved(photo(8), 'avif'),
    heic=(Path(__file__).parent/'data'/'drawing.heic').read_bytes(),
    deep=saved(Image.fromarray(np.asarray(photo(9).convert('L')).astype(np.uint16)*257), 'png'),
    animated=saved(photo(10), 'gif', save_all=True, append_images=[photo(11), photo(12)]),
    animated_webp=saved(photo(13), 'webp', save_all=True, append_images=[photo(14)]),
    turned=saved(photo(15), exif=turned),
    progressive=saved(photo(16), progressive=True),
    large=saved(photo(17, (3000, 2000))),
    wide=saved(photo(18, (3000, 100))),
    see_through=saved(photo(19).convert('LA'), 'png'),
    trailing=saved(photo(20)) + b'<?php evil() ?>'*50,
    polyglot=saved(photo(21)) + b'<html><script>alert(1)</script></html>',
    comment=saved(photo(22), comment=b'<script>alert(1)</script>'*100),
    black_and_white=saved(photo(23).convert('1'), 'png'),
)
BAD = Files(
    html=b'<!DOCTYPE html><html>log in</html>',
    html_bom=b'\xef\xbb\xbf\r\n <html>log in</html>',
    html_then_jpeg=b'<html>' + saved(photo(30)),
    empty=b'',
    text=b'I am a cat',
    svg=b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    svg_xml=b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    zip=b'PK\x03\x04' + bytes(99),
    pdf=b'%PDF-1.7\n' + bytes(99),
    eps=b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n',
    ppm=b'P6 99 99 255\n' + bytes(3*99*99),
    torn=saved(photo(31))[:2000],
    torn_png=saved(photo(32), 'png')[:5000],
    torn_webp=saved(photo(33), 'webp')[:-300],
    torn_heic=(Path(__file__).parent/'data'/'drawing.heic').read_bytes()[:9000],
    zeros=saved(photo(34))[:100] + bytes(3000),
    bomb=lambda: saved(Image.new('1', (30_000, 30_000)), 'png'),
    bomb_gif=lambda: saved(Image.new('P', (12_000, 12_000)), 'gif'),
    dot=saved(Image.new('RGB', (1, 1)), 'gif'),
    icon=saved(photo(35, (16, 16)), 'png'),
    header_only=b'\xff\xd8\xff\xe0',
)


@lru_cache
def gzip_bomb():
    return gzip.compress(bytes(100_000_000), 1)


LEADS_TO = dict(   # redirects that lead nowhere good
    loop='/loop',
    to_private='http://192.168.0.1/photo.jpg',
    to_metadata='http://169.254.169.254/latest/meta-data',
    to_localhost='http://localhost:1/photo.jpg',
    to_ipv6='http://[::ffff:127.0.0.1]/photo.jpg',
    to_file='file:///etc/passwd',
    to_ftp='ftp://a.example/photo.jpg',
    to_nowhere='http://[oh no/',
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def reply(self, status=200, body=b'', **headers):
        self.send_response(status)
        headers = {'Content_Type': 'image/jpeg', 'Content_Length': str(len(body)), **headers}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body)
        if headers['Content_Length'] is None:
            self.close_connection = True

    def raw(self, *pieces, pause=0):
        self.close_connection = True
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause)

    def do_GET(self):
        name = urlsplit(self.path).path.strip('/')
        self.server.asked.append(name)
        self.server.hosts.add(self.headers['Host'])
        with suppress(BrokenPipeError, ConnectionResetError):
            self.answer(name)

    def answer(self, name):
        if name in GOOD:
            self.reply(body=GOOD[name])
        elif name in BAD:
            self.reply(body=BAD[name])
        elif name in LEADS_TO:
            self.reply(302, Location=LEADS_TO[name])
        elif name.isdigit():
            self.reply(int(name), b'' if name in ('204', '304') else b'<h1>sorry</h1>')
        elif name.startswith('many/'):
            self.many(int(name[5:]))
        elif name.startswith('drawn/'):
            self.drawn(*name[6:].split('/'))
        elif name.startswith('odd/'):
            self.reply(body=saved(photo(sum(map(ord, self.path)) + 10_000)))
        elif hasattr(self, name):
            getattr(self, name)()
        else:
            self.reply(404)

    # good in the end
    def moved(self):
        self.reply(302, Location='/odd/moved')
    def moved_307(self):
        self.reply(307, Location='odd/moved307')
    def moved_with_endless_text(self):
        self.raw(b'HTTP/1.1 302 Found\r\nLocation: /odd/endless\r\n\r\n')
        for _ in range(10_000):
            self.wfile.write(b'moved '*10_000)
    def lying_type(self):
        self.reply(body=saved(photo(40)), Content_Type='text/html')
    def gzipped(self):
        self.reply(body=gzip.compress(saved(photo(41))), Content_Encoding='gzip')
    def deflated(self):
        self.reply(body=zlib.compress(saved(photo(42))), Content_Encoding='deflate')
    def plain_as_gzip(self):
        self.reply(body=saved(photo(51)), Content_Encoding='gzip')
    def plain_as_brotli(self):
        self.reply(body=saved(photo(52)), Content_Encoding='br')
    def plain_as_both(self):
        self.reply(body=saved(photo(53), 'png'), Content_Encoding='gzip, zstd')
    def no_length(self):
        self.reply(body=saved(photo(43)), Content_Length=None)
    def chunked(self):
        body = saved(photo(44))
        self.raw(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
            *(b'%x\r\n%b\r\n' % (len(p), p) for p in (body[:99], body[99:])),
            b'0\r\n\r\n',
        )
    def a_little_slow(self):
        self.raw(
            b'HTTP/1.1 200 OK\r\n\r\n',
            *(saved(photo(45))[i::1][:1000] for i in range(0, 9000, 1000)),
            pause=0.02,
        )
    def cookies(self):
        self.reply(body=saved(photo(46)), Set_Cookie='a=' + 'b'*1000)
    def attachment(self):
        self.reply(body=saved(photo(47)), Content_Disposition='attachment; filename="../../evil.sh"')
    def second_time(self):
        if self.server.asked.count('second_time') < 2:
            self.raw(b'')
        else:
            self.reply(body=saved(photo(48)))
    # a redirect that never says the same twice; the others: LEADS_TO
    def growing_loop(self):
        self.reply(302, Location=f'/growing_loop?{self.path[-500:]}x')
    # time
    def silent(self):
        time.sleep(4)
    def slow_header(self):
        self.raw(b'HTTP/1.1 200 OK\r\nX: ', *[b'x']*40, pause=0.1)
    def slow_body(self):
        self.raw(b'HTTP/1.1 200 OK\r\n\r\n', *[b'\xff\xd8']*40, pause=0.1)
    def slow_redirects(self):
        time.sleep(0.5)
        self.reply(302, Location='/slow_redirects')
    # space
    def endless(self):
        self.raw(b'HTTP/1.1 200 OK\r\n\r\n', *[b'\xff\xd8'*50_000]*200)
    def endless_headers(self):
        self.raw(b'HTTP/1.1 200 OK\r\n', *[b'X: ' + b'x'*9_000 + b'\r\n']*2000)
    def huge_length(self):
        self.reply(body=b'\xff\xd8', Content_Length='99999999999')
    def gzip_bomb(self):
        self.reply(body=gzip_bomb(), Content_Encoding='gzip')
    # lies
    def length_too_long(self):
        self.reply(body=GOOD['plain'], Content_Length='4999999')
        self.close_connection = True
    def length_too_short(self):
        self.reply(body=saved(photo(50)), Content_Length='1500')
        self.close_connection = True
    def torn_gzip(self):
        packed = bytearray(gzip.compress(saved(photo(41))))
        packed[200:300] = bytes(100)
        self.reply(body=bytes(packed), Content_Encoding='gzip')
    def brotli(self):
        self.reply(body=bytes.fromhex('0b0280') + bytes(99), Content_Encoding='br')
    def two_lengths(self):
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n123456789')
    def no_number(self):
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n1234567')
    def no_http(self):
        self.raw(b'SSH-2.0-OpenSSH_9.6\r\n')
    def bad_reason(self):
        self.raw(b'HTTP/1.1 404 <script>alert(1)</script>\r\nContent-Length: 0\r\n\r\n')
    def bad_chunks(self):
        self.raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello')
    # connections
    def hang_up(self):
        self.raw(b'')
    def reset_half_way(self):
        import socket
        import struct
        # close means reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n' + bytes(99))
        self.connection.close()

    def many(self, number):
        options = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.one_of_many(number, a_photo(number), **options)

    def drawn(self, ms, faults, file):
        self.one_of_many(int(file.removesuffix('.jpg')), from_folder(file), int(faults), int(ms))

    def one_of_many(self, number, body, faults=0, ms=0):
        time.sleep(ms/1000)
        fault = FAULTS[number % len(FAULTS)] if number % 100 < faults else None
        if fault == 404:
            self.reply(404, b'<h1>gone</h1>')
        elif fault == 'hang_up':
            self.raw(b'')
        else:
            self.reply(
                body=dict(html=BAD['html'], empty=b'', torn=body[: len(body)//2], dot=BAD['dot']).get(
                    fault, body
                )
            )


FAULTS = 404, 'html', 'empty', 'torn', 'dot', 'hang_up'
a_photo = lru_cache(20_000)(lambda number: saved(photo(100_000 + number, (48, 40))))
from_folder = lru_cache(20_000)(lambda file: (Path(sys.argv[1])/file).read_bytes())


class Hostile(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256

    def __init__(self, port=0):
        super().__init__(('127.0.0.1', port), Handler)
        self.asked, self.hosts, self.host = [], set(), f'127.0.0.1:{self.server_port}'
        self.url = f'http://{self.host}/'
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, address):
        pass  # a client that hangs up is what we are here for


if __name__ == '__main__':
    print(Hostile().url, flush=True)
    sys.stdin.read()   # until whoever started us is done

"""A local web server that plays the search engines: each request takes the next answer from a list."""
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Engines(ThreadingHTTPServer):
    """`answers[engine]` is a list of (status, headers, body); the last one is given again and again.

    `asked[engine]` is what was asked.
    """
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.answers, self.asked, self.agents, self.closing = {}, {}, [], threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, engine):
        return f'http://127.0.0.1:{self.server_port}/{engine}'

    def close(self):
        self.closing.set()
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        parts, server = urlsplit(self.path), self.server
        engine = parts.path.strip('/')
        server.asked.setdefault(engine, []).append(
            {name: values[0] for name, values in parse_qs(parts.query).items()}
        )
        server.agents.append(self.headers['User-Agent'])
        answers = server.answers[engine]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == 'never':
            return server.closing.wait()
        if answer == 'hang up':
            return self.connection.close()
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)  # the asker has seen enough


def ok(answer):
    return 200, {'Content-Type': 'application/json'}, json.dumps(answer).encode()


# The forms of the answers are those of the engines' documentation
# (Openverse: /v1/images/; MediaWiki: generator=search, prop=imageinfo,
# formatversion=2) and of what ddgs 9.16 reads from DuckDuckGo and Bing; the photos are made up.

def openverse_page(numbers, page_count=1, **changes):
    def entry(i):
        return (
            dict(
                id=f'4bc43a04-{i}',
                title=f'Cat {i}',
                creator=None if i % 3 == 0 else f'Author {i}',
                creator_url='https://a.example',
                url=f'https://photos.example/{i}.jpg',
                foreign_landing_url=f'https://photos.example/about/{i}',
                license=['by', 'by-nc-nd', 'cc0'][i % 3],
                license_version='2.0',
                license_url='https://creativecommons.org/',
                provider='flickr',
                source='flickr',
                category='photograph',
                filetype='jpg',
                tags=[{'name': 'cat', 'accuracy': None}],
                height=600,
                width=800,
                mature=False,
                fields_matched=['title'],
            )
            | changes
        )
    return ok(
        dict(
            result_count=len(numbers)*page_count,
            page_count=page_count,
            page_size=20,
            page=1,
            results=[entry(i) for i in numbers],
        )
    )


def commons_page(numbers, more=None, **changes):
    def page(i):
        known = dict(
            Artist=dict(value=f'<a href="//c.example/U">Author &amp; {i}</a>', source='commons-desc-page'),
            LicenseShortName=dict(
                value='CC BY-SA 4.0' if i % 2 else 'GFDL', source='commons-desc-page', hidden=''
            ),
        )
        return dict(
            pageid=i,
            ns=6,
            title=f'File:Cat {i}.jpg',
            index=i,
            imagerepository='local',
            imageinfo=[
                dict(
                    thumburl=f'https://upload.example/thumb/960px-{i}.jpg',
                    thumbwidth=960,
                    thumbheight=640,
                    url=f'https://upload.example/{i}.jpg',
                    descriptionurl=f'https://commons.example/wiki/File:{i}.jpg',
                    descriptionshorturl='https://c.example/1',
                    extmetadata=known,
                )
                | changes
            ],
        )
    # the order is in 'index' only
    answer = dict(batchcomplete=True, query=dict(pages=[page(i) for i in reversed(numbers)]))
    return ok(answer | ({'continue': more} if more else {}))


def duckduckgo_page(numbers):
    return ok(
        dict(
            results=[
                dict(
                    title=f'Cat {i}',
                    image=f'https://photos.example/{i}.jpg',
                    thumbnail='https://t.example/1',
                    url=f'https://photos.example/about/{i}',
                    height=600,
                    width=800,
                    source='Bing',
                )
                for i in numbers
            ]
        )
    )


def bing_page(numbers):
    entries = ''.join(
        f'''<div><div class="imgpt"><a class="iusc" m='{
            json.dumps(
                dict(
                    t=f"Cat {i}",
                    murl=f"https://photos.example/{i}.jpg",
                    turl="https://t.example",
                    purl=f"https://photos.example/about/{i}",
                )
            )
        }'></a></div><div class="infopt"></div></div>'''
        for i in numbers
    )
    return 200, {'Content-Type': 'text/html'}, f'<html><body>{entries}</body></html>'.encode()


page_of = dict(openverse=openverse_page, commons=commons_page, duckduckgo=duckduckgo_page, bing=bing_page)
web_page = 200, {'Content-Type': 'text/html'}, b'<!DOCTYPE html><html><body>Please log in</body></html>'
refused, broken, empty_body = (403, {}, b'<h1>Forbidden</h1>'), (500, {}, b'<h1>oops</h1>'), (200, {}, b'')
nothing = dict(
    openverse=ok(dict(result_count=0, page_count=0, page_size=20, page=1, results=[])),
    commons=ok(dict(batchcomplete=True)),
    duckduckgo=ok(dict(results=[])),
    bing=bing_page([]),
)


def busy(seconds=None):
    return (
        429,
        {} if seconds is None else {'Retry-After': str(seconds)},
        b'{"detail": "Request was throttled."}',
    )

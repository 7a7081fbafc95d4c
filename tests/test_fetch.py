"""Where addresses lead: no stranger makes us ask inside our own network, and no server keeps us waiting."""
import base64
import gzip
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h2.config
import h2.connection
import h2.events
import httpcore
import pytest
from hostile import GOOD, Hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from cat_or_dog.download import download_photos
from cat_or_dog.engine.fetch import Limits, Refused, TryLater, fetch, is_public, safe_client

private = 'leads into a private network'


@pytest.fixture(scope='module')
def site():
    server = Hostile()
    yield server
    server.shutdown()


@pytest.fixture
def names(monkeypatch):
    """A fake look-up: `names[host]` is a list of answers, one after the other, each a list of IP addresses.

    `names.asked` counts.
    """
    class Names(dict):
        asked = []
    names, real = Names(), socket.getaddrinfo
    def look_up(host, port, *args, **kwargs):
        if host not in names:
            return real(host, port, *args, **kwargs)  # an IP address
        names.asked.append(host)
        answer = names[host].pop(0) if len(names[host]) > 1 else names[host][0]
        return [
            (socket.AF_INET6 if ':' in ip else socket.AF_INET, socket.SOCK_STREAM, 6, '', (ip, port))
            for ip in answer
        ]
    names.asked = []
    monkeypatch.setattr(socket, 'getaddrinfo', look_up)
    return names


@pytest.fixture
def connected(monkeypatch):
    "The IP addresses that were connected to; nobody is there."
    addresses = []
    def connect(self, host, port, *args, **kwargs):
        addresses.append(host)
        raise httpcore.ConnectError
    monkeypatch.setattr(httpcore.SyncBackend, 'connect_tcp', connect)
    return addresses


def refusal(url, allow=(), **limits):
    with safe_client(allow) as client, pytest.raises(Refused) as refused:
        fetch(client, url, Limits(**limits))
    return str(refused.value)


@pytest.mark.parametrize(
    'address',
    [
        '127.0.0.1',
        '127.255.255.254',
        '10.1.2.3',
        '172.31.0.1',
        '192.168.0.1',
        '169.254.169.254',
        '100.64.0.1',
        '0.0.0.0',
        '224.0.0.1',
        '239.1.1.1',
        '240.0.0.1',
        '255.255.255.255',
        '192.0.2.1',
        '198.18.0.1',
        '::',
        '::1',
        'fe80::1',
        'fc00::1',
        'fd12::1',
        'ff02::1',
        '::ffff:127.0.0.1',
        '::ffff:10.0.0.1',
        '::127.0.0.1',
        '64:ff9b::10.0.0.1',
        '64:ff9b:1::1',
        '2002:7f00:1::',
        '2002:c0a8:1::1',
        '2001:db8::1',
        'fe80::1%eth0',
    ],
)
def test_private_addresses(address, names, connected):
    assert not is_public(address)
    names['inside.example'] = [[address]]
    assert (
        refusal('http://inside.example/') == refusal('https://inside.example:8443/') == private
        and connected == []
    )


@pytest.mark.parametrize(
    'address', ['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8']
)
def test_public_addresses(address, names, connected):
    assert is_public(address)
    names['outside.example'] = [[address]]
    assert refusal('http://outside.example/') == 'no connection' and connected == [address]


@given(st.ip_addresses())
def test_every_address_is_judged(ip):
    if ip.version == 4:
        assert is_public(str(ip)) == (ip.is_global and not ip.is_multicast and not ip.is_reserved)
        assert is_public(str(ip)) == is_public(f'::ffff:{ip}') == is_public(f'64:ff9b::{ip}')


@pytest.mark.parametrize(
    'url',
    [
        'http://127.0.0.1/',
        'http://127.1/',
        'http://0x7f000001/',
        'http://2130706433/',
        'http://0177.0.0.1/',
        'http://[::1]/',
        'http://[::ffff:7f00:1]/',
        'http://localhost/',
        'http://LOCALHOST/',
        'http://a.example@127.0.0.1/',
        'http://127.0.0.1:80#a.example',
        'http://①②⑦.0.0.1/',
    ],
)
def test_disguises(url, connected):
    assert refusal(url) in (private, 'not a web address', 'no such host') and connected == []


def test_one_private_address_among_public_ones_is_enough(names, connected):
    names['mixed.example'] = [['8.8.8.8', '127.0.0.1']]
    assert refusal('http://mixed.example/') == private and connected == []


def test_rebinding(names, connected):
    # public when it is checked, private when it is used
    names['rebind.example'] = [['8.8.8.8'], ['127.0.0.1']]
    assert refusal('http://rebind.example/') == 'no connection'
    # one look-up; the checked address is the one that is used
    assert names.asked == ['rebind.example'] and connected == ['8.8.8.8']
    assert refusal('http://rebind.example/') == private and connected == ['8.8.8.8']


def test_redirects_are_checked_too(names, site):
    names['inside.example'] = [['10.0.0.1']]
    other = Hostile()
    for target in (
        'http://inside.example/x.jpg',
        f'{other.url}plain',
        'http://192.168.1.1/',
        f'http://localhost:{site.server_port}/plain',
    ):
        site.RequestHandlerClass.redirect = lambda self, target=target: self.reply(302, Location=target)
        assert refusal(site.url + 'redirect', allow=[site.host]) == private
    assert other.asked == []
    del site.RequestHandlerClass.redirect
    other.shutdown()


def test_a_host_is_allowed_by_its_name(names, site):
    names['friend.example'] = [['127.0.0.1']]
    url = f'http://friend.example:{site.server_port}/plain'
    for allow in (['friend.example'], [f'FRIEND.example:{site.server_port}']):
        with safe_client(allow) as client:
            assert fetch(client, url) == GOOD['plain']
    assert f'friend.example:{site.server_port}' in site.hosts   # the server is still asked by name
    for allow in ([], ['friend.example:1'], ['127.0.0.1'], ['example']):
        assert refusal(url, allow) == private


def test_the_drawings_are_allowed_and_nothing_beside_them(site, tmp_path):
    from cat_or_dog.engine.drawing_server import drawing_urls
    report = download_photos(
        [
            *drawing_urls('cat', 2),
            site.url + 'plain',
            site.url + 'drawings/42/cat/1.jpg',
            'http://10.0.0.1/drawings/42/cat/1.jpg',
        ],
        tmp_path,
    )
    # an old address of a drawing leads to the drawing
    assert [row.reason for row in report.rows] == ['', '', private, 'the same photo again', private]


def test_a_look_up_that_hangs(monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **kwargs: [gate.wait(60)][1:])
    assert refusal('http://a.example/', seconds=0.2) == 'took longer than 0.2 s'
    gate.set()


def test_the_time_is_shared_by_all_addresses_of_a_host(names, monkeypatch):
    names['slow.example'] = [['8.8.8.8', '8.8.4.4', '1.1.1.1']]
    shares = []
    def connect(self, host, port, timeout, **kwargs):
        shares.append(timeout)
        raise httpcore.ConnectTimeout
    monkeypatch.setattr(httpcore.SyncBackend, 'connect_tcp', connect)
    assert refusal('http://slow.example/', seconds=9) == 'took longer than 9 s'
    assert [round(share) for share in shares] == [3, 4, 9]   # nobody used any of it here


def test_connections_are_used_again(site):
    before = len(site.asked)
    connections = []
    setup = site.RequestHandlerClass.setup
    site.RequestHandlerClass.setup = lambda self: (connections.append(1), setup(self))
    with safe_client([site.host]) as client:
        for _ in range(5):
            fetch(client, site.url + 'plain')
    site.RequestHandlerClass.setup = setup
    assert len(site.asked) - before == 5 and len(connections) == 1


def test_no_cookie_is_kept_and_nothing_packed_is_asked_for(site):
    with safe_client([site.host]) as client:
        fetch(client, site.url + 'cookies')
        assert len(client.cookies.jar) == 0 and client.headers['Accept-Encoding'] == 'identity'


def test_a_proxy_in_the_environment_does_not_go_round_the_check(monkeypatch, site):
    for name in 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY':
        monkeypatch.setenv(name, site.url)
    assert refusal('http://192.168.7.7/') == private


@settings(deadline=None)
@given(
    st.text()
    | st.text().map('http://'.__add__)
    | st.text().map('https://127.0.0.1/'.__add__)
    | st.text().map('http://[::1]:'.__add__)
)
def test_any_text_is_refused_in_a_few_words(text):
    with everything_is_here(), pytest.raises(Refused) as refused:
        fetch(only_client, text, Limits(seconds=5))
    assert str(refused.value) in (private, 'not a web address', 'no such host')


only_client = safe_client()   # one for all examples: a client takes longer to make than to refuse


@contextmanager
def everything_is_here():
    "Each look-up leads to this computer."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, 'getaddrinfo', lambda *args, **kwargs: [(2, 1, 6, '', ('127.0.0.1', 1))])
        yield


@pytest.fixture(scope='module', autouse=True)
def close_the_client():
    yield
    only_client.close()


# ---- HTTP/2, with a certificate

@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp('certificate')
    subprocess.run(
        [
            'openssl',
            'req',
            '-x509',
            '-newkey',
            'rsa:2048',
            '-nodes',
            '-days',
            '2',
            '-subj',
            '/CN=photos.example',
            '-addext',
            'subjectAltName=DNS:photos.example',
            '-keyout',
            folder/'key.pem',
            '-out',
            folder/'cert.pem',
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def http2(certificate):
    "An HTTP/2 server: its port, and the connections and names it was asked by."
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate/'cert.pem', certificate/'key.pem')
    context.set_alpn_protocols(['h2'])
    listener, seen = socket.create_server(('127.0.0.1', 0)), dict(connections=0, names=set(), streams=0)
    def serve(raw):
        try:
            sock = context.wrap_socket(raw, server_side=True)
        except OSError:
            return
        seen['connections'] += 1
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        sock.sendall(http.data_to_send())
        while data := sock.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    seen['streams'] += 1
                    seen['names'].add(dict(event.headers)[b':authority'].decode())
                    http.send_headers(event.stream_id, [(':status', '200'), ('content-type', 'image/jpeg')])
                    http.send_data(event.stream_id, GOOD['plain'], end_stream=True)
            sock.sendall(http.data_to_send())
    def listen():
        while True:
            try:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return
    threading.Thread(target=listen, daemon=True).start()
    yield listener.getsockname()[1], seen
    listener.close()


def test_http2_shares_one_connection(http2, names, certificate, monkeypatch):
    port, seen = http2
    names['photos.example'] = [['127.0.0.1']]
    monkeypatch.setenv('SSL_CERT_FILE', str(certificate/'cert.pem'))
    with safe_client(['photos.example']) as client:
        assert fetch(client, f'https://photos.example:{port}/0') == GOOD['plain']
        with ThreadPoolExecutor(8) as pool:
            bodies = list(pool.map(lambda i: fetch(client, f'https://photos.example:{port}/{i}'), range(40)))
    assert bodies == [GOOD['plain']]*40 and seen == dict(
        connections=1, names={f'photos.example:{port}'}, streams=41
    )


def test_a_certificate_must_fit_the_name(http2, names, certificate, monkeypatch):
    port, seen = http2
    names['other.example'] = [['127.0.0.1']]
    monkeypatch.setenv('SSL_CERT_FILE', str(certificate/'cert.pem'))
    assert (
        refusal(f'https://other.example:{port}/', allow=['other.example'])
        == "its certificate cannot be trusted (SSL_CERT_FILE may name your network's own)"
        and seen['streams'] == 0
    )


# ---- proxies, odd headers, sites that want a pause

class Proxy(BaseHTTPRequestHandler):
    "A proxy that answers every plain address itself, and lets nobody through to another host."
    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        wants = self.server.password
        if wants and self.headers['Proxy-Authorization'] != wants:
            return self.send_error(407)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(GOOD['plain'])

    def do_CONNECT(self):
        self.server.asked.append(self.path)
        self.send_error(407 if self.server.password else 403)


@pytest.fixture
def proxy(monkeypatch):
    "A proxy on this computer that the environment names; `proxy.asked`: what it was asked for."
    server = ThreadingHTTPServer(('127.0.0.1', 0), Proxy)
    server.asked, server.password = [], ''
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name in 'http_proxy', 'https_proxy':
        monkeypatch.setenv(name, f'http://127.0.0.1:{server.server_port}')
    monkeypatch.delenv('no_proxy', raising=False)
    yield server
    server.shutdown()
    server.server_close()


def test_a_proxy_is_asked_for_names_that_only_it_knows(proxy, names):
    names['cats.example'] = [[]]
    with safe_client() as client:
        assert fetch(client, 'http://cats.example/1.jpg') == GOOD['plain']
    assert proxy.asked == ['http://cats.example/1.jpg']


def test_a_proxy_is_not_asked_for_what_is_known_to_be_private(proxy, names):
    names['inside.example'] = [['10.0.0.1']]
    for url in 'http://inside.example/', 'http://10.0.0.1/', 'https://[::1]/', 'http://127.0.0.1/', 'http://0x7f000001/':
        assert refusal(url) == private
    assert proxy.asked == []


def test_a_look_up_that_hangs_does_not_stop_the_proxy(proxy, monkeypatch):
    gate, real = threading.Event(), socket.getaddrinfo
    def hangs(host, *args, **kwargs):
        return real(host, *args, **kwargs) if host == '127.0.0.1' else [gate.wait(60)][1:]
    monkeypatch.setattr(socket, 'getaddrinfo', hangs)
    with safe_client() as client:
        assert fetch(client, 'http://cats.example/1.jpg') == GOOD['plain']
    gate.set()


def test_this_computer_and_no_proxy_are_asked_directly(proxy, site, names, monkeypatch):
    names['friend.example'] = [['127.0.0.1']]
    monkeypatch.setenv('no_proxy', 'friend.example')
    with safe_client([site.host, 'friend.example']) as client:
        assert fetch(client, site.url + 'plain') == GOOD['plain']
        assert fetch(client, f'http://friend.example:{site.server_port}/plain') == GOOD['plain']
    assert proxy.asked == []


def test_a_proxy_that_wants_a_password(proxy, names, monkeypatch):
    names['cats.example'] = [[]]
    proxy.password = 'Basic YW5uOmEvYg=='   # ann:a/b
    wants = 'the proxy wants a password (put it into http_proxy)'
    assert refusal('http://cats.example/') == refusal('https://cats.example/') == wants
    monkeypatch.setenv('http_proxy', f'http://ann:a%2Fb@127.0.0.1:{proxy.server_port}')
    with safe_client() as client:
        assert fetch(client, 'http://cats.example/') == GOOD['plain']


def test_a_proxy_that_refuses_or_is_not_there(proxy, names, monkeypatch):
    names['cats.example'], names['proxy.example'] = [[]], [[]]
    assert refusal('https://cats.example/') == 'the proxy refuses'
    with socket.create_server(('127.0.0.1', 0)) as nobody:
        port = nobody.getsockname()[1]
    for there in f'http://127.0.0.1:{port}', 'http://proxy.example:3128':
        monkeypatch.setenv('http_proxy', there)
        assert refusal('http://cats.example/') == 'no connection to the proxy that the environment names'
    monkeypatch.setenv('http_proxy', 'socks5://127.0.0.1:1080')
    assert refusal('http://cats.example/') == 'the proxy in the environment (socks5) is of another kind'


def test_the_report_says_that_a_proxy_was_used(proxy, names, tmp_path):
    from cat_or_dog.engine.drawing_server import drawing_urls
    names['cats.example'] = [[]]
    report = download_photos(['http://cats.example/1.jpg'], tmp_path/'web')
    assert report.kept == 1
    assert all('through the proxy' in shown for shown in (str(report), report._repr_html_()))
    assert download_photos(drawing_urls('cat', 2), tmp_path/'drawings').notes == []


def test_a_certificate_that_nobody_signed(http2, names, monkeypatch):
    port, seen = http2
    names['photos.example'] = [['127.0.0.1']]
    monkeypatch.delenv('SSL_CERT_FILE', raising=False)
    trusted = "its certificate cannot be trusted (SSL_CERT_FILE may name your network's own)"
    assert refusal(f'https://photos.example:{port}/', allow=['photos.example']) == trusted
    assert seen['streams'] == 0


@pytest.mark.parametrize('packing', ['utf-8', 'UTF-8', 'identity', 'none', '', 'aws-chunked', 'binary'])
def test_an_odd_content_encoding_does_not_hide_a_photo(site, monkeypatch, packing):
    monkeypatch.setattr(site.RequestHandlerClass, 'odd_packing', raising=False,
                        value=lambda self: self.reply(body=GOOD['plain'], Content_Encoding=packing))
    with safe_client([site.host]) as client:
        assert fetch(client, site.url + 'odd_packing') == GOOD['plain']


@pytest.mark.parametrize('status', [429, 503])
def test_the_pause_that_a_site_wants_is_passed_on(site, monkeypatch, status):
    for text, pause in {'7': 7, '': 0, 'soon': 0, '-3': 0, 'nan': 0}.items():
        monkeypatch.setattr(site.RequestHandlerClass, 'wants_a_pause', raising=False,
                            value=lambda self, text=text: self.reply(status, Retry_After=text))
        with safe_client([site.host]) as client, pytest.raises(TryLater) as later:
            fetch(client, site.url + 'wants_a_pause')
        assert later.value.pause == pause


@pytest.mark.parametrize('packing', ['br', 'gzip', 'zstd', 'deflate', 'gzip, br', 'x-gzip', 'compress'])
@pytest.mark.parametrize('name', ['plain', 'palette', 'webp', 'tiff', 'heic'])
def test_a_photo_sent_plain_under_a_packing_is_a_photo(site, monkeypatch, packing, name):
    monkeypatch.setattr(site.RequestHandlerClass, 'odd_packing', raising=False,
                        value=lambda self: self.reply(body=GOOD[name], Content_Encoding=packing))
    with safe_client([site.host]) as client:
        assert fetch(client, site.url + 'odd_packing') == GOOD[name]


def test_a_packed_photo_that_comes_byte_by_byte(site, monkeypatch):
    "What it is can only be told after some bytes."
    packed = gzip.compress(GOOD['plain'])
    pieces = [packed[i:i + 1] for i in range(40)] + [packed[40:]]
    monkeypatch.setattr(site.RequestHandlerClass, 'drip', raising=False, value=lambda self: self.raw(
        b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n', *pieces, pause=0.001))
    with safe_client([site.host]) as client:
        assert fetch(client, site.url + 'drip') == GOOD['plain']


@pytest.mark.parametrize('allow', ['::1', '[::1]', '[::1]:{port}', '::1:{port}'])
def test_an_address_of_version_6_can_be_allowed(allow):
    class Six(ThreadingHTTPServer):
        address_family = socket.AF_INET6
    try:
        server = Six(('::1', 0), Proxy)
    except OSError:
        pytest.skip('this machine has no IPv6')
    server.asked, server.password = [], ''
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        with safe_client([allow.format(port=server.server_port)]) as client:
            assert fetch(client, f'http://[::1]:{server.server_port}/') == GOOD['plain']
        assert refusal(f'http://[::1]:{server.server_port}/', allow=['[::1]:1']) == private
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize('setting, reason', [
    ('http://127.0.0.1:port', 'the proxy in the environment (http://127.0.0.1:port) is no address'),
    ('http://ann:secret@127.0.0.1:99999', 'the proxy in the environment (127.0.0.1:99999) is no address'),
    ('http://[oh no', 'the proxy in the environment (http://[oh no) is no address'),
    ('socks5://127.0.0.1:1080', 'the proxy in the environment (socks5) is of another kind')])
def test_a_proxy_that_is_none_is_not_the_fault_of_the_photos_address(monkeypatch, names, setting, reason):
    names['cats.example'] = [[]]
    monkeypatch.setenv('http_proxy', setting)
    assert refusal('http://cats.example/1.jpg') == reason


def test_a_password_with_letters_of_its_own(proxy, names, monkeypatch):
    names['cats.example'] = [[]]
    proxy.password = 'Basic ' + base64.b64encode('jürgen:ねこ'.encode()).decode()
    for user in 'jürgen:ねこ', 'j%C3%BCrgen:%E3%81%AD%E3%81%93':
        monkeypatch.setenv('http_proxy', f'http://{user}@127.0.0.1:{proxy.server_port}')
        with safe_client() as client:
            assert fetch(client, 'http://cats.example/') == GOOD['plain']


@pytest.mark.parametrize('name, value, reason', [
    ('SSL_CERT_FILE', '/no/such/school.pem', 'SSL_CERT_FILE names /no/such/school.pem, .*No such file'),
    ('SSL_CERT_FILE', __file__, 'SSL_CERT_FILE names .*test_fetch.py, .*no certificate or crl found'),
    ('SSL_CERT_DIR', '/no/such/folder', 'SSL_CERT_DIR names /no/such/folder, and there is no such folder')])
def test_certificates_that_are_not_there_are_named(monkeypatch, name, value, reason):
    for other in 'SSL_CERT_FILE', 'SSL_CERT_DIR':
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match=reason):
        safe_client()


def test_an_address_that_is_none_does_not_cost_the_report(tmp_path):
    "It is refused like any other; the report over all of them came to an end there."
    report = download_photos(['http://[oh no/1.jpg', 'http://127.0.0.1:1/2.jpg'], tmp_path)
    assert [row.status for row in report.rows] == ['refused']*2 and report.notes == []


def test_a_name_and_password_in_an_address_make_no_other_site():
    from cat_or_dog.engine.downloader import host_of
    assert host_of('http://ann:a@Photos.example:8000/1.jpg') == 'photos.example:8000'

"""The page without a server, as a visitor has it: a plain file server, and a browser that answers."""
import threading
from base64 import b64decode, b64encode
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

NO_NETWORK = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'   # a flag for Chromium


class Quiet(SimpleHTTPRequestHandler):
    "`python -m http.server` without its log."
    def log_message(self, *args):
        pass


class ForEverybody(Quiet):
    "… whose files other sites' pages may use, as those of a content delivery network."
    def end_headers(self):
        self.send_header('access-control-allow-origin', '*')
        super().end_headers()


@contextmanager
def file_server(folder, handler=Quiet):
    "Hands out `folder`; gives its address and a function that ends it before the block does."
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    def stop():
        server.shutdown()
        server.server_close()
    try:
        yield f'http://127.0.0.1:{server.server_port}/', stop
    finally:
        stop()


ASK = '''async ([data, name, changes]) => {
    const there = address => import(new URL(address, document.baseURI))
    const [{open, toSquare}, {ask}] = await Promise.all([there('static/square.js'), there('static/ask.js')])
    const settings = {...JSON.parse(document.getElementById('settings').textContent), ...changes}
    const file = new File([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))], name)
    const start = performance.now()
    const {error, answer} = await ask(file, settings)
    const took = performance.now() - start
    if (error) return {error}
    const {bitmap, isJpeg} = await open(file, settings)
    const square = toSquare(bitmap, isJpeg, settings)
    const text = Array.from(square, value => String.fromCharCode(value)).join('')
    return {...answer, took, square: btoa(text)}
}'''


def ask(page, data, name='photo', **changes):
    """What the page's program says about a photo: the answer with `square`, uint8 (size, size, 3), and
    `took`, in milliseconds; or `error`. `changes` are other settings than the page's."""
    said = page.evaluate(ASK, [b64encode(data).decode(), name, changes])
    if 'square' in said:
        values = np.frombuffer(b64decode(said['square']), np.uint8)
        side = round((len(values)/3)**.5)
        said['square'] = values.reshape(side, side, 3)
    return said


def off(ours, theirs):
    "How far apart two squares are at each pixel: the largest difference of its three colours."
    return np.abs(ours.astype(int) - theirs).max(2)

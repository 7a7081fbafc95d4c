"""The page without a server beside Python: the same pixels, the same answers? Writes browser.md.

    python benchmarks/browser.py [--photos ../shared/photos] [--large 20]
"""
import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent/'tests'), str(here.parent/'tools')]

import numpy as np
from browser import chromium
from static_site import NO_NETWORK, ask, file_server, off

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.static_app import VERSION, export_static
from cat_or_dog.train import train

NO_DRAFT = 1e9   # "no smaller than a billion times the square": nothing is unpacked smaller


def compare(page, model, photos, **changes):
    "A dict for each photo: how near the browser comes to Python, and how long each took, in milliseconds."
    found = []
    for data in photos:
        said = ask(page, data, **changes)
        start = time.perf_counter()
        python = model.predict(data)
        took = 1000*(time.perf_counter() - start)
        apart = off(said['square'], model.square(data))
        each = [abs(said['probabilities'][label] - p) for label, p in python.probabilities.items()]
        found.append({'within': (apart <= 1).mean(), 'equal': (apart == 0).mean(), 'most': apart.max(),
                      'label': said['label'] == python.label, 'probability': max(each),
                      'browser': said['took'], 'python': took})
    return found


def row(what, found):
    "A row of the table."
    def all_of(key):
        return [one[key] for one in found]
    cells = [what, len(found), f'{np.mean(all_of("within")):.2%}', f'{min(all_of("within")):.2%}',
             f'{np.mean(all_of("equal")):.0%}', max(all_of('most')), sum(all_of('label')),
             f'{max(all_of("probability")):.4f}', f'{np.mean(all_of("probability")):.5f}',
             f'{statistics.median(all_of("browser")):.0f}', f'{statistics.median(all_of("python")):.0f}']
    return f'| {" | ".join(map(str, cells))} |'


def is_unpacked_smaller(data, model):
    "Does Python have this JPEG unpacked at half its size or less?"
    from cat_or_dog.engine.photo import DRAFT, open_photo, photo_size
    return max(open_photo(data, least=int(DRAFT*model.size)).size) < max(photo_size(data))


def drawn(n, side):
    "Drawings as large as a phone's photos, as JPEG files."
    photos = []
    for i in range(n):
        draw('cat' if i % 2 else 'dog', 900 + i, size=side).save(file := BytesIO(), 'jpeg')
        photos.append(file.getvalue())
    return photos


def megabytes(folder, packed=False):
    "What a first visit loads, as the files lie there or as a server that packs them sends them."
    left_out = 'README.md', 'LICENSE', 'pages.yml', '.nojekyll'
    files = [file for file in folder.rglob('*') if file.is_file() and file.name not in left_out]
    return sum(len(gzip.compress(file.read_bytes()) if packed else file.read_bytes()) for file in files)/1e6


COLUMNS = ['what', 'photos', 'pixels within 1', 'worst photo', 'equal', 'largest step', 'same label',
           'probability off, at most', 'on average', 'browser, ms', 'Python, ms']
HEAD = f'| {" | ".join(COLUMNS)} |\n|{" --- |"*len(COLUMNS)}\n'

TEXT = """# The page without a server, beside Python

Made by `python benchmarks/browser.py` on {cores} cores that had a load of {load:.1f} when it ended:
Chromium {chromium}, onnxruntime-web {version} on one thread, a model of {size} px and {model:.1f} MB
trained on photos/train, asked about photos/valid. "Within 1": the share of the square's pixels none of
whose three colours is further than 1 of 255 from Python's. Times are the medians of one photo, from the
file to the answer; Python's `predict` may use all cores.

{table}

A first visit loads {plain:.1f} MB, {packed:.1f} MB where the server packs with gzip. With `--from-cdn`
the folder has {light:.1f} MB, and the rest comes from elsewhere.
"""

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--photos', type=Path, default=here.parent.parent/'shared'/'photos')
    parser.add_argument('--large', type=int, default=20, help='drawings of 3,000 pixels')
    args = parser.parse_args()
    home = Path(tempfile.mkdtemp())
    model = train(args.photos/'train')
    export_static(model, home/'site')
    export_static(model, home/'light', from_cdn=True)
    real = [file.read_bytes() for file in sorted((args.photos/'valid').glob('*/*.jpg'))]
    smaller = [data for data in real if is_unpacked_smaller(data, model)]
    large = drawn(args.large, 3000)
    with file_server(home) as (url, _), chromium(NO_NETWORK) as browser:
        version, page = browser.version, browser.new_page()
        page.goto(f'{url}site/')
        page.get_by_text('Ready.').wait_for()
        rows = [row('photos', compare(page, model, real)),
                row('of these, JPEGs that Python has unpacked smaller', compare(page, model, smaller)),
                row('… without averages in JavaScript', compare(page, model, smaller, draft=NO_DRAFT)),
                row('drawings of 3,000 pixels', compare(page, model, large)),
                row('… without averages in JavaScript', compare(page, model, large, draft=NO_DRAFT))]
    text = TEXT.format(
        cores=os.cpu_count(), load=os.getloadavg()[0], chromium=version, version=VERSION, size=model.size,
        model=len(model.data)/1e6, table=HEAD + '\n'.join(rows), plain=megabytes(home/'site'),
        packed=megabytes(home/'site', packed=True), light=megabytes(home/'light'))
    (here/'browser.md').write_text(text, encoding='utf-8')
    print(text)

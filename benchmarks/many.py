"""One machine and many workers: photos a second with 1, 2, 3 … workers, beside the local engine.

    python benchmarks/many.py [--photos 1536] [--workers 1 2 3 4]

Writes many.md and many.json. One Ray is started for all; what that takes is measured apart. So is the time to
start workers: each way runs on few photos and on all of them, and the rate is that of the photos in between.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent/'tests'))

import pyarrow as pa
from pictures import saved, tar_file
from pyarrow import parquet

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.evaluate import row_of
from cat_or_dog.engine.many import predict_with_ray, ray_started, rows_as_parquet
from cat_or_dog.engine.photo import pixels
from cat_or_dog.engine.prediction import predictions
from cat_or_dog.engine.shards import Part, samples_in
from cat_or_dog.predict import Classifier
from cat_or_dog.train import train

SIDE = 1000       # pixels: the longer side of a photo
DISTINCT = 64     # drawings; the photos are these again and again
SHARD = 64        # photos of a tar file, a row group, a part: as many parts for each worker
FEW = 4*SHARD     # photos of the short run: a part at least for each of four workers
REPEATS, SHORT_REPEATS = 3, 2   # of the long run and of the short one; the medians count


def jpegs() -> list[bytes]:
    "Drawings at the size of photos from the web."
    def one(i):
        drawing = draw(('cat', 'dog')[i % 2], i)
        scale = SIDE/max(drawing.size)
        return saved(drawing.resize([round(scale*side) for side in drawing.size]))
    return [one(i) for i in range(DISTINCT)]


def write_files(folder: Path, photos: list[bytes], n: int) -> None:
    for i in range(n):
        place = folder/f'{i//1000:03}'
        place.mkdir(parents=True, exist_ok=True)
        (place/f'{i:06}.jpg').write_bytes(photos[i % DISTINCT])


def write_tars(folder: Path, photos: list[bytes], n: int) -> None:
    folder.mkdir(parents=True)
    for start in range(0, n, SHARD):
        numbers = range(start, min(n, start + SHARD))
        tar_file(folder/f'{start:06}.tar', {f'{i:06}.jpg': photos[i % DISTINCT] for i in numbers})


def write_parquet(folder: Path, photos: list[bytes], n: int) -> None:
    folder.mkdir(parents=True)
    images, names = [photos[i % DISTINCT] for i in range(n)], [f'{i:06}.jpg' for i in range(n)]
    table = pa.table({'image': images, 'path': names})
    parquet.write_table(table, folder/'all.parquet', row_group_size=SHARD)


WRITERS = {'files': write_files, 'tar': write_tars, 'Parquet': write_parquet}


def local(model: Classifier, source: str, out: Path, workers: int) -> None:
    "The local engine, which takes all cores."
    from cat_or_dog.engine.cli import photos_named
    model.predict_to(photos_named((source,)), f'{out}.jsonl')


def with_ray(model: Classifier, source: str, out: Path, workers: int) -> None:
    predict_with_ray(model, [source], str(out), workers, size=SHARD)


def seconds_of(way, model: Classifier, source: str, workers: int, home: Path) -> float:
    "What one run takes."
    out = home/'out'
    shutil.rmtree(out, ignore_errors=True)
    begin = time.perf_counter()
    way(model, source, out, workers)
    return time.perf_counter() - begin


def timed(way, model: Classifier, sources: dict[int, str], workers: int, home: Path) -> dict[str, float]:
    "Photos a second: of the medians, at least and at most; and seconds before the first photo."
    (few, short), (many, long) = sorted(sources.items())
    shorts = [seconds_of(way, model, short, workers, home) for _ in range(SHORT_REPEATS)]
    longs = [seconds_of(way, model, long, workers, home) for _ in range(REPEATS)]
    def rate(seconds: float) -> float:   # a busy machine may swallow the difference
        return (many - few)/seconds if seconds > 0 else float('inf')
    usual = rate(float(np.median(longs) - np.median(shorts)))
    return {'rate': usual, 'least': rate(max(longs) - min(shorts)), 'most': rate(min(longs) - max(shorts)),
            'start': float(np.median(shorts)) - few/usual}


def milliseconds(work, n: int = 200) -> float:
    "What `work` takes on one core, the median of `n`."
    took = []
    for i in range(n):
        begin = time.perf_counter()
        work(i)
        took.append(time.perf_counter() - begin)
    return 1000*float(np.median(took))


def seconds_to_start(workers: int) -> float:
    "From nothing to a Ray that is there, its import apart; the median."
    took = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        with ray_started(workers):
            took.append(time.perf_counter() - begin)
    return float(np.median(took))


def stages(model: Classifier, photos: list[bytes], home: Path) -> dict[str, float]:
    "Milliseconds of one core for one photo."
    squares = np.stack([model.square(photo) for photo in photos[:16]])
    answers = predictions(model, squares, model.narrow)
    rows = [row_of(f'{i}.jpg', answers[i % 16]) for i in range(1024)]
    tar, table = min((home/'tar').glob('*.tar')), home/'parquet'/'all.parquet'
    def read(part):
        for _ in samples_in(part):
            pass
    return {'decode and resize': milliseconds(lambda i: pixels(photos[i % DISTINCT], model.size, 'half')),
            'the model': milliseconds(lambda i: predictions(model, squares, model.narrow), 30)/16,
            'read out of a tar file': milliseconds(lambda i: read(Part('tar', [str(tar)])), 10)/SHARD,
            'read out of a Parquet file':
                milliseconds(lambda i: read(Part('parquet', [str(table)], last=1)), 10)/SHARD,
            'write its row as Parquet': milliseconds(lambda i: rows_as_parquet(rows, model.labels), 10)/1024}


def curve(model: Classifier, home: Path, n: int, workers: list[int]) -> list[dict]:
    "The rows of the table."
    cases = [('local', 'files', local, os.cpu_count())]
    cases += [('ray', 'files', with_ray, count) for count in workers]
    cases += [('ray', kind, with_ray, os.cpu_count()) for kind in ('tar', 'Parquet')]
    found = []
    for engine, kind, way, count in cases:
        folder = kind.lower()
        took = timed(way, model, {FEW: str(home/f'few-{folder}'), n: str(home/folder)}, count, home)
        found.append({'engine': engine, 'photos in': kind, 'workers': count, **took})
        print(found[-1], flush=True)
    return found


def report(found: dict, command: str) -> str:
    "The page, in Markdown."
    base = found['curve'][0]['rate']
    rows = [f"| {row['engine']} | {row['photos in']} | {row['workers']} | {row['rate']:.0f} | "
            f"{row['least']:.0f}–{row['most']:.0f} | {row['rate']/base:.2f} × | {row['start']:.1f} |"
            for row in found['curve']]
    parts = [f'| {name} | {took:.3f} |' for name, took in found['stages'].items()]
    import ray
    return '\n'.join([
        '# One machine and many workers', '',
        f'Made by `{command}` on {found["cores"]} cores, ray {ray.__version__}. {found["photos"]:,} '
        f'photos: drawings of {SIDE} pixels, {found["kilobytes"]:.0f} kB on average, already in the cache of '
        f'the disk; {found["size"]} px to the model. One machine, one day: only ratios mean something '
        f'elsewhere. Ray takes {found["ray"]:.1f} s to start; the seconds in the table come on top: until '
        'the first photo, with the workers and their imports. '
        f'Medians of {REPEATS} runs, and of {SHORT_REPEATS} short ones; the least and the most are what '
        'the runs allow that differ most and least.', '',
        '| engine | photos in | workers | photos a second | least–most | × local | seconds to start |',
        '| --- | --- | ---: | ---: | ---: | ---: | ---: |', *rows, '',
        '| what one core does for one photo | ms |', '| --- | ---: |', *parts, ''])


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--photos', type=int, default=1536)
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2, 3, 4])
    args = parser.parse_args()
    if args.photos < 4*FEW:
        parser.error(f'--photos {args.photos}: take {4*FEW} or more, for the short run has {FEW} already')
    with tempfile.TemporaryDirectory() as folder:
        home, photos = Path(folder), jpegs()
        for kind, write in WRITERS.items():
            for n, name in ((args.photos, kind.lower()), (FEW, f'few-{kind.lower()}')):
                write(home/name, photos, n)
        for i, photo in enumerate(photos):
            place = home/'learn'/('cat', 'dog')[i % 2]
            place.mkdir(parents=True, exist_ok=True)
            (place/f'{i}.jpg').write_bytes(photo)
        model, started = train(home/'learn'), seconds_to_start(max(args.workers))
        with ray_started(max(args.workers)):
            rows = curve(model, home, args.photos, args.workers)
        found = {'photos': args.photos, 'cores': os.cpu_count(), 'size': model.size, 'ray': started,
                 'kilobytes': sum(map(len, photos))/len(photos)/1000, 'curve': rows,
                 'stages': stages(model, photos, home)}
    command = f'python benchmarks/many.py --photos {args.photos} --workers {" ".join(map(str, args.workers))}'
    (here/'many.json').write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')
    (here/'many.md').write_text(report(found, command), encoding='utf-8')
    print(report(found, command))

"""Download, resize and verify, beside the article's three calls and img2dataset, from a local server.

    python benchmarks/download.py [--n 200] [--img2dataset PYTHON]      writes benchmarks/download.md
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cat_or_dog.download import download_photos
from cat_or_dog.engine.downloader import kept_photo
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.duplicates import alike_to, look
from cat_or_dog.engine.fetch import Limits
from cat_or_dog.engine.files import usable_cores
from cat_or_dog.engine.folder import SET_ASIDE, ManifestRow
from cat_or_dog.engine.photo import PhotoError

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent/'tests'/'hostile.py'
SIDE = 1000                 # of the drawings, in pixels
WAITS = 0, 50, 200          # milliseconds until the server answers
FAULTS = 0, 10              # per cent of broken answers
RUNS = 3                    # of each way; the median counts
PHOTO_ENDINGS = '.jpg', '.jpeg', '.png', '.gif'

IMG2DATASET = '''
import sys, time
from img2dataset import download
urls, out = sys.argv[1:]
if __name__ == '__main__':
    start = time.perf_counter()
    download(url_list=urls, output_folder=out, image_size=400, resize_mode='keep_ratio',
             resize_only_if_bigger=True, output_format='files', processes_count=2, thread_count=64,
             timeout=20, number_sample_per_shard=150)
    print('seconds', time.perf_counter() - start)
'''


@dataclass
class Result:
    "One way, measured."
    wait: int        # milliseconds
    faults: int      # per cent
    name: str
    seconds: float
    good: int        # photos that could be had
    kept: int        # of them
    junk: int        # files that are none of them, or copies
    stopped: str = ''


def save_drawing(folder: Path, number: int) -> str:
    "A drawing as large as photos of the web are; its look."
    drawing = draw('cat' if number % 2 else 'dog', number)
    drawing = drawing.resize((SIDE, SIDE*drawing.height//drawing.width))
    drawing.save(folder/f'{number}.jpg', quality=85)
    return look(drawing)


def ours(urls: list[str], dest: Path) -> float:
    "Seconds of `download_photos`."
    start = time.perf_counter()
    download_photos(urls, dest, allow=[urls[0].split('/')[2]], per_host=64)
    return time.perf_counter() - start


def article(urls: list[str], dest: Path) -> float:
    "Seconds of the article's three calls, and of deleting what they report."
    from fastai.vision.all import download_images, get_image_files, resize_images, verify_images
    start = time.perf_counter()
    download_images(dest, urls=urls)
    resize_images(dest, max_size=400, dest=dest)
    verify_images(get_image_files(dest)).map(Path.unlink)
    return time.perf_counter() - start


def img2dataset(python: Path, urls: list[str], dest: Path) -> float:
    "Seconds of img2dataset, in the environment of `python`."
    listed, program = dest.parent/'urls.txt', dest.parent/'run.py'
    listed.write_text('\n'.join(urls))
    program.write_text(IMG2DATASET)
    quiet = os.environ | {'NO_ALBUMENTATIONS_UPDATE': '1'}
    done = subprocess.run([python, program, listed, dest], capture_output=True, text=True, env=quiet)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split('\n')[-1])
    return float(done.stdout.split('seconds')[-1])


def install_img2dataset(folder: Path) -> tuple[Path, str]:
    "Its Python in an environment of its own (its requirements clash with ours); and why not, or ''."
    venv.create(folder, with_pip=True)
    python = folder/('Scripts' if os.name == 'nt' else 'bin')/'python'
    for command in (['-m', 'pip', 'install', '--quiet', 'img2dataset'], ['-c', 'import img2dataset']):
        done = subprocess.run([python, *command], capture_output=True, text=True)
        if done.returncode:
            return python, (done.stderr or done.stdout).strip().split('\n')[-1]
    return python, ''


def judge(dest: Path, looks: list[str]) -> tuple[int, int]:
    "Photos kept, each counted once; and files that are none of them, or copies."
    files = [f for f in dest.rglob('*') if f.suffix in PHOTO_ENDINGS and SET_ASIDE not in f.parts]
    found = set()
    for file in files:
        try:
            found.update(alike_to(looks, look(file))[:1])
        except PhotoError:   # it is no photo
            continue
    return len(found), len(files) - len(found)


def rate(pool, bodies: list[bytes]) -> float:
    "Photos a second that are decoded, made small and encoded, without any network."
    work = partial(kept_photo, ManifestRow('http://a.example/1.jpg'), limits=Limits())
    with pool:
        list(pool.map(abs, range(8)))   # the workers are there
        start = time.perf_counter()
        list(pool.map(work, bodies))
        return len(bodies)/(time.perf_counter() - start)


def measure(url: str, home: Path, ways: dict[str, Callable], looks: list[str]) -> list[Result]:
    "Each way, for each wait and share of faults."
    results: list[Result] = []
    for wait in WAITS:
        for faults in FAULTS:
            good = [i for i in range(len(looks)) if i % 100 >= faults]
            urls = [f'{url}drawn/{wait}/{faults}/{i}.jpg' for i in range(len(looks))]
            for name, way in ways.items():
                result = Result(wait, faults, name, 0, len(good), 0, 0)
                try:
                    seconds = []
                    for _ in range(RUNS):
                        dest = Path(tempfile.mkdtemp(dir=home))/'photos'
                        dest.mkdir()
                        seconds.append(way(urls, dest))
                    result.seconds = statistics.median(seconds)
                    result.kept, result.junk = judge(dest, [looks[i] for i in good])
                except Exception as error:   # another program's trouble is a row, not the end
                    result.stopped = str(error)[:100]
                results.append(result)
                print(result, flush=True)
    return results


def row(result: Result, results: list[Result]) -> str:
    "A result as a line of the table."
    start = f'| {result.wait} | {result.faults} % | {result.name} |'
    if result.stopped:
        return f'{start} stopped: {result.stopped} | | | |'
    first = next(r for r in results if (r.wait, r.faults) == (result.wait, result.faults))
    n = result.good*100//(100 - result.faults)
    return (f'{start} {n/result.seconds:.0f} | {result.seconds/first.seconds:.1f} | '
            f'{result.kept} of {result.good} | {result.junk} |')


def report(results: list[Result], n: int, size: float, load: float, rates: list[float], why: str) -> str:
    "The page."
    from hostile import FAULTS as KINDS  # type: ignore[import-not-found]
    cores = usable_cores()
    kinds = ', '.join(str(kind).replace('_', ' ') for kind in KINDS)
    missing = f'\n`img2dataset` could not be installed: {why}\n' if why else ''
    return f'''# Download, resize, verify

Made by `python benchmarks/download.py --n {n}` on {cores} cores that had a load of {load:.1f} from other
programs: {n} drawings of {SIDE} pixels ({size:.0f} kB) from a local server in a process of its own, on the
same cores. "Faults" are, in equal parts: {kinds} ("torn": the first half of a photo; "dot": one pixel). The
server stands for the many hosts of a real list, so `per_host=64`, as many as `workers`.
fastai runs as in the article, with its own 8 workers; img2dataset has 2 processes of 64 threads. Imports are
not counted.
Each way ran {RUNS} times, the median counts. With a load above the number of cores the ratios vary by a
factor of two from run to run: then measure again on a quiet machine before believing them.

| answer after, ms | faults | | addresses a second | time, ours = 1 | kept | junk kept |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(row(result, results) for result in results)}
{missing}
Decode, look, resize and encode alone, in {cores} threads: {rates[0]:.0f} photos a second; in {cores}
processes: {rates[1]:.0f}. If `download_photos` reaches about this rate, these cores are its bound,
and not the waiting.
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--n', type=int, default=200, help='photos')
    parser.add_argument('--img2dataset', metavar='PYTHON', type=Path,
                        help='the Python of an environment that has it (default: one is made, in minutes)')
    args = parser.parse_args()
    sys.path.insert(0, str(SERVER.parent))
    home, load = Path(tempfile.mkdtemp()), os.getloadavg()[1]
    (home/'drawings').mkdir()
    with ProcessPoolExecutor() as pool:
        looks = list(pool.map(partial(save_drawing, home/'drawings'), range(args.n), chunksize=20))
    bodies = [(home/'drawings'/f'{i}.jpg').read_bytes() for i in range(args.n)]
    rates = [rate(pool(usable_cores()), bodies) for pool in (ThreadPoolExecutor, ProcessPoolExecutor)]
    python, why = (args.img2dataset, '') if args.img2dataset else install_img2dataset(home/'env')
    ways: dict[str, Callable] = {'`download_photos`': ours, "the article's three calls": article}
    if not why:
        ways['`img2dataset`'] = partial(img2dataset, python)
    server = subprocess.Popen([sys.executable, SERVER, home/'drawings'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        results = measure(server.stdout.readline().strip(), home, ways, looks)
    finally:
        server.communicate('')
    size = sum(map(len, bodies))/len(bodies)/1000
    (HERE/'download.md').write_text(report(results, args.n, size, load, rates, why), encoding='utf-8')


if __name__ == '__main__':
    main()

"""Download, resize and verify, beside the article's three calls and img2dataset, from a local server. Writes download.md.

    python benchmarks/download.py [--n 300] [--img2dataset PYTHON]
"""
import argparse, os, subprocess, sys, tempfile, time, venv
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent/'tests'))

from cat_or_dog.download import _alike, _as_jpeg, _bits, _decode, _look, download_photos
from cat_or_dog.engine.drawings import draw
from cat_or_dog.fetch import Limits
from hostile import FAULTS

IMG2DATASET = '''
import json, sys, time
from img2dataset import download
urls, out = sys.argv[1:]
if __name__ == '__main__':
    start = time.perf_counter()
    download(url_list=urls, output_folder=out, image_size=400, resize_mode='keep_ratio', resize_only_if_bigger=True, output_format='files',
             processes_count=2, thread_count=64, timeout=20, number_sample_per_shard=150)
    print('seconds', time.perf_counter() - start)
'''


def save_drawing(folder, size, number):
    "A drawing as large as photos of the web are; its perceptual hash."
    drawing = draw('cat' if number % 2 else 'dog', number)
    drawing = drawing.resize((size, size*drawing.height//drawing.width))
    drawing.save(folder/f'{number}.jpg', quality=85)
    return _look(drawing)


def ours(urls, dest):
    start = time.perf_counter()
    download_photos(urls, dest, allow=[urls[0].split('/')[2]], per_host=64)
    return time.perf_counter() - start


def article(urls, dest):
    from fastai.vision.all import download_images, get_image_files, resize_images, verify_images
    start = time.perf_counter()
    download_images(dest, urls=urls)
    resize_images(dest, max_size=400, dest=dest)
    verify_images(get_image_files(dest)).map(Path.unlink)
    return time.perf_counter() - start


def img2dataset(python, urls, dest):
    (dest.parent/'urls.txt').write_text('\n'.join(urls))
    (dest.parent/'run.py').write_text(IMG2DATASET)
    done = subprocess.run([python, dest.parent/'run.py', dest.parent/'urls.txt', dest], capture_output=True, text=True, env=os.environ | dict(NO_ALBUMENTATIONS_UPDATE='1'))
    if done.returncode: raise RuntimeError(done.stderr.strip().split('\n')[-1])
    return float(done.stdout.split('seconds')[-1])


def install_img2dataset(folder):
    "Its Python in an environment of its own (its requirements clash with ours), or the reason why not."
    venv.create(folder, with_pip=True)
    python = folder/('Scripts' if os.name == 'nt' else 'bin')/'python'
    done = subprocess.run([python, '-m', 'pip', 'install', '--quiet', 'img2dataset'], capture_output=True, text=True)
    if not done.returncode: done = subprocess.run([python, '-c', 'import img2dataset'], capture_output=True, text=True)
    return python, done.returncode and (done.stderr or done.stdout).strip().split('\n')[-1]


def judge(dest, looks):
    "(photos kept, each counted once; files kept that are none of them, or copies)."
    bits, found, files = _bits(looks), set(), [f for f in dest.rglob('*') if f.suffix in ('.jpg', '.jpeg', '.png', '.gif') and '.quarantine' not in f.parts]
    for file in files:
        try: found.update(_alike(bits, _bits([_look(_decode(file.read_bytes(), Limits()))])[0])[:1])
        except Exception: pass   # it is no photo
    return len(found), len(files) - len(found)


def work(body):
    photo = _decode(body, Limits())
    return _as_jpeg(photo, 400), _look(photo)


def rate(pool, bodies):
    with pool:
        list(pool.map(abs, range(8)))   # the workers are there
        start = time.perf_counter()
        list(pool.map(work, bodies))
        return len(bodies)/(time.perf_counter() - start)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--n', type=int, default=300, help='photos')
    parser.add_argument('--img2dataset', metavar='PYTHON', help='the Python of an environment that has it (default: one is made, in minutes)')
    args = parser.parse_args()
    home, n, cores, load = Path(tempfile.mkdtemp()), args.n, os.cpu_count(), os.getloadavg()[1]
    (home/'drawings').mkdir()
    with ProcessPoolExecutor() as pool: looks = list(pool.map(partial(save_drawing, home/'drawings', 1000), range(n), chunksize=20))
    bodies = [(home/'drawings'/f'{i}.jpg').read_bytes() for i in range(n)]
    pools = [rate(pool(cores), bodies) for pool in (ThreadPoolExecutor, ProcessPoolExecutor)]
    python, why = (args.img2dataset, '') if args.img2dataset else install_img2dataset(home/'env')
    ways = {'`download_photos`': ours, "the article's three calls": article}
    if not why: ways['`img2dataset`'] = partial(img2dataset, python)
    server = subprocess.Popen([sys.executable, here.parent/'tests'/'hostile.py', home/'drawings'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url, rows, n_run = server.stdout.readline().strip(), [], 0
    try:
        for ms in (0, 50, 200):
            for faults in (0, 10):
                good = [i for i in range(n) if i % 100 >= faults]
                ours_first = None
                for name, way in ways.items():
                    dest = home/f'run{n_run}'/'photos'
                    dest.mkdir(parents=True)
                    n_run += 1
                    try: seconds = way([f'{url}drawn/{ms}/{faults}/{i}.jpg' for i in range(n)], dest)
                    except Exception as error:
                        rows.append(f'| {ms} | {faults} % | {name} | stopped: {str(error)[:100]} | | | |')
                        continue
                    ours_first = ours_first or seconds
                    kept, junk = judge(dest, [looks[i] for i in good])
                    rows.append(f'| {ms} | {faults} % | {name} | {n/seconds:.0f} | {seconds/ours_first:.1f} | {kept} of {len(good)} | {junk} |')
                    print(rows[-1], flush=True)
    finally: server.communicate('')
    text = f'''# Download, resize, verify

Made by `python benchmarks/download.py --n {n}` on {cores} cores that had a load of {load:.1f} from other programs: {n} drawings of 1000 pixels ({sum(map(len, bodies))/n/1000:.0f} kB) from a local server in a process of its own,
on the same cores. "Faults" are, in equal parts: {', '.join(str(f).replace('_', ' ') for f in FAULTS)} ("torn": the first half of a photo; "dot": one pixel).
The server stands for the many hosts of a real list, so `per_host=64`, as many as `workers`. fastai's calls are as in the article, with its own 8 workers; img2dataset has 2 processes of 64 threads.
Python's imports are not counted. With a load far above the number of cores only the ratios say something.

| answer after, ms | faults | | addresses a second | time, ours = 1 | photos kept | junk or copies kept |
| --- | --- | --- | --- | --- | --- | --- |
''' + '\n'.join(rows) + f'''

{f'`img2dataset` could not be installed: {why}' if why else ''}
Decode, resize and encode alone, in {cores} threads: {pools[0]:.0f} photos a second; in {cores} processes: {pools[1]:.0f}. Start-up counts too: img2dataset
starts processes, which weighs the more, the fewer photos there are. If `download_photos` reaches about this rate, these cores are its bound and not the waiting.
The goal is five times the article's speed at 50 ms.
'''
    (here/'download.md').write_text(text.replace('\n\n\n', '\n\n'), encoding='utf-8')
    print(text)

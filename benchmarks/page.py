"""The web page under load, beside the model alone: 50 clients at once for a minute. Writes page.md.

    python benchmarks/page.py [--clients 50] [--seconds 60]
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent/'tests'))

from page_load import load

from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.page import describe
from cat_or_dog.train import train


def alone(model, photo, threads, seconds):
    "`describe` again and again in `threads` threads of this process: (seconds each took, photos a second)."
    took, start = [], time.perf_counter()
    def again():
        while (begin := time.perf_counter()) - start < seconds:
            describe(model, photo)
            took.append(time.perf_counter() - begin)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(again) for _ in range(threads)]:
            done.result()
    return sorted(took), len(took)/(time.perf_counter() - start)


def row(what, took, rate, base, wrong=0):
    median, slowest = took[len(took)//2], took[int(0.99*len(took))]
    times = [f'{1000*seconds:.0f}' for seconds in (median, slowest)]
    cells = [what, f'{rate:.0f}', f'{rate/base:.2f}', *times, len(took), wrong]
    return f'| {" | ".join(map(str, cells))} |'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--clients', type=int, default=50)
    parser.add_argument('--seconds', type=int, default=60)
    args = parser.parse_args()
    home, file, cores = Path(tempfile.mkdtemp()), BytesIO(), os.cpu_count()
    for label in ('cat', 'dog'):
        (home/'photos'/label).mkdir(parents=True)
        for i in range(30):
            draw(label, i).save(home/'photos'/label/f'{i}.jpg')
    model = train(home/'photos')
    model.save(home/'model.onnx')
    drawing = draw('cat', 905)
    drawing.resize((1600, 1600*drawing.height//drawing.width)).save(file, 'jpeg')
    photo = file.getvalue()
    took, base = alone(model, photo, cores, args.seconds/4)
    rows = [row(f'the model alone, {cores} threads', took, base, base)]
    server = subprocess.Popen(
        [sys.executable, '-m', 'cat_or_dog', 'app', '--model', home/'model.onnx', '--port', '0', '--json'],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = json.loads(server.stdout.readline())['url']
        for clients in (1, args.clients):
            took, wrong, rate = load(url, photo, clients, args.seconds if clients > 1 else args.seconds/4)
            rows.append(
                row(f"the page, {clients} client{'s' if clients > 1 else ''}", took, rate, base, len(wrong))
            )
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
    text = (
        f'''# The web page under load

Made by `python benchmarks/page.py --clients {args.clients} --seconds {args.seconds}` on {cores} cores.
Server and clients share them, so the page has less than the model alone. Only the ratios of one run mean
something.
Each client sends a JPEG of {len(photo)/1000:.0f} kB (1600 pixels wide) and asks again when it has its answer:
prediction and heat map.

| what | photos a second | relative | median, ms | p99, ms | answers | errors |
| --- | --- | --- | --- | --- | --- | --- |
'''
        + '\n'.join(rows)
        + '\n'
    )
    (here/'page.md').write_text(text, encoding='utf-8')
    print(text)

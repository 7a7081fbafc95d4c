"""Training and prediction side by side with raw fastai, on equal footing: `make bench`, or a part of it.

    python benchmarks/train.py                 what is not measured yet; then train.md and train.png
    python benchmarks/train.py --part quick    one part: quick, shell, learn, growth, limit, fastai, report
    python benchmarks/train.py --smoke         everything once, on drawings; writes nothing

The photos are those of ../shared/photos (or CAT_OR_DOG_PHOTOS): trained on `train`, tested on `valid`.
Each number is measured in a process of its own. What is measured is kept in benchmarks/train.json, so that
a run can be stopped and taken up again; delete the file to begin anew. Ratios mean something only between
numbers of one machine and day.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from cat_or_dog.engine.files import usable_cores, write_whole

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = Path(os.environ.get('CAT_OR_DOG_PHOTOS', ROOT.parent/'shared'/'photos'))
RESULTS = ROOT/'benchmarks'/'train.json'
SEEDS = range(1, 6)
SIZES = 192, 256
ARTICLE_SIZE = 192
MEGA = 1e6
HEAD = 2             # lines of a table before its rows
COMMAND = Path(sys.executable).parent/'cat-or-dog'


@dataclass
class Way:
    "One way to call fastai; all of them on EfficientNet-Lite0, all with `fine_tune(3)` at 192 pixels."
    text: str
    batch: int = 64
    fixed: bool = False      # the body's batch norm keeps its pretrained statistics
    train_bn: bool = True    # fastai's default: batch norm's own weights learn, also while the body is frozen


WAYS = {
    'article': Way('as the article writes it, batches of 64'),
    'article32': Way('as the article writes it, batches of 32', batch=32),
    'fixed': Way('only fixed statistics, batches of 64', fixed=True),
    'train_bn': Way('only `train_bn=False`, batches of 64', train_bn=False),
    'both': Way('both, batches of 64', fixed=True, train_bn=False),
}


def best(f, times=3):
    "The shortest of several runs, in seconds."
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def files_in(part):
    "The photos of 'train' or 'valid', and their labels."
    files = sorted((PHOTOS/part).glob('*/*.jpg'))
    return files, [file.parent.name for file in files]


def quality(probabilities, actual, labels):
    "Errors and loss of predictions, (n, labels)."
    import numpy as np

    from cat_or_dog.engine.scores import scores
    found = scores(np.asarray(probabilities), actual, labels)
    right = np.asarray(probabilities)[np.arange(len(actual)), [labels.index(label) for label in actual]]
    loss = float(-np.log(np.maximum(right, 1e-9)).mean())
    return {name: found[name] for name in ('errors', 'n', 'calibration_error')} | {'loss': loss}


# What runs in a process of its own. Each returns a dict; `measure` adds the peak memory and, if the function
# says when the model was trained (`done`, by `time.time()`), the seconds of the whole process up to then.

def fastai(name, seed, epochs=3, speed=False):
    "`fine_tune` through fastai, by the way called `name`; with `speed`, also how fast it predicts."
    from fastai.vision.all import set_seed

    from cat_or_dog.engine.convert import register_lite0
    register_lite0()
    set_seed(seed, reproducible=True)
    start = time.perf_counter()
    learn = learner(WAYS[name], seed)
    files, actual = files_in('valid')
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(epochs)
        seconds, done = time.perf_counter() - start, time.time()
        loader = learn.dls.test_dl(files)
        probabilities = learn.get_preds(dl=loader)[0].numpy()
        result = quality(probabilities, actual, list(learn.dls.vocab))
        if speed:
            bulk = best(lambda: learn.get_preds(dl=learn.dls.test_dl(files)), 2)
            one = best(lambda: [learn.predict(file) for file in files[:20]])/20
            result |= {'bulk': len(files)/bulk, 'one': one}
    return result | {'seconds': seconds, 'done': done}


def learner(way, seed):
    "The article's learner, but for the body: EfficientNet-Lite0, since resnet18's weights need the web."
    from fastai.vision import all as vision

    from cat_or_dog.engine.convert import efficientnet_lite0, fixed_batch_norm
    block = vision.DataBlock(blocks=(vision.ImageBlock, vision.CategoryBlock), get_y=vision.parent_label,
                             get_items=vision.get_image_files,
                             splitter=vision.RandomSplitter(valid_pct=0.2, seed=seed),
                             item_tfms=[vision.Resize(ARTICLE_SIZE, method='squish')])
    loaders = block.dataloaders(PHOTOS/'train', bs=way.batch, num_workers=0)
    callbacks = [fixed_batch_norm()] if way.fixed else []
    return vision.vision_learner(loaders, efficientnet_lite0, metrics=vision.error_rate,
                                 train_bn=way.train_bn, cbs=callbacks)


def quick(size, seed, folder=None):
    "Our quick way, nothing known beforehand; again with all features known; and its predictions."
    from cat_or_dog.train import train
    folder = folder or PHOTOS/'train'
    start = time.perf_counter()
    model = train(folder, size=size, seed=seed)
    seconds, done = time.perf_counter() - start, time.time()
    again = best(lambda: train(folder, size=size, seed=seed), 1)
    files, actual = files_in('valid')
    answers = [answer for _, answer in model.predict_many(files)]
    probabilities = [[answer.probabilities[label] for label in model.labels] for answer in answers]
    bulk = best(lambda: list(model.predict_many(files*3)))/3
    one = best(lambda: [model.predict(file) for file in files[:50]])/len(files[:50])
    return quality(probabilities, actual, model.labels) | {
        'seconds': seconds, 'done': done, 'again': again, 'bulk': len(files)/bulk, 'one': one,
        'megabytes': len(model.data)/MEGA, 'neither': sum(answer.neither for answer in answers)}


def untrained(size):
    "No training: what ImageNet's own head says."
    from cat_or_dog.engine.body import features
    from cat_or_dog.engine.imagenet import head_start
    files, actual = files_in('valid')
    labels = sorted(set(actual))
    said = head_start(features(files, size), labels).argmax(1)
    return {'errors': sum(labels[k] != label for k, label in zip(said, actual, strict=True)), 'n': len(files)}


def few(size, n, draws=20, most=None):
    """Error rates of heads that saw `n` photos of each label: mean and worst of random choices.
    With `most`, one label has that many instead: now the first, now the second."""
    import numpy as np

    from cat_or_dog.engine.body import features
    from cat_or_dog.engine.head import fit_head
    (files, y), (others, actual) = files_in('train'), files_in('valid')
    X, V, y, actual = features(files, size), features(others, size), np.array(y), np.array(actual)
    found = {}
    for start in (True, False):
        wrong = []
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            pools = [np.flatnonzero(y == label) for label in np.unique(y)]
            counts = [n, most or n][::1 if seed % 2 else -1]
            chosen = np.concatenate([rng.choice(pool, min(count, len(pool)), replace=False)
                                     for pool, count in zip(pools, counts, strict=True)])
            head = fit_head(X[chosen], y[chosen], start=start, seed=seed)
            said = np.array(head.labels)[head.probabilities(V).argmax(1)]
            wrong.append(float((said != actual).mean()))
        found['with' if start else 'without'] = {'mean': float(np.mean(wrong)), 'worst': max(wrong)}
    return found


def draw_photos(folder, numbers):
    "Drawings with these numbers, in a folder for each label."
    from cat_or_dog.engine.drawings import LABELS, draw
    for label in LABELS:
        (folder/label).mkdir(parents=True)
        for i in numbers:
            draw(label, i).save(folder/label/f'{i}.jpg', quality=92)


def only_drawings(size, each=200):
    "Trained on drawings alone, tested on real photos."
    from cat_or_dog.train import train
    files, actual = files_in('valid')
    with tempfile.TemporaryDirectory() as folder:
        draw_photos(Path(folder), range(each))
        model = train(folder, size=size)
    answers = [answer for _, answer in model.predict_many(files)]
    wrong = sum(answer.label != label for answer, label in zip(answers, actual, strict=True))
    return {'errors': wrong, 'n': len(files), 'neither': sum(answer.neither for answer in answers)}


# How far is the limit?

def multiplications(size):
    "Multiply-and-adds of the body for one photo: for each convolution, its weights times its places."
    import numpy as np
    import onnx

    from cat_or_dog.engine.body import body, open_session
    model = onnx.load_from_string(body())
    makers = {name: node for node in model.graph.node for name in node.output}
    shapes = {array.name: tuple(array.dims) for array in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == 'Conv']
    for node in convolutions:
        output = onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
        model.graph.output.append(output)
    session = open_session(model.SerializeToString())
    names = [node.output[0] for node in convolutions]
    outputs = session.run(names, {'photo': np.zeros((1, size, size, 3), np.uint8)})
    weights = [shapes[makers[node.input[1]].input[0]] for node in convolutions]
    return sum(int(np.prod(w))*out.shape[2]*out.shape[3] for w, out in zip(weights, outputs, strict=True))


def peak_rate(side=1024):
    "Whole multiply-and-adds a second of all cores, at their best: a product of two large matrices of bytes."
    import numpy as np
    from onnx import TensorProto, helper

    from cat_or_dog.engine.body import open_session
    inputs = [helper.make_tensor_value_info('a', TensorProto.UINT8, [side, side]),
              helper.make_tensor_value_info('b', TensorProto.INT8, [side, side])]
    output = helper.make_tensor_value_info('c', TensorProto.INT32, [side, side])
    node = helper.make_node('MatMulInteger', ['a', 'b'], ['c'])
    graph = helper.make_graph([node], 'product', inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    session = open_session(model.SerializeToString(), usable_cores())
    rng = np.random.default_rng(0)
    feed = {'a': rng.integers(0, 255, (side, side), np.uint8),
            'b': rng.integers(-64, 64, (side, side), np.int8)}
    return side**3/best(lambda: session.run(None, feed), 10)


def limit(size):
    "Milliseconds a photo on all cores: decoding, body, both together, and the body at the peak rate."
    import numpy as np

    from cat_or_dog.engine.batches import in_batches
    from cat_or_dog.engine.body import body, open_session
    from cat_or_dog.engine.photo import pixels
    files, session = files_in('train')[0], open_session(body())
    def square(batch):
        return [pixels(file, size, 'half') for file in batch]
    def run(squares):
        return list(session.run(['features'], {'photo': np.stack(squares)})[0])
    squares = list(in_batches(files, square))
    times = {'decode': lambda: list(in_batches(files, square)),
             'body': lambda: list(in_batches(squares, run)),
             'together': lambda: list(in_batches(files, lambda batch: run(square(batch))))}
    found = {name: best(f)/len(files)*1000 for name, f in times.items()}
    macs, rate = multiplications(size), peak_rate()
    return found | {'macs': macs, 'rate': rate, 'at_peak': macs/rate*1000}


# Each in a process of its own

def measure(name, *args, cache=None, **options):
    "Run one of the functions above in a new process; its cache is empty, unless `cache` names one."
    request = json.dumps([name, args, options], default=str)
    with tempfile.TemporaryDirectory() as fresh:
        environment = os.environ | {'CAT_OR_DOG_CACHE': str(cache or fresh), 'PYTHONPATH': str(ROOT)}
        start = time.time()
        done = subprocess.run([sys.executable, __file__, '--child', request], env=environment,
                              capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout.splitlines()[-1])
    if 'done' in result:
        result['process'] = result.pop('done') - start
    return result


def child(request):
    "What `measure` starts: prints the result and the peak memory, in MB, of this process alone."
    name, args, options = json.loads(request)
    result = globals()[name](*args, **options)
    peak = re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text(encoding='utf-8'))
    print(json.dumps(result | {'memory': int(peak[1])/1024 if peak else None}))


def seconds_of(*command, cache):
    "Seconds that a command takes, from the shell and back."
    environment = os.environ | {'CAT_OR_DOG_CACHE': str(cache), 'PYTHONPATH': str(ROOT)}
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def copies(folder, n):
    "`n` photos in `folder`: ours, over and over, each with other bytes at its end, so that each is new."
    files, labels = files_in('train')
    for i in range(n):
        k = i*(len(files)//2 + 1) % len(files)   # from one label and the other by turns
        file = Path(folder)/labels[k]/f'{i:05}.jpg'
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(files[k].read_bytes() + i.to_bytes(4, 'big') + os.urandom(4))
    return folder


def shell(size):
    "`cat-or-dog train` from the shell: first with an empty cache, then new photos, then the same once more."
    with tempfile.TemporaryDirectory() as folder:
        folder, cache, model = Path(folder), Path(folder)/'cache', Path(folder)/'model.onnx'
        n = len(files_in('train')[0])
        found = {}
        for name, photos in (('first', 'a'), ('new photos', 'b'), ('known photos', 'b')):
            if not (folder/photos).exists():
                copies(folder/photos, n)
            command = COMMAND, 'train', folder/photos, '--size', size, '--out', model
            found[name] = seconds_of(*command, cache=cache)
        predict = COMMAND, 'predict', files_in('valid')[0][0], '--model', model
        found['predict'] = min(seconds_of(*predict, cache=cache) for _ in range(3))
    return found


def installed(*names):
    "Megabytes of the named distributions and of all that they require."
    todo, sizes = list(names), {}
    while todo:
        name = todo.pop().lower().replace('_', '-')
        if name in sizes:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        paths = [Path(str(file.locate())) for file in found.files or ()]
        sizes[name] = sum(path.stat().st_size for path in paths if path.exists())
        required = [r for r in found.requires or () if 'extra ==' not in r]
        todo += [re.split(r'[^\w.-]', r, maxsplit=1)[0] for r in required]
    return sum(sizes.values())/MEGA


# What is measured, and kept

class Results(dict):
    "Measurements by name, kept in a file after each one."
    def __init__(self, file):
        super().__init__(json.loads(file.read_text(encoding='utf-8')) if file and file.exists() else {})
        self.file = file

    def need(self, name, f, *args, **options):
        "Measure `f(*args)` and keep it under `name`, unless it is there already."
        if name in self:
            return
        self[name] = f(*args, **options)
        print(name, self[name], file=sys.stderr, flush=True)
        if self.file:
            write_whole(self.file, json.dumps(self, indent=1).encode())


def part_fastai(results, seeds, epochs):
    for seed in seeds:   # by seed, so that a run that is stopped has all ways equally often
        for name in WAYS:
            speed = name == 'article' and seed == seeds[0]
            results.need(f'fastai {name} {seed}', measure, 'fastai', name, seed, epochs=epochs, speed=speed)


def part_quick(results, seeds, _):
    for size in SIZES:
        for seed in seeds:
            results.need(f'quick {size} {seed}', measure, 'quick', size, seed)


def part_shell(results, seeds, _):
    for size in SIZES:
        for seed in seeds:   # the seed changes nothing here: it is the same again
            results.need(f'shell {size} {seed}', shell, size)


def part_learn(results, seeds, _):
    draws = 20 if len(seeds) > 1 else 2
    for size in SIZES:
        results.need(f'untrained {size}', measure, 'untrained', size)
        for n in (1, 5, 20):
            results.need(f'few {size} {n}', measure, 'few', size, n, draws=draws)
        results.need(f'uneven {size}', measure, 'few', size, 5, draws=draws, most=100)
        results.need(f'drawings {size}', measure, 'only_drawings', size, each=10*draws)


def part_growth(results, seeds, _):
    for n in (100, 400, 2_000, 20_000) if len(seeds) > 1 else (20,):
        with tempfile.TemporaryDirectory() as folder:
            copies(folder, n)
            results.need(f'growth {n}', measure, 'quick', SIZES[-1], 1, folder)


def part_limit(results, _, __):
    for size in SIZES:
        results.need(f'limit {size}', measure, 'limit', size)


# The report

def spread(results, name, key, form):
    "Mean, smallest and largest of a number over the seeds, as text."
    values = over_seeds(results, name, key)
    if not values:
        return '–'
    return f'{statistics.mean(values):{form}} ({min(values):{form}}–{max(values):{form}})'


def over_seeds(results, name, key):
    "The numbers called `key` of all measurements called `name` and a seed."
    return [r[key] for full, r in results.items() if full.rsplit(' ', 1)[0] == name and key in r]


def ratio(results, name, key, to='fastai article', up=False):
    "How many times better than `to`: means over the seeds. With `up`, more is better."
    ours, theirs = over_seeds(results, name, key), over_seeds(results, to, key)
    if not ours or not theirs:
        return '–'
    times = statistics.mean(theirs)/statistics.mean(ours)
    return f'{1/times if up else times:.1f} ×'


def rows_of(results):
    "What is compared: name in the results -> what the reader is told."
    ways = {f'fastai {name}': f'fastai, `fine_tune(3)`, {way.text}' for name, way in WAYS.items()}
    return ways | {f'quick {size}': f'quick, {size} px' for size in SIZES}


def table_training(results):
    "Lines: training, side by side."
    lines = ['| way (body: EfficientNet-Lite0 in all) | seeds | train, s | × | whole process, s | × | '
             'wrong | loss | peak memory, MB |',
             '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |']
    for name, text in rows_of(results).items():
        seeds = len(over_seeds(results, name, 'errors'))
        cells = [text, str(seeds), spread(results, name, 'seconds', '.1f'), ratio(results, name, 'seconds'),
                 spread(results, name, 'process', '.1f'), ratio(results, name, 'process'),
                 spread(results, name, 'errors', '.1f'), spread(results, name, 'loss', '.3f'),
                 spread(results, name, 'memory', '.0f')]
        lines.append(f'| {" | ".join(cells)} |')
    return lines


def table_prediction(results):
    "Lines: prediction, side by side."
    lines = ['| way | one photo, ms | × | photos a second | × |', '| --- | ---: | ---: | ---: | ---: |']
    for name, text in rows_of(results).items():
        if one := over_seeds(results, name, 'one'):
            cells = [text, f'{statistics.mean(one)*1000:.1f}', ratio(results, name, 'one'),
                     f"{statistics.mean(over_seeds(results, name, 'bulk')):.0f}",
                     ratio(results, name, 'bulk', up=True)]
            lines.append(f'| {" | ".join(cells)} |')
    return lines


def table_shell(results):
    "Lines: `cat-or-dog train` from the shell, on a fresh cache and later."
    article = over_seeds(results, 'fastai article', 'process')
    lines = ['| from the shell | first, fresh cache, s | × article | later, new photos, s | '
             'known photos, s | predict one, s |', '| --- | ---: | ---: | ---: | ---: | ---: |']
    for size in SIZES:
        name = f'shell {size}'
        first = over_seeds(results, name, 'first')
        times = f'{statistics.mean(article)/statistics.mean(first):.0f} ×' if article and first else '–'
        cells = [f'`cat-or-dog train`, {size} px', spread(results, name, 'first', '.2f'), times,
                 *(spread(results, name, key, '.2f') for key in ('new photos', 'known photos', 'predict'))]
        lines.append(f'| {" | ".join(cells)} |')
    return lines


def table_learning(results):
    "Lines: how few photos are enough."
    lines = ['| learns from | size | wrong, with the head start: mean (worst) | from zero: mean (worst) |',
             '| --- | ---: | ---: | ---: |']
    def cell(r):
        return f"{r['mean']:.1%} ({r['worst']:.1%})"
    for size in SIZES:
        if r := results.get(f'untrained {size}'):
            lines.append(f"| nothing: ImageNet's own head | {size} | {r['errors']/r['n']:.1%} | – |")
        rows = {f'few {size} {n}': f'{n} of each label' for n in (1, 5, 20)}
        rows[f'uneven {size}'] = '5 of one label and 100 of the other'
        for name, text in rows.items():
            if r := results.get(name):
                lines.append(f"| {text}, 20 choices | {size} | {cell(r['with'])} | {cell(r['without'])} |")
        if r := results.get(f'drawings {size}'):
            lines.append(f"| 400 drawings, no photo | {size} | {r['errors']/r['n']:.1%} | – |")
    return lines


def table_growth(results):
    "Lines: more and more photos."
    lines = ['| photos, 256 px | train, s | ms a photo | peak memory, MB |', '| ---: | ---: | ---: | ---: |']
    for n in (100, 400, 2_000, 20_000):
        if r := results.get(f'growth {n}'):
            lines.append(f"| {n:,} | {r['seconds']:.1f} | {r['seconds']/n*1000:.1f} | {r['memory']:.0f} |")
    return lines


def table_limit(results):
    "Lines: how far the limit is."
    lines = ['| ms a photo, all cores | decode and resize | body | both | body at the peak rate |',
             '| --- | ---: | ---: | ---: | ---: |']
    for size in SIZES:
        if r := results.get(f'limit {size}'):
            cells = [f"{r[key]:.2f}" for key in ('decode', 'body', 'together', 'at_peak')]
            work = f"{r['macs']/MEGA:.0f} million multiply-and-adds"
            text = f"{size} px, {work}, peak {r['rate']/1e9:.0f} billion a second"
            lines.append(f'| {text} | {" | ".join(cells)} |')
    return lines


def report(results):
    "The page with all tables."
    n, test = (len(files_in(part)[0]) for part in ('train', 'valid'))
    lines = ['# Training and prediction, measured', '',
             f'{platform.machine()}, {usable_cores()} cores, Python {platform.python_version()}, '
             f'torch {version("torch")}, fastai {version("fastai")}, onnxruntime {version("onnxruntime")}. '
             'One machine, one day: only ratios mean something elsewhere. '
             f'{n} photos to train on, {test} others to test; mean (smallest–largest) over the seeds; '
             'seconds only of runs beside which nothing else ran. '
             "The body is EfficientNet-Lite0 everywhere, not the article's resnet18. `×`: against the "
             'article\'s way with batches of 64. "Whole process" has the imports in it. The seed of '
             'fastai\'s rows decides the head\'s first weights, the order, and which fifth is set '
             'apart; that of ours, the folds.']
    tables = table_training, table_prediction, table_shell, table_learning, table_growth, table_limit
    for table in tables:
        rows = table(results)
        if len(rows) > HEAD:
            lines += ['', *rows]
    lines += ['', f'Installed: base {installed("cat_or_dog"):.0f} MB, with onnx for training '
              f'{installed("cat_or_dog", "onnx"):.0f} MB, '
              f'fastai and timm {installed("fastai", "timm"):.0f} MB.',
              '', '![Seconds to train, and photos that were wrong](train.png)', '']
    return '\n'.join(lines)


def plot(results, file):
    "Seconds and errors of each way: a dot for each seed."
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    fig, axs = plt.subplots(1, 2, figsize=(11, 3.4), sharey=True, layout='constrained')
    rows = list(rows_of(results).items())[::-1]
    titles = {'process': 'whole process, s (log)', 'errors': 'wrong photos'}
    for ax, (key, title) in zip(axs, titles.items(), strict=True):
        for y, (name, _) in enumerate(rows):
            values = over_seeds(results, name, key)
            colour = '#0072b2' if name.startswith('quick') else '#666666'
            ax.plot(values, [y]*len(values), 'o', color=colour, alpha=.6)
        ax.set_title(title)
        ax.grid(axis='x', alpha=.3)
    axs[0].set_xscale('log')
    axs[0].set_yticks(range(len(rows)), [text.replace('`', '') for _, text in rows])
    fig.savefig(file, dpi=120)


PARTS = {'quick': part_quick, 'shell': part_shell, 'learn': part_learn, 'growth': part_growth,
         'limit': part_limit, 'fastai': part_fastai}


ENOUGH = 44   # of each label: four fifths of all are more than a batch of 64, else fastai trains nothing


def smoke(parts):
    "Each part once, on a few drawings: does everything run?"
    global PHOTOS
    with tempfile.TemporaryDirectory() as folder:
        PHOTOS = Path(folder)
        os.environ['CAT_OR_DOG_PHOTOS'] = folder
        draw_photos(PHOTOS/'train', range(ENOUGH))
        draw_photos(PHOTOS/'valid', range(ENOUGH, 2*ENOUGH))
        results = Results(None)
        for part in parts:
            PARTS[part](results, [1], 1)
        print(report(results))
        plot(results, Path(folder)/'plot.png')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--part', choices=[*PARTS, 'report'], help='only this part (default: all)')
    parser.add_argument('--smoke', action='store_true', help='on a few drawings, to see whether it runs')
    parser.add_argument('--child', help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.update(CAT_OR_DOG_OFFLINE='1', PYTHONWARNINGS='ignore', TQDM_DISABLE='1')
    if args.child:
        return child(args.child)
    parts = [args.part] if args.part in PARTS else [] if args.part else list(PARTS)
    if args.smoke:
        return smoke(parts)
    if not PHOTOS.is_dir():
        raise SystemExit(f'The real photos are not at {PHOTOS}; set CAT_OR_DOG_PHOTOS to where they are.')
    results = Results(RESULTS)
    for part in parts:
        PARTS[part](results, SEEDS, 3)
    write_whole(RESULTS.with_suffix('.md'), report(results).encode())
    plot(results, RESULTS.with_suffix('.png'))


if __name__ == '__main__':
    main()

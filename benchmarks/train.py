"""Training and prediction, side by side with raw fastai: one run, one machine, each measurement in a process of its own.

    python benchmarks/train.py        writes benchmarks/train.md and benchmarks/train.png

The photos are those of ../shared/photos (or CAT_OR_DOG_PHOTOS): trained on `train`, 400 photos, tested on `valid`, 200 others.
"""
import json, os, platform, re, shutil, subprocess, sys, tempfile, time
from importlib.metadata import distribution, version
from pathlib import Path

root = Path(__file__).resolve().parent.parent
photos = Path(os.environ.get('CAT_OR_DOG_PHOTOS', root.parent/'shared'/'photos'))
os.environ.update(CAT_OR_DOG_OFFLINE='1', PYTHONWARNINGS='ignore', TQDM_DISABLE='1')
valid = sorted((photos/'valid').glob('*/*.jpg'))


def best(f, times=3):
    "The shortest of several runs, in seconds."
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


# What runs in a process of its own. Each returns a dict; `measure` adds the peak memory.

def fastai(way):
    "Raw fastai on efficientnet_lite0: 'article' = fine_tune(3) as written; 'best' = one frozen epoch, batch norm fixed; 'repaired' = fine_tune(3), batch norm fixed."
    start = time.perf_counter()
    from fastai.vision.all import (CategoryBlock, DataBlock, ImageBlock, RandomSplitter, Resize, error_rate, get_image_files, parent_label, set_seed, vision_learner)
    imported = time.perf_counter() - start
    from cat_or_dog.predict import scores
    from cat_or_dog.train import _register_lite0, efficientnet_lite0, fixed_batch_norm
    _register_lite0()
    set_seed(42, reproducible=True)
    start = time.perf_counter()
    dls = DataBlock(blocks=(ImageBlock, CategoryBlock), get_items=get_image_files, splitter=RandomSplitter(valid_pct=0.2, seed=42), get_y=parent_label,
                    item_tfms=[Resize(192, method='squish')]).dataloaders(photos/'train', bs=64 if way == 'article' else 32, num_workers=0)
    options = {} if way == 'article' else dict(train_bn=False, cbs=fixed_batch_norm())
    learn = vision_learner(dls, efficientnet_lite0, metrics=error_rate, **options)
    with learn.no_bar(), learn.no_logging():
        if way == 'best':
            learn.freeze()
            learn.fit_one_cycle(1, 2e-3, pct_start=0.99)   # the frozen epoch of fine_tune
        else: learn.fine_tune(3)
        seconds = time.perf_counter() - start
        bulk = best(lambda: learn.get_preds(dl=dls.test_dl(valid)), 2)
        probabilities = learn.get_preds(dl=dls.test_dl(valid))[0].numpy()
        one = best(lambda: [learn.predict(f) for f in valid[:20]])/20
        collect_statistics(learn)
        collected = learn.get_preds(dl=dls.test_dl(valid))[0].numpy()
    actual = [f.parent.name for f in valid]
    result = scores(probabilities, actual, list(dls.vocab))
    return dict(imported=imported, seconds=seconds, one=one, bulk=len(valid)/bulk, collected=scores(collected, actual, list(dls.vocab))['errors'],
                **{k: result[k] for k in ('errors', 'n', 'error_rate', 'calibration_error')})


def collect_statistics(learn):
    "Collect the running statistics of all batch norm layers anew, over the training photos; no parameter changes."
    import torch
    norms = [m for m in learn.model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    learn.model.train()
    with torch.no_grad():
        for xb, _ in learn.dls.train: learn.model(xb)


def quick(size, start_='yes', folder=None):
    "Our quick way, from nothing but the exported body; then its predictions."
    start = time.perf_counter()
    from cat_or_dog.train import train
    imported = time.perf_counter() - start
    start = time.perf_counter()
    model = train(folder or photos/'train', size=int(size), head_start=start_ == 'yes')
    seconds = time.perf_counter() - start
    if folder: return dict(seconds=seconds, imported=imported)
    start = time.perf_counter()
    train(photos/'train', size=int(size), head_start=start_ == 'yes')
    again = time.perf_counter() - start
    result = model.evaluate(valid)
    bulk = best(lambda: list(model.predict_many(valid*3)))/3
    one = best(lambda: [model.predict(f) for f in valid[:50]])/50
    return dict(imported=imported, seconds=seconds, again=again, one=one, bulk=len(valid)/bulk, megabytes=len(model.data)/1e6, lam=model.metadata['regularisation'],
                **{k: result[k] for k in ('errors', 'n', 'error_rate', 'calibration_error', 'neither')})


def floor(size):
    "No training: what ImageNet's own head says."
    import numpy as np
    from cat_or_dog.train import features, head_start
    guess = np.array(['cat', 'dog'])[head_start(features(valid, int(size)), ['cat', 'dog']).argmax(1)]
    return dict(errors=int((guess != [f.parent.name for f in valid]).sum()), n=len(valid))


def few(size, n='5', draws=20):
    "Error rates with `n` photos a label, averaged over random choices: with the head start and from zero."
    import numpy as np
    from cat_or_dog.train import features, fit_head, head_probabilities
    files = sorted((photos/'train').glob('*/*.jpg'))
    X, y, V, actual = features(files, int(size)), np.array([f.parent.name for f in files]), features(valid, int(size)), np.array([f.parent.name for f in valid])
    found = {}
    for start in (True, False):
        wrong = []
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            chosen = np.concatenate([rng.choice(np.flatnonzero(y == label), int(n), replace=False) for label in ('cat', 'dog')])
            wrong.append((np.array(['cat', 'dog'])[head_probabilities(fit_head(X[chosen], y[chosen], start), V).argmax(1)] != actual).mean())
        found['with' if start else 'without'] = float(np.mean(wrong))
    return found


def drawings(size):
    "Trained on 400 drawings alone, tested on real photos."
    from cat_or_dog.drawings import draw
    from cat_or_dog.train import train
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for label in ('cat', 'dog'):
            (Path(folder)/label).mkdir()
            for i in range(200): draw(label, i).save(Path(folder)/label/f'{i}.jpg', quality=92)
        for start in (True, False):
            result = train(folder, size=int(size), head_start=start).evaluate(valid)
            found['with' if start else 'without'] = dict(errors=result['errors'], n=result['n'], neither=result['neither'])
    return found


def measure(name, *args, fresh=True):
    "Run one of the functions above in a new process, with an empty cache of features (the body's files are kept)."
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as cache:
        from cat_or_dog.search import cache_folder
        for file in cache_folder().glob('tf_*'): shutil.copy(file, cache)
        if fresh: environment['CAT_OR_DOG_CACHE'] = cache
        done = subprocess.run([sys.executable, __file__, name, *map(str, args)], env=environment, capture_output=True, text=True)
    if done.returncode: raise SystemExit(done.stderr)
    result = json.loads(done.stdout.splitlines()[-1])
    print(name, *args, result, file=sys.stderr)
    return result


def shell(*command, times=5):
    "Seconds that a command takes, from nothing: the median of several runs."
    return sorted(best(lambda: subprocess.run(command, check=True, capture_output=True), 1) for _ in range(times))[times//2]


def installed(*names):
    "Megabytes of the named distributions and of all that they require."
    todo, sizes = list(names), {}
    while todo:
        name = todo.pop().lower().replace('_', '-')
        if name in sizes: continue
        try: dist = distribution(name)
        except Exception: continue
        sizes[name] = sum(f.locate().stat().st_size for f in dist.files or () if f.locate().exists())
        todo += [re.match(r'[\w.-]+', r)[0] for r in dist.requires or () if 'extra ==' not in r]
    return sum(sizes.values())/1e6


def growth():
    "Seconds of the quick way for more and more photos; 20,000 by repetition, each copy with other bytes at its end so that it is new."
    files, rows = sorted((photos/'train').glob('*/*.jpg')), {}
    for n in (100, 400, 2_000, 20_000):
        with tempfile.TemporaryDirectory() as folder:
            for label in ('cat', 'dog'):
                (Path(folder)/label).mkdir()
                mine = [f for f in files if f.parent.name == label]
                for i in range(n//2): (Path(folder)/label/f'{i:05}.jpg').write_bytes(mine[i % len(mine)].read_bytes() + i.to_bytes(4, 'big'))
            rows[n] = measure('quick', 192, 'yes', folder)
    return rows


def main():
    if not photos.is_dir(): raise SystemExit(f'The real photos are not at {photos}; set CAT_OR_DOG_PHOTOS to where they are.')
    from cat_or_dog.train import _imagenet, body, train
    for size in (192, 256): body(size)
    _imagenet()
    ways = {'article': 'fastai, `fine_tune(3)` as in the article', 'repaired': 'fastai, `fine_tune(3)`, batch norm fixed', 'best': 'fastai, best: one frozen epoch, batch norm fixed'}
    theirs = {text: measure('fastai', way) for way, text in ways.items()}
    ours = {f'quick, {size} px{"" if start == "yes" else ", no head start"}': measure('quick', size, start) for size, start in ((192, 'yes'), (192, 'no'), (256, 'yes'))}
    article, best_of_fastai = theirs[ways['article']], theirs[ways['best']]
    lines = ['# Training and prediction, measured', '',
             f'{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {version("torch")}, fastai {version("fastai")}, onnxruntime {version("onnxruntime")}. '
             'One run of `make bench`; only the ratios mean something on another machine. 400 photos to train on, 200 others to test. Body: efficientnet_lite0 everywhere. '
             'Seconds to train count from after the imports to the finished model; ours include the cross-validation and the model file. Times `×` are against the article.', '',
             '| way | import, s | train, s | × article | × best fastai | wrong of 200 | calibration error | peak memory, MB | one photo, ms | × | photos a second | × |',
             '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |']
    for text, r in (theirs | ours).items():
        lines.append(f"| {text} | {r['imported']:.2f} | {r['seconds']:.2f} | {article['seconds']/r['seconds']:.1f} | {best_of_fastai['seconds']/r['seconds']:.1f} | {r['errors']} ({r['error_rate']:.1%}) "
                     f"| {r['calibration_error']:.1%} | {r['memory']:.0f} | {r['one']*1000:.1f} | {article['one']/r['one']:.1f} | {r['bulk']:.0f} | {r['bulk']/article['bulk']:.1f} |")
    full, nothing = ours['quick, 192 px'], measure('floor', 192)
    lines += ['', f"Is batch norm to blame for the article's errors? With the same parameters, and only the statistics of batch norm collected anew over the training photos, "
              f"`fine_tune(3)` as in the article is wrong on {article['collected']} of 200 instead of {article['errors']}.", '', f"With the imports, the quick way at 192 px takes {full['imported'] + full['seconds']:.2f} s, the article {article['imported'] + article['seconds']:.0f} s: "
              f"{(article['imported'] + article['seconds'])/(full['imported'] + full['seconds']):.0f} ×. Training again on the same photos, their features known: {full['again']:.2f} s. "
              f"The model file has {full['megabytes']:.1f} MB; it called {full['neither']} of the 200 photos \"neither\".", '',
              '| what it learns from | size | wrong, with the head start | wrong, from zero |', '| --- | ---: | ---: | ---: |',
              f"| nothing (ImageNet's own head) | 192 | {nothing['errors']/nothing['n']:.1%} | – |"]
    for size in (192, 256):
        for n in (1, 5, 20):
            r = measure('few', size, n)
            lines.append(f"| {n} photo{'s' if n > 1 else ''} a label, mean of 20 choices | {size} | {r['with']:.1%} | {r['without']:.1%} |")
        r = measure('drawings', size)
        lines.append(f"| 400 drawings, no photo | {size} | {r['with']['errors']/r['with']['n']:.1%} | {r['without']['errors']/r['without']['n']:.1%} |")
    rows = growth()
    lines += ['', '| photos | train, s | ms a photo | peak memory, MB |', '| ---: | ---: | ---: | ---: |']
    lines += [f"| {n:,} | {r['seconds']:.1f} | {r['seconds']/n*1000:.1f} | {r['memory']:.0f} |" for n, r in rows.items()]
    with tempfile.TemporaryDirectory() as folder:
        model, command = train(photos/'train').save(Path(folder)/'model.onnx'), Path(sys.executable).parent/'cat-or-dog'
        lines += ['', '| from the shell, cold | |', '| --- | ---: |',
                  f"| `cat-or-dog predict photo.jpg` | {shell(command, 'predict', valid[0], '--model', model):.2f} s |",
                  f"| `import cat_or_dog.predict` | {shell(sys.executable, '-c', 'import cat_or_dog.predict'):.2f} s |",
                  f"| `import fastai.vision.all` | {shell(sys.executable, '-c', 'import fastai.vision.all', times=3):.2f} s |",
                  f"| installed, base | {installed('cat_or_dog'):.0f} MB |",
                  f"| installed, fastai | {installed('fastai', 'timm'):.0f} MB |"]
    lines += ['', '![Seconds to train, and errors](train.png)', '']
    plot(theirs | ours)
    (root/'benchmarks'/'train.md').write_text('\n'.join(lines), encoding='utf-8')
    print('\n'.join(lines))


def plot(rows):
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout='constrained')
    names = [name.replace('`', '') for name in rows]
    for ax, key, title in ((left, 'seconds', 'seconds to train (log)'), (right, 'errors', 'wrong of 200 photos')):
        values = [r[key] for r in rows.values()]
        ax.bar_label(ax.barh(names, values, color=['#888888']*3 + ['#0072b2']*3), [f'{v:.3g}' for v in values], padding=3)
        ax.set_title(title)
        ax.margins(x=0.15)
    left.set_xscale('log')
    left.invert_yaxis()
    fig.savefig(root/'benchmarks'/'train.png', dpi=110)


if __name__ == '__main__':
    if len(sys.argv) == 1: main()
    else:
        result = globals()[sys.argv[1]](*sys.argv[2:])
        peak = re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())   # of this process alone
        print(json.dumps(result | dict(memory=int(peak[1])/1024)))

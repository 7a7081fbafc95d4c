"""fastai on one process and on two: the same photos, the same steps, the same weights. Writes processes.md.

    python benchmarks/processes.py [--json]

`distrib_ctx` gives each process its share of the photos; after each step the processes average their
gradients (here over gloo, which needs no GPU), so all take the same step. Two processes with batches of 8
must therefore end where one process with batches of 16 does, up to rounding, if nothing is left to chance: no
augmentation, no shuffling, no dropout, plain SGD. Batch norm has no place in this comparison: its statistics
belong to the photos of one process, and PyTorch's SyncBatchNorm works on GPUs only.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parent
PHOTOS, SIDE, BATCH, EPOCHS, RATE, SEED = 128, 64, 16, 8, 0.2, 42


def order_of(processes: int) -> list[int]:
    "The photos in the order in which one process sees together what `processes` processes see together."
    share, each = PHOTOS//processes, BATCH//processes
    return [process*share + start + i
            for start in range(0, share, each) for process in range(processes) for i in range(each)]


def dataset(numbers) -> list:
    "Drawings as tensors, with their labels' numbers."
    import torch

    from cat_or_dog.engine.drawings import draw
    def one(i):
        photo = np.asarray(draw(('cat', 'dog')[i % 2], i).resize((SIDE, SIDE)), np.float32)
        return torch.tensor(4*photo/255 - 2).permute(2, 0, 1), torch.tensor(i % 2)
    return [one(i) for i in numbers]


def network():
    "A small network without batch norm and dropout."
    from torch import nn
    def block(a, b):
        return [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()]
    layers = [*block(3, 16), *block(16, 32), *block(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(64, 2))


def send_the_order_without_a_gpu():
    "fastai sends the order of the photos from process to process by way of a GPU; gloo does not need one."
    import torch
    from fastai.distributed import DistributedDL
    def broadcast(self, order, rank):
        order = torch.tensor(order)
        torch.distributed.broadcast(order, rank)
        return order.tolist()
    DistributedDL._broadcast = broadcast   # pinned: there is no public way, and the original calls .cuda()


def train(out: Path, half: bool):
    "What every process does; the first one saves the weights."
    import torch
    from fastai.data.core import DataLoaders, TfmdDL
    from fastai.learner import Learner
    from fastai.losses import CrossEntropyLossFlat
    from fastai.optimizer import SGD
    from fastai.torch_core import num_distrib, rank_distrib
    processes = num_distrib() or 1
    send_the_order_without_a_gpu()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    numbers = order_of(2) if processes == 1 else range(PHOTOS)
    numbers = range(PHOTOS//2) if half else numbers
    parts = dataset(numbers), dataset(range(1000, 1064))
    dls = DataLoaders(*(TfmdDL(part, bs=BATCH//processes, shuffle=False, num_workers=0) for part in parts))
    learn = Learner(dls.cpu(), network(), loss_func=CrossEntropyLossFlat(), opt_func=SGD)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging(), learn.distrib_ctx(sync_bn=False, cpu=True):
        learn.fit(EPOCHS, lr=RATE)
        loss = float(learn.validate()[0])
    seconds = time.perf_counter() - start
    if not rank_distrib():
        weights = torch.cat([p.detach().flatten() for p in learn.model.parameters()]).numpy()
        np.savez(out, weights=weights, loss=loss, seconds=seconds)


def leave_the_others():
    "Take the process group down: threads that are left waiting abort a process at its end, now and then."
    from fastai.distributed import teardown_distrib
    teardown_distrib()


def free_port() -> int:
    "A port of this computer that nobody uses."
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def run(processes: int, half: bool = False) -> dict:
    "The weights, and the loss on 64 other drawings, after training on so many processes."
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)/'weights.npz'
        shared = {'WORLD_SIZE': str(processes), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(free_port()),
                  'ACCELERATE_USE_CPU': 'true', 'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo'}
        commands = [[sys.executable, __file__, '--work', str(out), *(['--half'] if half else [])]]*processes
        places = [{}]
        if processes > 1:
            places = [{'RANK': str(i), 'LOCAL_RANK': str(i)} | shared for i in range(processes)]
        started = [subprocess.Popen(command, env=os.environ | place)
                   for command, place in zip(commands, places, strict=True)]
        codes = [process.wait(600) for process in started]
        if any(codes):
            raise SystemExit('a process failed; what it said stands above')
        return dict(np.load(out))


def measure() -> dict:
    "Two processes beside one; and one that saw only the first half, to see what a difference looks like."
    one, two, half = run(1), run(2), run(1, half=True)
    def difference(other):
        return float(np.abs(one['weights'] - other['weights']).max())
    return {'weights': len(one['weights']), 'largest': float(np.abs(one['weights']).max()),
            'two': difference(two), 'half': difference(half),
            'losses': [float(run['loss']) for run in (one, two, half)],
            'seconds': [float(run['seconds']) for run in (one, two, half)]}


def report(found: dict) -> str:
    "The page, in Markdown."
    import accelerate
    import fastai
    import torch
    names = ('one process, batches of 16', 'two processes, batches of 8 each',
             'one process, only the first half')
    differences = 0, found['two'], found['half']
    rows = [f'| {name} | {loss:.6f} | {difference:.1e} | {seconds:.1f} |' for name, loss, difference, seconds
            in zip(names, found['losses'], differences, found['seconds'], strict=True)]
    return '\n'.join([
        '# fastai on two processes', '',
        f'Made by `python benchmarks/processes.py`: fastai {fastai.__version__}, accelerate '
        f'{accelerate.__version__}, torch {torch.__version__}, gloo, {os.cpu_count()} cores. {PHOTOS} '
        f'drawings, {EPOCHS} epochs of plain SGD on a network with {found["weights"]:,} weights (the largest '
        f'is {found["largest"]:.2f}), one thread for each process. With so small a network two processes are '
        'not quicker: they wait for each other after each step.', '',
        '| what | loss on 64 others | largest difference of a weight | seconds |',
        '| --- | ---: | ---: | ---: |', *rows, ''])


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true', help='print what was found, and write nothing')
    parser.add_argument('--work', help='used by the program itself: train, and save the weights there')
    parser.add_argument('--half', action='store_true', help='used by the program itself')
    args = parser.parse_args()
    if args.work:
        train(Path(args.work), args.half)
        leave_the_others()
    elif args.json:
        print(json.dumps(measure()))
    else:
        text = report(measure())
        (here/'processes.md').write_text(text, encoding='utf-8')
        print(text)

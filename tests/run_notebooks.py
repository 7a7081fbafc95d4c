"""Run notebooks from a fresh kernel; with --write, keep their outputs, cleaned of noise.

    python tests/run_notebooks.py [--write] [nbs/01_search.ipynb ...]      (default: every numbered notebook)
"""
import argparse, os, re, sys, time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

root = Path(__file__).resolve().parent.parent
notebooks = sorted((root/'nbs').glob('[0-9][0-9]_*.ipynb'))
offline = {'CAT_OR_DOG_OFFLINE': '1', 'PYTHONWARNINGS': 'ignore'}   # the committed outputs are those of a machine with no network

NOISE = [(re.compile(r' at 0x[0-9a-f]{6,}'), ''),                        # memory addresses
         (re.compile(re.escape(str(root)) + '/?'), ''),                  # where this checkout happens to be
         (re.compile(re.escape(str(Path.home())) + r'(?=[/\s\'"])'), '~'),
         (re.compile(r'127\.0\.0\.1:\d+'), '127.0.0.1:8000'),            # the port is whatever was free
         (re.compile(r'(?<=<td>)\d\d:\d\d(?=</td>)'), '–')]              # seconds an epoch took: another number in every run


def live(cell):
    "Is this a cell that only makes sense with the live web or a person at the keyboard?"
    return cell.cell_type == 'code' and re.search(r'^#\|\s*eval:\s*false', cell.source, re.M)


def quiet(text):
    "`text` without what would differ in the next run."
    for pattern, replacement in NOISE: text = pattern.sub(replacement, text)
    return text


def cleaned(output):
    "One output as it is kept: no progress bars, no widget state, no noise; `None` if nothing is left."
    if output.output_type == 'stream':
        if output.name == 'stderr': return None                          # progress bars and warnings about this machine
        output.text = quiet(output.text)
        return output if output.text.strip() else None
    data = output.get('data', {})
    if 'application/vnd.jupyter.widget-view+json' in data: return None   # a page on the web cannot show it
    for kind in ('text/html', 'text/plain', 'text/markdown'):
        if kind in data: data[kind] = quiet(data[kind])
    html = data.get('text/html')
    if html is not None and '<table' not in html and '<img' not in html: return None   # a progress bar, or what is left of one
    return output


def run(path, write=False, timeout=1200):
    "Run one notebook in its own folder, as a reader would; an exception in a cell is raised here."
    nb = nbformat.read(path, as_version=4)
    original = {c.id: c.get('outputs') for c in nb.cells}
    for cell in nb.cells:
        if live(cell): cell.metadata['tags'] = ['skip-execution']
    NotebookClient(nb, timeout=timeout, kernel_name='python3', store_widget_state=False,
                   resources={'metadata': {'path': str(path.parent)}}).execute()
    if not write: return nb
    for cell in nb.cells:
        cell.metadata.pop('tags', None)
        cell.metadata.pop('execution', None)
        if cell.cell_type != 'code': continue
        cell.execution_count = None
        if live(cell): cell.outputs = original[cell.id]
        else: cell.outputs = [o for o in map(cleaned, cell.outputs) if o]
        for o in cell.outputs:
            if o.output_type == 'execute_result': o.execution_count = None
    nb.metadata = {'kernelspec': {'display_name': 'python3', 'language': 'python', 'name': 'python3'}}
    new = path.with_suffix('.new')
    nbformat.write(nb, new)
    new.replace(path)
    return nb


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('notebooks', nargs='*', type=Path, default=notebooks)
    parser.add_argument('--write', action='store_true', help='keep the outputs in the notebook')
    args = parser.parse_args()
    os.environ.update(offline)
    for path in args.notebooks:
        start = time.time()
        run(path.resolve(), args.write)
        print(f'{path.name}: ran in {time.time() - start:.0f} s', file=sys.stderr)

"""Run the pages from a fresh kernel; with --write, keep their outputs, cleaned of noise.

    python tools/run_pages.py [--write] [nbs/01_search.ipynb …]     (default: the lesson, then the engine)
"""
import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from figure_words import keep_words, recorded, with_recorder
from house import ROOT, lesson_pages, pages
from nbclient import NotebookClient

# Committed outputs are those of a machine with no web that speaks English.
OFFLINE = {'CAT_OR_DOG_OFFLINE': '1', 'CAT_OR_DOG_LANG': 'en', 'PYTHONWARNINGS': 'ignore'}

NOISE = [(re.compile(r' at 0x[0-9a-f]{6,}'), ''),                        # memory addresses
         (re.compile(re.escape(str(ROOT)) + '/?'), ''),                  # where this checkout happens to be
         (re.compile(re.escape(str(Path.home())) + r'(?=[/\s\'"])'), '~'),
         (re.compile(r'/tmp/tmp[a-z0-9_]{8}/?'), ''),                    # folders made anew in every run
         (re.compile(r'127\.0\.0\.1:\d+'), '127.0.0.1:8000'),            # the port is whatever was free
         (re.compile(r'(?<=<td>)\d\d:\d\d(?=</td>)'), '–')]              # seconds an epoch took
WIDGET = 'application/vnd.jupyter.widget-view+json'
FIGURE_ALT = re.compile(r'^#\|\s*fig-alt:\s*(.+)$', re.M)                # what a picture shows


def live(cell) -> bool:
    "Is this a cell that only makes sense with the live web or a person at the keyboard?"
    return cell.cell_type == 'code' and bool(re.search(r'^#\|\s*eval:\s*false', cell.source, re.M))


def quiet(text: str) -> str:
    "`text` without what would differ in the next run."
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text


def cleaned(output):
    "One output as it is kept: no progress bars, no widget state, no noise; `None` if nothing is left."
    if output.output_type == 'stream':
        if output.name == 'stderr':   # progress bars, and warnings about this machine
            return None
        output.text = quiet(output.text)
        return output if output.text.strip() else None
    data = output.get('data', {})
    if WIDGET in data:   # a page on the web cannot show it
        return None
    for kind in ('text/html', 'text/plain', 'text/markdown'):
        if kind in data:
            data[kind] = quiet(data[kind])
    html = data.get('text/html')
    if html is not None and not re.search('<table|<img', html):   # a progress bar, or what is left of one
        return None
    return output


def with_alt(cell) -> None:
    "Write what a cell says of its picture (`#| fig-alt: …`) into the picture's metadata, where pages look."
    found = FIGURE_ALT.search(cell.source)
    for output in cell.outputs if found else []:
        if 'image/png' in output.get('data', {}):
            output.metadata.setdefault('image/png', {})['alt'] = found[1].strip()


def keep_outputs(nb, original: dict) -> None:
    "Clean the outputs of `nb`; a live cell keeps those that it had."
    for cell in nb.cells:
        cell.metadata.pop('tags', None)
        cell.metadata.pop('execution', None)
        if cell.cell_type != 'code':
            continue
        cell.execution_count = None
        cell.outputs = original[cell.id] if live(cell) else [o for o in map(cleaned, cell.outputs) if o]
        with_alt(cell)
        for output in cell.outputs:
            if output.output_type == 'execute_result':
                output.execution_count = None
    nb.metadata = {'kernelspec': {'display_name': 'python3', 'language': 'python', 'name': 'python3'}}


def execute(nb, path: Path, timeout: int) -> list[str]:
    "Run the cells of a page in its own folder; what it writes into figures, if it is of the lesson."
    client = NotebookClient(nb, timeout=timeout, kernel_name='python3', store_widget_state=False,
                            resources={'metadata': {'path': str(path.parent)}},
                            coalesce_streams=True)   # in how many pieces printed text comes is chance
    if path not in lesson_pages():
        client.execute()
        return []
    nb.cells = with_recorder(nb.cells)
    client.execute()
    drawn = recorded(nb.cells)
    nb.cells = nb.cells[1:-1]
    return drawn


def run(path: Path, write: bool = False, timeout: int = 1200):
    """Run one page in its own folder, as a reader would; an exception in a cell is raised here.
    What is returned has in its metadata, as `drawn`, the texts that a lesson page's figures show."""
    nb = nbformat.read(path, as_version=4)
    original = {cell.id: cell.get('outputs') for cell in nb.cells}
    for cell in nb.cells:
        if live(cell):
            cell.metadata['tags'] = ['skip-execution']
    drawn = execute(nb, path, timeout)
    if write:
        keep_outputs(nb, original)
        if path in lesson_pages():
            keep_words(path, nb, drawn)
        new = path.with_suffix('.new')
        nbformat.write(nb, new)
        new.replace(path)
    nb.metadata['drawn'] = drawn
    return nb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('pages', nargs='*', type=Path, default=pages())
    parser.add_argument('--write', action='store_true', help='keep the outputs in the notebook')
    args = parser.parse_args()
    os.environ.update(OFFLINE)
    for path in args.pages:
        start = time.time()
        run(path.resolve(), args.write)
        print(f'{path.name}: ran in {time.time() - start:.0f} s', file=sys.stderr)


if __name__ == '__main__':
    main()

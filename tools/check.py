"""All that keeps the house in order, and that is not a test: one line for each thing to mend.

    python tools/check.py [NAME …]   ruff, types, budgets, house, glossary, japanese, messages, made (all)
"""
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import badges
import draw_house
import japanese
import link_glossary
import measure
import messages
from house import ROOT, name_of
from render_readme import READMES, render

BIN = Path(sys.executable).parent


def answer_of(*command: str | Path) -> list[dict]:
    "What a tool finds, as it writes it in JSON. Raises `RuntimeError` if the tool itself fails."
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding='utf-8')
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        raise RuntimeError(f'{Path(command[0]).name} did not work: {done.stderr.strip()}') from error
    return found['generalDiagnostics'] if isinstance(found, dict) else found


def ruff() -> list[str]:
    "Lint, width and order of imports; what is asked is in pyproject.toml."
    found = answer_of(BIN/'ruff', 'check', '--output-format', 'json', '--no-cache')
    places = [(name_of(Path(one['filename'])), one) for one in found]
    return [f'{name}:{one["location"]["row"]}: {one["code"]} {one["message"]}'
            for name, one in places]


def types() -> list[str]:
    "What the annotations promise, and the code does not keep."
    found = answer_of(BIN/'basedpyright', '--outputjson')
    places = [(name_of(Path(one['file'])), one) for one in found]
    return [f'{name}:{one["range"]["start"]["line"] + 1}: {one["message"].splitlines()[0]}'
            for name, one in places]


def texts(folder: Path, pattern: str) -> dict[str, str]:
    "The files below `folder`, by their path in it."
    files = [file for file in folder.rglob(pattern) if '.ipynb_checkpoints' not in file.parts]
    return {file.relative_to(folder).as_posix(): file.read_text(encoding='utf-8') for file in sorted(files)}


def changed(folder: str, copy: Path, pattern: str, command: str) -> list[str]:
    "The files in which `copy` differs from the repository."
    here, there = texts(ROOT/folder, pattern), texts(copy/folder, pattern)
    return [f'{folder}/{name}: not what {command} makes of it. Run it, and commit what it changes'
            for name in sorted(here.keys() | there.keys()) if here.get(name) != there.get(name)]


def made() -> list[str]:
    "Is everything that is made from the notebooks and the settings of today? Looked at in a copy."
    ignored = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', 'cat_or_not*', 'models')
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in 'nbs', 'cat_or_dog':
            shutil.copytree(ROOT/name, copy/name, ignore=ignored)
        for name in 'pyproject.toml', 'settings.ini', 'setup.py', 'README.md':
            shutil.copy(ROOT/name, copy/name)
        for command in 'nbdev-export', 'nbdev-clean':
            subprocess.run([BIN/command], cwd=copy, check=True, capture_output=True)
        found = changed('cat_or_dog', copy, '*.py', 'nbdev-export')
        found += changed('nbs', copy, '*.ipynb', 'nbdev-clean')
    for page, readme in READMES.items():
        if readme.read_text(encoding='utf-8') != render(page):
            found.append(f'{readme.name}: not what make readme makes of its notebook. Run it, and commit')
    return found + badges.breaches()


CHECKS: dict[str, Callable[[], list[str]]] = {
    'ruff': ruff, 'types': types, 'budgets': measure.breaches, 'house': draw_house.breaches,
    'glossary': link_glossary.breaches, 'japanese': japanese.breaches,
    'messages': messages.breaches, 'made': made}


def main() -> None:
    failed = False
    for name in sys.argv[1:] or CHECKS:
        start = time.perf_counter()
        found = CHECKS[name]()
        seconds = time.perf_counter() - start
        print(f'{name}: {len(found) or "nothing"} to mend ({seconds:.0f} s)', *found, sep='\n  ')
        failed |= bool(found)
    sys.exit(failed)


if __name__ == '__main__':
    main()

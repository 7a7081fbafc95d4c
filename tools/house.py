"""Where the house's files are, for everything in this folder."""
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'


def name_of(file: Path) -> str:
    "The path of `file` as people write it, from the top of the repository."
    return file.relative_to(ROOT).as_posix()


def lesson_pages() -> list[Path]:
    "The numbered pages, which a learner reads."
    return sorted(NBS.glob('[0-9][0-9]_*.ipynb'))


def engine_pages() -> list[Path]:
    "How it is built: a page for each room."
    return sorted((NBS/'engine').glob('*.ipynb'))


def pages() -> list[Path]:
    "All pages that run: the lesson, then the engine rooms."
    return [*lesson_pages(), *engine_pages()]


def library() -> list[Path]:
    "The library's files; `_modidx.py` is nbdev's own index."
    return sorted(file for file in (ROOT/'cat_or_dog').rglob('*.py') if file.name != '_modidx.py')


def scripts(*folders: str) -> list[Path]:
    "The Python files of `folders`, such as 'tests'."
    return sorted(file for folder in folders for file in (ROOT/folder).glob('*.py'))

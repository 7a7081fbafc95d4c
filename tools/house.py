"""Where the house's files are, for everything in this folder."""
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'

# What still waits to be rebuilt, one path a line. No check looks there. Delete the file when nothing is left.
_OLD_ROOMS = Path(__file__).with_name('old_rooms.txt')
OLD_ROOMS = set[str]()
if _OLD_ROOMS.exists():
    OLD_ROOMS |= set(_OLD_ROOMS.read_text(encoding='utf-8').split())


def _checked(files: list[Path]) -> list[Path]:
    "Those of `files` that are not waiting to be rebuilt."
    return sorted(file for file in files if name_of(file) not in OLD_ROOMS)


def name_of(file: Path) -> str:
    "The path of `file` as people write it, from the top of the repository."
    return file.relative_to(ROOT).as_posix()


def lesson_pages() -> list[Path]:
    "The numbered pages, which a learner reads."
    return _checked([*NBS.glob('[0-9][0-9]_*.ipynb')])


def engine_pages() -> list[Path]:
    "How it is built: a page for each room."
    return _checked([*(NBS/'engine').glob('*.ipynb')])


def pages() -> list[Path]:
    "All pages that run: the lesson, then the engine rooms."
    return [*lesson_pages(), *engine_pages()]


def library() -> list[Path]:
    "The library's files; `_modidx.py` is nbdev's own index."
    files = [file for file in (ROOT/'cat_or_dog').rglob('*.py') if file.name != '_modidx.py']
    return _checked(files)


def scripts(*folders: str) -> list[Path]:
    "The Python files of `folders`, such as 'tests'."
    return _checked([file for folder in folders for file in (ROOT/folder).glob('*.py')])

"""README.md is nbs/index.ipynb as Markdown, README.ja.md is nbs/ja/index.ipynb; links seen from the top."""
import os
import re
from pathlib import Path

import nbformat
from house import NBS, ROOT

READMES = {NBS/'index.ipynb': ROOT/'README.md', NBS/'ja'/'index.ipynb': ROOT/'README.ja.md'}
NOTE = '<!-- Rendered from {} by `make readme`: edit that. -->\n\n'


def _link(match: re.Match, page: Path) -> str:
    "A link of the index, as it must be written at the top."
    target = match[1]
    if re.match(r'[a-z]+:|#', target):
        return match[0]
    path, hash_, anchor = target.partition('#')
    file = Path(os.path.normpath(page.parent/path))
    file = READMES.get(file, file)
    return f']({file.relative_to(ROOT).as_posix()}{hash_}{anchor}{match[2] or ""})'


def render(page: Path = NBS/'index.ipynb') -> str:
    "The text of README.md, or of the README that belongs to another index."
    from nbconvert import MarkdownExporter
    text, _ = MarkdownExporter().from_notebook_node(nbformat.read(page, as_version=4))
    text = re.sub(r'\]\(([^)\s]+)( "[^"]*")?\)', lambda match: _link(match, page), text)
    return NOTE.format(page.relative_to(ROOT).as_posix()) + text.strip() + '\n'


if __name__ == '__main__':
    for page, readme in READMES.items():
        if page.exists():
            readme.write_text(render(page), encoding='utf-8')

"""README.md is nbs/index.ipynb as Markdown, with its links made relative to the top folder."""
import re

import nbformat
from house import NBS, ROOT

NOTE = '<!-- Rendered from nbs/index.ipynb by `make readme`: edit that. -->\n\n'


def _link(match: re.Match) -> str:
    "A link of the index, as it must be written at the top."
    target = match[1]
    if re.match(r'[a-z]+:|#', target):
        return match[0]
    target = target[3:] if target.startswith('../') else f'nbs/{target}'
    return f']({target}{match[2] or ""})'


def render() -> str:
    "The text of README.md."
    from nbconvert import MarkdownExporter
    text, _ = MarkdownExporter().from_notebook_node(nbformat.read(NBS/'index.ipynb', as_version=4))
    return NOTE + re.sub(r'\]\(([^)\s]+)( "[^"]*")?\)', _link, text).strip() + '\n'


if __name__ == '__main__':
    (ROOT/'README.md').write_text(render(), encoding='utf-8')

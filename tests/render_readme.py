"""README.md is nbs/index.ipynb as Markdown, with its links made relative to the top folder."""
import re
from pathlib import Path

import nbformat

root = Path(__file__).resolve().parent.parent


def render():
    "The text of README.md."
    from nbconvert import MarkdownExporter
    text, _ = MarkdownExporter().from_notebook_node(nbformat.read(root/'nbs'/'index.ipynb', as_version=4))
    def link(match):
        target = match[1]
        if re.match(r'[a-z]+:|#', target): return match[0]
        target = f'nbs/{target}' if not target.startswith('../') else target[3:]
        return f']({target}{match[2] or ""})'
    return '<!-- Rendered from nbs/index.ipynb by `make readme`: edit that. -->\n\n' + re.sub(r'\]\(([^)\s]+)( "[^"]*")?\)', link, text).strip() + '\n'


if __name__ == '__main__': (root/'README.md').write_text(render(), encoding='utf-8')

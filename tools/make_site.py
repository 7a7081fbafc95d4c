"""The site: the lesson in both languages, the engine pages, the API from the docstrings. `make docs`

    python tools/make_site.py [--out FOLDER]     (default: build/site; needs the extra `docs`)

Sphinx and MyST-NB render the notebooks with the outputs that are in them; nothing is run. Pagefind makes the
search, in both languages. No page asks another host for anything. A link that leads nowhere is an error.
"""
import argparse
import inspect
import re
import shutil
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from house import ROOT, engine_pages, lesson_pages, library
from japanese import ONLY_HERE, originals

from cat_or_dog import __version__

SOURCE = ROOT/'build'/'site-source'
JAPANESE = [*originals().values(), ONLY_HERE]
PAPERS = [ROOT/name for name in ('CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md')]
# What pages link to lies in the copy at the same place as here.
COPIED = ['nbs', 'benchmarks', 'tools', 'tests', 'cat_or_dog', 'NOTICE', 'LICENSE']
FRONT = '''<!doctype html>
<html lang="en"><meta charset="utf-8"><title>cat_or_dog</title>
<meta http-equiv="refresh" content="0; url=nbs/index.html">
<a href="nbs/index.html">cat_or_dog</a> ・ <a href="nbs/ja/index.html" lang="ja">日本語</a></html>
'''
SEARCH = '''# {title}

```{{raw}} html
<link href="../pagefind/pagefind-ui.css" rel="stylesheet">
<div id="search"></div>
<script src="../pagefind/pagefind-ui.js"></script>
<script>
  new PagefindUI({{element: "#search", showImages: false, showSubResults: true, autofocus: true}});
</script>
```
'''
CONF = '''import sys
sys.path.insert(0, {tools!r})
from make_site import setup   # noqa: F401
project = 'cat_or_dog'
author = copyright = 'The cat_or_dog team'
version = release = {version!r}
extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx_external_toc']
external_toc_path = '_toc.yml'
nb_execution_mode = 'off'
myst_heading_anchors = 3
suppress_warnings = ['myst.xref_missing', 'myst.header', 'mystnb.unknown_mime_type', 'docutils',
                     'misc.highlighting_failure']
html_theme = 'furo'
html_title = 'cat_or_dog'
html_show_sphinx = False
html_theme_options = {{'sidebar_hide_name': False, 'navigation_with_keys': True}}
html_sidebars = {{'**': ['sidebar/brand.html', 'search-link.html', 'sidebar/scroll-start.html',
                        'sidebar/navigation.html', 'sidebar/scroll-end.html']}}
templates_path = ['_templates']
autodoc_typehints = 'signature'
autodoc_mock_imports = []
'''
SEARCH_LINK = '''<div style="padding: .5rem 1rem"><a href="{{ pathto('search/index') }}">Search</a> ・
<a href="{{ pathto('search/ja') }}" lang="ja">検索</a></div>
'''


def docments_as_fields(app, what, name, thing, options, lines):
    "Sphinx shows fastcore's per-parameter comments as it shows other people's parameter lists."
    from fastcore.docments import docments
    if what not in ('function', 'method', 'class'):
        return
    target = thing.__init__ if inspect.isclass(thing) else thing
    try:
        comments = docments(target, returns=False)
    except (TypeError, OSError, ValueError, SyntaxError):
        return
    found = [f':param {key}: {text}' for key, text in comments.items() if text and key != 'self']
    quoted = [re.sub(r'(?<!`)`([^`]+)`(?!`)', r'``\1``\\ ', line) for line in [*lines, '', *found]]
    lines[:] = quoted   # single backticks mean something else to Sphinx


def language_of_page(app, page, template, context, doctree):
    "Japanese pages say so, for fonts, hyphenation and the search."
    context['language'] = 'ja' if page.startswith('nbs/ja/') or page == 'search/ja' else 'en'


def setup(app):
    "What Sphinx calls: our two hooks."
    app.connect('autodoc-process-docstring', docments_as_fields)
    app.connect('html-page-context', language_of_page)


def module_of(file: Path) -> str:
    "'cat_or_dog.engine.head' of its file."
    return file.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')


def toc() -> str:
    "The tree of the site, for sphinx-external-toc."
    def entries(files):
        "A line for each page, by its place in the source."
        return [f'      - file: {file.relative_to(ROOT).with_suffix("").as_posix()}' for file in files]
    parts = {'The lesson': entries(lesson_pages()), '日本語版': entries(JAPANESE),
             'The engine rooms': entries(engine_pages()),
             'How it is kept': entries([*PAPERS, *sorted((ROOT/'benchmarks').glob('*.md'))]),
             'Reference': [f'      - file: {name}' for name in ('search/index', 'search/ja', 'api/index')]}
    lines = ['root: nbs/index', 'subtrees:']
    for caption, some in parts.items():
        lines += [f'  - caption: {caption}', '    entries:', *some]
    modules = [f'          - file: api/{module_of(file)}' for file in api_modules()]
    return '\n'.join([*lines, '        entries:', *modules]) + '\n'


def api_modules() -> list[Path]:
    "The modules whose public names are described."
    return [file for file in library() if file.stem not in ('__init__', '__main__')]


def write_api(folder: Path) -> None:
    "A page for each module, from its docstrings."
    folder.mkdir()
    rows = []
    for file in api_modules():
        module = module_of(file)
        text = f'# {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n'
        (folder/f'{module}.md').write_text(text, encoding='utf-8')
        rows.append(f'- [{module}]({module}.md)')
    (folder/'index.md').write_text('# API\n\n' + '\n'.join(rows) + '\n', encoding='utf-8')


def write_source() -> None:
    "A copy of the pages, with what only the site needs beside them."
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    made_by_pages = 'cat_or_not*', 'first_try', 'models', '*.onnx'
    ignored = shutil.ignore_patterns('.ipynb_checkpoints', '__pycache__', *made_by_pages)
    for name in [*COPIED, *(paper.name for paper in PAPERS)]:
        copy = shutil.copy if (ROOT/name).is_file() else partial(shutil.copytree, ignore=ignored)
        copy(ROOT/name, SOURCE/name)
    write_api(SOURCE/'api')
    conf = CONF.format(tools=str(ROOT/'tools'), version=__version__)
    for name, text in {'conf.py': conf, '_toc.yml': toc(), 'search/index.md': SEARCH.format(title='Search'),
                       'search/ja.md': SEARCH.format(title='検索'),
                       '_templates/search-link.html': SEARCH_LINK}.items():
        (SOURCE/name).parent.mkdir(exist_ok=True)
        (SOURCE/name).write_text(text, encoding='utf-8')
    for page in (file for file in SOURCE.rglob('*.ipynb') if file.parent.name != 'ja'):
        page.write_text(with_anchors(page.read_text(encoding='utf-8')), encoding='utf-8')


def with_anchors(text: str) -> str:
    "A page's links to headings, written as Sphinx names them: `glossary.ipynb#ImageNet` is its `#imagenet`."
    from docutils.nodes import make_id
    return re.sub(r'(engine/glossary\.ipynb|\]\(glossary\.ipynb|_theory\.ipynb)#([^)\s]+)',
                  lambda match: f'{match[1]}#{make_id(match[2])}', text)


class Page(HTMLParser):
    "What a page of the site leads to, and the anchors that it has."

    def __init__(self, text: str):
        super().__init__()
        self.leads_to, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        "Called for each tag."
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ('id', 'name') if attrs.get(key)}
        key = {'a': 'href', 'link': 'href', 'img': 'src', 'script': 'src'}.get(tag)
        if key and attrs.get(key) and attrs.get('rel') != 'canonical':
            self.leads_to.append((tag, attrs[key]))


def broken_links(site: Path) -> list[str]:
    "Links that lead to no file or anchor of the site, and files that are asked from another host."
    files = {file.resolve(): Page(file.read_text(encoding='utf-8')) for file in sorted(site.rglob('*.html'))
             if 'pagefind' not in file.parts}
    found = []
    for file, page in files.items():
        for tag, link in page.leads_to:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag in ('script', 'img') and parts.scheme != 'data':
                    found.append(f'{file.name}: asks another host for {link[:80]}')
                continue
            target = (file.parent/unquote(parts.path)).resolve() if parts.path else file
            target = target/'index.html' if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.exists():
                found.append(f'{file.relative_to(site.resolve())}: no file for {link}')
            elif anchor and target in files and anchor not in files[target].anchors:
                found.append(f'{file.relative_to(site.resolve())}: no place for {link}')
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, default=ROOT/'build'/'site')
    out = parser.parse_args().out
    write_source()
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, '-m', 'sphinx', '-q', SOURCE, out], check=True)
    (out/'index.html').write_text(FRONT, encoding='utf-8')
    subprocess.run([sys.executable, '-m', 'pagefind', '--site', out], check=True, stdout=subprocess.DEVNULL)
    found = broken_links(out)
    print(*found or [f'The site is in {out}: open {out/"index.html"}'], sep='\n')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

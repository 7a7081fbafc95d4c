"""The budgets of the house: each page's minutes and exports; private names, width, long functions, alt text.

    python tools/measure.py [--quiet]      exits with 1, and a line for each breach, if one is not kept
"""
import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from house import engine_pages, lesson_pages, library, name_of, pages, scripts

WORDS_A_MINUTE, CODE_LINES_A_MINUTE = 140, 10
MINUTES_TOGETHER, MINUTES_A_PAGE = 100, 25                       # of pages 00 to 06
MINUTES_OF = {'07': 30, '08': 30, '09': 35}
EXPORTED_CELLS, EXPORTED_LINES = 8, 100                          # of a lesson page
CODE_CELLS, WITH_CODE_CELLS = range(15, 26), ('01', '02', '03', '04', '05', '06')
WIDTH = 110
BODY_LINES = 25                                                  # of a function
PINNED = '# pinned:'   # beside a private name of another package: why there is no public way
IN_SPITE_OF_THEIR_NAME_PUBLIC = {'_replace', '_asdict', '_exit', '_fields', '_make',
                                 '_repr_html_', '_repr_markdown_'}


@dataclass
class Page:
    "What is counted on one page."
    name: str
    words: int = 0
    code_lines: int = 0
    code_cells: int = 0
    exported_cells: int = 0
    exported_lines: int = 0
    pictures: int = 0
    without_alt: int = 0

    @property
    def number(self) -> str:
        "'04' of 'nbs/04_train.ipynb'; a lesson page has one."
        return Path(self.name).name[:2]

    @property
    def minutes(self) -> float:
        "How long a learner reads."
        return self.words/WORDS_A_MINUTE + self.code_lines/CODE_LINES_A_MINUTE


def read_page(file: Path) -> Page:
    "Count one page."
    page = Page(name_of(file))
    for cell in json.loads(file.read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'markdown':
            without_addresses = re.sub(r'\]\([^)]*\)', ']', source)
            page.words += len(re.findall(r'\w+', without_addresses))
        else:
            count_code(page, source, cell.get('outputs', []))
    return page


def count_code(page: Page, source: str, outputs: list[dict]) -> None:
    "Add a code cell to the counts of its page."
    lines = sum(bool(line.strip()) for line in source.splitlines())
    page.code_cells += 1
    page.code_lines += lines
    if '#| export' in source:
        page.exported_cells += 1
        page.exported_lines += lines
    for output in outputs:
        if 'image/png' in output.get('data', {}):
            page.pictures += 1
            page.without_alt += 'alt' not in json.dumps(output.get('metadata', {}))


def too_long(page: Page) -> Iterator[str]:
    "What is too much on a lesson page, or too little."
    limit = MINUTES_OF.get(page.number, MINUTES_A_PAGE)
    if round(page.minutes) > limit:
        yield f'{page.name}: {page.minutes:.0f} minutes; at most {limit}'
    if page.exported_cells > EXPORTED_CELLS:
        yield f'{page.name}: {page.exported_cells} exported cells; at most {EXPORTED_CELLS}'
    if page.exported_lines > EXPORTED_LINES:
        yield f'{page.name}: {page.exported_lines} exported lines; at most {EXPORTED_LINES}'
    if page.number in WITH_CODE_CELLS and page.code_cells not in CODE_CELLS:
        yield f'{page.name}: {page.code_cells} code cells; {CODE_CELLS[0]} to {CODE_CELLS[-1]}'


def together(lesson: list[Page]) -> float:
    "Minutes of the first seven pages."
    return sum(page.minutes for page in lesson if page.number <= '06')


@dataclass
class Source:
    "Some code, and where it stands: a file, or a cell of a page."
    where: str
    text: str
    first_line: int = 0      # its first line in the file is one more

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def at(self, node: ast.expr | ast.stmt) -> str:
        "Where `node` stands, as editors write it."
        return f'{self.where}:{self.first_line + node.lineno}'

    def line(self, node: ast.expr | ast.stmt) -> str:
        "The line on which `node` begins."
        return self.text.splitlines()[node.lineno - 1]


def source_of(file: Path) -> Source:
    return Source(name_of(file), file.read_text(encoding='utf-8'))


def page_source(file: Path) -> Source:
    "All code of a page as one text, without what is for the notebook only (`%matplotlib inline`, `!ls`)."
    cells = json.loads(file.read_text(encoding='utf-8'))['cells']
    code = '\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code')
    return Source(f'{name_of(file)} (code)', re.sub(r'^(\s*)[%!].*$', r'\1pass', code, flags=re.M))


DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def is_private(name: str | None) -> bool:
    "`_name`, but not `__name__`, and not `_` alone."
    return bool(re.match(r'_[^_]', name or '')) and name not in IN_SPITE_OF_THEIR_NAME_PUBLIC


def own_names(tree: ast.Module) -> set[str]:
    "The names that this code itself makes: functions, classes, variables, attributes of `self`."
    made = set()
    for node in ast.walk(tree):
        if isinstance(node, DEFINING):
            made.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            made.add(node.attr)
    return made


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ('self', 'cls')


def private_names(source: Source) -> Iterator[str]:
    "Private names of another module, ours or a stranger's, that this code uses."
    tree = source.tree
    own = own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or '').split('.'), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split('.')]
        elif isinstance(node, ast.Attribute) and node.attr not in own:
            names = [node.attr]
        else:
            continue
        for name in filter(is_private, names):
            if PINNED not in source.line(node):
                yield f'{source.at(node)}: {name} is private to another module'


# nbdev writes this list, and wider than we do.
NAMES_BY_NBDEV = re.compile(r'^__all__ = \[.*?\]', re.M | re.S)


def is_free(line: str) -> bool:
    "May this line be as wide as it likes? A row of a table of data may."
    return line.count(' | ') > 1


def wide_lines(file: Path) -> Iterator[str]:
    "Lines that are wider than the page."
    text = file.read_text(encoding='utf-8')
    text = NAMES_BY_NBDEV.sub(lambda found: '\n' * found[0].count('\n'), text)
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH and not is_free(line):
            yield f'{name_of(file)}:{number}: {len(line)} characters; at most {WIDTH}'


FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def long_functions(source: Source) -> Iterator[str]:
    "Functions whose body needs scrolling."
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTION):
            lines = (node.end_lineno or 0) - node.body[0].lineno + 1
            if lines > BODY_LINES:
                yield f'{source.at(node)}: the body of {node.name} has {lines} lines; at most {BODY_LINES}'


BRANCHING = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith)


def packed(source: Source) -> Iterator[str]:
    "Statements that branch and go on in the same line: `if x: return y`."
    for node in ast.walk(source.tree):
        if isinstance(node, BRANCHING) and node.body[0].lineno == node.lineno:
            yield f'{source.at(node)}: a branch and what it leads to in one line'


def breaches_of_pages(counted: list[Page]) -> Iterator[str]:
    "Budgets of the lesson, and pictures that say nothing to those who cannot see them."
    lesson = [page for page in counted if page.number.isdigit()]
    for page in lesson:
        yield from too_long(page)
    if round(together(lesson)) > MINUTES_TOGETHER:
        yield f'pages 00 to 06: {together(lesson):.0f} minutes together; at most {MINUTES_TOGETHER}'
    for page in counted:
        if page.without_alt:
            of = f'{page.without_alt} of {page.pictures}'
            yield f'{page.name}: {of} pictures without alt text (#| fig-alt: …)'


def breaches_of_code() -> Iterator[str]:
    "Rules for all code: the library, the pages, and what builds, measures and tests them."
    code = [*library(), *scripts('benchmarks', 'tools')]
    for file in code:
        yield from wide_lines(file)
        yield from long_functions(source_of(file))
        yield from packed(source_of(file))
    sources = [*map(source_of, [*code, *scripts('tests')]), *map(page_source, pages())]
    for source in sources:
        yield from private_names(source)


def breaches() -> list[str]:
    "Every budget that is not kept, a line each."
    counted = [read_page(file) for file in [*lesson_pages(), *engine_pages()]]
    return [*breaches_of_pages(counted), *breaches_of_code()]


def table() -> str:
    "The counts of every page."
    rows = [f'{"page":34} minutes  code cells  exported cells/lines  pictures without alt']
    counted = [read_page(file) for file in [*lesson_pages(), *engine_pages()]]
    for page in counted:
        exported = f'{page.exported_cells}/{page.exported_lines}'
        start = f'{page.name:34}{page.minutes:8.0f}{page.code_cells:12}{exported:>22}'
        rows.append(f'{start}{page.without_alt or "":>22}')
    lesson = [page for page in counted if page.number.isdigit()]
    return '\n'.join([*rows, f'pages 00 to 06 together: {together(lesson):.0f} minutes'])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--quiet', action='store_true', help='only the breaches')
    if not parser.parse_args().quiet:
        print(table())
    found = breaches()
    print('\n'.join(found) or 'Every budget is kept.')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

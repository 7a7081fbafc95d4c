"""Draw into CONTRIBUTING.md which module imports which; fail where the arrows go round in a circle.

    python tools/draw_house.py [--check]      (--check: only say whether the picture is today's)
"""
import argparse
import ast
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from house import ROOT, library

PACKAGE = 'cat_or_dog'
BEGIN, END = '<!-- house: drawn by tools/draw_house.py -->', '<!-- house: end -->'
BETWEEN = re.compile(re.escape(BEGIN) + '.*?' + re.escape(END), re.S)
PAGE = ROOT/'CONTRIBUTING.md'
DOORS = {'__init__', '__main__', 'engine.__init__'}   # they only pass on what others make

Arrows = dict[str, set[str]]   # from each module to those that it imports


def module_name(file: Path) -> str:
    "A module's name inside the package, such as 'engine.photo'."
    return '.'.join(file.relative_to(ROOT/PACKAGE).with_suffix('').parts)


def imported(node: ast.AST, module: str) -> list[str]:
    "What an import statement in `module` may name inside the package: modules, and functions of them."
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        return [name.removeprefix(PACKAGE + '.') for name in names if name.startswith(PACKAGE + '.')]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level:
        base = module.split('.')[:-node.level] if node.level <= module.count('.') else []
        base += node.module.split('.') if node.module else []
    elif node.module and node.module.split('.')[0] == PACKAGE:
        base = node.module.split('.')[1:]
    else:
        return []
    return ['.'.join(base), *('.'.join([*base, alias.name]) for alias in node.names)]


def read_arrows(files: list[Path]) -> Arrows:
    "What each module imports, at its top or inside a function."
    trees = {module_name(file): ast.parse(file.read_text(encoding='utf-8')) for file in files}
    modules = trees.keys() - DOORS
    arrows = {}
    for module in modules:
        named = {name for node in ast.walk(trees[module]) for name in imported(node, module)}
        arrows[module] = named & modules - {module}
    return arrows


def floors(arrows: Arrows) -> list[list[str]]:
    "The modules by height: a floor imports only from those below. Raises `CycleError` where that cannot be."
    height: dict[str, int] = {}
    for module in TopologicalSorter(arrows).static_order():   # what is imported comes first
        height[module] = 1 + max((height[below] for below in arrows[module]), default=-1)
    top = max(height.values())
    return [sorted(module for module in height if height[module] == floor) for floor in range(top + 1)]


def without_detours(arrows: Arrows) -> Arrows:
    "The same order with the fewest arrows: none from a to c where a → b → c says it already."
    reached: Arrows = {}
    for module in TopologicalSorter(arrows).static_order():
        reached[module] = arrows[module].union(*(reached[below] for below in arrows[module]))
    few = {}
    for module, all_below in arrows.items():
        detours = set().union(*(reached[other] for other in all_below))
        few[module] = all_below - detours
    return few


def short(module: str) -> str:
    "The name on the picture: rooms of the engine without the word 'engine'."
    return module.removeprefix('engine.') if module.startswith('engine.') else module.upper()


def picture(arrows: Arrows) -> str:
    "A diagram that repository pages draw, and below it every floor as text."
    few = without_detours(arrows)
    pairs = [(module, below) for module in sorted(few) for below in sorted(few[module])]
    lines = [f'    {short(module)} --> {short(below)}' for module, below in pairs]
    rows = [f'| {number} | {" · ".join(map(short, rooms))} |' for number, rooms in enumerate(floors(arrows))]
    diagram = ['```mermaid', 'graph TD', *lines, '```']
    table = ['| floor | rooms (the lesson in capitals) |', '| --- | --- |', *reversed(rows)]
    return '\n'.join([BEGIN, *diagram, '', *table, END])


def breaches() -> list[str]:
    "What is wrong, a line each: a circle of imports, or a picture of yesterday."
    try:
        drawn = picture(read_arrows(library()))
    except CycleError as error:
        return ['imports go round in a circle: ' + ' → '.join(error.args[1])]
    found = BETWEEN.search(PAGE.read_text(encoding='utf-8'))
    if found and found[0] == drawn:
        return []
    return [f'{PAGE.name}: not the house of today. Run python tools/draw_house.py']


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing; only say what is wrong')
    if not parser.parse_args().check:
        drawn = picture(read_arrows(library()))
        text = BETWEEN.sub(lambda _: drawn, PAGE.read_text(encoding='utf-8'))
        PAGE.write_text(text, encoding='utf-8')
    found = breaches()
    print('\n'.join(found) or 'The house is drawn as it stands.')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

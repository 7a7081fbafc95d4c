"""Every sentence that the library may say: found in its source, kept in a catalogue with its Japanese.

    python tools/messages.py           find them anew, keep what is translated, compile (make messages)
    python tools/messages.py --check   change nothing; say what is missing, not translated, or not compiled

In the source a message is plain English: 'the file is empty', or f'{file}: more than {n} MB'. The catalogue
has it with its blanks named after what fills them: '{file}: more than {n} MB'. In the Japanese, a mark says
what may fill a blank: {reason:translated} a message, {n:number} a number. How a printed line is taken apart:
nbs/engine/language.ipynb.
"""
import argparse
import ast
import io
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from house import ROOT, library, name_of

from cat_or_dog.engine.cli import COMMANDS, parameters_of
from cat_or_dog.engine.language import blanks_of

FOLDER = ROOT/'cat_or_dog'/'language'
CATALOGUE = FOLDER/'ja.po'
COMPILED = FOLDER/'ja.json'
TEXTS = ROOT/'cat_or_dog'/'static'/'texts.json'
PAGE = 'page'   # the context of the web page's sentences, whose words mean other things than a terminal's

# Rooms whose strings are for programs.
SILENT = {
    '_modidx', '__init__', 'app', 'cards', 'drawings', 'duplicates', 'export_app', 'figures', 'glossary',
    'head', 'imagenet', 'language', 'live'}
# Who is given strings that are for programs.
UNSPOKEN = {
    'compile', 'sub', 'search', 'fullmatch', 'split', 'startswith', 'endswith', 'removeprefix', 'strip',
    'getattr', 'execute', 'executemany', '_ask', 'add_session_config_entry', 'filterwarnings'}
NO_FIELDS = {'annotation', 'returns', 'slice', 'keys', 'decorator_list', 'format_spec'}
# These look like messages, and are for programs, for other sites, or for files that stay English.
FOR_PROGRAMS = {
    '--force-reinstall cat_or_dog', 'Drawing {i} of a {animal}', 'Public domain', '{number}.png',
    '{own} blob: data:', '{own} blob:', '{query} filetype:bitmap', '{word} photo', '{label} photo',
    'download {name}', '{size} × {size2} pixels', 'Arial Unicode.ttf',
    '/System/Library/Fonts/ヒラギノ角ゴシック W3.ttc',
    '{name}  {photos}  {seconds}  {errors} of {hidden}  {megabytes}',
    'camera=(self), microphone=(), geolocation=()', 'contact: set CAT_OR_DOG_CONTACT',
    'cat_or_dog/{version} (a deep-learning lesson; {contact})', 'duckduckgo, bing'}
# Not known by their looks: single words of tables, and what is put together from two messages.
PUT_TOGETHER = [
    'keep', 'kept', 'duplicate', 'refused', 'label', 'none', 'nothing', 'unknown',
    'photos          {photos}', 'model           {model}', 'time            {time}',
    'the same photo as {name}', '{n} × not known', '{errors} of {hidden}', '{what}: {reason}.',
    '{what}: {reason}', '{help} (default: {default})', 'Example: {example}']
# Progress bars of tqdm, whose {rate} may have counts behind it; and what fastai prints while it trains.
BARS = [
    'download {name}: {percent}|{bar}| {n} [{time}, {rate}]',
    'features: {percent}|{bar}| {n} [{time}, {rate}]',
    'choosing λ: {percent}|{bar}| {n} [{time}, {rate}]', '{what}: {percent}|{bar}| {n} [{time}, {rate}]',
    'predict: {n}photo [{time}, {rate}]', 'predict: {percent}|{bar}| {n} [{time}, {rate}]',
    '{n}photo/s', '{n}s/photo', 'kept={n}', 'duplicate={n}', 'refused={n}',
    'Epoch {n}/{all} :', 'Epoch {n}/{all} : |{bar}| {rest}',
    'epoch     train_loss  valid_loss  error_rate  time']
# What a site answers when it does not send a photo.
STATUS = [f'HTTP {code.value} ({httpx.codes.get_reason_phrase(code).lower()})'
          for code in httpx.codes if code >= httpx.codes.MULTIPLE_CHOICES]
# What Python and the operating system say through us.
ARGPARSE = [
    'usage: {usage}', 'positional arguments:', 'options:', 'show this help message and exit',
    "show program's version number and exit", 'cat-or-dog: error: {problem}',
    'cat-or-dog {command}: error: {problem}', 'argument {name}: {problem}',
    'the following arguments are required: {names}', 'unrecognized arguments: {arguments}',
    'expected one argument', 'expected at least one argument', 'invalid {type} value: {value}',
    'invalid choice: {value} (choose from {choices})', 'ambiguous option: {option} could match {matches}',
    'ignored explicit argument {argument}']
SYSTEM = [
    'Permission denied', 'No such file or directory', 'No space left on device', 'Is a directory',
    'Not a directory', 'File exists', 'File name too long', 'Too many levels of symbolic links',
    'Read-only file system', 'Address already in use',
    '{problem} (while attempting to bind on address {address})', 'Cannot assign requested address',
    'Input/output error', 'Too many open files', 'Disk quota exceeded', 'Operation not permitted',
    'embedded null byte', 'Truncated File Read', 'image file is truncated ({n} bytes not processed)',
    'broken data stream when reading image file',
    'unrecognized data stream contents when reading image file']

AROUND = {'join', 'map', 'sorted', 'round', 'max', 'type', 'str', 'tuple'}   # these name no blank
Form = tuple[tuple[bool, str], ...]   # what a string is made of: (is it a blank?, its name, or the text)
BLANK = re.compile(r'\{(\w+)\}')


def called(node: ast.AST) -> str:
    "The name of the function in a call; '' for anything else."
    if not isinstance(node, ast.Call):
        return ''
    return getattr(node.func, 'attr', '') or getattr(node.func, 'id', '')


def is_text(node: ast.AST) -> bool:
    "Is this a string, as it is written in the source?"
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (is_text(node.left) or is_text(node.right))
    is_constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_constant or isinstance(node, ast.JoinedStr) or called(node) == 'counted'


def blank_name(node: ast.AST) -> str:
    "What to call a blank that this expression fills."
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip('_').lower()
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=value) | ast.BinOp(left=value) | ast.BoolOp(values=[value, *_]):
            return blank_name(value)
        case ast.Call(func=ast.Name(id='len'), args=[what]):
            return f'n_{blank_name(what)}'
        case ast.Call(args=[*_, what]) if called(node) in AROUND:
            return blank_name(what)
        case ast.Call():
            return called(node).strip('_')
        case ast.GeneratorExp(generators=[ast.comprehension(iter=value), *_]):
            return blank_name(value)
    return 'value'


def forms(node: ast.AST) -> list[Form]:
    "All forms that a string may take: an `if` inside of it makes two, and so does `counted`."
    match node:
        case ast.Constant(value=str(text)):
            return [tuple((i % 2 == 1, piece) for i, piece in enumerate(BLANK.split(text)) if piece)]
        case ast.JoinedStr(values=parts):
            return joined(*parts)
        case ast.FormattedValue(value=value):
            return forms(value)
        case ast.BinOp(left=left, right=right) if is_text(node):
            return joined(left, right)
        case ast.IfExp(body=one, orelse=other) if is_text(one) or is_text(other):
            return forms(one) + forms(other)
        case ast.BoolOp(op=ast.Or(), values=[one, other]) if is_text(other):
            return forms(one) + forms(other)
        case ast.Call(args=[n, ast.Constant(value=one), ast.Constant(value=many)]):
            if called(node) == 'counted':
                return [((False, f'1 {one}'),), ((True, blank_name(n)), (False, f' {many}'))]
    return [((True, blank_name(node)),)]


def joined(*parts: ast.AST) -> list[Form]:
    "The forms of a string that is put together from parts."
    return [tuple(itertools.chain(*choice)) for choice in itertools.product(*map(forms, parts))]


def template(form: Form) -> str:
    "A form as the catalogue has it; a name that comes again gets a number."
    written, seen = '', {}
    for is_blank, piece in form:
        if is_blank:
            seen[piece] = seen.get(piece, 0) + 1
            written += f'{{{piece}{seen[piece] if seen[piece] > 1 else ""}}}'
        else:
            written += piece.replace('{', '{{').replace('}', '}}')
    return written


def messages_of(form: Form) -> Iterator[str]:
    "The lines of a form that are messages: two words, or one and a blank."
    whole = template(form)
    if whole.count('\n') > 1:   # a program, or a file
        return
    for line in map(str.strip, whole.split('\n')):
        words = re.findall(r"[A-Za-z][A-Za-z']*[a-z]", BLANK.sub(' ', line))
        enough = ' ' in line and len(words) + bool(BLANK.search(line)) > 1 and words
        markup = line.startswith('<') or '<t' in line
        if enough and not markup and line not in FOR_PROGRAMS:
            yield line


def below(node: ast.AST) -> Iterator[ast.AST]:
    "What stands in a node and may hold messages."
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            docstring = isinstance(child, ast.Expr) and is_text(child.value)
            if isinstance(child, ast.AST) and name not in NO_FIELDS and not docstring:
                yield child


def strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    "The messages in a syntax tree, with their lines."
    if is_text(node):
        for form in forms(node):
            yield from ((node.lineno, line) for line in messages_of(form))
        for part in ast.walk(node):
            if isinstance(part, ast.FormattedValue) and forms(part) == [((True, blank_name(part.value)),)]:
                yield from strings(part.value)
    elif called(node) not in UNSPOKEN and not isinstance(node, ast.Compare):
        for child in below(node):
            yield from strings(child)


def in_source(file: io.BytesIO, keywords: Iterable, tags: Iterable, options: dict) -> Iterator[tuple]:
    "Babel's way to ask for messages: (line, None, message, comments)."
    for line, message in strings(ast.parse(file.read())):
        yield line, None, message, []


def helps() -> Iterator[str]:
    "What --help says of the commands and their parameters."
    from fastcore.docments import docments
    for row in COMMANDS.values():
        yield row.run.__doc__ or ''
        comments = docments(row.run, returns=False)
        yield from (comments[about.name] or '' for about in parameters_of(row.run))


def page_texts() -> Iterator[str]:
    "The sentences of the web page, in English."
    for said in json.loads(TEXTS.read_text(encoding='utf-8'))['en'].values():
        yield from [said] if isinstance(said, str) else said


def template_catalogue() -> Catalog:
    "All messages, without translations."
    found = Catalog(project='cat_or_dog', locale='ja', fuzzy=False)
    def add(message: str, place: str, context: str | None = None) -> None:
        if message:
            found.add(message, locations=[(place, 0)], context=context)
    for file in library():
        if file.stem not in SILENT:
            with open(file, 'rb') as opened:
                for _, message, _, _ in extract(in_source, opened):
                    add(str(message), name_of(file))
    more = {'cat_or_dog/engine/cli.py': helps(), 'put together': PUT_TOGETHER, 'progress bars': BARS,
            'HTTP': STATUS, 'argparse': ARGPARSE, 'the operating system': SYSTEM}
    for place, messages in more.items():
        for message in messages:
            add(message, place)
    for message in page_texts():
        add(message, name_of(TEXTS), PAGE)
    return found


def read_catalogue() -> Catalog:
    "The catalogue as it is kept."
    with open(CATALOGUE, 'rb') as file:
        return read_po(file, locale='ja')


def merged() -> Catalog:
    "The catalogue brought up to date: translations stay, what nobody says any more goes."
    new, kept = template_catalogue(), read_catalogue()
    new.creation_date = kept.creation_date   # no date that changes in every run
    kept.update(new, no_fuzzy_matching=True)
    kept.obsolete.clear()
    return kept


def po_file(catalogue: Catalog) -> bytes:
    "The catalogue as it is written."
    file = io.BytesIO()
    write_po(file, catalogue, width=110, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()


def compiled(catalogue: Catalog) -> str:
    "What the command line reads: English -> Japanese."
    pairs = {m.id: m.string for m in catalogue if m.id and m.string and not m.context}
    return json.dumps(pairs, ensure_ascii=False, indent=0) + '\n'


def page_file(catalogue: Catalog) -> str:
    "What the web page reads: its English, and its Japanese from the catalogue."
    english = json.loads(TEXTS.read_text(encoding='utf-8'))['en']
    def other(said):
        if isinstance(said, str):
            return catalogue.get(said, PAGE).string or said
        return [other(one) for one in said] if isinstance(said, list) else {one: other(one) for one in said}
    japanese = {name: other(said) for name, said in english.items()}
    return json.dumps({'en': english, 'ja': japanese}, ensure_ascii=False, indent=1) + '\n'


def blanks(text: str) -> list[str]:
    "The names of the blanks of a message, sorted."
    return sorted(blank.name for blank in blanks_of(text)[:-1]) + sorted(re.findall(r'\$([a-z]+)', text))


def wrong_with(message) -> str:
    "What is wrong with a message of the catalogue; '' for nothing."
    if not message.string:
        return 'is not translated'
    if blanks(message.id) != blanks(message.string):
        return f'has other blanks in Japanese: {", ".join(blanks(message.string)) or "none"}'
    return ''


def breaches() -> list[str]:
    "What is not as it must be, a line each."
    name = name_of(CATALOGUE)
    kept, now = read_catalogue(), merged()
    found = [f'{name}: {message.id!r} {wrong_with(message)}'
             for message in now if message.id and wrong_with(message)]
    found += [f'{name}: nobody says {message.id!r} any more. Run make messages'
              for message in kept if message.id and now.get(message.id, message.context) is None]
    made: dict[Path, Callable[[Catalog], str]] = {COMPILED: compiled, TEXTS: page_file}
    return found + [f'{name_of(file)}: not what make messages makes. Run it, and commit'
                    for file, make in made.items() if file.read_text(encoding='utf-8') != make(now)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing')
    if not parser.parse_args().check:
        catalogue = merged()
        CATALOGUE.write_bytes(po_file(catalogue))
        COMPILED.write_text(compiled(catalogue), encoding='utf-8')
        TEXTS.write_text(page_file(catalogue), encoding='utf-8')
    found = breaches()
    print(f'{len(read_catalogue())} messages; {len(found) or "nothing"} to mend', *found, sep='\n  ')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()

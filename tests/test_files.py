"""The ground floor: files written whole, leftovers of killed programs, names that a terminal would obey."""
import os
import subprocess
import sys
import time

import pytest

from cat_or_dog.engine import files
from cat_or_dog.engine.files import (
    EXTRAS,
    cache_folder,
    check_can_save,
    check_installed,
    remove_leftovers,
    visible,
    write_whole,
)

NOBODY = 99_999_999   # no process has a number as large as this


def test_a_pipe_or_a_device_is_never_replaced(tmp_path):
    "`--out /dev/null` in a container, where everything is allowed, must not leave it without /dev/null."
    pipe = tmp_path/'pipe'
    os.mkfifo(pipe)
    with pytest.raises(OSError, match='a pipe or a device'):
        write_whole(pipe, b'x')
    for place in pipe, '/dev/null':
        with pytest.raises(OSError, match='a pipe or a device'):
            check_can_save(place)
    assert pipe.is_fifo() and os.listdir(tmp_path) == ['pipe']


@pytest.mark.parametrize('name', ['', '.', '..', '/'])
def test_a_name_that_is_none_is_a_sentence(name):
    with pytest.raises(IsADirectoryError, match='that is a folder; give a file name'):
        check_can_save(name)


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    longest = tmp_path/('ね'*84 + '.md')   # 255 bytes
    check_can_save(longest)
    write_whole(longest, b'all of it')
    assert longest.read_bytes() == b'all of it' and os.listdir(tmp_path) == [longest.name]
    with pytest.raises(OSError, match='cannot be saved'):
        check_can_save(tmp_path/('x'*256))


def test_half_a_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path/'a.txt'
    write_whole(file, b'old')
    def breaks(path, data):
        with open(path, 'wb') as half:
            half.write(data[:2])
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr('pathlib.Path.write_bytes', breaks)
    with pytest.raises(OSError):
        write_whole(file, b'new')
    assert file.read_bytes() == b'old' and os.listdir(tmp_path) == ['a.txt']


def aged(file, seconds):
    file.write_bytes(b'half')
    then = time.time() - seconds
    os.utime(file, (then, then))
    return file


def test_only_leftovers_of_dead_programs_of_ours_are_swept_out(tmp_path):
    "A slow table is not written to for minutes; and other programs have hidden .part files, too."
    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    try:
        stay = [aged(tmp_path/f'.table.csv.{child.pid}.part', 600), aged(tmp_path/'.film.mkv.part', 10**6),
                aged(tmp_path/'.film.7z.part', 10**6), aged(tmp_path/f'.a.jpg.{NOBODY}-3.part', 5)]
        go = [aged(tmp_path/f'.a.jpg.{NOBODY}-4.part', 600), aged(tmp_path/f'.t.csv.{NOBODY}.part', 600),
              aged(tmp_path/f'.b.jpg.{child.pid}-4.part', 2*24*3600)]   # the number was given again
        remove_leftovers(tmp_path)
        assert all(file.exists() for file in stay) and not any(file.exists() for file in go)
    finally:
        child.communicate(b'\n')


def test_the_cache_may_be_named_with_a_tilde(monkeypatch, tmp_path):
    "What a Dockerfile says of ~ no shell has read."
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('CAT_OR_DOG_CACHE', '~/kept')
    assert cache_folder() == tmp_path/'kept'


@pytest.mark.parametrize('text, shown', [
    ('a\nb', r'a\nb'), ('\x1b[2J', r'\x1b[2J'), ('\x9b2J', r'\x9b2J'), ('gpj.\u202eexe', r'gpj.\u202eexe'),
    (os.fsdecode(b'\xe9'), r'\udce9'), ('a\u2028b', r'a\u2028b'), ('ねこ 🐈\u200d⬛', 'ねこ 🐈\u200d⬛')])
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert visible(text) == shown
    visible(text).encode()


@pytest.mark.parametrize('extra', EXTRAS)
def test_a_missing_package_is_named_with_its_extra_before_anything_is_imported(extra, monkeypatch):
    package = EXTRAS[extra][-1]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf'cat_or_dog\[{extra}\]') as error:
        check_installed(package)
    assert error.value.name == package


def test_without_a_standard_error_nothing_goes_to_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stderr', None)
    files.say('only for people')
    assert capsys.readouterr().out == ''

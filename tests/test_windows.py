"""What is different on Windows, played on any system: files in use, folders, patterns, pipes, kinds."""
import errno
import mimetypes
import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cat_or_dog.engine import cli, files
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.evaluate import write_predictions
from cat_or_dog.engine.files import put_in_place, read_file, write_whole
from cat_or_dog.engine.folder import photo_files_below, read_table, writable_folder
from cat_or_dog.engine.model_file import ModelFile
from cat_or_dog.engine.onnx_file import ModelError
from cat_or_dog.engine.page import page_app
from cat_or_dog.engine.photo import NoPhoto
from cat_or_dog.engine.photo_list import read_list
from cat_or_dog.engine.static_app import write_new_folder
from cat_or_dog.predict import Classifier

SHARING, DENIED, NO_DISK = 32, 5, 21   # Windows' numbers


def windows_error(number):
    "A `PermissionError` as Windows gives it."
    error = PermissionError(errno.EACCES, 'in use')
    error.winerror = number
    return error


@pytest.fixture
def in_use(monkeypatch):
    "A function: renaming fails so many times with this number; the names that were asked for are noted."
    real, asked = os.replace, []
    def begin(times, number):
        def replace(part, file):
            asked.append(Path(file).name)
            if len(asked) <= times:
                raise windows_error(number)
            real(part, file)
        monkeypatch.setattr(files.os, 'replace', replace)
        monkeypatch.setattr(files.time, 'sleep', lambda seconds: None)
        return asked
    return begin


@pytest.mark.parametrize('number', [SHARING, DENIED])
def test_a_file_that_somebody_has_open_is_waited_for(tmp_path, in_use, number):
    (tmp_path/'a.txt').write_bytes(b'old')
    asked = in_use(3, number)
    write_whole(tmp_path/'a.txt', b'new')
    assert len(asked) == 4 and (tmp_path/'a.txt').read_bytes() == b'new'
    assert os.listdir(tmp_path) == ['a.txt']


def test_but_not_for_ever_and_the_old_one_stays(tmp_path, in_use):
    (tmp_path/'a.txt').write_bytes(b'old')
    asked = in_use(10_000, SHARING)
    with pytest.raises(PermissionError):
        write_whole(tmp_path/'a.txt', b'new')
    assert 2 < len(asked) < 100 and (tmp_path/'a.txt').read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.txt']


@pytest.mark.parametrize('number', [NO_DISK, None])
def test_other_refusals_are_passed_on_at_once(tmp_path, in_use, number):
    asked = in_use(10_000, number)
    with pytest.raises(PermissionError):
        put_in_place(tmp_path/'a', tmp_path/'b')
    assert len(asked) == 1


def test_tables_and_whole_folders_wait_too(tmp_path, in_use):
    asked = in_use(1, SHARING)
    write_predictions([], ['cat', 'dog'], tmp_path/'t.csv')
    assert (tmp_path/'t.csv').exists()
    del asked[:]
    write_new_folder(tmp_path/'site', {'a/b.txt': b'x'})
    assert (tmp_path/'site'/'a'/'b.txt').read_bytes() == b'x' and os.listdir(tmp_path/'site') == ['a']


@pytest.fixture
def folders_are_forbidden(monkeypatch):
    "Reading a folder as a file: no permission, says Windows."
    real = Path.read_bytes
    def read_bytes(self):
        if self.is_dir():
            raise PermissionError(errno.EACCES, 'Permission denied', str(self))
        return real(self)
    monkeypatch.setattr(Path, 'read_bytes', read_bytes)


def test_a_folder_is_called_a_folder(folders_are_forbidden, tmp_path):
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    with pytest.raises(ModelError, match='that is a folder; give the model file itself'):
        ModelFile.load(tmp_path)
    with pytest.raises(IsADirectoryError, match='is a folder; give the file with the list'):
        read_list(tmp_path)
    with pytest.raises(IsADirectoryError, match='is a folder; give the file with the table'):
        read_table(tmp_path)


def test_what_may_really_not_be_read_is_still_forbidden(monkeypatch, tmp_path):
    (tmp_path/'a').touch()
    def refuse(self):
        raise PermissionError(errno.EACCES, 'Permission denied', str(self))
    monkeypatch.setattr(Path, 'read_bytes', refuse)
    with pytest.raises(PermissionError):
        read_file(tmp_path/'a')


def test_a_folder_counts_as_writable_if_writing_works(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert writable_folder() == Path('.')
    def refuse(self, data):
        raise PermissionError(errno.EACCES, 'Permission denied', str(self))
    monkeypatch.setattr(Path, 'write_bytes', refuse)
    monkeypatch.setattr(os, 'access', lambda *args: True)   # so says Windows
    assert writable_folder() != Path('.') and writable_folder().is_dir()


def test_folders_without_numbers_are_told_apart(monkeypatch, tmp_path):
    "A network drive may call every folder number 0."
    for label in 'cat', 'dog':
        (tmp_path/label).mkdir()
        draw(label, 1, size=64).save(tmp_path/label/'1.jpg')
    (tmp_path/'dog'/'up').symlink_to(tmp_path)   # and still nobody walks in a circle
    real = os.stat
    def stat(path, **more):
        about = real(path, **more)
        return os.stat_result([about.st_mode, 0, *about[2:]])
    monkeypatch.setattr(os, 'stat', stat)
    found = [file.relative_to(tmp_path).as_posix() for file in photo_files_below(tmp_path)]
    assert found == ['cat/1.jpg', 'dog/1.jpg']


def test_patterns_are_ours_to_fill_in(monkeypatch, tmp_path):
    for name in 'b.jpg', 'a.jpg', 'c.png':
        draw('cat', 1, size=64).save(tmp_path/name)
    monkeypatch.chdir(tmp_path)
    assert list(cli.photos_named(('*.jpg',))) == ['*.jpg']   # elsewhere the shell has done it, or means it
    monkeypatch.setattr(cli, 'ON_WINDOWS', True)
    assert list(cli.photos_named(('*.jpg', 'c.png'))) == ['a.jpg', 'b.jpg', 'c.png']
    nothing, = cli.photos_named(('*.webp',))
    assert isinstance(nothing, NoPhoto) and str(nothing) == '*.webp'


@pytest.mark.parametrize('number, name, closed', [
    (errno.EINVAL, None, True), (errno.EINVAL, 'a.jpg', False), (errno.ENOSPC, None, False)])
def test_a_reader_that_has_seen_enough(monkeypatch, number, name, closed):
    error = OSError(number, 'x', name) if name else OSError(number, 'x')
    assert cli.is_closed_pipe(BrokenPipeError()) and not cli.is_closed_pipe(error)
    monkeypatch.setattr(cli, 'ON_WINDOWS', True)
    assert cli.is_closed_pipe(error) is closed


def test_programs_of_the_page_are_programs_whatever_the_computer_says(model_file):
    before = mimetypes.guess_type('x.js')[0]
    mimetypes.add_type('text/plain', '.js')   # as some program on Windows has said once
    try:
        page = TestClient(page_app(Classifier.load(model_file)), base_url='http://127.0.0.1')
        for name, kind in ('page.js', 'text/javascript'), ('page.css', 'text/css'), ('icon.svg', 'image/svg'):
            assert page.get(f'/static/{name}').headers['content-type'].startswith(kind), name
    finally:
        mimetypes.add_type(before or 'text/javascript', '.js')

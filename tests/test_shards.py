"""Where many photos come from: stores, tar files, Parquet, and what strangers may have put into them."""
import io
import os
import tarfile

import pyarrow as pa
import pytest
from pictures import save_drawings, saved, tar_file
from pyarrow import parquet

from cat_or_dog.engine import shards
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.photo import MAX_BYTES, PhotoError, open_photo, photo_bytes
from cat_or_dog.engine.shards import Part, found_in, names_in, parts_of, put_whole, samples_in, store_of

CAT, DOG = (saved(draw(label, 1)) for label in ('cat', 'dog'))


@pytest.fixture
def memory():
    "A store in memory, empty before and after."
    store = store_of('memory://x')
    yield store
    store.rm('/', recursive=True)


def samples(*sources, size=1024):
    return [sample for part in parts_of(map(str, sources), size) for sample in samples_in(part)]


def name_or_error(sample):
    try:
        open_photo(sample.photo)
    except PhotoError as error:
        return str(error)
    return str(sample.photo)


def test_the_bytes_of_a_shard_are_those_of_the_file(tmp_path):
    members = {'x/0.jpg': CAT, 'x/0.cls': b'cat', 'x/1.seg.jpg': DOG, 'notes.txt': b'no photo'}
    tar = tar_file(tmp_path/'a.tar', members)
    parquet.write_table(pa.table({'image': [{'bytes': CAT, 'path': 'x.jpg'}, {'bytes': DOG, 'path': None}],
                                  'label': [0, 1]}), tmp_path/'a.parquet')
    found = samples(tar, tmp_path/'a.parquet')
    assert [photo_bytes(sample.photo) for sample in found] == [CAT, DOG, CAT, DOG]
    assert [sample.label for sample in found] == ['cat', '', '0', '1']
    names = [str(sample.photo).removeprefix(str(tmp_path)) for sample in found]
    assert names == ['/a.tar#x/0.jpg', '/a.tar#x/1.seg.jpg', '/a.parquet#x.jpg', '/a.parquet#1']


def with_real_size(data, name, size):
    "A tar file whose sparse member `name` says that it has `size` bytes."
    at = data.index(name)
    header = bytearray(data[at:at + 512])
    header[483:495] = b'%011o\0' % size
    header[148:156] = b' '*8
    header[148:156] = b'%06o\0 ' % sum(header)
    return data[:at] + bytes(header) + data[at + 512:]


def test_nothing_in_a_tar_file_reaches_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    link = tarfile.TarInfo('1.jpg')
    link.type, link.linkname = tarfile.SYMTYPE, '/etc/hostname'
    hard = tarfile.TarInfo('2.jpg')
    hard.type, hard.linkname = tarfile.LNKTYPE, '../0.jpg'
    pipe = tarfile.TarInfo('3.jpg')
    pipe.type = tarfile.FIFOTYPE
    holes = tarfile.TarInfo('5.jpg')   # five million zeros, in a header of 512 bytes
    holes.type = tarfile.GNUTYPE_SPARSE
    members = {'../0.jpg': CAT, '1.jpg': link, '2.jpg': hard, '3.jpg': pipe, '/tmp/4.jpg': DOG,
               '5.jpg': holes}
    tar = tar_file(tmp_path/'a.tar', members)
    with_size = with_real_size((tmp_path/'a.tar').read_bytes(), b'5.jpg', 5_000_000)
    (tmp_path/'a.tar').write_bytes(with_size)
    found = samples(tar)
    assert [str(sample.photo).partition('#')[2] for sample in found] == ['../0.jpg', '/tmp/4.jpg']
    assert [photo_bytes(sample.photo) for sample in found] == [CAT, DOG]
    assert os.listdir(tmp_path) == ['a.tar'] and not (tmp_path.parent/'0.jpg').exists()


def test_a_member_that_claims_to_be_enormous_is_not_read(tmp_path):
    huge = tarfile.TarInfo('huge.jpg')
    huge.size = MAX_BYTES + 1
    (tmp_path/'a.tar').write_bytes(huge.tobuf() + bytes(1024))
    [said] = map(name_or_error, samples(tmp_path/'a.tar')[:1])
    assert said.endswith('huge.jpg: it has more than 300 MB.')


def test_a_name_without_end_is_not_read(tmp_path):
    long = tarfile.TarInfo('././@LongLink')
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2_000_000
    last = tarfile.TarInfo('x').tobuf() + bytes(1024)
    (tmp_path/'a.tar').write_bytes(long.tobuf() + b'x'*2_000_000 + bytes(-2_000_000 % 512) + last)
    [said] = map(name_or_error, samples(tmp_path/'a.tar'))
    assert 'a header is too long' in said


def test_headers_before_headers_are_the_tar_files_own_fault(tmp_path):
    tar_file(tmp_path/'a.tar', {'0.jpg': CAT})
    nested = tarfile.TarInfo('././@LongLink')
    nested.type, nested.size = tarfile.GNUTYPE_LONGNAME, 1
    data = (tmp_path/'a.tar').read_bytes().rstrip(b'\0')
    data += bytes(-len(data) % 512) + 2000*(nested.tobuf() + bytes(512)) + bytes(1024)
    (tmp_path/'a.tar').write_bytes(data)
    [first, said] = map(name_or_error, samples(tmp_path/'a.tar'))
    assert first == f'{tmp_path}/a.tar#0.jpg' and 'the shard cannot be read to its end (maximum rec' in said


def test_photos_that_wait_for_a_label_do_not_fill_the_memory(tmp_path, monkeypatch):
    members = {f'0.{i}.jpg': CAT for i in range(6)} | {'0.cls': b'cat'}
    tar_file(tmp_path/'a.tar', members)
    assert [sample.label for sample in samples(tmp_path/'a.tar')] == ['cat']*6
    monkeypatch.setattr(shards, '_BYTES_TOGETHER', int(2.5*len(CAT)))
    assert [sample.label for sample in samples(tmp_path/'a.tar')] == ['']*4 + ['cat']*2


def test_names_of_strangers_have_no_power_over_a_terminal(tmp_path):
    evil = '\x1b[2J.jpg'
    tar_file(tmp_path/'a.tar', {evil: CAT})
    cells = [{'bytes': CAT, 'path': evil + 9_000*'x'}]
    parquet.write_table(pa.table({'image': cells, 'label': ['\x1b']}), tmp_path/'a.parquet')
    tar, table = samples(tmp_path/'a.tar', tmp_path/'a.parquet')
    assert str(tar.photo) == f'{tmp_path}/a.tar#\\x1b[2J.jpg'
    assert str(table.photo).startswith(f'{tmp_path}/a.parquet#\\x1b[2J.jpgxxx')
    assert len(str(table.photo)) < 1_500 and table.label == '\\x1b'


@pytest.mark.parametrize('kept', [0.3, 0.97, 'between'])
def test_a_tar_file_that_was_cut_off_says_so(tmp_path, kept):
    tar_file(tmp_path/'a.tar', {'0.jpg': CAT, '1.jpg': DOG})
    data = (tmp_path/'a.tar').read_bytes()
    keep = data.index(b'1.jpg') if kept == 'between' else int(kept*data.rindex(DOG[-9:]))
    (tmp_path/'a.tar').write_bytes(data[:keep])
    found = [name_or_error(sample) for sample in samples(tmp_path/'a.tar')]
    assert found[-1].startswith(f'{tmp_path}/a.tar: the shard cannot be read to its end (')
    assert len(found) == (1 if kept == 0.3 else 2)


@pytest.mark.parametrize('data', [b'', b'oops', b'PAR1' + bytes(99) + b'PAR1'])
@pytest.mark.parametrize('ending', ['tar', 'parquet'])
def test_what_is_no_shard_is_one_row(tmp_path, data, ending):
    (tmp_path/f'a.{ending}').write_bytes(data)
    [said] = map(name_or_error, samples(tmp_path/f'a.{ending}'))
    assert said.startswith(f'{tmp_path}/a.{ending}: the shard cannot be read to its end (')
    assert said.endswith(').')


def test_a_missing_shard_and_a_table_without_photos_are_a_row_each(tmp_path):
    parquet.write_table(pa.table({'text': ['a']}), tmp_path/'a.parquet')
    found = samples(tmp_path/'no.tar', tmp_path/'no.parquet', tmp_path/'a.parquet')
    said = [name_or_error(sample).removeprefix(f'{tmp_path}/') for sample in found]
    assert said[:2] == ['no.tar: there is no such file.', 'no.parquet: there is no such file.']
    assert 'it has no column of photos' in said[2] and len(said) == 3


def test_one_photo_a_million_times_takes_the_place_of_one(tmp_path):
    million, one_photo = pa.array([0]*1_000_000, pa.int32()), pa.array([bytes(1_000_000)], pa.binary())
    column = pa.DictionaryArray.from_arrays(million, one_photo)
    parquet.write_table(pa.table({'image': column}), tmp_path/'a.parquet')
    assert (tmp_path/'a.parquet').stat().st_size < 100_000   # a terabyte, written small
    [part] = parts_of([str(tmp_path/'a.parquet')])
    some = samples_in(part)
    assert [len(photo_bytes(next(some).photo)) for _ in range(3)] == [1_000_000]*3


def test_a_row_group_that_says_that_it_is_enormous_is_not_read(tmp_path, monkeypatch):
    columns = {'image': [{'bytes': CAT, 'path': 'a'}]*2 + [{'bytes': bytes(9_000_000), 'path': 'c'}]}
    parquet.write_table(pa.table(columns), tmp_path/'a.parquet', row_group_size=2, use_dictionary=False)
    monkeypatch.setattr(shards, 'MAX_BYTES', 1_000_000)
    said = [name_or_error(sample) for sample in samples(tmp_path/'a.parquet')]
    assert len(said) == 3 and 'it says that its rows are larger than any photo' in said[2]
    names = pa.table({'image': [CAT], 'name': ['x'*9_000_000]})
    parquet.write_table(names, tmp_path/'b.parquet', use_dictionary=False)
    [said] = map(name_or_error, samples(tmp_path/'b.parquet'))
    assert 'it says that its rows are larger than any photo' in said


def test_a_table_without_rows_is_no_success(tmp_path):
    parquet.write_table(pa.table({'image': pa.array([], pa.binary())}), tmp_path/'a.parquet')
    with pytest.raises(ValueError, match='There are no photos in .*a.parquet'):
        parts_of([str(tmp_path/'a.parquet')])


def test_a_parquet_file_is_cut_at_its_row_groups(tmp_path):
    names = [f'{i}.jpg' for i in range(10)]
    parquet.write_table(pa.table({'jpg': [CAT]*10, 'path': names}), tmp_path/'a.parquet', row_group_size=2)
    parts = parts_of([str(tmp_path/'a.parquet')], 4)
    assert [(part.first, part.last) for part in parts] == [(0, 2), (2, 4), (4, 5)]
    found = [str(sample.photo).partition('#')[2] for part in parts for sample in samples_in(part)]
    assert found == names
    parquet.write_table(pa.table({'jpg': [CAT]*10}), tmp_path/'b.parquet', row_group_size=2)
    found = [str(sample.photo).partition('#')[2] for sample in samples(tmp_path/'b.parquet', size=4)]
    assert found == list(map(str, range(10)))


def test_the_archive_that_photos_came_in_does_not_count_again(tmp_path, memory):
    from cat_or_dog.engine.cli import photos_named
    (tmp_path/'photos').mkdir()
    (tmp_path/'photos'/'0.jpg').write_bytes(CAT)
    tar_file(tmp_path/'photos'/'all.tar', {'0.jpg': CAT})
    assert list(map(str, photos_named((str(tmp_path/'photos'),)))) == [f'{tmp_path}/photos/0.jpg']
    assert [part.kind for part in parts_of([str(tmp_path/'photos')])] == ['files']
    (tmp_path/'photos'/'0.jpg').unlink()
    assert list(map(str, photos_named((str(tmp_path/'photos'),)))) == [f'{tmp_path}/photos/all.tar#0.jpg']
    assert [part.kind for part in parts_of([str(tmp_path/'photos')])] == ['tar']
    memory.pipe_file('/photos/all.tar', (tmp_path/'photos'/'all.tar').read_bytes())
    assert [part.kind for part in parts_of(['memory:///photos'])] == ['tar']
    memory.pipe_file('/photos/0.jpg', CAT)
    assert [part.kind for part in parts_of(['memory:///photos'])] == ['files']


def test_a_folder_in_a_store_is_read_as_one_here(tmp_path, memory):
    save_drawings(tmp_path, range(3))
    (tmp_path/'cat'/'torn.jpg').write_bytes(CAT[:500])
    (tmp_path/'cat'/'empty.jpg').write_bytes(b'')
    (tmp_path/'cat'/'.hidden.jpg').write_bytes(CAT)
    for file in tmp_path.rglob('*.jpg'):
        memory.pipe_file(f'/photos/{file.relative_to(tmp_path)}', file.read_bytes())
    here = [name_or_error(sample).replace(f'{tmp_path}', 'memory:///photos') for sample in samples(tmp_path)]
    there = samples('memory://photos', size=3)
    assert [name_or_error(sample) for sample in there] == sorted(here) and len(there) == 8
    assert {sample.label for sample in there} == {'cat', 'dog'}


def test_a_name_in_a_store_is_never_an_address(memory):
    memory.pipe_file('/photos/0::file:///etc/hostname.jpg', CAT)
    memory.pipe_file('/photos/file:/etc/hosts.jpg', DOG)
    found = samples('memory:///photos')
    assert [photo_bytes(sample.photo) for sample in found] == [CAT, DOG]


def test_a_store_that_fails_is_no_unreadable_photo(memory, monkeypatch):
    memory.pipe_file('/photos/0.jpg', CAT)
    memory.pipe_file('/photos/1.jpg', DOG)
    [part] = parts_of(['memory:///photos'])
    memory.rm('/photos/1.jpg')   # gone since the listing: this one photo's fault
    said = [name_or_error(sample) for sample in samples_in(part)]
    assert said[1] == 'memory:///photos/1.jpg: there is no such file.'
    monkeypatch.setattr(type(memory), 'cat_ranges', lambda self, *a, **b: [OSError(5, 'no route')]*2)
    with pytest.raises(OSError, match='no route'):
        list(samples_in(part))
    def fail(self, *args, **more):
        raise Strange('token expired')
    monkeypatch.setattr(type(memory), 'cat_ranges', fail)
    with pytest.raises(OSError, match=r'memory:///photos/0.jpg: the store did not do .* \(token expired\)'):
        list(samples_in(part))


class Strange(Exception):
    "As a store's client raises it."


FAILURES = [OSError(5, 'no route'), Strange('token expired'), TimeoutError(),
            PermissionError('token expired'), KeyError('token'), ValueError('no token')]


@pytest.mark.parametrize('method', ['open', 'read'])
@pytest.mark.parametrize('error', FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize('name', ['a.tar', 'a.parquet'])
def test_a_store_that_fails_is_no_damaged_shard(memory, monkeypatch, name, error, method):
    place = f'memory:///photos/{name}'
    memory.pipe_file(place, shard_of(name))
    [part] = parts_of([place])
    def fail(self, *args, **more):
        raise error
    target = type(memory) if method == 'open' else type(memory.open(place))
    monkeypatch.setattr(target, method, fail)
    said = 'no route|the store did not do what it was asked .*(token|TimeoutError)'
    with pytest.raises(OSError, match=said):
        list(samples_in(part))
    if name == 'a.parquet':   # nor is it planned as one
        with pytest.raises(OSError, match=said):
            parts_of([place])


def test_a_store_that_fails_in_the_middle_gives_the_photos_before_it(memory, monkeypatch):
    tar = io.BytesIO(shard_of('a.tar', 40))
    memory.pipe_file('/photos/a.tar', tar.getvalue())
    [part] = parts_of(['memory:///photos/a.tar'])
    file, left = type(memory.open('/photos/a.tar')), [4]
    def read(self, size=-1):
        left[0] -= 1
        if left[0] < 0:
            raise Strange('token expired')
        return io.BytesIO.read(self, size)
    monkeypatch.setattr(file, 'read', read)
    found = samples_in(part)
    assert str(next(found).photo) == 'memory:///photos/a.tar#0.jpg'
    with pytest.raises(OSError, match='token expired'):
        list(found)


def shard_of(name, n=1):
    "A tar file or a Parquet file with some photos, as bytes."
    made = io.BytesIO()
    if name.endswith('.parquet'):
        parquet.write_table(pa.table({'image': [CAT]*n}), made)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode='w') as tar:
        for i in range(n):
            member = tarfile.TarInfo(f'{i}.jpg')
            member.size = len(CAT)
            tar.addfile(member, io.BytesIO(CAT))
    return made.getvalue()


def test_photos_are_asked_for_together_but_not_too_many():
    sizes = [1]*40 + [70_000_000, 1, 1]
    assert list(map(len, shards.bunches(sizes, int))) == [32, 8, 1, 2]


def test_an_object_that_is_too_large_is_not_asked_for(memory):
    part = Part('files', ['memory:///photos/0.jpg'], [MAX_BYTES + 1])
    [sample] = samples_in(part)
    assert name_or_error(sample) == 'memory:///photos/0.jpg: it has more than 300 MB.'


def test_what_others_have_written_meanwhile_is_seen(memory):
    put_whole('memory:///rows/a', b'1')
    assert names_in('memory:///rows') == {'a'}
    put_whole('memory:///rows/b', b'2')
    assert names_in('memory:///rows') == {'a', 'b'} and names_in('memory:///nothing') == set()


@pytest.mark.parametrize('address', ['zip://a.zip', 'ftp://host/a', 'file:///etc', 'dir://x', 'github://a:b@'])
def test_what_is_no_store_is_not_opened(address):
    with pytest.raises(ValueError, match='no kind of store begins like this'):
        found_in(address)


def test_a_folder_that_another_program_has_open_is_waited_for(tmp_path, monkeypatch):
    (tmp_path/'work').mkdir()
    real, errors = os.replace, [PermissionError(13, 'in use')]
    errors[0].winerror = 32   # as Windows says it
    def replace(*names):
        if errors:
            raise errors.pop()
        real(*names)
    monkeypatch.setattr(os, 'replace', replace)
    shards.move_whole(str(tmp_path/'work'), str(tmp_path/'out'))
    assert os.listdir(tmp_path) == ['out']


def test_a_missing_package_for_a_store_is_named(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 's3fs', None)
    with pytest.raises(ModuleNotFoundError, match=r'cat_or_dog\[many\]'):
        found_in('s3://bucket/photos')
    with pytest.raises(ValueError, match='gs://bucket: .*gcsfs'):
        found_in('gs://bucket')

"""Batches: in order, bounded, and one bad photo costs one row."""
import io
import threading
import time
from itertools import count

import numpy as np
import pytest
from pictures import saved
from PIL import Image

from cat_or_dog.engine import photo as photo_room
from cat_or_dog.engine.batches import good_and_bad, in_batches
from cat_or_dog.engine.photo import BIG, PhotoError, pixels


def test_answers_come_in_order_though_later_batches_are_quicker():
    def work(batch):
        time.sleep(0.02 if batch[0] == 0 else 0)
        return batch
    assert list(in_batches(range(50), work, size=4, threads=4)) == list(range(50))


@pytest.mark.parametrize('threads', [1, 2, 5])
def test_no_more_is_read_ahead_than_the_threads_can_take(threads):
    taken = 0
    def stream():
        nonlocal taken
        for taken in count(1):   # noqa: UP028 – `taken` is looked at outside
            yield taken
    answers = in_batches(stream(), lambda batch: batch, size=3, threads=threads)
    assert next(answers) == 1
    assert taken <= 3*(threads + 2)   # one batch for each thread, one waiting, one handed out
    for _ in range(300):
        next(answers)
    assert taken <= 301 + 3*(threads + 2)
    answers.close()


def test_what_work_raises_is_raised_and_no_later_batch_begins():
    begun = []
    def work(batch):
        begun.append(batch[0])
        raise ValueError('broken')
    with pytest.raises(ValueError, match='broken'):
        list(in_batches(range(1000), work, size=1, threads=2))
    assert len(begun) <= 3


def test_a_reader_who_stops_leaves_no_thread_behind():
    before = threading.active_count()
    answers = in_batches(count(), lambda batch: batch, threads=3)
    next(answers)
    answers.close()
    assert threading.active_count() == before


def test_a_bad_photo_costs_one_row_and_all_bad_ones_ask_nobody():
    def square(name):
        if name == 'bad':
            raise PhotoError(name, 'damaged', 'the file is damaged')
        return np.full((2, 2, 3), int(name), np.uint8)
    found = good_and_bad(['1', 'bad', '3'], square, lambda batch: batch[:, 0, 0, 0].tolist())
    assert found[0] == 1 and isinstance(found[1], PhotoError) and found[2] == 3
    assert all(isinstance(x, PhotoError) for x in good_and_bad(['bad', 'bad'], square, None))


def png(width, height):
    return saved(Image.new('RGB', (width, height), 'orange'), 'png', compress_level=1)


@pytest.mark.parametrize('resize', ['half', 'squish'])
def test_big_photos_are_unpacked_one_at_a_time_and_small_ones_side_by_side(monkeypatch, resize):
    inside, most = {True: 0, False: 0}, {True: 0, False: 0}
    count_lock, real, meeting = threading.Lock(), photo_room.open_photo, threading.Barrier(2)
    def watched(photo, *, max_pixels, **rest):
        opened = real(photo, max_pixels=max_pixels, **rest)   # a refusal for its size passes here at once
        big = max_pixels > BIG
        with count_lock:
            inside[big] += 1
            most[big] = max(most[big], inside[big])
        if big:
            time.sleep(0.05)
        else:
            meeting.wait(timeout=10)   # passes only when two are here together
        with count_lock:
            inside[big] -= 1
        return opened
    monkeypatch.setattr(photo_room, 'open_photo', watched)
    big, small = png(4001, 4000), png(400, 300)
    def work(batch):
        return [pixels(data, 32, resize) for data in batch]
    squares = list(in_batches([big]*3, work, size=1, threads=3))
    squares += list(in_batches([small]*2, work, size=1, threads=2))
    assert most == {True: 1, False: 2}
    assert all((square == (255, 165, 0)).all() for square in squares)


def test_an_open_file_with_a_big_photo_is_read_once():
    class Stream(io.BytesIO):
        def seekable(self):
            return False
    assert pixels(Stream(png(4001, 4000)), 32).shape == (32, 32, 3)


def test_the_error_has_the_name_that_was_given():
    with pytest.raises(PhotoError, match='^holiday.jpg: this is not a photo'):
        pixels(b'no photo at all', 32, 'half', name='holiday.jpg')

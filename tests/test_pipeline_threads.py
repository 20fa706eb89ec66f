"""Parallel work in order and with limits."""

import threading
import time

import pytest

from mien.reader import overlapped


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(overlapped(lambda n: (time.sleep(0.002 * (5 - n % 5)), n)[1], range(20), workers)) == list(range(20))


def test_work_overlaps():
    meeting = threading.Barrier(2)  # each worker waits here until the other has come
    assert list(overlapped(lambda _: meeting.wait(timeout=10) >= 0, range(4), 2)) == [True] * 4


def test_memory_stays_flat():
    drawn = []
    results = overlapped(lambda n: n, (drawn.append(n) or n for n in range(1000)), 2)
    next(results)
    assert len(drawn) <= 5
    results.close()
    assert len(drawn) <= 5


def test_errors_are_raised_in_order():
    def work(number):
        if number == 3:
            raise ValueError("third")
        return number

    results = overlapped(work, range(10), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="third"):
        next(results)


def test_a_finished_run_reads_nothing():
    assert list(overlapped(lambda n: n, [], 2)) == []

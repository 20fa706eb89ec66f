"""Overlap the stages of a pipeline on threads, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """``work(item)`` for each item, in the order of the items.

    While ``workers`` threads work, the caller's thread draws the next items (decoding a video, say) and deals with the
    results; at most ``2 * workers`` items are on their way at any time, so memory stays flat. With one worker the items are
    still drawn ahead.

    Args:
        work: called in other threads: must not touch what they share. It should spend its time where Python's lock is
            released, as onnxruntime, OpenCV and PyAV do.
        items: drawn from in the caller's thread.
        workers: threads, at least 1.

    Raises:
        Exception: what ``work`` or the items raise, at the place of that item; no further ones are begun.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="mien") as pool:
        on_their_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                on_their_way.append(pool.submit(work, item))
                if len(on_their_way) >= 2 * workers:
                    yield on_their_way.popleft().result()
            while on_their_way:
                yield on_their_way.popleft().result()
        finally:
            for future in on_their_way:
                future.cancel()


def worker_count(threads: int) -> int:
    """How many items to work on at the same time: as many as ``threads``, or, where that is 0, as there are cores to use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Several processes on one study."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from ...data.dataset import Dataset
from ...errors import MienError
from .plan import Plan
from .results import Event
from .working import quieten, work


def spread(plan: Plan, images: Dataset, workers: int, say: Callable[[Event], None]) -> None:
    """Run trials in ``workers`` processes until there are enough; the processor's threads are shared out among them.

    Args:
        plan: what is tried.
        images: see ``mien.lab.tune.images.tuning_images``; each process gets a copy.
        workers: how many.
        say: called in this process after each epoch and each trial.

    Raises:
        MienError: a process met one outside of a trial.
        KeyboardInterrupt: the user stopped the study; all processes have written down their trials.
    """
    # Forked copies of a process that has used torch's threads hang.
    context = multiprocessing.get_context("spawn")
    news, stop = context.Queue(), context.Event()
    threads = max(1, torch.get_num_threads() // workers)
    processes: list[BaseProcess] = [
        context.Process(target=_serve, args=(plan, images, threads, news, stop), name=f"mien tune {number}")
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        _listen(processes, news, say)
    finally:
        stop.set()
        for process in processes:
            process.join()
        news.close()


def _listen(processes: list[BaseProcess], news: Any, say: Callable[[Event], None]) -> None:
    while True:
        alive = any(process.is_alive() for process in processes)  # asked first: nothing comes from the dead
        try:
            event = news.get(timeout=0.2 if alive else 0.01)
        except queue.Empty:
            if alive:
                continue
            break
        if isinstance(event, MienError):
            raise event
        say(event)
    fallen = [f"{process.name} (exit code {process.exitcode})" for process in processes if process.exitcode]
    if fallen:
        raise MienError(
            f"{', '.join(fallen)} ended before its time",
            hint="What it met stands above; its trial is tried again with --resume. Fewer --workers need less memory.",
        )


def _serve(plan: Plan, images: Dataset, threads: int, news: Any, stop: Any) -> None:
    """What each process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one tells the others
    torch.set_num_threads(threads)
    quieten()
    parent = multiprocessing.parent_process()

    def ended() -> bool:
        return bool(stop.is_set()) or not (parent and parent.is_alive())

    try:
        work(plan, images, news.put, ended)
    except MienError as error:
        news.put(error)
    except KeyboardInterrupt:
        pass  # asked for, and written down

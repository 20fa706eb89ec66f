"""The connection to Ray, and running the tasks of a run on its workers."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import MienError, OptionError
from ..extras import check_installed, require
from ..model.session import usable_cores
from .partitions import PartitionReader, PartitionSummary, Plan, Task

#: Seconds to wait for the head node of a cluster.
_CONNECT_S = 10.0
#: Object store of a local Ray, in bytes: only numbers of partitions and summaries are exchanged.
_STORE_BYTES = 100_000_000


@contextmanager
def connected(address: str | None, workers: int | None = None) -> Iterator[Any]:
    """Connect to Ray for the duration of a context, and yield its module; a connection that exists is used and kept.

    Args:
        address: ``auto`` (the cluster that this machine belongs to), or ``HOST:PORT`` of its head node; None starts Ray on
            this machine, for ``workers`` workers.
        workers: None stands for all cores.

    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: there is no cluster at the address.
    """
    check_installed(("ray", "pyarrow", "fsspec"), "ray")
    with _quiet():
        ray = require("ray", "ray")
        if ray.is_initialized():
            yield ray
            return
        cores: dict[str, Any] = {"num_cpus": workers or usable_cores(), "object_store_memory": _STORE_BYTES}
        local = {"include_dashboard": False, **cores}
        _check_reachable(address)
        try:
            with _starting(local=address is None):
                ray.init(
                    address=address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **({} if address else local),
                )
        except Exception as error:  # Ray raises bare ones, such as after a slow start
            raise _unreachable(address, error) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def run_tasks(ray: Any, plan: Plan, todo: Sequence[Task], workers: int | None = None) -> Iterator[PartitionSummary]:
    """Do tasks on the workers of a cluster, and yield a summary of each, in any order.

    A task whose worker or node is lost is done again; an error of mien that a worker meets is raised. ``workers`` limits
    their number; None uses the resources of the cluster: a processor core for each, or a GPU with ``device="cuda"``.
    """
    data = require("ray.data", "ray")
    gpu = plan.options.device == "cuda"
    slots = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
    if slots < 1:
        message = f"the cluster has no {'GPU' if gpu else 'processor core'} for a worker"
        raise OptionError(message, hint="Add nodes, or choose another --device.", field="device")
    most = max(1, min(workers or slots, slots, len(todo)))
    # One task at a time: those that wait for a slow worker would be last to end
    pool = data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1)
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False  # mien shows its own
    rows = [{"partition": task.partition, "segment": -1 if task.segment is None else task.segment} for task in todo]
    items = data.from_items(rows, override_num_blocks=len(todo))
    summaries = items.map(
        PartitionReader, fn_constructor_args=(plan,), compute=pool, num_cpus=1, num_gpus=1 if gpu else None
    )
    for row in summaries.iter_rows():
        outcome: PartitionSummary | MienError = pickle.loads(row["outcome"])  # noqa: S301 - from a worker of this run
        if isinstance(outcome, MienError):
            raise outcome
        yield outcome


def _check_reachable(address: str | None) -> None:
    """Try the port of a cluster first: Ray itself waits for a minute, and may end the process."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> OptionError:
    if address is None:
        return OptionError(
            f"Ray cannot be started on this machine: {error}", hint="Check memory and /dev/shm; try again."
        )
    hint = "Start one with 'ray start --head' and give its HOST:PORT, or leave --address out to use this machine alone."
    return OptionError(f"no Ray cluster at {address!r}: {error}", hint=hint, field="address", value=address)


@contextmanager
def _starting(*, local: bool) -> Iterator[None]:
    """Variables that Ray reads while it starts, unless the user has set them.

    Its core writes errors of its own to standard error, which mien reports; and its workers would give way to all other
    programs (niceness 15).
    """
    wanted = {"RAY_BACKEND_LOG_LEVEL": "fatal", **({"RAY_worker_niceness": "0"} if local else {})}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore warnings of Ray's own modules, and its remarks on each run."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning, ResourceWarning, UserWarning, RuntimeWarning):
            warnings.filterwarnings("ignore", category=category)
        require("ray.data", "ray")  # sets up its logger
        logger = logging.getLogger("ray.data")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)

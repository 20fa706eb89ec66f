"""Training with several processes (DDP): their number, the rows of each, and batch norm over all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from ...errors import OptionError
from ...extras import require
from ..recipe import Recipe

T = TypeVar("T", bound=nn.Module)


@dataclass(frozen=True)
class Processes:
    """The processes of a run: ``devices`` on each of ``nodes`` machines, and the ``rank`` of this one among all."""

    devices: int = 1
    nodes: int = 1
    rank: int = 0

    @property
    def world(self) -> int:
        """Number of processes."""
        return self.devices * self.nodes

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def check(self, recipe: Recipe) -> None:
        """Raise an ``OptionError`` if a batch cannot be divided equally among the processes."""
        part = recipe.schedule.batch // recipe.schedule.accumulate
        if part % self.world or part // self.world < 2:
            message = (
                f"a batch of {part} images cannot be divided among {self.world} processes, at least two images in each"
            )
            hint = f"Set schedule.batch to a multiple of {2 * self.world * recipe.schedule.accumulate}."
            raise OptionError(message, hint=hint, field="devices", value=self.devices)


#: A run in one process.
ALONE = Processes()


def processes(devices: int | None = None, nodes: int | None = None, strategy: str = "ddp") -> Processes:
    """The processes of a run, from arguments or from ``torchrun``; without either, one.

    Args:
        devices: processes on this machine, a GPU or a processor core for each.
        nodes: number of machines.
        strategy: ``ddp`` (``torch.nn.parallel.DistributedDataParallel``).

    Raises:
        OptionError: a number is out of range or not that of ``torchrun``, or there are fewer GPUs.
    """
    if strategy != "ddp":
        raise OptionError(f"strategy: got {strategy!r}, expected ddp", field="strategy", value=strategy)
    environment = os.environ
    started = "TORCHELASTIC_RUN_ID" in environment
    launched = {
        "devices": int(environment["LOCAL_WORLD_SIZE"]) if started else None,
        "nodes": int(environment["GROUP_WORLD_SIZE"]) if started else None,
    }
    for field, value in (("devices", devices), ("nodes", nodes)):
        if value is not None and value < 1:
            raise OptionError(f"{field}: got {value}, expected at least 1", field=field, value=value)
        if value is not None and launched[field] not in (None, value):
            message = f"{field}: got {value}, but torchrun started {launched[field]}"
            raise OptionError(message, hint=f"Leave --{field} out with torchrun.", field=field, value=value)
    devices, nodes = launched["devices"] or devices or 1, launched["nodes"] or nodes or 1
    if torch.cuda.is_available() and devices > torch.cuda.device_count():
        message = f"devices: got {devices}, but this machine has {torch.cuda.device_count()} GPUs"
        raise OptionError(message, hint="Use fewer --devices.", field="devices", value=devices)
    local = int(environment.get("NODE_RANK", 0)) * devices + int(environment.get("LOCAL_RANK", 0))
    rank = int(environment["RANK"]) if started else local
    return Processes(devices, nodes, rank if devices * nodes > 1 else 0)


def restarted() -> bool:
    """Whether ``torchrun`` started this process again after a failure (``--max-restarts``)."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def join_restarted(group: Processes) -> None:
    """Connect the processes that ``torchrun`` has restarted on one machine; all others are connected by Lightning.

    The store of ``torchrun`` outlives a restart. Addresses of processes that have ended are still in it, and a process that
    finds one waits for half an hour (pytorch/pytorch#135712). Here each restart has its own names in the store. Several
    machines may count restarts differently: they need ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1``.
    """
    environment = os.environ
    if not restarted() or group.nodes > 1 or environment.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return
    address = environment["MASTER_ADDR"], int(environment["MASTER_PORT"])
    store = distributed.TCPStore(*address, group.world, is_master=False)  # type: ignore[attr-defined]
    names = f"restart {environment['TORCHELASTIC_RESTART_COUNT']}"
    own = distributed.PrefixStore(names, store)  # type: ignore[attr-defined]
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(environment["LOCAL_RANK"]))
        backend = "nccl"
    distributed.init_process_group(backend, store=own, rank=group.rank, world_size=group.world)


def share_of(rows: Sequence[int], group: Processes) -> list[int]:
    """Rows that this process validates: consecutive parts, whose sizes differ by one at most."""
    bounds = [len(rows) * number // group.world for number in (group.rank, group.rank + 1)]
    return list(rows[bounds[0] : bounds[1]])


def mean_over_processes(value: torch.Tensor) -> torch.Tensor:
    """The mean of a tensor, without its gradient, over all processes."""
    if not _many():
        return value.detach()
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose mean and variance are those of the images of all processes; torch's own needs GPUs.

    Parameters and buffers are those of ``nn.BatchNorm2d``, so checkpoints fit both.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's name
        if not self.training or not _many() or self.momentum is None:
            return super().forward(input)
        values = input.float()
        count = values.numel() // values.shape[1] * distributed.get_world_size()
        mean = _sum_over_processes(values.sum((0, 2, 3))) / count
        centered = values - mean[:, None, None]
        variance = _sum_over_processes(centered.square().sum((0, 2, 3))) / count
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
        normalized = centered * (variance + self.eps).rsqrt()[:, None, None]
        if self.affine:
            normalized = normalized * self.weight[:, None, None] + self.bias[:, None, None]
        return normalized.to(input.dtype)


def synchronize_batch_norm(network: T) -> T:
    """Compute the batch norms of a network, in place, over all processes.

    Raises:
        OptionError: a kind of batch norm that only GPUs synchronize.
    """
    if torch.cuda.is_available():
        converted: T = require("timm.layers", "lab").convert_sync_batchnorm(network)  # torch's loses timm's activations
        return converted
    for name, module in network.named_modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SynchronizedBatchNorm2d
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and type(module) is not SynchronizedBatchNorm2d:
            message = f"{name}: a {type(module).__name__} is synchronized on GPUs only"
            raise OptionError(message, hint="Leave --sync-batch-norm out.", field="sync_batch_norm", value=True)
    return network


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(_context: Any, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def _sum_over_processes(value: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(value)
    return total


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1

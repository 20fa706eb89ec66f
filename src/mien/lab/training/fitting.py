"""What surrounds a run of Lightning: its messages, and its handling of Ctrl-C."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import lightning.pytorch as lightning

#: Warnings that do not apply here, and why.
_NOT_APPLICABLE = (
    ".*does not have many workers.*",  # the data is in memory: worker processes would only copy it
    "The number of training batches.*is smaller than the logging interval",  # nothing is logged per step
    "Checkpoint directory .* exists and is not empty",  # a resumed run writes where the run began
    "Found .* in eval mode at the start of training",  # a frozen base stays in evaluation mode
    "It is recommended to use .*sync_dist=True",  # the metrics of the validation are those of all processes
    ".*isinstance.treespec, LeafSpec.*",  # inside Lightning 2.6 on torch 2.11 and later
)


@contextmanager
def quiet() -> Iterator[None]:
    """Show errors of Lightning only, and no warnings that do not apply here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _NOT_APPLICABLE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


@contextmanager
def interruptible(trainer: lightning.Trainer) -> Iterator[None]:
    """Turn Lightning's ``sys.exit(1)`` on Ctrl-C back into a KeyboardInterrupt."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ending:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from ending

"""The database of a study: a file, or a server that several machines share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

from ...errors import MissingExtraError, OptionError, OutputError

#: A trial without a heartbeat for this long, in seconds, counts as stopped, and its values are queued again.
GRACE_S = 60
#: Packages to connect to databases.
_DRIVERS = {"postgresql": "psycopg2-binary", "mysql": "PyMySQL (mysql+pymysql://)"}


@contextmanager
def no_experimental_warnings() -> Iterator[None]:
    """Ignore that heartbeats count as experimental, since Optuna 2.8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def study_names(url: str) -> list[str]:
    """Names of the studies in the database of a URL; it is created where it is a file."""
    with open_storage(Path(), url) as found:
        return [study.study_name for study in found.get_all_studies()]


def _database(url: str) -> sqlalchemy.URL:
    hint = "Such as postgresql://user:password@host/database, of a database that all machines reach."
    try:
        parsed = sqlalchemy.make_url(url)
        parsed.get_dialect()
    except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError, ValueError) as error:
        raise OptionError(f"storage: {error}", hint=hint, field="storage") from error
    if parsed.get_backend_name() == "sqlite" and not parsed.database:
        raise OptionError("storage: got a database in memory, which ends with the process", hint=hint, field="storage")
    return parsed


@contextmanager
def open_storage(out: Path, url: str | None = None) -> Iterator[RDBStorage]:
    """Optuna's storage in a database, or in ``study.db`` in ``out``, for a context.

    Raises:
        OptionError: ``url`` is no URL of a database.
        MissingExtraError: the driver of the database is not installed.
        OutputError: the database cannot be used.
    """
    file = (out / "study.db").resolve()
    database = _database(url) if url else sqlalchemy.URL.create("sqlite", database=str(file))
    # several processes write to one file: wait for each other; connections to a server may have been closed
    sqlite = database.get_backend_name() == "sqlite"
    how: dict[str, Any] = {"connect_args": {"timeout": 120}} if sqlite else {"pool_pre_ping": True}
    shown = database.render_as_string(hide_password=True) if url else str(file)
    try:
        with no_experimental_warnings():
            storage = RDBStorage(
                database.render_as_string(hide_password=False),
                engine_kwargs=how,
                heartbeat_interval=GRACE_S // 4,
                grace_period=GRACE_S,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except ImportError as error:
        driver = database.drivername
        hint = f"Install its driver, such as pip install {_DRIVERS.get(database.get_backend_name(), 'PACKAGE')}."
        raise MissingExtraError(f"{driver}: its driver is not installed: {error}", hint=hint, value=driver) from error
    except (sqlalchemy.exc.DatabaseError, optuna.exceptions.StorageInternalError) as error:
        first = str(error).partition("\n")[0]
        hint = "Check that the folder is writable and the disk has room, or start again with another --out."
        if url:
            hint = "Check the address, the user and the password, and that the database exists."
        raise OutputError(f"{shown} cannot be used as a study: {first}", hint=hint) from error

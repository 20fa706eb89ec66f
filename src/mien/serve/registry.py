"""A folder of promoted models: versions with cards and hashes, the current one, and the way back."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError, ModelError, OptionError
from ..io.atomic import write_all, write_atomically
from ..model.card import load_model

_LIST = "registry.json"


@dataclass(frozen=True)
class Version:
    """A promoted model: number, name, hash of its weights, time in seconds since 1970, and the reason given."""

    version: int
    name: str
    sha256: str
    promoted: float
    reason: str


class Registry:
    """Versions of models in ``versions/N/``; ``registry.json`` names them and the current one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        return [Version(**entry) for entry in self._read()["versions"]]

    def current(self) -> Version | None:
        """The version that servers use; None in an empty registry."""
        table = self._read()
        return next((Version(**entry) for entry in table["versions"] if entry["version"] == table["current"]), None)

    def model(self) -> Path:
        """The weights of the current version; ``ModelError`` where nothing was promoted."""
        now = self.current()
        if now is None:
            hint = "Promote one: mien models promote MODEL --registry DIR"
            raise ModelError(f"the registry {self.folder} has no model", hint=hint, path=self.folder)
        return self.folder / "versions" / str(now.version) / f"{now.name}.onnx"

    def promote(self, model: str | Path, reason: str = "") -> Version:
        """Copy an exported model into the registry and make it current.

        Raises:
            ModelError: it is missing, or its weights do not match its card.
            OptionError: it is current already.
        """
        card, weights = load_model(model)
        table, now = self._read(), self.current()
        if now and now.sha256 == card.sha256:
            raise OptionError(
                f"model: got {card.name}, which is current already as version {now.version}", field="model"
            )
        number = 1 + max((entry["version"] for entry in table["versions"]), default=0)
        made = Version(number, card.name, card.sha256, time.time(), reason)
        files = {f"{card.name}.json": card.to_json().replace(f'"{card.weights}"', f'"{card.name}.onnx"', 1).encode()}
        write_all(self.folder / "versions" / str(number), {f"{card.name}.onnx": weights, **files})
        self._write([*table["versions"], asdict(made)], number)
        return made

    def rollback(self, version: int | None = None) -> Version:
        """Make an earlier version current: the one before, or the one given; ``DataError`` where there is none."""
        now, known = self.current(), self.versions()
        earlier = [one for one in known if (one.version == version if version else now and one.version < now.version)]
        if not earlier:
            raise DataError(f"the registry {self.folder} has no earlier version", hint="See 'mien models list'.")
        load_model(self.folder / "versions" / str(earlier[-1].version) / f"{earlier[-1].name}.onnx")
        self._write([asdict(one) for one in known], earlier[-1].version)
        return earlier[-1]

    def _read(self) -> dict[str, Any]:
        path = self.folder / _LIST
        try:
            table: dict[str, Any] = json.loads(path.read_text("utf-8"))
            [Version(**entry) for entry in table["versions"]]
            table["current"]
        except FileNotFoundError:
            return {"versions": [], "current": None}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"{path} cannot be read as a registry: {error}", hint="Restore it from a backup.", path=path
            ) from error
        return table

    def _write(self, versions: list[dict[str, object]], current: int) -> None:
        text = json.dumps({"current": current, "versions": versions}, indent=2)
        write_atomically(self.folder / _LIST, text.encode())

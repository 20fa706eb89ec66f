"""API keys: hashed in a file, revocable while the server runs, each with a rate limit."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from ..errors import OptionError
from ..io.atomic import replacing_path, writing_to

_PREFIX = "mien_"
#: Callers whose rate is remembered.
_MOST_CALLERS = 10_000


@dataclass(frozen=True)
class ApiKey:
    """A stored key: ``sha256`` of its secret of 256 random bits, and ``rate`` per minute (None: the server's)."""

    name: str
    sha256: str
    created: str
    rate: int | None = None
    revoked: str | None = None


class KeyFile:
    """The keys in a JSON file that only its owner may read. Changes by other processes are seen within a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._checked, self._stamp = -1.0, (-1, -1)
        self._keys: dict[str, ApiKey] = {}

    def read(self) -> list[ApiKey]:
        """All keys, revoked ones too; ``OptionError`` where the file is damaged."""
        try:
            return [ApiKey(**entry) for entry in json.loads(self.path.read_text("utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            hint = "Restore it, or delete it and make new keys with 'mien keys add'."
            raise OptionError(
                f"{self.path} cannot be read as a file of keys: {error}", hint=hint, path=self.path
            ) from error

    def add(self, name: str, rate: int | None = None) -> str:
        """Make a key and return its secret, which is stored nowhere; ``OptionError`` where the name is taken."""
        keys = self.read()
        if not name or any(key.name == name for key in keys):
            raise OptionError(f"name: got {name!r}, expected one that no key has", field="name", value=name)
        secret = _PREFIX + secrets.token_urlsafe(32)
        self._write([*keys, ApiKey(name, _digest(secret), _now(), rate)])
        return secret

    def revoke(self, name: str) -> None:
        """Refuse a key from now on; ``OptionError`` where there is none of this name."""
        keys = self.read()
        if not any(key.name == name and not key.revoked for key in keys):
            raise OptionError(f"name: got {name!r}, expected a valid key", hint="See 'mien keys list'.", field="name")
        self._write([replace(key, revoked=key.revoked or _now()) if key.name == name else key for key in keys])

    def required(self) -> bool:
        """Whether requests need a key: once one was made, also if all are revoked."""
        return bool(self._current())

    def find(self, secret: str) -> ApiKey | None:
        """The valid key with this secret."""
        key = self._current().get(_digest(secret))
        return key if key and not key.revoked else None

    def _current(self) -> dict[str, ApiKey]:
        with self._lock:
            if time.monotonic() - self._checked > 1:
                self._checked = time.monotonic()
                try:
                    stat = self.path.stat()
                    stamp = stat.st_mtime_ns, stat.st_size
                except OSError:
                    stamp = 0, 0
                # A file that was deleted, or is damaged, opens no server: the keys known before stay
                if stamp != self._stamp and (stamp != (0, 0) or not self._keys):
                    self._keys = {key.sha256: key for key in self.read()}
                    self._stamp = stamp
            return self._keys

    def _write(self, keys: list[ApiKey]) -> None:
        with replacing_path(self.path) as temporary:
            temporary.write_text(json.dumps([asdict(key) for key in keys], indent=2) + "\n", "utf-8")
        with writing_to(self.path):
            self.path.chmod(0o600)


class RateLimiter:
    """A token bucket for each caller, full at first; for one thread."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str, per_minute: int) -> float:
        """Take a token: 0 where there was one, else the seconds until the next."""
        now = time.monotonic()
        tokens, last = self._buckets.pop(caller, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - last) * per_minute / 60)
        allowed = tokens >= 1
        self._buckets[caller] = tokens - allowed, now
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * 60 / per_minute


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

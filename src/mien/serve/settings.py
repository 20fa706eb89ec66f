"""Settings of the server: from options, environment variables (``MIEN_SERVE_*``) and a TOML file, in this order."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError
from typing_extensions import Self

from ..errors import MienError, OptionError
from ..model.session import usable_cores
from ..options import ReadOptions

PREFIX = "MIEN_SERVE_"


class ServeSettings(BaseSettings):
    """How the server runs. Descriptions are the rows of the table in ``docs/reference/server.md``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_parse_none_str="none")

    host: str = Field("127.0.0.1", description="Address to listen at; others than loopback need API keys.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen at.")
    insecure: bool = Field(False, description="Allow other addresses than loopback without API keys.")
    data_dir: Path = Field(Path("mien-server"), description="Folder of keys, jobs, the database and kept faces.")
    store: str | None = Field(None, description="Database URL: SQLite or PostgreSQL. Default: SQLite in `data_dir`.")
    registry: Path | None = Field(None, description="Model registry whose promoted model is served and followed.")

    model: str = Field("default", description="Model name or file, where no registry is given.")
    emotions: str | None = Field(None, description="Default label set.")
    head: str | None = Field(None, description="Default head.")
    detector: str = Field(ReadOptions.detector, description="Face detector.")
    min_face: int | None = Field(None, description="Default smallest face, pixels.")
    min_confidence: float = Field(0.5, description="Default confidence below which a reading abstains.")
    flip: bool = Field(True, description="Average mirror images.")

    workers: int = Field(0, ge=0, description="Images decoded and searched at a time; 0 takes the number of cores.")
    max_batch: int = Field(64, ge=1, description="Faces classified in one call.")
    max_wait_ms: float = Field(4.0, ge=0, le=1000, description="Longest wait for more faces, milliseconds.")
    queue_size: int = Field(64, ge=1, description="Images waiting or in work; more are refused with 429.")
    max_connections: int = Field(512, ge=1, description="Open connections; more get 503.")
    request_timeout_s: float = Field(
        30.0, gt=0, description="Longest time for reading the images of a request, seconds."
    )
    body_timeout_s: float = Field(
        30.0, gt=0, description="Longest time for receiving a body, seconds; tenfold for videos."
    )
    header_timeout_s: float = Field(10.0, gt=0, description="Longest time for receiving headers, seconds.")
    shutdown_timeout_s: float = Field(30.0, gt=0, description="Longest time for finishing accepted requests, seconds.")

    max_body_mb: float = Field(32.0, gt=0, description="Largest body of a request, megabytes.")
    max_inflight_mb: float = Field(256.0, gt=0, description="All bodies held at a time, megabytes; more get 429.")
    max_files: int = Field(16, ge=1, description="Images per request.")
    max_crops: int = Field(256, ge=1, description="Crops per request.")
    max_megapixels: float = Field(25.0, gt=0, description="Largest image or video frame, megapixels.")
    max_video_mb: float = Field(500.0, gt=0, description="Largest video, megabytes.")
    max_video_s: float = Field(3600.0, gt=0, description="Longest video, seconds.")
    max_jobs: int = Field(16, ge=1, description="Video jobs waiting or in work; more are refused with 429.")
    job_ttl_h: float = Field(24.0, gt=0, description="Hours after which finished jobs are deleted.")
    max_streams: int = Field(8, ge=1, description="Open streams; more are refused.")

    rate_limit: int = Field(600, ge=1, description="Requests per minute and key, or address without keys.")
    metrics_key: bool = Field(True, description="Ask for a key at `/metrics` where keys exist.")
    cors_origins: tuple[str, ...] = Field((), description="Origins of web pages that may call the server.")
    allowed_hosts: tuple[str, ...] = Field((), description="More names for the header Host of a server without keys.")
    keep_images: bool = Field(False, description="Keep the crop of each face in `data_dir`.")
    record: bool = Field(True, description="Record numbers of each reading (no images) for drift reports and feedback.")
    record_days: float = Field(90.0, gt=0, description="Days after which recorded numbers and kept faces are deleted.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level of log lines.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if max(self.max_files, self.max_crops) > self.queue_size * 16 or self.max_files > self.queue_size:
            raise ValueError("max_files must not exceed queue_size, nor max_crops 16 times queue_size")
        try:
            self.read_options()
        except MienError as error:
            raise ValueError(str(error)) from error
        return self

    @field_validator("data_dir", "registry")
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used: the working directory decides nothing
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def detection_workers(self) -> int:
        """Threads that decode and search images."""
        return self.workers or usable_cores()

    @property
    def store_url(self) -> str:
        """URL of the database."""
        return self.store or f"sqlite:///{self.data_dir / 'mien.db'}"

    @property
    def keys_file(self) -> Path:
        """The file of API keys."""
        return self.data_dir / "keys.json"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def read_options(self) -> ReadOptions:
        """How images are read where a request says nothing else; one thread per image, as several are read at once."""
        return ReadOptions(
            emotions=self.emotions,
            model=self.model,
            head=self.head,
            detector=self.detector,
            min_face=self.min_face,
            min_confidence=self.min_confidence,
            flip=self.flip,
            threads=1,
            max_megapixels=self.max_megapixels,
        )


def load_settings(config: Path | None = None, options: Mapping[str, Any] | None = None) -> ServeSettings:
    """Settings from ``options``, then ``MIEN_SERVE_*``, then the TOML file ``config``, then the defaults.

    Raises:
        OptionError: a name is unknown or a value is not accepted, or the file cannot be read.
    """
    unknown = [name for name in os.environ if name.startswith(PREFIX) and name[len(PREFIX) :].lower() not in _names()]
    if unknown:
        raise OptionError(
            f"{unknown[0]} is not a setting of the server", hint="See docs/reference/server.md.", field=unknown[0]
        )
    if config is not None and not config.is_file():
        raise OptionError(
            f"no configuration file at {config}", hint="Check --config.", field="config", value=str(config)
        )

    class Configured(ServeSettings):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        return Configured(**dict(options or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        shown = first["input"] if first["loc"] else "a contradiction"
        message = f"{name}: got {shown!r}, expected: {first['msg']}"
        raise OptionError(message, hint="See docs/reference/server.md.", field=name, value=first["input"]) from error
    except (SettingsError, ValueError) as error:
        message = f"the settings cannot be read: {error}"
        raise OptionError(message, hint="Lists are JSON in the environment.", field="config") from error


def _names() -> set[str]:
    return set(ServeSettings.model_fields)

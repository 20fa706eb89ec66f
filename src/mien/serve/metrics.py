"""Prometheus metrics of a server. They count readings and hold neither images nor names."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from ..types import Reading

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COUNTS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
_TENTHS = tuple(round(0.1 * step, 1) for step in range(1, 11))


class Metrics:
    """The metrics of one server, in a registry of their own; names and labels are stable."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # process_resident_memory_bytes
        PlatformCollector(registry=registry)
        routes = ("route", "method", "status")
        self.requests = Counter("mien_requests_total", "Requests answered.", routes, registry=registry)
        self.latency = Histogram(
            "mien_request_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        self.stages = Histogram(
            "mien_stage_seconds", "Time per image (decode, detect, crop) or batch (classify).", ("stage",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.queue = Gauge("mien_queue_images", "Images waiting or in work.", registry=registry)
        self.capacity = Gauge("mien_queue_size", "Images that may wait or be in work.", registry=registry)
        self.batches = Histogram(
            "mien_batch_faces", "Faces classified in one call.", buckets=_COUNTS[1:], registry=registry
        )
        self.images = Counter("mien_images_total", "Images read.", registry=registry)
        self.faces = Histogram("mien_faces_per_image", "Faces found in an image.", buckets=_COUNTS, registry=registry)
        self.emotions = Counter("mien_predictions_total", "Readings by emotion.", ("emotion",), registry=registry)
        self.abstentions = Counter("mien_abstentions_total", "Abstentions by reason.", ("reason",), registry=registry)
        self.confidence = Histogram("mien_confidence", "Confidence of readings.", buckets=_TENTHS, registry=registry)
        self.rejected = Counter("mien_rejected_total", "Requests refused.", ("code",), registry=registry)
        self.jobs = Gauge("mien_jobs", "Video jobs by state.", ("state",), registry=registry)
        self.streams = Gauge("mien_streams", "Open streams.", registry=registry)
        self.dropped = Counter("mien_stream_frames_dropped_total", "Stale frames of streams.", registry=registry)
        self.unrecorded = Counter("mien_records_lost_total", "Readings that could not be recorded.", registry=registry)
        self.model = Gauge("mien_model_info", "The served model.", ("name", "sha256"), registry=registry)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        started = time.perf_counter()
        yield
        self.stages.labels(name).observe(time.perf_counter() - started)

    def read(self, readings: Iterable[Reading], faces: int) -> None:
        """Count the readings of one image."""
        self.images.inc()
        self.faces.observe(faces)
        for reading in readings:
            self.emotions.labels(reading.emotion).inc()
            self.confidence.observe(reading.confidence)
            for reason in reading.abstain_reasons:
                self.abstentions.labels(reason.value).inc()

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)

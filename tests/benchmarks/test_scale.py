"""The arithmetic of benchmarks/scale.py and of the cost model in research/scale_model.py, by hand."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCALE = runpy.run_path(str(ROOT / "benchmarks" / "scale.py"))
MODEL = runpy.run_path(str(ROOT / "research" / "scale_model.py"))
#: 10 ms per image on a core, and nothing else takes time.
PLAIN = MODEL["Costs"](
    decode_s=0.01, detect_s=0, crop_s=0, classify_s=0, spread=0, overhead=1, partition_s=0, start_s=0, list_s=0,
    latency_s=0, file_bytes=0,
)  # fmt: skip


def test_figures_are_those_after_the_first_partition():
    mark = SCALE["Mark"]
    meter = SCALE["Meter"](started=100.0)
    meter.marks += [mark(0, 101, 1.0, 1.0, 50), mark(10, 105, 2.0, 1.5, 60), mark(30, 115, 4.0, 1.9, 70)]
    found = meter.figures(worker_bytes=300_000_000)
    assert (found.start_s, found.rate) == (5, 2)
    assert (found.cpu_ms, found.services_ms) == pytest.approx((100, 20))
    assert (found.memory, found.worker_mb) == (70, 300)


def test_a_folder_of_links_holds_each_image_in_turn(tmp_path):
    sources = [tmp_path / "a.jpg", tmp_path / "b.png"]
    for number, path in enumerate(sources):
        path.write_bytes(bytes([number]))
    linked = sorted(SCALE["link"](tmp_path / "linked", sources, 5).iterdir())
    assert [path.read_bytes()[0] for path in linked] == [0, 1, 0, 1, 0]
    assert linked[0].samefile(sources[0])


def test_equal_workers_divide_the_time():
    simulate = MODEL["simulate"]
    for cores, seconds in ((1, 100), (2, 50), (4, 25)):
        assert simulate(PLAIN, 10_000, cores, size=500).reading_s == pytest.approx(seconds)
    assert simulate(PLAIN, 10_000, 64, size=500).reading_s == pytest.approx(5)
    assert simulate(PLAIN, 10_000, 64, size=500, queue=2).reading_s == pytest.approx(10)  # two partitions in each queue


def test_serial_work_is_added_and_the_driver_limits_the_rate():
    run = MODEL["simulate"](replace(PLAIN, list_s=0.1, start_s=7), 10_000, 10, size=500)
    assert (run.listing_s, run.total_s) == pytest.approx((1, 18))
    assert run.core_hours == pytest.approx(10 * 18 / 3600 * 100)
    assert MODEL["simulate"](replace(PLAIN, partition_s=2), 10_000, 10, size=500).reading_s == pytest.approx(40)


def test_a_slow_worker_and_a_slow_store_take_longer():
    simulate = MODEL["simulate"]
    slow = simulate(replace(PLAIN, slow_share=0.5, slow_factor=4), 2_000, 2, size=500)
    assert slow.reading_s == pytest.approx(20)  # one partition on the slow one, three on the other
    far = simulate(replace(PLAIN, latency_s=0.32), 1_000, 1, size=500)
    assert far.reading_s == pytest.approx(20)  # 16 requests at a time: 20 ms per image
    thin = simulate(replace(PLAIN, file_bytes=1e6, network=1e7), 1_000, 1, size=500)
    assert thin.reading_s == pytest.approx(100)


def test_gpus_wait_for_the_cores_that_decode():
    assert MODEL["gpu_bound"](replace(PLAIN, crop_s=0.01), 8) == pytest.approx(400)

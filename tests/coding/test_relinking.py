"""Tracks linked by clothes, on scenes of colored rectangles."""

import csv

import numpy as np
import pytest

from mien import suggest_links, timeline
from mien.coding.relinking import SeenTrack, chains, clothes_colors, link_tracks, see_clothes
from mien.errors import DataError, OptionError, SourceError
from mien.types import Box, Frame

from ..conftest import make_clip

RED, BLUE, SKIN = (200, 40, 40), (40, 60, 190), (225, 190, 170)
FACE = 24.0
RATE = 15


def canvas(seed: int = 0) -> np.ndarray:
    """A gray wall: RGB, 180 x 320."""
    noise = np.random.default_rng(seed).normal(0, 4, (180, 320, 3))
    return np.clip(120 + noise, 0, 255).astype(np.uint8)


def person(image: np.ndarray, x: float, shirt, y: float = 40) -> tuple[float, float, float, float]:
    """Draw a person; returns the box of the face."""
    x0, y0 = round(x - FACE / 2), round(y)
    size = round(FACE)
    image[y0 : y0 + size, x0 : x0 + size] = SKIN
    image[y0 + size + 4 : y0 + 4 * size, x0 - size : x0 + 2 * size] = shirt
    return x0, y0, x0 + size, y0 + size


def scene(script, cut_at: int | None = None):
    """Frames and tracks of a script: for each frame, track -> (x, shirt)."""
    frames, seen = [], {}
    for index, people in enumerate(script):
        image = canvas() if cut_at is None or index < cut_at else canvas(1)[:, ::-1] // 3
        if cut_at is not None and index >= cut_at:
            image[:, ::2] = 250 - image[:, ::2]
            image[:90] = 240
        for number, (x, shirt) in people.items():
            seen.setdefault(number, []).append((index, index / RATE, person(image, x, shirt)))
        frames.append(Frame(image, "a", index, index / RATE))
    tracks = [
        SeenTrack(
            number, np.array([f for f, _, _ in s]), np.array([t for _, t, _ in s]), np.array([b for _, _, b in s])
        )
        for number, s in seen.items()
    ]
    return frames, tracks


def links(script, **options):
    frames, tracks = scene(script, options.pop("cut_at", None))
    found = link_tracks(tracks, see_clothes(iter(frames), tracks), **options)
    return [(link.first, link.second) for link in found]


def away(first, second, gap: int = 30, beside=()):
    """Track 1 for a second, nobody for ``gap`` frames, then track 2; ``beside`` is always there."""
    others = dict(beside)
    return [{1: first, **others}] * 15 + [others] * gap + [{2: second, **others}] * 15


def test_the_same_clothes_are_linked():
    assert links(away((100, RED), (120, RED))) == [(1, 2)]


def test_other_clothes_are_not():
    assert links(away((100, RED), (100, BLUE))) == []


def test_a_person_far_away_a_moment_later_is_another():
    assert links(away((60, RED), (280, RED), gap=3)) == []


def test_a_long_absence_is_not_bridged():
    assert links(away((100, RED), (100, RED)), max_gap_s=1.0) == []


def test_a_cut_separates():
    assert links(away((100, RED), (100, RED)), cut_at=30) == []


def test_clothes_that_several_wear_tell_nobody_apart():
    assert links(away((100, RED), (100, RED), beside={5: (220, RED)})) == []
    assert links(away((100, RED), (100, RED), beside={5: (220, BLUE)})) == [(1, 2)]


def test_two_in_a_uniform_who_left_are_not_told_apart():
    script = [{1: (100, RED), 2: (200, RED)}] * 15 + [{}] * 15 + [{3: (150, RED)}] * 15
    assert links(script) == []


def test_a_person_who_leaves_twice():
    script = [{1: (100, RED)}] * 15 + [{}] * 20 + [{2: (110, RED)}] * 15 + [{}] * 20 + [{3: (120, RED)}] * 15
    frames, tracks = scene(script)
    found = link_tracks(tracks, see_clothes(iter(frames), tracks))
    assert [(link.first, link.second) for link in found] == [(1, 2), (2, 3)]
    assert [numbers for numbers, _ in chains(found)] == [(1, 2, 3)]
    assert found[0].gap_s == pytest.approx(21 / RATE)


def test_people_whose_clothes_are_not_visible_are_not_linked():
    frames, tracks = scene([{1: (100, RED)}] * 5)
    assert link_tracks(tracks, see_clothes(iter(frames), tracks)) == ()
    assert link_tracks(tracks, see_clothes(iter(()), tracks)) == ()


def test_clothes_out_of_the_image_or_behind_a_face_are_unknown():
    image = canvas()
    assert clothes_colors(image, Box(100, 150, 124, 174)) is None
    face = Box(*person(image, 100, RED))
    seen = clothes_colors(image, face)
    assert seen.sum() == pytest.approx(1)
    assert clothes_colors(image, face, [np.array([90.0, 80, 110, 100])]) is None
    darker = clothes_colors((image * 0.85).astype(np.uint8), face)
    other = image.copy()
    other[70:150, 70:130] = BLUE
    assert np.sqrt(seen * darker).sum() > 0.8 > np.sqrt(seen * clothes_colors(other, face)).sum()


@pytest.fixture
def table(tmp_path):
    script = away((100, RED), (120, RED), beside={5: (240, BLUE)})
    frames, tracks = scene(script)
    make_clip(tmp_path / "a.mp4", [frame.image for frame in frames])
    names = "source,frame,time_s,face,track_id,x0,y0,x1,y1,score,emotion,confidence,mixed,abstained,happy,sad"
    lines = [names]
    for track in tracks:
        for frame, time_s, box in zip(track.frames, track.times, track.boxes):
            corners = ",".join(f"{at:.2f}" for at in box)
            lines.append(f"a.mp4,{frame},{time_s:.3f},1,{track.track_id},{corners},1,happy,0.8,,false,0.8,0.2")
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "a.csv"


def test_a_video_and_its_table(table):
    (link,) = suggest_links(table)
    assert (link.first, link.second) == (1, 2)
    assert 0.8 < link.likeness <= 1
    with pytest.raises(OptionError):
        suggest_links(table, max_gap_s=0)
    with pytest.raises(SourceError):
        suggest_links(table, table.with_name("none.mp4"))
    empty = table.with_name("empty.csv")
    empty.write_text(table.read_text().splitlines()[0] + "\n")
    with pytest.raises((DataError, OptionError)):
        suggest_links(empty)


def test_the_suggestion_is_a_mapping_for_join(mien, table):
    code, out, _ = mien("timeline", "relink", table)
    assert code == 0, out
    people = table.with_name("a-people.csv")
    (row,) = csv.DictReader(people.read_text().splitlines())
    assert (row["track_id"], row["person"]) == ("1+2", "person 1")
    assert mien("timeline", "relink", table)[0] == 4
    assert mien("timeline", "join", table, "--mapping", people)[0] == 0
    (video,) = timeline(table.with_name("a-named.csv")).videos
    assert [(track.person, round(track.seen_s, 1)) for track in video.tracks] == [("person 1", 2.0), ("person 5", 4.0)]

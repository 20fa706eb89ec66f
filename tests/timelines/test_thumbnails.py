import io

import numpy as np
import pytest
from PIL import Image

from mien import TableFile, process_video, timeline
from mien.timelines.thumbnails import cropped, thumbnails
from mien.types import Box

from ..cli.conftest import mien as mien  # noqa: PLC0414 - a fixture
from ..conftest import make_clip

RED, BLUE, GRAY = (220, 30, 30), (30, 30, 220), (90, 90, 90)


def scene(number: int) -> np.ndarray:
    """A red square at the left that becomes larger, and a blue one at the right; RGB, 240 x 320."""
    image = np.full((240, 320, 3), GRAY, np.uint8)
    side = 30 + number
    image[60 : 60 + side, 40 : 40 + side] = RED
    image[100:140, 250:290] = BLUE
    return image


@pytest.fixture
def video(tmp_path, monkeypatch):
    """A video of 30 frames at 15 a second, whose table has the squares as faces 1 and 2."""
    path = make_clip(tmp_path / "squares.mp4", [scene(number) for number in range(30)])
    lines = ["source,frame,time_s,face,track_id,x0,y0,x1,y1,score,emotion,confidence,mixed,abstained,happy,sad"]
    for n in range(30):
        start, shares = f"{path.name},{n},{n / 15:.3f}", "1,happy,0.8,,false,0.8,0.2"
        lines.append(f"{start},1,1,40,60,{70 + n},{90 + n},{shares}")
        lines.append(f"{start},2,2,250,100,290,140,{shares}")
    (tmp_path / "squares.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "squares.csv"


def color(jpeg: bytes) -> np.ndarray:
    image = np.asarray(Image.open(io.BytesIO(jpeg)), float)
    height, width = image.shape[:2]
    return image[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].mean((0, 1))


def test_the_clearest_moment_is_that_of_the_largest_face(video):
    (seen,) = timeline(video).videos
    assert [track.clearest.frame for track in seen.tracks] == [29, 0]
    assert seen.tracks[0].clearest.box == Box(40, 60, 99, 119)


def test_each_face_is_shown(video):
    made = timeline(video)
    found = thumbnails(made.videos[0], made.folder)
    assert sorted(found) == [1, 2]
    assert color(found[1]) == pytest.approx(RED, abs=25)
    assert color(found[2]) == pytest.approx(BLUE, abs=25)
    assert max(Image.open(io.BytesIO(found[1])).size) <= 112


def test_the_page_shows_people_unless_images_are_off(video):
    made = timeline(video)
    page = made.render("page.html").decode()
    assert page.count("data:image/jpeg") == 2
    assert b"data:image/jpeg" not in made.render("page.html", no_image_output=True)
    assert b"data:image/jpeg" not in made.render("page.md")


def test_a_page_without_the_video_has_no_images(video):
    (video.parent / "squares.mp4").unlink()
    assert b"data:image/jpeg" not in timeline(video).render("page.html")
    (video.parent / "squares.mp4").write_bytes(b"no video")
    assert b"data:image/jpeg" not in timeline(video).render("page.html")


def test_a_shorter_video_shows_what_it_has(video):
    make_clip(video.parent / "squares.mp4", [scene(number) for number in range(10)])
    made = timeline(video)
    assert sorted(thumbnails(made.videos[0], made.folder)) == [2]


def test_a_format_without_an_index(video, tmp_path):
    path = make_clip(tmp_path / "squares.avi", [scene(number) for number in range(30)])
    text = video.read_text().replace("squares.mp4", path.name)
    (tmp_path / "avi.csv").write_text(text)
    made = timeline(tmp_path / "avi.csv")
    found = thumbnails(made.videos[0], made.folder)
    assert color(found[1]) == pytest.approx(RED, abs=25)


def test_a_box_outside_of_the_image_is_not_shown():
    image = np.zeros((10, 10, 3), np.uint8)
    assert cropped(image, Box(30, 30, 40, 40)) is None
    assert cropped(image, Box(-5, -5, 5, 5)).shape == (8, 8, 3)


def test_the_command(mien, video):
    out = video.with_suffix(".html")
    assert mien("timeline", video, "--out", out)[0] == 0
    assert "data:image/jpeg" in out.read_text()
    assert mien("timeline", video, "--out", out, "--overwrite", "--no-image-output")[0] == 0
    assert "data:image/jpeg" not in out.read_text()


@pytest.mark.slow
def test_a_video_that_was_read(clip, tmp_path):
    result = process_video(clip, sinks=[TableFile(tmp_path / "a.csv")])
    for made in (timeline(result), timeline(tmp_path / "a.csv")):
        assert len(thumbnails(made.videos[0], made.folder)) == 2

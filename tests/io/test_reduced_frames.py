"""Large JPEG files are decoded at reduced size with the same readings."""

import io

import numpy as np
import pytest
from PIL import Image

from mien import Reader, read_files
from mien.io.images import ReducedFrame, read_image, read_reduced
from mien.reader import REDUCED_SIDE


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def file_of(image: Image.Image, file_format: str = "JPEG", orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    extra = {"save_all": True, "append_images": [image]} if file_format == "MPO" else {}
    image.save(file, file_format, quality=92, exif=exif, **extra)
    return file.getvalue()


@pytest.fixture(scope="module")
def large(astronaut) -> Image.Image:
    return Image.fromarray(astronaut.image[20:340]).resize((3001, 1875), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("file_format", ["JPEG", "MPO"])
@pytest.mark.parametrize("orientation", [1, 2, 6, 8])
def test_faces_are_where_the_whole_file_has_them(reader, large, file_format, orientation):
    turn = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 2: Image.Transpose.FLIP_LEFT_RIGHT}
    stored = large.transpose(turn[orientation]) if orientation in turn else large
    content = file_of(stored, file_format, orientation)
    frame = read_reduced(content, REDUCED_SIDE)
    assert isinstance(frame, ReducedFrame)
    assert frame.size == (3001, 1875)
    assert REDUCED_SIDE <= frame.width < 3001
    (reading,) = reader.read(content)
    ((_, (whole,)),) = reader.read_frames([read_image(content)])
    assert reading.face.box.iou(whole.face.box) > 0.94  # the network sees other pixels of the same face
    error = np.abs(reading.face.landmarks - whole.face.landmarks).max()
    assert error < 0.05 * whole.face.box.width
    assert (reading.emotion, reading.source) == ("happy", "bytes")
    np.testing.assert_allclose(reading.probabilities, whole.probabilities, atol=0.1)


def test_small_faces_are_cropped_from_the_whole_file(reader, astronaut):
    rng = np.random.default_rng(0)
    wall = Image.fromarray(rng.integers(90, 110, (2000, 3000, 3), np.uint8))
    wall.paste(Image.fromarray(astronaut.image).resize((400, 400)), (2400, 1500))
    content = file_of(wall)
    ((_, expected),) = reader.read_frames([read_image(content)])
    assert len(expected) == 1
    assert [r.to_dict() for r in reader.read(content)] == [{**e.to_dict(), "source": "bytes"} for e in expected]


def test_other_files_and_small_ones_are_decoded_whole(large, astronaut):
    png = io.BytesIO()
    large.save(png, "PNG")
    for source in (png.getvalue(), file_of(Image.fromarray(astronaut.image)), astronaut.image, large):
        assert not isinstance(read_reduced(source, REDUCED_SIDE), ReducedFrame)


def test_annotated_copies_have_the_size_of_the_file(tmp_path, large):
    (tmp_path / "large.jpg").write_bytes(file_of(large))
    result = read_files(tmp_path / "large.jpg", annotate=tmp_path / "copies")
    assert result.faces == 1
    (copy,) = (tmp_path / "copies").iterdir()
    with Image.open(copy) as image:
        assert image.size == large.size


def test_a_file_that_vanishes_after_the_first_look_is_still_read(reader, tmp_path, large):
    path = tmp_path / "gone.jpg"
    path.write_bytes(file_of(large.resize((2600, 1624))))
    frame = read_reduced(path, 325)  # so small that the reader wants the whole file
    assert isinstance(frame, ReducedFrame)
    path.unlink()
    ((_, (reading,)),) = reader.read_frames([frame])
    assert reading.face.box.width > 300

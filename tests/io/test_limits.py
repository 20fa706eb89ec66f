"""The time and memory of decoding are limited, however small a file is."""

import io

import numpy as np
import pytest
from PIL import Image

import mien
from mien.errors import SourceError, TooLargeError
from mien.io.images import read_image


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_progressive_jpegs_of_thousands_of_scans_are_refused(tmp_path):
    """Each scan of a few bytes costs a pass over all pixels."""
    plain = encoded(Image.new("L", (4000, 4000), 9), "JPEG", progressive=True)
    assert read_image(plain).image.shape == (4000, 4000, 3)
    last = plain[plain.rindex(b"\xff\xda") : -2]
    path = tmp_path / "scans.jpg"
    path.write_bytes(plain[:-2] + 1000 * last + b"\xff\xd9")
    for source in (path, path.read_bytes()):
        with pytest.raises(TooLargeError):
            read_image(source)
    result = mien.read_files([str(path)])
    assert len(result.failures) == 1


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_formats_that_are_read_whole_have_a_limit_of_bytes(form, tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(encoded(Image.new("RGB", (64, 64)), form))
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(SourceError):
        read_image(path)


def test_files_that_take_too_long_are_source_errors(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8))
    noise.save(tmp_path / "a.png")
    with pytest.raises(SourceError) as caught:
        read_image(tmp_path / "a.png", timeout_s=0.0)
    assert "a.png" in str(caught.value)

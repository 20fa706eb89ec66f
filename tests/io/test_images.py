"""Image formats, color modes and damaged files."""

import io
import os
import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image, TiffImagePlugin

from mien.errors import OptionError, SourceError, TooLargeError
from mien.io.images import read_image

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def corners(side=16):
    """Gray, with a red top left and a blue top right quarter: no turn or mirror image of it is like another."""
    pixels = np.full((side, 2 * side, 3), 128, np.uint8)
    pixels[: side // 2, :side] = RED
    pixels[: side // 2, side:] = (0, 0, 255)
    return Image.fromarray(pixels)


def noise(height=40, width=50):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header_of(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


# ---- sources


def test_every_kind_of_source_gives_the_same_pixels(tmp_path):
    pixels = noise()
    data = encoded(Image.fromarray(pixels), "PNG")
    path = tmp_path / "a photo.png"
    path.write_bytes(data)
    names = []
    for source in (pixels, data, path, str(path), Image.fromarray(pixels), Image.open(path)):
        frame = read_image(source)
        assert frame.image.dtype == np.uint8
        assert np.array_equal(frame.image, pixels)
        assert (frame.index, frame.time_s) == (0, 0.0)
        names.append(frame.name)
    assert names == ["array", "bytes", str(path), str(path), "image", str(path)]


def test_an_rgb_array_is_not_copied():
    pixels = noise()
    assert read_image(pixels).image is pixels


def test_gray_and_rgba_arrays():
    gray = noise()[..., 0]
    assert np.array_equal(read_image(gray).image, np.dstack([gray] * 3))
    rgba = np.dstack([noise(), np.full((40, 50), 255, np.uint8)])
    rgba[0, 0] = (7, 8, 9, 0)
    image = read_image(rgba).image
    assert tuple(image[0, 0]) == WHITE
    assert np.array_equal(image[1:], rgba[1:, :, :3])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5), np.uint16),
        np.zeros((4, 5), bool),
        np.zeros((3, 40, 50), np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_arrays_of_other_types_and_shapes_are_refused(array):
    with pytest.raises(OptionError) as caught:
        read_image(array)
    assert caught.value.field == "array"


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0, 0), (0, 5, 4)])
def test_an_array_without_pixels_is_refused(shape):
    with pytest.raises(SourceError):
        read_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("source", [None, 3, [1, 2], object()])
def test_other_types_are_refused(source):
    with pytest.raises(OptionError):
        read_image(source)


# ---- color and depth


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(file_format):
    pixels = noise()
    assert np.array_equal(read_image(encoded(Image.fromarray(pixels), file_format)).image, pixels)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF", "MPO"])
def test_lossy_formats_keep_the_colors(file_format):
    image = read_image(encoded(corners(), file_format)).image
    assert image.shape == (16, 32, 3)
    assert np.abs(image.astype(int) - np.asarray(corners())).mean() < 8
    assert np.abs(image[2, 2].astype(int) - RED).max() < 12


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_gray_bits_and_palettes(mode):
    expected = Image.fromarray(noise()).convert(mode)
    image = read_image(encoded(expected, "PNG")).image
    assert np.array_equal(image, np.asarray(expected.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_blended_with_white(mode):
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 128)])
    image = read_image(encoded(picture.convert(mode), "PNG")).image
    assert tuple(image[0, 0]) == WHITE
    assert tuple(image[0, 1]) == BLACK
    assert np.abs(image[0, 2].astype(int) - 127).max() <= 1


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_palette_with_transparency(transparency):
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, 0, 255, 0])
    picture.putdata([0, 1])
    image = read_image(encoded(picture, "PNG", transparency=transparency)).image
    assert [tuple(pixel) for pixel in image[0]] == [RED, WHITE]


def test_a_transparent_palette_color():
    picture = Image.new("RGB", (2, 1), RED)
    picture.putpixel((1, 0), (1, 2, 3))
    image = read_image(encoded(picture, "PNG", transparency=(1, 2, 3))).image
    assert [tuple(pixel) for pixel in image[0]] == [RED, WHITE]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_not_clipped(file_format):
    values = np.array([[0, 257, 32768, 65278, 65535, 128, 129]], np.uint16)
    image = read_image(encoded(Image.fromarray(values), file_format)).image
    assert image[0, :, 0].tolist() == [0, 1, 128, 254, 255, 0, 1]
    assert np.array_equal(image[..., 0], image[..., 2])


def gray_tiff(values, order, bits):
    entries = {256: 2, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(values)}
    directory = b"".join(
        struct.pack(order + "HHI", tag, 3, 1) + struct.pack(order + "HH", value, 0) for tag, value in entries.items()
    )
    head = b"MM\0*" if order == ">" else b"II*\0"
    ifd = struct.pack(order + "H", len(entries)) + directory + bytes(4)
    return head + struct.pack(order + "I", 8 + len(values)) + values + ifd


def test_big_endian_and_12_bit_tiffs():
    big = gray_tiff(np.array([32768, 65535], ">u2").tobytes(), ">", 16)
    assert read_image(big).image[0, :, 0].tolist() == [128, 255]
    twelve = gray_tiff(bytes([0x80, 0x0F, 0xFF, 0]), "<", 12)  # 0x800 and 0xFFF, packed
    assert read_image(twelve).image[0, :, 0].tolist() == [128, 255]


def test_sixteen_bit_gray_pgm():
    data = b"P5 3 1 65535\n" + np.array([0, 32768, 65535], ">u2").tobytes()
    assert read_image(data).image[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([0, 32768, 65535], [0, 128, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([100_000, 150_000, 200_000], [0, 128, 255]),
        ([-5, -5, -5], [0, 0, 0]),
    ],
)
def test_32_bit_gray(values, expected):
    image = read_image(encoded(Image.fromarray(np.array([values], np.int32)), "TIFF")).image
    assert image[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 100.2, 255], [0, 100, 255]),
        ([0, 32768, 65535], [0, 128, 255]),
        ([-2, 0, 2], [0, 128, 255]),
    ],
)
def test_float_tiff(values, expected):
    image = read_image(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")).image
    assert image[0, :, 0].tolist() == expected


def test_a_float_image_with_nan_is_refused():
    with pytest.raises(SourceError):
        read_image(encoded(Image.fromarray(np.array([[0, np.nan]], np.float32)), "TIFF"))


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(file_format):
    image = read_image(encoded(corners().convert("CMYK"), file_format)).image
    assert np.abs(image[2, 2].astype(int) - RED).max() < 12
    assert np.abs(image[2, 29].astype(int) - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
def test_ycbcr_and_lab_tiffs_come_out_in_their_colors(mode):
    content = encoded(corners().convert(mode), "TIFF")
    try:
        Image.open(io.BytesIO(content)).load()
    except OSError:
        pytest.skip(f"Pillow {PIL.__version__} cannot read the {mode} TIFF that it has written")
    assert np.abs(read_image(content).image[2, 2].astype(int) - RED).max() < 12


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_of_several_frames_is_used(file_format):
    first, second = Image.new("RGB", (32, 32), RED), Image.new("RGB", (32, 32), (0, 0, 255))
    image = read_image(encoded(first, file_format, save_all=True, append_images=[second])).image
    assert np.abs(image.astype(int) - RED).max() < 12


# ---- orientation


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "MPO"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_image_upright(file_format, orientation):
    # How a camera held so stores the upright scene: EXIF 2.32, tag 0x0112 says where row 0 and column 0 lie.
    upright = np.asarray(corners(32))
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if file_format in ("JPEG", "MPO", "WEBP") else {}
    image = read_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), file_format, exif=exif, **options)).image
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 3
    assert image.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_impossible_orientation_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_image(encoded(corners(), "PNG", exif=exif)).image.shape == (16, 32, 3)


@pytest.mark.slow
def test_large_images_are_put_together_of_strips_without_a_seam():
    pixels = np.arange(3000 * 2100 * 3, dtype=np.uint32).astype(np.uint8).reshape(3000, 2100, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = read_image(encoded(Image.fromarray(pixels), "PPM")).image
    assert np.array_equal(image, pixels)
    turned = read_image(encoded(Image.fromarray(pixels), "PNG", exif=exif, compress_level=1)).image
    assert np.array_equal(turned, np.rot90(pixels, -1))


# ---- size


def test_decompression_bombs_are_refused_without_a_warning():
    began = time.perf_counter()
    with pytest.raises(TooLargeError):
        read_image(png_header_of(60_000, 60_000))
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (14_000, 14_000)])
def test_only_miens_pixel_limit_applies(width, height):
    # 100 megapixels would be a DecompressionBombWarning of Pillow's, 196 a DecompressionBombError
    with pytest.raises(SourceError) as caught:
        read_image(png_header_of(width, height), max_megapixels=200)
    assert not isinstance(caught.value, TooLargeError)


def test_a_tiff_above_pillows_warning_limit(monkeypatch):
    data = encoded(Image.fromarray(noise()), "TIFF")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    assert read_image(data).image.shape == (40, 50, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(TooLargeError):
        read_image(data)


def test_the_limit_can_be_moved_and_holds_for_pillow_images():
    picture = Image.new("RGB", (1000, 1000))
    assert read_image(picture, max_megapixels=1).width == 1000
    for source in (picture, encoded(picture, "PNG")):
        with pytest.raises(TooLargeError):
            read_image(source, max_megapixels=0.9)


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_must_be_above_zero(limit):
    with pytest.raises(OptionError):
        read_image(noise(), max_megapixels=limit)


# ---- what is no image


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(SourceError):
        read_image(tmp_path / "no.jpg")
    with pytest.raises(SourceError):
        read_image(tmp_path)
    with pytest.raises(SourceError) as caught:
        read_image("https://example.org/face.jpg")
    assert "download" in caught.value.hint


@pytest.mark.parametrize("name", ["", "a\0b.jpg", "x" * 5000 + ".jpg"])
def test_names_that_cannot_be(name):
    with pytest.raises(SourceError):
        read_image(name)


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(SourceError):
        read_image(tmp_path / "file" / "a.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipes_are_skipped(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(SourceError):
        read_image(tmp_path / "pipe.jpg")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.jpg"
    path.write_bytes(encoded(corners(), "JPEG"))
    monkeypatch.setattr(Path, "open", refuse)  # chmod does not stop root, who runs the tests in a container
    with pytest.raises(SourceError) as caught:
        read_image(path)
    assert "permission" in caught.value.hint


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(SourceError):
        read_image(tmp_path / "empty.jpg")
    with pytest.raises(SourceError):
        read_image(b"")


@pytest.mark.parametrize("data", [b"just some notes\n", b"x", b"%PDF-1.7", b"<svg/>", bytes(100)])
def test_a_file_that_is_no_image(data, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read_image(path)
    assert caught.value.hint


def test_postscript_is_not_run():
    eps = encoded(corners(), "EPS")
    with pytest.raises(SourceError):
        read_image(eps)


@pytest.mark.parametrize("start", [b"\0\0\0\x18ftypheic", b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"])
def test_formats_of_extras_say_what_to_do_without_them(start, monkeypatch):
    for name in ("HEIF", "JXL"):
        monkeypatch.delitem(Image.OPEN, name, raising=False)
    monkeypatch.setattr("mien.io.images._load_optional_plugins", lambda: None)
    with pytest.raises(SourceError) as caught:
        read_image(start + bytes(40))
    assert "pip install '.[" in caught.value.hint


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_images_are_errors(file_format, share):
    data = encoded(Image.fromarray(noise(200, 200)), file_format)
    with pytest.raises(SourceError):
        read_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_truncated_photos_are_reported_as_truncated(file_format, tmp_path):
    data = encoded(Image.fromarray(noise(200, 200)), file_format)
    path = tmp_path / "half"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError) as caught:
        read_image(path)
    assert "again" in caught.value.hint


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM", "JPEG2000"])
def test_flipped_bytes_give_an_image_or_a_source_error(file_format):
    whole = encoded(Image.fromarray(noise()), file_format)
    random = np.random.default_rng(1)
    for _ in range(150):
        data = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(0, min(len(data), 400), random.integers(1, 6))
        data[places] = random.integers(0, 256, len(places))
        with suppress(SourceError):  # anything else fails the test
            read_image(data.tobytes(), max_megapixels=1)


# ---- names and warnings


@pytest.mark.parametrize("name", ["фото.png", "写真 1.png", "größe [1].png", "😀.png"])
def test_any_file_name_can_be_written(name, tmp_path):
    (tmp_path / name).write_bytes(encoded(corners(), "PNG"))
    assert read_image(tmp_path / name).name.endswith(name)


def photo_with_damaged_exif():
    # one entry, "maker", that claims 90 bytes beyond the end
    exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 0x010F, 2, 90, 4000) + b"\x01"
    return encoded(corners(), "JPEG", exif=exif)


def test_damaged_exif_causes_no_warning():
    data = photo_with_damaged_exif()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(data)).getexif().get(0x010F)
    assert given, "Pillow has nothing to warn of: this test needs worse EXIF data"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(data).image.shape == (16, 32, 3)


def test_threads_leave_the_warning_filters_as_they_were():
    data = photo_with_damaged_exif()
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shapes = list(pool.map(lambda _: read_image(data).image.shape, range(200)))
    assert set(shapes) == {(16, 32, 3)}
    assert list(warnings.filters) == before


def test_pillows_settings_are_unchanged():
    before = Image.MAX_IMAGE_PIXELS
    read_image(encoded(corners(), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS
    assert not TiffImagePlugin.READ_LIBTIFF


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"garbage!", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0"]
)
def test_damaged_exif_data_does_not_spoil_an_image(exif, astronaut):
    """The pixels are there, and other programs show them."""
    file = io.BytesIO()
    Image.fromarray(astronaut.image).save(file, "PNG")
    content = file.getvalue()
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    at = content.index(b"IDAT") - 4
    assert (read_image(content[:at] + chunk + content[at:]).image == astronaut.image).all()

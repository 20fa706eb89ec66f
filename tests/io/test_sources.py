"""Sources other than paths of image files."""

import base64
import io
import os
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import mien
from mien.errors import OptionError, SourceError
from mien.io.discovery import find_images
from mien.io.images import read_image


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(5).integers(0, 256, (30, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class AsyncUpload:
    """As FastAPI's UploadFile: its own read() is a coroutine, the file in it is not."""

    def __init__(self, content, filename):
        self.file, self.filename = io.BytesIO(content), filename

    async def read(self, size=-1):
        return self.file.read(size)


class FlaskUpload:
    """As werkzeug's FileStorage: forwards to its stream."""

    def __init__(self, content, filename):
        self.stream, self.filename = io.BytesIO(content), filename

    def __getattr__(self, name):
        return getattr(self.stream, name)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_of_any_kind_are_read(kind, png, pixels):
    assert (read_image(kind(png)).image == pixels).all()


@pytest.mark.parametrize("upload", [AsyncUpload, FlaskUpload])
def test_uploads_are_read_and_named(upload, png, pixels):
    frame = read_image(upload(png, "me.png"))
    assert frame.name == "me.png"
    assert (frame.image == pixels).all()


def test_a_file_is_read_whole_and_keeps_its_position(png, pixels):
    file = io.BytesIO(png)
    file.seek(0, io.SEEK_END)
    assert (read_image(file).image == pixels).all()
    assert file.tell() == len(png)


def test_a_text_file_is_refused(tmp_path):
    with (tmp_path / "a.txt").open("w+") as file, pytest.raises(OptionError):
        read_image(file)


def test_paths_of_any_kind_are_read(png, pixels, tmp_path, monkeypatch):
    path = tmp_path / "my photo.png"
    path.write_bytes(png)

    class PathLike:
        def __fspath__(self):
            return str(path)

    monkeypatch.setenv("HOME", str(tmp_path))
    for source in (PathLike(), path.as_uri(), "~/my photo.png"):
        assert (read_image(source).image == pixels).all()
    assert find_images([path.as_uri(), "~"]) == [path]


def test_data_uris_are_read(png, pixels):
    uri = "data:image/png;base64," + base64.b64encode(png).decode()
    frame = read_image(uri)
    assert frame.name == "data URI"
    assert (frame.image == pixels).all()
    assert mien.read(uri).sources == ("data URI",)


@pytest.mark.parametrize("form", ["lines", "no padding", "URL-safe", "escaped", "parameters"])
def test_base64_is_read_as_browsers_and_mail_write_it(form, png, pixels):
    text = base64.b64encode(png).decode()
    data = {
        "lines": ";base64,\r\n" + "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        "no padding": ";base64," + text.rstrip("="),
        "URL-safe": ";base64," + base64.urlsafe_b64encode(png).decode(),
        "escaped": ";base64," + quote(text, safe=""),
        "parameters": ";name=a.png;charset=utf-8;BASE64," + text,
    }[form]
    assert (read_image(f" DATA:image/png{data}").image == pixels).all()


@pytest.mark.parametrize("rest", ["", "image/png;base64", "image/png;base64,@@@@", "image/png;base64,aGVsbG8="])
def test_damaged_data_uris_are_source_errors(rest):
    with pytest.raises(SourceError):
        read_image(f"data:{rest}")


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "s3://bucket/a.jpg"])
def test_paths_made_of_addresses_are_told_apart_from_missing_files(address):
    for read in (read_image, mien.read, lambda source: find_images([source])):
        with pytest.raises(SourceError) as caught:
            read(Path(address))
        assert "download" in caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="a share of the network is a path on Windows")
def test_files_of_other_hosts_are_no_local_files(png, tmp_path):
    (tmp_path / "a.png").write_bytes(png)
    assert (
        read_image(f"file://localhost{tmp_path}/a.png").image.shape == read_image(f"file:{tmp_path}/a.png").image.shape
    )
    with pytest.raises(SourceError):
        read_image(f"file://server{tmp_path}/a.png")


def test_base64_without_its_header_is_recognized(png):
    with pytest.raises(SourceError) as caught:
        mien.read(base64.b64encode(png).decode())
    assert "data:" in caught.value.hint


@pytest.mark.parametrize("address", ["https://example.org/a.jpg?width=[3]&q=*", "s3://bucket/a.jpg", "HTTP://a/b.png"])
def test_nothing_is_fetched(address):
    for read in (read_image, mien.read, lambda source: find_images([source])):
        with pytest.raises(SourceError) as caught:
            read(address)
        assert address in str(caught.value)
        assert caught.value.hint


@pytest.mark.parametrize(
    "source", ["A" * 1_000_000, "data:image/png;base64," + "!" * 100_000, "https://a.org/" + "b" * 9999]
)
def test_no_message_repeats_a_long_input(source):
    for read in (read_image, mien.read, lambda source: find_images([source])):
        with pytest.raises(SourceError) as caught:
            read(source)
        assert len(str(caught.value)) + len(caught.value.hint) < 500


def test_masked_arrays_are_read_if_nothing_is_masked(pixels):
    assert (read_image(np.ma.array(pixels)).image == pixels).all()
    with pytest.raises(OptionError):
        read_image(np.ma.array(pixels, mask=pixels > 250))


def test_gray_arrays_may_have_a_channel(pixels):
    assert (read_image(pixels[..., :1]).image == pixels[..., :1]).all()


def test_tensors_are_read_in_either_layout(pixels):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for tensor in (torch.from_numpy(pixels), torch.from_numpy(pixels).permute(2, 0, 1)):
        assert (read_image(tensor).image == pixels).all()
    with pytest.raises(OptionError):
        read_image(torch.from_numpy(pixels) / 255)


def test_more_kinds_of_paths_are_read(png, pixels, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png)

    class BytesPath:
        def __fspath__(self):
            return os.fsencode(path)

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "a.png")
        for source in (BytesPath(), zipfile.Path(archive, "a.png")):
            assert (read_image(source).image == pixels).all()
    for paths in (np.array([str(path)]), np.array([path], object)):
        assert len(mien.read(paths)) == 1


def test_empty_cells_are_failures_of_their_row(png, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for missing in (None, float("nan"), np.float32("nan"), pandas.NA, pandas.NaT):
        results = mien.read([str(path), missing], errors="return")
        assert [len(one.errors) for one in results] == [0, 1]
        with pytest.raises(SourceError):
            mien.read(missing)


def test_a_table_in_place_of_its_column_is_refused():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(OptionError) as caught:
        mien.read(pandas.DataFrame({"path": ["a.png"]}))
    assert "column" in caught.value.hint


def test_a_dictionary_in_place_of_its_values_is_refused(png, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png)
    images = {str(path): png}
    with pytest.raises(OptionError) as caught:
        mien.read(images)
    assert "values" in caught.value.hint
    assert len(mien.read(images.values())) == 1


def test_several_sources_come_in_any_collection(pixels, png, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    path = tmp_path / "a.png"
    path.write_bytes(png)
    for sources in ((source for source in (pixels, path)), pandas.Series([str(path), str(path)]), {path, str(path)}):
        assert len(mien.read(sources)) == 2


def test_heif_and_jpeg_xl_are_read_with_their_extras(tmp_path):
    rgb = Image.fromarray(np.full((64, 96, 3), (200, 40, 60), np.uint8))
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra 'heif' is not installed")
    rgb_path = tmp_path / "a.heic"
    pillow_heif.from_pillow(rgb).save(rgb_path)
    assert np.abs(read_image(rgb_path).image.astype(int) - (200, 40, 60)).max() < 8
    pytest.importorskip("pillow_jxl", reason="the extra 'jxl' is not installed")
    rgb.save(tmp_path / "a.jxl")
    assert np.abs(read_image(tmp_path / "a.jxl").image.astype(int) - (200, 40, 60)).max() < 8
    assert find_images([tmp_path]) == [Path(tmp_path / "a.heic"), Path(tmp_path / "a.jxl")]


def test_heif_is_turned_upright_once(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra 'heif' is not installed")
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:, :48] = 255  # white on the left; turned by 90 degrees clockwise, white is on top
    image, exif = Image.fromarray(stored), Image.Exif()
    exif[0x0112] = 6
    pillow_heif.from_pillow(image).save(tmp_path / "turned.heic", exif=exif.tobytes())
    frame = read_image(tmp_path / "turned.heic")
    assert frame.image.shape == (96, 64, 3)
    assert frame.image[:40].mean() > 240
    assert frame.image[56:].mean() < 15


def test_time_is_limited_on_huge_images():
    from mien.detection.pyramid import coarse_to_fine

    def pixels(side):
        return sum((v.x1 - v.x0) * (v.y1 - v.y0) * v.scale**2 for views in coarse_to_fine(side, side) for v in views)

    assert pixels(20_000) < 1.5 * pixels(5_000) < 40_000_000

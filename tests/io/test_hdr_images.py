"""HDR images read like their SDR copies; of photos with a gain map the SDR rendition is read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, features

import mien
from mien.io.hdr import HLG, PQ, transfer_of_image
from mien.types import Frame

from .test_hdr import signal

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def reader() -> mien.Reader:
    return mien.Reader(mien.ReadOptions(threads=1))


@pytest.fixture(scope="module")
def portrait(astronaut: Frame) -> Pixels:
    return astronaut.image[0:320, 60:380]


def _png(pixels: Pixels, transfer: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    chunk = b"cICP" + bytes([9, transfer, 0, 1])
    content = file.getvalue()
    after_header = 8 + 25
    stated = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:after_header] + stated + content[after_header:]


def _isobmff(pixels: Pixels, transfer: int, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=95)
    content = bytearray(file.getvalue())
    place = content.find(b"colrnclx")
    assert place > 0
    content[place + 8 : place + 12] = struct.pack(">HH", 9, transfer)  # the matrix stays as it was encoded
    return bytes(content)


def _avif(pixels: Pixels, transfer: int) -> bytes:
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF encoder")
    return _isobmff(pixels, transfer, "AVIF")


def _heic(pixels: Pixels, transfer: int) -> bytes:
    pytest.importorskip("pillow_heif", reason="HEIC needs the extra heif").register_heif_opener()
    return _isobmff(pixels, transfer, "HEIF")


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("write", [_png, _avif, _heic])
def test_hdr_images_read_like_their_sdr_copies(write, transfer, portrait: Pixels, reader: mien.Reader) -> None:
    stored = np.rint(255 * signal(portrait, transfer)).clip(0, 255).astype(np.uint8)
    shown = mien.read_image(write(stored, transfer)).image
    middle = (portrait.max(-1) < 220) & (portrait.min(-1) > 10)
    assert abs((shown.astype(int) - portrait)[middle].mean()) < 3
    untreated = np.abs(stored.astype(int) - portrait)[middle].mean()
    assert np.abs(shown.astype(int) - portrait)[middle].mean() < untreated / 3
    (sdr,), (hdr,) = reader.read(portrait), reader.read(write(stored, transfer))
    assert hdr.emotion == sdr.emotion
    assert np.abs(hdr.probabilities - sdr.probabilities).max() < 0.1


@pytest.mark.parametrize("write", [_png, _avif, _heic])
def test_sdr_files_with_the_same_property_stay_as_they_are(write, portrait: Pixels) -> None:
    assert np.abs(mien.read_image(write(portrait, 13)).image.astype(int) - portrait).mean() < 4


def test_a_gain_map_leaves_the_base_image_alone() -> None:
    base = b"....ftypheic....meta....colrprof....infe....tmap....colrnclx" + struct.pack(">HHHB", 9, PQ, 9, 128)
    assert transfer_of_image(base) == 0


def test_an_ultra_hdr_jpeg_shows_its_base_image(portrait: Pixels) -> None:
    base, gain = (io.BytesIO() for _ in range(2))
    Image.fromarray(portrait).save(base, "JPEG", quality=95)
    Image.fromarray(255 - portrait[::4, ::4, 0]).save(gain, "JPEG")
    shown = mien.read_image(base.getvalue() + gain.getvalue()).image
    assert shown.shape == portrait.shape
    assert np.abs(shown.astype(int) - portrait).mean() < 4


@pytest.mark.parametrize("head", [b"", b"colrnclx", b"cICP", b"\x89PNG cICP\x09", b"colrnclx\x00\x09"])
def test_cut_headers_state_nothing(head: bytes) -> None:
    assert transfer_of_image(head) == 0

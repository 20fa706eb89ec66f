"""HDR videos are tone mapped: they look and read like their SDR copies."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av", reason="videos need the extra video")

import mien
from mien.io.hdr import HLG, PQ, to_sdr
from mien.io.video import Video

from ..conftest import make_clip

TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
SDR_2020 = 14


def signal(rgb, transfer, white=203):
    """SDR RGB, uint8, as the nonlinear values of BT.2100 that show it with so many cd/m2 of white: 0 to 1."""
    light = (rgb / 255) ** 2.4 @ TO_2020.T
    if transfer == SDR_2020:
        return light ** (1 / 2.4)
    if transfer == PQ:
        power = (light * white / 10_000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    shown = light * white / 1000
    scene = shown * np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def hdr_clip(path, images, transfer, white=203):
    """Write a clip in 10 bits, limited range, non-constant luminance (BT.2020)."""
    import av

    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=15, options={"crf": "8"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p10le"
        colors = stream.codec_context
        colors.color_primaries, colors.color_trc, colors.colorspace, colors.color_range = 9, transfer, 9, 1
        for number, image in enumerate(images):
            rgb = signal(image, transfer, white)
            y = rgb @ [0.2627, 0.6780, 0.0593]
            blue, red = (rgb[..., 2] - y) / 1.8814, (rgb[..., 0] - y) / 1.4746
            halved = [plane.reshape(len(y) // 2, 2, -1, 2).mean((1, 3)) for plane in (blue, red)]
            planes = [64 + 876 * y, *(512 + 896 * plane for plane in halved)]
            frame = av.VideoFrame(y.shape[1], y.shape[0], "yuv420p10le")
            for plane, values in zip(frame.planes, planes):
                lines = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                lines[:, : plane.width] = np.rint(values).clip(0, 1023)
                plane.update(lines)
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, transfer, 9, 1
            frame.pts, frame.time_base = number, Fraction(1, 15)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def twins(astronaut, hopper):
    """The smiling woman beside the calm one: 240 x 480."""
    return np.concatenate([astronaut.image[0:240, 100:340], hopper.image[60:540:2, 20:500:2]], 1)


@pytest.mark.parametrize("transfer", [PQ, HLG, SDR_2020])
def test_hdr_images_match_their_sdr_copies(transfer, twins, tmp_path):
    shown = next(Video(hdr_clip(tmp_path / "clip.mp4", [twins] * 2, transfer)).frames()).image
    middle = (twins.max(-1) < 220) & (twins.min(-1) > 10)
    error = np.abs(shown.astype(int) - twins)[middle]
    assert error.mean() < 5
    assert abs((shown.astype(int) - twins)[middle].mean()) < 2
    assert shown[twins.min(-1) > 250].mean() > 225  # white is compressed only a little


@pytest.mark.parametrize("white", [100, 203])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_predictions_match_the_sdr_copy(transfer, white, twins, tmp_path):
    def read(path):
        _, readings = next(iter(mien.read_video(path)))
        return sorted(readings, key=lambda reading: reading.face.box.x0)

    sdr = read(make_clip(tmp_path / "sdr.mp4", [twins] * 2, sound=None))
    hdr = read(hdr_clip(tmp_path / "hdr.mp4", [twins] * 2, transfer, white))
    assert [one.emotion for one in hdr] == [one.emotion for one in sdr]
    assert len(sdr) == 2
    for one, other in zip(hdr, sdr):
        assert np.abs(one.probabilities - other.probabilities).max() < 0.1


def test_highlights_keep_their_hue_and_order():
    whites = [signal(np.full((1, 1, 3), 255), PQ, white) for white in (100, 203, 400, 1000, 4000)]
    shown = to_sdr(np.rint(65535 * np.concatenate(whites, 1)).astype(np.uint16), PQ)[0].astype(int)
    assert (np.ptp(shown, axis=1) <= 1).all()  # gray stays gray
    assert (np.diff(shown[:, 0]) >= 0).all()
    assert shown[-1].min() >= 254

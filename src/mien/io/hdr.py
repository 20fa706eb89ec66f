"""High dynamic range and wide gamut: RGB of BT.2100 or BT.2020 as 8-bit RGB for screens (BT.709)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

#: Transfer characteristics and color primaries as ITU-T H.273 numbers them.
PQ, HLG = 16, 18
BT2020 = 9
#: Luminance of diffuse white, in cd/m2 (BT.2408); it becomes the white of the screen but for the highlights' room.
_WHITE = 203.0
#: Nominal peak of a screen for HLG, in cd/m2, for which BT.2100 has a system gamma of 1.2.
_HLG_PEAK = 1000.0
#: Gamma of a screen (BT.1886).
_GAMMA = 2.4
#: Linear values above this, as a share of diffuse white, are compressed; all lower ones are kept.
_KNEE = 0.8
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
#: RGB of BT.2020 as RGB of BT.709, both linear (BT.2407; the inverse of BT.2087).
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_ROWS = 256


def to_sdr(rgb: npt.NDArray[np.uint16], transfer: int) -> npt.NDArray[np.uint8]:
    """Convert RGB of BT.2020, uint16 (H, W, 3), full range, to RGB of BT.709, uint8 (H, W, 3).

    Values up to 80% of diffuse white are exact; brighter ones are compressed, with their hue kept.

    Args:
        rgb: nonlinear values.
        transfer: ``PQ``, ``HLG``, or any other number for standard dynamic range.
    """
    result = np.empty(rgb.shape, np.uint8)
    for top in range(0, len(rgb), _ROWS):
        light = _linear(transfer)[rgb[top : top + _ROWS]]
        if transfer == HLG:
            light *= np.maximum(light @ _LUMINANCE, 1e-9)[..., None] ** np.float32(0.2) * np.float32(_HLG_PEAK / _WHITE)
        light = np.maximum(light @ _TO_709.T, 0)
        if transfer in (PQ, HLG):
            brightest = np.maximum(light.max(-1), _KNEE)
            kept = _KNEE + (1 - _KNEE) * (1 - np.exp((_KNEE - brightest) / (1 - _KNEE)))
            light *= (kept / brightest)[..., None]
        index = (np.sqrt(np.minimum(light, 1)) * np.float32(4095) + np.float32(0.5)).astype(np.intp)
        result[top : top + _ROWS] = _encoding()[index]
    return result


def transfer_of_image(head: bytes) -> int:
    """Return ``PQ``, ``HLG`` or 0 (neither is stated) for an AVIF, HEIF or PNG file, from its first bytes.

    AVIF and HEIF state it in a property "colr" of type "nclx" (ISO/IEC 23008-12), PNG in the chunk "cICP" (PNG 3.0). A
    photo with a gain map (ISO 21496-1) is SDR; the property then belongs to its HDR rendition.
    """
    start = head.find(b"colrnclx")
    place, width = (start + 10, 2) if start >= 0 else (head.find(b"cICP") + 5, 1)
    if place < 5 or b"tmap" in head:
        return 0
    transfer = int.from_bytes(head[place : place + width], "big")
    return transfer if transfer in (PQ, HLG) else 0


@cache
def _linear(transfer: int) -> Floats:
    """The linear value of each 16-bit one: a share of diffuse white, or in HLG light of the scene, 0 to 1."""
    value = np.arange(65536) / 65535
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = value ** (1 / m2)
        return np.asarray((np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) * (10_000 / _WHITE), np.float32)
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.asarray(np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12), np.float32)
    return np.asarray(value**_GAMMA, np.float32)


@cache
def _encoding() -> npt.NDArray[np.uint8]:
    """The 8-bit value for each of 4,096 square roots of a linear one."""
    return np.asarray(np.rint(255 * (np.arange(4096) / 4095) ** (2 / _GAMMA)), np.uint8)

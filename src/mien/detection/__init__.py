"""Face detection: the detector protocol, the detectors, and the choice between them."""

from __future__ import annotations

from ..errors import OptionError
from ..extras import require
from ..options import ReadOptions
from .base import THRESHOLDS, Detector, NoDetector

__all__ = ["Detector", "NoDetector", "create_detector", "score_needed"]


def create_detector(options: ReadOptions) -> Detector:
    """Return the detector that ``options`` name.

    Raises:
        OptionError: YuNet without its file.
        ModelError: the detector's weights cannot be used.
    """
    # ruff: noqa: PLC0415 - a detector's libraries are loaded when it is used
    if options.detector == "none":
        return NoDetector()
    threshold = score_needed(options)
    if options.detector == "centerface":
        require("onnx", "centerface")
        from .centerface import centerface

        return centerface(options.min_face, threshold, options.threads)
    from .yunet import YuNet

    if options.detector_file is None:
        raise OptionError(
            "detector 'yunet' requires a weights file, which mien does not include",
            hint="Give the path of face_detection_yunet_2023mar.onnx (OpenCV model zoo) with --detector-file.",
        )
    return YuNet(options.detector_file, threshold, options.threads)


def score_needed(options: ReadOptions) -> float:
    """Return the score below which the chosen detector drops a face, 0 to 1."""
    if options.detector == "none" or options.detector_threshold is None:
        return THRESHOLDS[options.detector]
    return options.detector_threshold

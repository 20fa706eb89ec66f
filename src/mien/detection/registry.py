"""From options to a detector."""

from __future__ import annotations

from ..errors import OptionError
from ..options import ReadOptions
from .base import Detector, NoDetector
from .centerface import THRESHOLD as CENTERFACE_THRESHOLD
from .centerface import CenterFace
from .yunet import THRESHOLD as YUNET_THRESHOLD
from .yunet import YuNet


def create_detector(options: ReadOptions) -> Detector:
    """The detector that ``options`` name.

    Raises:
        OptionError: YuNet without its file.
        ModelError: the detector's weights cannot be used.
    """
    if options.detector == "none":
        return NoDetector()
    if options.detector == "centerface":
        return CenterFace(options.min_face, score_needed(options), options.threads)
    if options.detector_file is None:
        raise OptionError(
            "detector 'yunet' needs its weights, which do not come with mien",
            hint="Give the path of face_detection_yunet_2023mar.onnx (from OpenCV's model zoo) with --detector-file.",
        )
    return YuNet(options.detector_file, score_needed(options), options.threads)


def score_needed(options: ReadOptions) -> float:
    """The score below which the detector that ``options`` name drops a face, 0 to 1; the whole image always counts."""
    if options.detector == "none":
        return 0.0
    usual = CENTERFACE_THRESHOLD if options.detector == "centerface" else YUNET_THRESHOLD
    return usual if options.detector_threshold is None else options.detector_threshold

"""How much time a reading stands for, and where a face was lost from sight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: A video with one frame: as long as a frame at 25 a second.
_ALONE_S = 0.04
#: No frame for this many usual steps: the video was not read here, or the camera was switched off.
_HOLE = 5.0
_ROUNDING = 1e-6


def usual_step(frames: npt.NDArray[np.float64]) -> float:
    """The median time from one frame that was read to the next, in seconds.

    Args:
        frames: float64 (M,), the times of all frames of a video that were read, increasing, each once.
    """
    return float(np.median(np.diff(frames))) if len(frames) > 1 else _ALONE_S


def standing(
    times: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], step_s: float, shortest_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """How long each reading of a track stands.

    A reading stands until the face is seen again, if that is in the next frame that was read, or within ``shortest_s``:
    a detector that misses a frame or two makes no gap. Otherwise the face is lost from sight, and its last reading
    stands until the next frame, but for no more than one usual step. Frames more than five usual steps apart are a hole
    in the video, not a long look at one face.

    Args:
        times: float64 (N,), when the face was seen, increasing.
        frames: float64 (M,), the times of all frames of the video, increasing.
        step_s: the usual step.
        shortest_s: gaps up to this are no gaps.

    Returns:
        float64 (N,), seconds; and bool (N,), whether the next reading follows without a gap (never after the last).
    """
    again = np.append(np.diff(times), np.inf)
    after = np.searchsorted(frames, times + _ROUNDING)
    frame = np.append(frames, np.inf)[after] - times
    joined = (again <= frame + _ROUNDING) & (again <= _HOLE * step_s + _ROUNDING) | (again <= shortest_s + _ROUNDING)
    return np.where(joined, again, np.minimum(frame, step_s)), joined

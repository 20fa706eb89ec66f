"""Check arrays where they enter a value, so that nothing behind the border has to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OptionError


def checked(
    name: str, array: Any, dtype: npt.DTypeLike, shape: tuple[int | None, ...], hint: str = ""
) -> npt.NDArray[Any]:
    """``array`` if it is of ``dtype`` and ``shape`` (None stands for any length).

    Raises:
        OptionError: it is not.
    """
    wanted = f"{np.dtype(dtype)} ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name}: got {type(array).__name__}, expected a numpy array, {wanted}", hint=hint)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape))
    if array.dtype != dtype or not fits:
        raise OptionError(f"{name}: got {array.dtype} {array.shape}, expected {wanted}", hint=hint)
    return array

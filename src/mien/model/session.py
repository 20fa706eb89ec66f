"""Open weights for inference: ONNX in onnxruntime, baselines in scikit-learn."""

from __future__ import annotations

import os

from ..errors import ModelError
from .pipeline import PipelineSession, is_pipeline, open_pipeline
from .runtime import faults, onnxruntime

_FAULTS = (faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.InvalidProtobuf, faults.NotImplemented)


def open_session(weights: bytes, threads: int, name: str) -> onnxruntime.InferenceSession | PipelineSession:
    """A CPU session.

    Args:
        weights: content of the ONNX file, or of a baseline's skops file.
        threads: processor threads; 0 takes all.
        name: what to call the file in an error.

    Raises:
        ModelError: onnxruntime cannot read the file.
        MissingExtraError: it is a baseline and the extra ``lab`` is not installed.
    """
    return open_pipeline(weights, name) if is_pipeline(weights) else open_onnx(weights, threads, name)


def open_onnx(weights: bytes, threads: int, name: str) -> onnxruntime.InferenceSession:
    """A CPU session of an ONNX file; arguments and errors as for ``open_session``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, os.cpu_count() or 1)  # more only wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: converters leave harmless oddities that onnxruntime warns about
    try:
        return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except _FAULTS as error:
        raise ModelError(f"{name} is not an ONNX file that onnxruntime can run: {error}") from error

"""Open weights for inference: ONNX in onnxruntime, baselines (scikit-learn pipelines saved with skops) in scikit-learn.

This is the only module that imports onnxruntime. From version 1.29 on, its official builds collect events and send them to
Microsoft over HTTPS, from the first import on (``Privacy.md`` in its package). An environment variable turns that off for
the life of the process, but it must be set before the import. A program that imports onnxruntime before mien decides by
itself.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import extras
from ..errors import LIBRARY_HINT, MissingExtraError, ModelError

_OFF = "ORT_DISABLE_TELEMETRY"

_before = os.environ.get(_OFF)
os.environ[_OFF] = "1"
try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as faults
except ImportError as error:
    raise MissingExtraError(f"onnxruntime cannot be loaded: {error}", hint=LIBRARY_HINT, value="onnxruntime") from error
finally:  # the environment belongs to the program that imports mien
    if _before is None:
        del os.environ[_OFF]
    else:
        os.environ[_OFF] = _before

# Where it was imported before, this stops what it would still send; also the events that older builds leave to Windows
onnxruntime.disable_telemetry_events()

__all__ = ["PIPELINE_HEAD", "PipelineSession", "onnxruntime", "open_onnx", "open_pipeline", "open_session"]

#: The only output of a pipeline.
PIPELINE_HEAD = "labels"
#: Lower limit of probabilities, whose logarithm is taken.
_MIN_PROBABILITY = 1e-5
#: The types that ``mien lab baseline`` saves, beyond those that skops trusts by default: nothing else is loaded.
_TRUSTED = (
    "mien.lab.features.Embedding",
    "mien.lab.features.HandcraftedFeatures",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",  # follows its indices unchecked, so that they are checked here
)


#: The execution provider of each device, and the package that has it.
_PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime (on macOS)"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}

_FAULTS = (faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.InvalidProtobuf, faults.NotImplemented)


def usable_cores() -> int:
    """Processor cores that this process may use: its affinity, and the quota of its container (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores


def open_session(
    weights: bytes, threads: int, name: str, device: str = "cpu"
) -> onnxruntime.InferenceSession | PipelineSession:
    """Open a network or baseline for inference.

    Args:
        weights: content of the ONNX file, or of a baseline's skops file.
        threads: processor threads; 0 takes all.
        name: what to call the file in an error.
        device: ``cpu``, ``cuda``, ``coreml`` or ``openvino``; a baseline always runs on the CPU.

    Raises:
        ModelError: onnxruntime cannot read the file.
        MissingExtraError: it is a baseline and the extra ``lab`` is not installed, or onnxruntime lacks the device.
    """
    is_zip = weights.startswith(b"PK\x03\x04")  # as a skops file is
    return open_pipeline(weights, name) if is_zip else open_onnx(weights, threads, name, device)


def open_onnx(weights: bytes, threads: int, name: str, device: str = "cpu") -> onnxruntime.InferenceSession:
    """A session of an ONNX file; arguments and errors as for ``open_session``."""
    provider, package = _PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise _no_device(device, package, "this onnxruntime does not support it")
    options = onnxruntime.SessionOptions()
    # A number, never 0: onnxruntime then binds threads to cores, which a container may not allow
    options.intra_op_num_threads = min(threads or usable_cores(), usable_cores())  # more only wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: converters leave harmless oddities that onnxruntime warns about
    try:
        providers = dict.fromkeys((provider, "CPUExecutionProvider"))  # the last for what the first cannot run
        session = onnxruntime.InferenceSession(weights, options, providers=list(providers))
    except _FAULTS as error:
        raise ModelError(f"{name} is not an ONNX file that onnxruntime can run: {error}") from error
    if provider not in session.get_providers():  # onnxruntime falls back to the CPU without an error
        raise _no_device(device, package, "its driver or libraries cannot be loaded")
    return session


def _no_device(device: str, package: str, why: str) -> MissingExtraError:
    usable = [name for name, (provider, _) in _PROVIDERS.items() if provider in onnxruntime.get_available_providers()]
    hint = f"Installed: {', '.join(usable)}. For {device} run: pip uninstall -y onnxruntime; pip install {package}"
    return MissingExtraError(f"device: {device!r} cannot be used: {why}", hint=hint, value=device)


class PipelineSession:
    """A fitted scikit-learn pipeline with the interface of an onnxruntime session."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def get_outputs(self) -> list[SimpleNamespace]:
        """Return the one output."""
        return [SimpleNamespace(name=PIPELINE_HEAD)]

    def run(
        self,
        names: list[str] | None,  # noqa: ARG002 - there is one output
        feeds: dict[str, npt.NDArray[np.float32]],
    ) -> list[npt.NDArray[np.float32]]:
        """``images``, float32 (N, C, S, S) -> log-probabilities, float32 (N, K)."""
        probabilities = self._pipeline.predict_proba(feeds["images"])
        return [np.log(np.maximum(probabilities, _MIN_PROBABILITY)).astype(np.float32)]


def open_pipeline(weights: bytes, name: str) -> PipelineSession:
    """Open a file of ``mien lab baseline``; ``name`` names it in errors.

    Raises:
        MissingExtraError: skops, scikit-learn or scikit-image is not installed.
        ModelError: it is another file, or holds types that baselines do not use.
    """
    for package in ("sklearn", "skimage"):
        extras.require(package, "lab")
    skops = extras.require("skops.io", "lab")
    try:
        pipeline = skops.loads(weights, trusted=list(_TRUSTED))
        _check_trees(pipeline[-1])
        return PipelineSession(pipeline)
    except Exception as error:  # skops and numpy raise anything for a damaged file
        raise ModelError(
            f"{name} cannot be opened as a scikit-learn pipeline: {error}",
            hint="Fit it again with 'mien lab baseline', with the installed version of scikit-learn.",
        ) from error


def _check_trees(classifier: Any) -> None:
    """Raise a ValueError if a tree points outside its nodes or features, or back: scikit-learn does not check this."""
    features = classifier.n_features_in_
    for forest_tree in getattr(classifier, "estimators_", ()):
        tree = forest_tree.tree_
        _check_tree(tree.children_left, tree.children_right, tree.feature, tree.children_left < 0, features)
    for trees in getattr(classifier, "_predictors", ()):
        for nodes in (tree.nodes for tree in trees):
            leaf = nodes["is_leaf"].astype(bool)
            _check_tree(nodes["left"], nodes["right"], nodes["feature_idx"], leaf, features)


def _check_tree(left: Any, right: Any, feature: Any, leaf: npt.NDArray[np.bool_], features: int) -> None:
    inner = np.flatnonzero(~leaf)
    for children in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if (children <= inner).any() or (children >= len(leaf)).any():
            raise ValueError("a tree refers to nodes that it does not have")
    if (feature[inner] < 0).any() or (feature[inner] >= features).any():
        raise ValueError("a tree refers to features that do not exist")

"""Merge ONNX models and the rule that combines their outputs into one ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, compose, helper, numpy_helper, version_converter

from ...emotions import positions
from ...model.card import InputSpec, ModelCard
from .stacking import MIN_PROBABILITY, Stack

#: The only output of an ensemble.
HEAD = "ensemble"
_OPSET, _IR_VERSION = 18, 10
_Array = npt.NDArray[np.generic]
#: ITU-R BT.601, as OpenCV converts RGB to gray.
_GRAY = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)


@dataclass(frozen=True, eq=False)
class Member:
    """One model of an ensemble.

    Attributes:
        card: its card.
        weights: content of its ONNX file.
        head: which of its outputs counts.
        temperature: divides its logits, restricted to the ensemble's emotions (Guo et al. 2017).
        weight: its share in the vote; the shares sum to 1. Stacking does not use it.
    """

    card: ModelCard
    weights: bytes
    head: str
    temperature: float
    weight: float


def common_input(specs: Sequence[InputSpec]) -> InputSpec:
    """The input that suits all members: pixels 0-255 at the largest size, in color where a member wants color."""
    color = "rgb" if any(spec.color == "rgb" for spec in specs) else "gray"
    return InputSpec(max(spec.size for spec in specs), 0.0, 1 / 255, color)


def merge(members: Sequence[Member], emotions: tuple[str, ...], stack: Stack | None) -> bytes:
    """The members, what each needs before it, and the vote or stack behind them, as one ONNX file.

    Args:
        members: at least two.
        emotions: K labels that all members know.
        stack: None for soft voting.

    Returns:
        An ONNX file: ``images`` as ``common_input`` says -> ``HEAD``, log-probabilities, float32 (N, K).
    """
    spec = common_input([member.card.input for member in members])
    model = _preprocessing([member.card.input for member in members], spec)
    for number, member in enumerate(members):
        own = compose.add_prefix(_same_version(onnx.load_model_from_string(member.weights)), _prefix(number))
        model = compose.merge_models(model, own, io_map=[(f"input_{number}", f"{_prefix(number)}images")])
    joints = [(f"{_prefix(number)}{member.head}", f"logits_{number}") for number, member in enumerate(members)]
    model = compose.merge_models(model, _combination(members, emotions, stack), io_map=joints, outputs=[HEAD])
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = "mien", ""
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _prefix(number: int) -> str:
    return f"member_{number}_"


def _same_version(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in the operator set of all parts of the ensemble."""
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), _OPSET)
    same = model if version == _OPSET else version_converter.convert_version(model, _OPSET)
    same.ir_version = _IR_VERSION
    return same


def _preprocessing(specs: Sequence[InputSpec], common: InputSpec) -> onnx.ModelProto:
    """``images`` -> ``input_0``, ``input_1``, ...: in each member's color and size, normalized as its card says."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, _Array] = {}
    for number, spec in enumerate(specs):
        here = "images"
        for operator, step, value in _steps(spec, common):
            output, constant = f"{step}_{number}", f"{step}_{number}_value"
            inputs = [here] if value is None else [constant, here] if step == "rows" else [here, constant]
            nodes.append(helper.make_node(operator, inputs, [output]))
            constants |= {} if value is None else {constant: value}
            here = output
    outputs = {f"input_{number}": ("N", spec.channels, spec.size, spec.size) for number, spec in enumerate(specs)}
    shape = ("N", common.channels, common.size, common.size)
    return _model("preprocessing", nodes, {"images": shape}, outputs, constants)


def _steps(spec: InputSpec, common: InputSpec) -> list[tuple[str, str, _Array | None]]:
    """Operator, name and constant of each step from the common input to a member's; ``rows`` multiplies from the left."""
    steps: list[tuple[str, str, _Array | None]] = []
    if common.color != spec.color:
        steps += [("Conv", "gray", _GRAY), ("Round", "gray_level", None)]
    if common.size != spec.size:
        area = _area_weights(common.size, spec.size)
        columns = np.ascontiguousarray(area.T)
        steps += [("MatMul", "rows", area), ("MatMul", "columns", columns), ("Round", "level", None)]
    mean, scale = np.array(255 * spec.mean, np.float32), np.array(1 / (255 * spec.std), np.float32)
    return [*steps, ("Sub", "centered", mean), ("Mul", "input", scale)]


def _area_weights(large: int, small: int) -> npt.NDArray[np.float32]:
    """float32 (small, large): the share of each source pixel in each target pixel, as OpenCV's ``INTER_AREA``."""
    edges = np.arange(small + 1)[:, None] * large / small
    pixels = np.arange(large)[None]
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.asarray(overlap.clip(min=0) * small / large, np.float32)


def _combination(members: Sequence[Member], emotions: tuple[str, ...], stack: Stack | None) -> onnx.ModelProto:
    """``logits_0``, ``logits_1``, ... -> ``HEAD``: temperatures, restriction to the label set, vote or stack."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, _Array] = {}
    shares = []
    for number, member in enumerate(members):
        columns = positions(emotions, member.card.heads[member.head].emotions)
        constants |= {
            f"classes_{number}": np.array(columns, np.int64),
            f"temperature_{number}": np.array(member.temperature, np.float32),
        }
        nodes += [
            helper.make_node("Gather", [f"logits_{number}", f"classes_{number}"], [f"some_{number}"], axis=1),
            helper.make_node("Div", [f"some_{number}", f"temperature_{number}"], [f"scaled_{number}"]),
            helper.make_node("LogSoftmax", [f"scaled_{number}"], [f"logs_{number}"], axis=1),
        ]
        if stack is None:
            constants[f"weight_{number}"] = np.array(member.weight, np.float32)
            nodes += [
                helper.make_node("Exp", [f"logs_{number}"], [f"shares_{number}"]),
                helper.make_node("Mul", [f"shares_{number}", f"weight_{number}"], [f"weighted_{number}"]),
            ]
        shares.append(f"{'logs' if stack else 'weighted'}_{number}")
    if stack is None:
        constants["minimum"] = np.array(MIN_PROBABILITY, np.float32)
        nodes += [
            helper.make_node("Sum", shares, ["mean"]),
            helper.make_node("Max", ["mean", "minimum"], ["positive"]),
            helper.make_node("Log", ["positive"], [HEAD]),
        ]
    else:
        constants["minimum"] = np.array(np.log(MIN_PROBABILITY), np.float32)
        constants["stack_weights"] = np.array(stack.weights, np.float32).T.copy()
        constants["stack_bias"] = np.array(stack.bias, np.float32)
        nodes += [
            helper.make_node("Concat", shares, ["together"], axis=1),
            helper.make_node("Max", ["together", "minimum"], ["bounded"]),
            helper.make_node("Gemm", ["bounded", "stack_weights", "stack_bias"], ["scores"]),
            helper.make_node("LogSoftmax", ["scores"], [HEAD], axis=1),
        ]
    inputs = {
        f"logits_{number}": ("N", len(member.card.heads[member.head].emotions)) for number, member in enumerate(members)
    }
    return _model("combination", nodes, inputs, {HEAD: ("N", len(emotions))}, constants)


def _model(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[str | int]],
    outputs: Mapping[str, Sequence[str | int]],
    constants: Mapping[str, _Array],
) -> onnx.ModelProto:
    def values(shapes: Mapping[str, Sequence[str | int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in shapes.items()]

    tensors = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

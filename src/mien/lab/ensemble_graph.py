"""Merge ONNX models and the rule that combines their outputs into one ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import compose, numpy_helper, version_converter

from ..emotions import positions
from ..model.card import InputSpec, ModelCard

#: The only output of an ensemble.
HEAD = "ensemble"
#: Smaller probabilities count as this: the logarithm of 0 would outweigh all other members.
MIN_PROBABILITY = 1e-12
_OPSET, _IR_VERSION = 18, 10
_Array = npt.NDArray[np.generic]
#: Multinomial logistic regression on the M members' log-probabilities: weights, float64 (K, M * K), and bias, float64 (K,).
Stack = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
#: ITU-R BT.601.
_GRAY = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)


@dataclass(frozen=True, eq=False)
class Member:
    """One model of an ensemble.

    Attributes:
        weights: content of its ONNX file.
        head: the output that is used.
        temperature: divides its logits, restricted to the ensemble's emotions (Guo et al. 2017).
        weight: its share in the vote; the shares sum to 1. Not used by stacking.
    """

    card: ModelCard
    weights: bytes
    head: str
    temperature: float
    weight: float


def common_input(specs: Sequence[InputSpec]) -> InputSpec:
    """The input that suits all members: pixels 0-255 at the largest size, in color if any member takes color."""
    color = "rgb" if any(spec.color == "rgb" for spec in specs) else "gray"
    return InputSpec(max(spec.size for spec in specs), 0.0, 1 / 255, color)


def merge(members: Sequence[Member], emotions: tuple[str, ...], stack: Stack | None) -> bytes:
    """One ONNX file of the preprocessing for each member, the members, and the vote, or the stack.

    It takes ``images`` as ``common_input`` says and returns ``HEAD``: log-probabilities of the emotions, float32 (N, K).
    """
    model = _add_combination(_all_outputs(members), members, emotions, stack, HEAD)
    return _content(model, (HEAD,))


def merge_heads(heads: Mapping[str, Sequence[Member]], emotions: Mapping[str, tuple[str, ...]]) -> bytes:
    """One ONNX file with an output for each head: the vote of its members, which are the same models for all heads."""
    model = _all_outputs(next(iter(heads.values())))
    for head, members in heads.items():
        model = _add_combination(model, members, emotions[head], None, head)
    return _content(model, tuple(heads))


def _all_outputs(members: Sequence[Member]) -> onnx.ModelProto:
    """The preprocessing for each member and the members; the outputs are ``member_0_`` and the name of a head, ..."""
    model = _preprocessing([member.card.input for member in members]).model()
    for i, member in enumerate(members):
        own = compose.add_prefix(_converted(onnx.load_model_from_string(member.weights)), f"member_{i}_")
        model = compose.merge_models(model, own, io_map=[(f"input_{i}", f"member_{i}_images")])
    return model


def _add_combination(
    model: onnx.ModelProto, members: Sequence[Member], emotions: tuple[str, ...], stack: Stack | None, output: str
) -> onnx.ModelProto:
    prefix = f"vote_{output}_"
    combination = compose.add_prefix(_combination(members, emotions, stack).model(), prefix)
    joints = [(f"member_{i}_{member.head}", f"{prefix}logits_{i}") for i, member in enumerate(members)]
    merged = compose.merge_models(model, combination, io_map=joints)
    for node in merged.graph.node:  # the prefix is wanted on all names but that of the output
        node.output[:] = [output if name == prefix + HEAD else name for name in node.output]
    for value in merged.graph.output:
        value.name = output if value.name == prefix + HEAD else value.name
    return merged


def _content(model: onnx.ModelProto, outputs: Sequence[str]) -> bytes:
    kept = [value for value in model.graph.output if value.name in outputs]
    del model.graph.output[:], model.graph.value_info[:]
    model.graph.output.extend(kept)
    model.producer_name, model.producer_version = "mien", ""
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class _Graph:
    """A graph as lines of ONNX's textual syntax, and its constants."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    lines: list[str] = field(default_factory=list)
    constants: dict[str, _Array] = field(default_factory=dict)

    def add(self, line: str, constants: Mapping[str, _Array] | None = None) -> None:
        self.lines.append(line)
        self.constants.update(constants or {})

    def model(self) -> onnx.ModelProto:
        text = f"steps ({', '.join(self.inputs)}) => ({', '.join(self.outputs)}) {{ {' '.join(self.lines)} }}"
        model = onnx.parser.parse_model(f'<ir_version: {_IR_VERSION}, opset_import: ["": {_OPSET}]> {text}')
        model.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in self.constants.items())
        return model


def _preprocessing(specs: Sequence[InputSpec]) -> _Graph:
    """``images`` -> ``input_0``, ``input_1``, ...: in each member's color and size, normalized by its card."""

    def tensor(name: str, spec: InputSpec) -> str:
        return f"float[N,{spec.channels},{spec.size},{spec.size}] {name}"

    common = common_input(specs)
    graph = _Graph([tensor("images", common)], [tensor(f"input_{i}", spec) for i, spec in enumerate(specs)])
    for i, spec in enumerate(specs):
        here = "images"
        if common.color != spec.color:
            graph.add(f"mixed_{i} = Conv ({here}, mix_{i}) gray_{i} = Round (mixed_{i})", {f"mix_{i}": _GRAY})
            here = f"gray_{i}"
        if common.size != spec.size:
            area = area_weights(common.size, spec.size)
            graph.add(
                f"rows_{i} = MatMul (down_{i}, {here}) area_{i} = MatMul (rows_{i}, across_{i}) "
                f"small_{i} = Round (area_{i})",
                {f"down_{i}": area, f"across_{i}": np.ascontiguousarray(area.T)},
            )
            here = f"small_{i}"
        graph.add(
            f"centered_{i} = Sub ({here}, mean_{i}) input_{i} = Div (centered_{i}, std_{i})",
            {f"mean_{i}": np.array(255 * spec.mean, np.float32), f"std_{i}": np.array(255 * spec.std, np.float32)},
        )
    return graph


def area_weights(large: int, small: int) -> npt.NDArray[np.float32]:
    """float32 (small, large): the share of each source pixel in each target pixel when averaging over areas."""
    edges = np.arange(small + 1)[:, None] * large / small
    pixels = np.arange(large)[None]
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.asarray(overlap.clip(min=0) * small / large, np.float32)


def _combination(members: Sequence[Member], emotions: tuple[str, ...], stack: Stack | None) -> _Graph:
    """``logits_0``, ``logits_1``, ... -> ``HEAD``: restriction to the emotions, temperatures, vote or stack."""
    heads = [member.card.heads[member.head].emotions for member in members]
    graph = _Graph(
        [f"float[N,{len(head)}] logits_{i}" for i, head in enumerate(heads)], [f"float[N,{len(emotions)}] {HEAD}"]
    )
    for i, (member, head) in enumerate(zip(members, heads)):
        graph.add(
            f"some_{i} = Gather <axis = 1> (logits_{i}, classes_{i}) scaled_{i} = Div (some_{i}, temperature_{i}) "
            f"logs_{i} = LogSoftmax <axis = 1> (scaled_{i})",
            {
                f"classes_{i}": np.array(positions(emotions, head), np.int64),
                f"temperature_{i}": np.array(member.temperature, np.float32),
            },
        )
        if stack is None:
            graph.add(
                f"shares_{i} = Exp (logs_{i}) weighted_{i} = Mul (shares_{i}, weight_{i})",
                {f"weight_{i}": np.array(member.weight, np.float32)},
            )
    if stack is None:
        votes = ", ".join(f"weighted_{i}" for i in range(len(members)))
        graph.add(
            f"mean = Sum ({votes}) positive = Max (mean, minimum) {HEAD} = Log (positive)",
            {"minimum": np.array(MIN_PROBABILITY, np.float32)},
        )
    else:
        logs = ", ".join(f"logs_{i}" for i in range(len(members)))
        graph.add(
            f"joined = Concat <axis = 1> ({logs}) bounded = Max (joined, minimum) "
            f"scores = Gemm <transB = 1> (bounded, stack_weights, stack_bias) {HEAD} = LogSoftmax <axis = 1> (scores)",
            {
                "minimum": np.array(np.log(MIN_PROBABILITY), np.float32),
                "stack_weights": stack[0].astype(np.float32),
                "stack_bias": stack[1].astype(np.float32),
            },
        )
    return graph


def _converted(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in the operator set of all parts of the ensemble."""
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), _OPSET)
    same = model if version == _OPSET else version_converter.convert_version(model, _OPSET)
    same.ir_version = _IR_VERSION
    return same

"""Export a model: weights in each requested format with a card. int8 needs no torch."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import onnx

from ..data.dataset import TRAIN, Dataset
from ..data.loading import load
from ..errors import ModelError, OptionError
from ..extras import require
from ..io.atomic import write_atomically
from ..model import session  # noqa: F401  # imports onnxruntime with its telemetry off, before quantization does
from ..model.card import ORIGINAL, InputSpec, ModelCard, load_model, shipped_models
from ..model.preprocess import resize, to_tensor
from .evaluation.classifier import Classifier, classifier_of_onnx, predict
from .evaluation.evaluate import true_classes
from .evaluation.metrics import weaknesses
from .recipe import recipe_from_dict
from .sampling import subset
from .temperature import chosen_by, scored_card

#: ``onnx``: float32. ``onnx-int8``: quantized. ``pt2``: an ``ExportedProgram`` of torch.
FORMATS = ("onnx", "onnx-int8", "pt2")
_FER2013_TRAINING = 28_709  # images, Goodfellow et al. 2013
#: The largest accepted loss of accuracy, and the least share of equal predictions.
MAX_LOSS, MIN_AGREEMENT = 0.003, 0.9
_RANGES_FROM = 300  # training images, each with its mirror image
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 32


def export(
    model: str | Path,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    formats: Sequence[str] = ("onnx",),
    name: str = "",
    license: str = "not stated",
    trained_on: str = "",
    notes: Callable[[str], None] = lambda _text: None,
) -> list[Path]:
    """Write weights and cards into ``out``: NAME.onnx and NAME.json, NAME-int8.onnx and .json, NAME.pt2 and .pt2.json.

    Files are written only if all formats pass a check on images of the data: the logits of float32 formats equal those of
    torch, and int8 is as accurate (``to_int8``). The int8 copy of ``NAME-float32`` is called ``NAME``.

    Args:
        model: a checkpoint or the folder of a run. For ``onnx-int8`` alone also an ONNX file or the name of an included
            model, both float32; torch is then not needed.
        data: the data the model was trained on, as in ``mien.data.load``, or a loaded dataset. Temperatures and scores
            come from its validation part.
        out: the folder; files of the same name are replaced.
        formats: formats among ``FORMATS``.
        name: name of the model; empty uses that of the recipe or card.
        license: license of the weights.
        trained_on: description of the training data for the card; empty describes ``data``.
        notes: called with what is wrong with the model, a sentence each.

    Returns:
        The paths of the weights, in the order of ``formats``.

    Raises:
        ModelError: the model is missing or damaged, an exported file computes other results than the network, or int8 is
            not possible or less accurate.
        DataError: ``data`` lacks images of the run, a validation part, or the votes of a head.
        OptionError: a format is unknown or not possible for an exported model, or ``name`` is not a file name.
        OutputError: ``out`` cannot be written to.

    Example:
        >>> from mien import lab
        >>> lab.export("runs/mine", "fer2013.csv", "models", formats=["onnx", "onnx-int8"])  # doctest: +SKIP
    """
    wanted = tuple(dict.fromkeys(formats))
    input_of(model, wanted)
    if name and Path(name).name != name:
        raise OptionError(f"name: got {name!r}, expected a file name without folders", hint="Use --out for the folder.")
    if is_exported(model):
        made = [_int8_of_exported(model, data, name)]
    else:
        made = _from_checkpoint(Path(model), data, wanted, name, license, trained_on, notes)
    for card, weights in made:
        write_atomically(Path(out) / card.weights, weights)
        write_atomically(card_path(Path(out) / card.weights), card.to_json().encode())
    return [Path(out) / card.weights for card, _ in made]


def input_of(model: str | Path, formats: Sequence[str] = ("onnx",)) -> InputSpec:
    """The network's input; ``OptionError`` if the model cannot be exported to the formats."""
    if not formats or set(formats) - set(FORMATS):
        raise OptionError(f"formats: got {', '.join(formats) or 'none'}, expected some of {', '.join(FORMATS)}")
    if not is_exported(model):
        require("torch", "lab")
        from .training.checkpoint import find_checkpoint, restore_network  # noqa: PLC0415  # needs torch

        given = restore_network(find_checkpoint(Path(model)))[0].input
        return InputSpec(given.size, given.mean, given.std, given.color)
    if tuple(formats) != ("onnx-int8",):
        message = f"formats: got {', '.join(formats)} for {model}, which is exported already; expected onnx-int8"
        raise OptionError(message, hint="Give --to onnx-int8 alone, or start from the checkpoint.")
    return load_model(model)[0].input


def is_exported(model: str | Path) -> bool:
    """Whether ``model`` is an ONNX file or the name of a model that comes with mien, and no checkpoint or run."""
    path = Path(model)
    return path.suffix.lower() == ".onnx" or (str(model) in shipped_models() and not path.is_dir())


def card_path(weights: Path) -> Path:
    """The card of a weights file: ``a.json`` beside ``a.onnx``; other formats keep their ending, ``a.pt2.json``."""
    return weights.with_suffix(".json") if weights.suffix == ".onnx" else weights.with_name(f"{weights.name}.json")


def int8_name(name: str) -> str:
    """The name of the int8 copy of a model: ``default`` for ``default-float32``, ``mine-int8`` for ``mine``."""
    plain = name.removesuffix(ORIGINAL)
    return plain if plain not in ("", name) else f"{name}-int8"


def describe(faces: Dataset) -> str:
    """The training data in words, for the card."""
    n = int((faces.split == TRAIN).sum())
    if faces.votes is not None and n == _FER2013_TRAINING:
        return (
            "FER2013, Training part (Goodfellow et al. 2013), with the annotators' votes of FER+ (Barsoum et al. 2016): "
            "28,709 gray images of 48 x 48 pixels, found by a web search"
        )
    truth = "one label each" if faces.votes is None else "labels and annotators' votes"
    return f"{faces.name}: {n:,} training images with {truth}"


def _int8_of_exported(model: str | Path, data: str | Path | Dataset, name: str) -> tuple[ModelCard, bytes]:
    card, weights = load_model(model)
    if card.precision != "float32":
        raise ModelError(f"{model}: got weights in {card.precision}, expected float32", hint="Start from the original.")
    faces = _loaded(data, card.input)
    seen = subset(faces, recipe_from_dict(card.recipe)) if card.recipe else faces
    return to_int8(card, weights, seen, int8_name(name or card.name))


def _from_checkpoint(
    model: Path,
    data: str | Path | Dataset,
    formats: Sequence[str],
    name: str,
    license: str,
    trained_on: str,
    notes: Callable[[str], None],
) -> list[tuple[ModelCard, bytes]]:
    require("torch", "lab")
    from . import torch_export  # noqa: PLC0415  # needs torch
    from .networks.vgg import folded  # noqa: PLC0415
    from .training.checkpoint import cost_of, find_checkpoint, images_of, restore_network  # noqa: PLC0415

    file = find_checkpoint(model)
    recipe, trained = restore_network(file)
    network, made = folded(trained), []
    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.color)
    weights = torch_export.to_onnx(network, spec.size, spec.channels)
    faces = images_of(file, recipe, _loaded(data, spec))
    images = to_tensor(resize(faces.part(chosen_by(faces)).images[:64], spec.size), spec)
    torch_export.check_parity(trained, torch_export.run_onnx(network, weights, images), images)
    card = torch_export.describe_weights(recipe, network, weights, name or recipe.name)
    card = replace(card, license=license, data=trained_on or describe(faces), training=cost_of(file))
    card, evaluation = scored_card(card, weights, faces)
    for head, scores in evaluation.main().items():
        for weakness in weaknesses(scores):
            notes(f"WARNING: head {head} {weakness.value}")
    for wanted in formats:
        if wanted == "onnx-int8":
            made.append(to_int8(card, weights, faces, int8_name(card.name)))
        elif wanted == "pt2":
            content = torch_export.to_program(network, spec.size, spec.channels)
            torch_export.check_parity(trained, torch_export.run_program(content, images), images)
            sha256 = hashlib.sha256(content).hexdigest()
            made.append((replace(card, weights=f"{card.name}.pt2", sha256=sha256), content))
        else:
            made.append((card, weights))
    return made


def _loaded(data: str | Path | Dataset, spec: InputSpec) -> Dataset:
    return data if isinstance(data, Dataset) else load(data, spec.size, color=spec.color)


def to_int8(card: ModelCard, weights: bytes, faces: Dataset, name: str) -> tuple[ModelCard, bytes]:
    """Quantize a model; return its card, with new temperatures and scores, and the content of the ONNX file.

    Ranges come from 300 training images of ``faces``, in the parts in which the float32 model had them, and their mirror
    images. ``ModelError`` if nothing can be quantized, or, on the part that settings are chosen by, the accuracy falls by
    more than ``MAX_LOSS`` (one image is always accepted) or fewer than ``MIN_AGREEMENT`` of the predictions are equal.
    """
    learned = faces.part(TRAIN).images
    chosen = np.random.default_rng(0).permutation(len(learned))[:_RANGES_FROM]
    some = resize(learned[chosen], card.input.size)
    content = quantized(weights, to_tensor(np.concatenate([some, some[:, :, ::-1]]), card.input))
    sha256 = hashlib.sha256(content).hexdigest()
    card_int8 = replace(card, name=name, weights=f"{name}.onnx", sha256=sha256, precision="int8", scores={})
    _check(classifier_of_onnx(weights, card), classifier_of_onnx(content, card_int8), faces, chosen_by(faces))
    return scored_card(card_int8, content, faces)[0], content


def quantized(weights: bytes, images: npt.NDArray[np.float32], *, keep_first: bool = False) -> bytes:
    """The same network in int8 (static quantization, Jacob et al. 2018, arXiv 1712.05877), in QDQ form.

    Weights become int8, symmetric, 7 bits, with a scale for each output channel; activations uint8, which x86's VNNI
    multiplies with int8 directly. Their ranges are the smallest and largest activations for ``images``, some hundred, as
    network input: on FER2013 percentiles and entropy gained nothing. Input, outputs and the last layer before each stay
    float32; so does the first convolution with ``keep_first``: onnxruntime's int8 convolution of 3 channels is slower.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415  # slow

    model = onnx.load_from_string(weights)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"  # the quantizer leaves nodes out by their names
    kept = _last_layers(model.graph)
    if keep_first:
        kept |= {next(node.name for node in model.graph.node if node.op_type == "Conv")}
    if not any(node.op_type in _WEIGHTED and node.name not in kept for node in model.graph.node):
        raise ModelError(
            f"nothing to quantize: got layers of the kinds {', '.join(sorted({n.op_type for n in model.graph.node}))}, "
            "expected convolutions or matrix products before the last layer",
            hint="Export it with --to onnx.",
        )
    size = max(1, min(_BATCH, 1_000_000 // (images.shape[-1] * images.shape[-2])))
    batches = iter([{"images": images[start : start + size]} for start in range(0, len(images), size)])
    with tempfile.TemporaryDirectory(prefix="mien-") as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            SimpleNamespace(get_next=lambda: next(batches, None)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            reduce_range=True,  # x86 without VNNI adds two products in 16 bits, which 8-bit weights can overflow
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sorted(kept),
        )
        smaller = onnx.load(after)
    smaller.ClearField("metadata_props")
    del smaller.graph.value_info[:]  # onnxruntime infers them
    return bytes(smaller.SerializeToString(deterministic=True))


def _last_layers(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes from each output back to the first one with weights, inclusive."""
    makers = {output: node for node in graph.node for output in node.output}
    names: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in names:
            names.add(node.name)
            waiting += [] if node.op_type in _WEIGHTED else node.input
    return names


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer, which logs to the root logger, from configuring logging for the whole process."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _check(before: Classifier, after: Classifier, faces: Dataset, split: str) -> None:
    images = faces.part(split).images
    logits = [predict(classifier, images, flip=True) for classifier in (before, after)]
    for head, truth in true_classes(before, faces, split).items():
        known = np.flatnonzero(truth >= 0)
        first, second = (one[head].argmax(1) for one in logits)
        old, new = (int((one[known] == truth[known]).sum()) for one in (first, second))
        agreement = float((first == second).mean())
        if old - new > max(1, MAX_LOSS * len(known)) or not agreement >= MIN_AGREEMENT:
            raise ModelError(
                f"head {head!r} loses too much in int8: got {new} of {len(known)} images right and {agreement:.1%} equal "
                f"predictions, expected at most {MAX_LOSS:.1%} fewer than {old} and {MIN_AGREEMENT:.0%}",
                hint="Nothing was written. Use the float32 model (--to onnx).",
            )

"""Model cards: description, intended use and measured results of a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ... import report as doc
from ...errors import DataError, OptionError
from ...extras import require
from ...model.card import ModelCard, load_model, shipped_models
from ...options import ReadOptions
from ...report import count, escape, estimate, join, number, percent
from ...types import SHARE
from ..calibration_report import calibration_summary
from ..evaluation.classifier import targets_of
from ..evaluation.evaluate import DEDUP
from ..evaluation.report import evaluation_report, table
from .dataset_card import CHECKLIST, annotation_blocks, author_notes, class_tables, hub_license, slug
from .results import Kind, Results, attributes, group_sections, read_results, robustness_section, unmeasured, weaknesses

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

#: Power of a busy processor core in watts, with memory, power supply and cooling: an assumption. Lannelongue et al. (2021,
#: doi 10.1002/advs.202100707) estimate about 12 W per core.
WATTS = 10.0
_TASK = "image-classification"
#: Type and name of each metric on the Hub, and its field in the scores.
_METRICS = (
    ("accuracy", "Accuracy", "accuracy"),
    ("f1", "Macro F1", "macro_f1"),
    ("balanced_accuracy", "Balanced accuracy", "balanced_accuracy"),
    ("expected_calibration_error", "Expected calibration error", "ece"),
    ("nll", "Negative log likelihood, nats", "nll"),
)
_NETWORKS = {
    "vgg": "plain convolutional network (3x3 convolutions with batch norm, after Simonyan and Zisserman 2015)",
    "layers": "convolutional network, specified layer by layer in its recipe",
    "timm": "network with a timm backbone",
}
_TRUE_CLASS = {"votes": "distribution of the annotators' votes", "labels": "single labels"}
#: Works to cite: always, or if the card's data names them.
_REFERENCES = {
    "FER2013": "I. J. Goodfellow et al., Challenges in representation learning: a report on three machine learning "
    "contests, ICONIP 2013, arXiv 1307.0414 (FER2013).",
    "FER+": "E. Barsoum et al., Training deep networks for facial expression recognition with crowd-sourced label "
    "distribution, ICMI 2016, arXiv 1608.01041 (FER+).",
    "": "L. F. Barrett et al., Emotional expressions reconsidered, 2019, doi 10.1177/1529100619832930. C. Guo et al., On "
    "calibration of modern neural networks, 2017, arXiv 1706.04599. M. Mitchell et al., Model cards for model reporting, "
    "2019, arXiv 1810.03993.",
}
_VERDICTS = {
    "difference": "no: there is a significant difference",
    "no_difference": "no significant difference",
    "inconclusive": "inconclusive: too few images",
}
_DIRECT_USE = (
    "One's own images; research with the consent of the people in them; teaching; a first guess that a person checks."
)
_DOWNSTREAM_USE = (
    "In a larger program only if the people in the images agreed, abstentions are treated as no prediction, and accuracy "
    "was measured on images of its kind: `mien lab evaluate`, `mien audit fairness`."
)
_FORBIDDEN = (
    "conclusions about what people feel, think or intend: people scowl without anger and smile without joy (Barrett et al. "
    "2019)",
    "decisions about people: hiring, work, education, policing, borders, justice, insurance, credit, health",
    "use at work or in education in the European Union, where inferring emotions is prohibited except for medical and "
    "safety reasons (AI Act, Regulation (EU) 2024/1689, article 5(1)(f)); other emotion recognition carries duties. This is "
    "not legal advice",
    "use on people who have not agreed, in secret, or on children without their guardians",
    "identification, or estimation of sex, age, origin, health or character",
)
_USELESS = "It does not work for drawings, masks, animals, profiles, and faces of less than about 20 pixels."
_SHARED_BIAS = "Images and labels come from particular people and times; no figure shows a bias that labels share."
_ADVICE = f"Measure on your own images. Show the confidence, and allow abstention. Let a person decide. {CHECKLIST}"
_TERMS = (
    "**official**: the whole part. **dedup**: without exact copies of training images. **flip**: mirror images averaged, as "
    "the reader does by default.",
    "Intervals are 95% (accuracy: Wilson 1927; others: bootstrap).",
)


@dataclass(frozen=True)
class ModelInfo:
    """Information from the author of a model card.

    Attributes:
        author, contact: developer of the model, and contact for questions.
        notes: paragraphs of Markdown for a separate section.
        core_hours: processor-core hours of all training that led to the model; None if unknown.
        watts: assumed power of a busy core.
        grid: grams of CO2 equivalent per kilowatt-hour where it was trained; None if unknown.
        image_attributes: names of audited attributes that describe images, not people.

    Raises:
        OptionError: a number is negative or not finite.
    """

    author: str = ""
    contact: str = ""
    notes: str = ""
    core_hours: float | None = None
    watts: float = WATTS
    grid: float | None = None
    image_attributes: Collection[str] = ()

    def __post_init__(self) -> None:
        for name, value in (("core_hours", self.core_hours), ("watts", self.watts), ("grid", self.grid)):
            if value is not None and not 0 <= value < float("inf"):
                raise OptionError(f"{name}: got {value}, expected a number of 0 or more")


NO_INFO = ModelInfo()


def model_card(model: str | Path | ModelCard, results: Results | Sequence[Path] = (), info: ModelInfo = NO_INFO) -> str:
    """A model card as Markdown, with the metadata that the Hugging Face Hub reads.

    Args:
        model: name of an included model, an ONNX file with its card beside it, or that card.
        results: result files of the model, or their content from ``read_results``.
        info: information from the author.

    Raises:
        DataError: a result is incomplete, or of another model.
        MissingExtraError: huggingface_hub is not installed.
        ModelError: there is no such model.
    """
    require("huggingface_hub", "lab")
    card = model if isinstance(model, ModelCard) else load_model(model)[0]
    results = results if isinstance(results, Results) else read_results(card, results)
    try:
        yaml = model_metadata(card, results).to_yaml()
        return f"---\n{yaml}\n---\n\n{model_card_document(card, results, info).to_markdown()}"
    except (KeyError, TypeError, IndexError) as error:
        hint = "Measure it again with this version of mien, or export the model again."
        raise DataError(f"a result is incomplete: {error}", hint=hint) from error


def model_metadata(card: ModelCard, results: Results) -> ModelCardData:
    """The metadata of the card: license, tags, and each head's scores on each dataset, mirror images averaged."""
    from huggingface_hub import EvalResult, ModelCardData  # noqa: PLC0415  # of the extra lab

    evaluations = results.evaluations
    measured = [
        EvalResult(
            task_type=_TASK,
            task_name=f"Facial expression recognition, head {head}",
            dataset_type=slug(evaluation.data),
            dataset_name=f"{evaluation.data}, {evaluation.split} part, labels of head {head}",
            dataset_config=head,
            dataset_split=evaluation.split,
            metric_type=kind,
            metric_name=name,
            metric_value=round(getattr(scores, field), 4),
        )
        for evaluation in evaluations
        for head, scores in evaluation.main().items()
        for kind, name, field in _METRICS
    ]
    return ModelCardData(
        library_name="mien",
        pipeline_tag=_TASK,
        tags=["facial-expression-recognition", "emotion-recognition", "onnx", card.precision],
        datasets=[slug(evaluations[0].data)] if evaluations else None,
        metrics=[kind for kind, _, _ in _METRICS] if measured else None,
        model_name=card.name,
        eval_results=measured or None,
        **hub_license(card.license),  # type: ignore[arg-type]  # takes further fields
    )


def model_card_document(card: ModelCard, results: Results, info: ModelInfo = NO_INFO) -> doc.Document:
    """The card without its metadata; sections after the Hub's template."""
    cost = training_cost(card, info)
    found, missing = (of(results, info.image_attributes) for of in (weaknesses, unmeasured))
    weak = doc.Bullets(tuple(found)) if found else doc.Text("No result shows weaknesses.")
    limits: list[doc.Block] = [weak, doc.Text(_SHARED_BIAS)]
    limits += [doc.Text(f"**Not measured:** {'; '.join(missing)}.")] if missing else []
    limits.append(doc.Section("Recommendations", (doc.Text(_ADVICE),)))
    forbidden = (doc.Text("**It must not be used for**"), doc.Bullets(_FORBIDDEN), doc.Text(_USELESS))
    uses = (
        doc.Section("Direct Use", (doc.Text(_DIRECT_USE),)),
        doc.Section("Downstream Use", (doc.Text(_DOWNSTREAM_USE),)),
        doc.Section("Out-of-Scope Use", forbidden),
    )
    objective = "Objective: cross-entropy with the targets of each head. Inference needs onnxruntime and no GPU."
    sections: dict[str, Sequence[doc.Block]] = {
        "Model Details": (*_details(card, info), *author_notes(info.notes)),
        "Uses": uses,
        "Bias, Risks, and Limitations": limits,
        "How to Get Started with the Model": _start(card),
        "Training Details": _training(card, results, cost[0]),
        "Evaluation": _evaluation(card, results, info.image_attributes),
        "Environmental Impact": [doc.Bullets(tuple(cost))],
        "Technical Specifications": [doc.Text(f"{_architecture(card)}. {objective}")],
        "Citation": [doc.Bullets(tuple(text for name, text in _REFERENCES.items() if name in card.data))],
        "Model Card Contact": [doc.Text(escape(info.contact) or "Not stated.")],
    }
    summary = (
        "Facial expression recognition in images: how a face looks to annotators, not what the person feels. "
        f"`mien lab model-card` wrote this page from measured results. {CHECKLIST}"
    )
    blocks = (doc.Section(title, tuple(blocks)) for title, blocks in sections.items())
    return doc.Document(
        f"Model card: {card.name}", (_summary(results, info.image_attributes), *blocks), summary=summary
    )


def training_cost(card: ModelCard, info: ModelInfo) -> list[str]:
    """Time, energy and carbon of training: measured, stated, estimated or unknown."""
    cost, hours, text = card.training, info.core_hours, []
    if cost:
        accelerator, core_hours = cost.get("accelerator") or "", cost["cpu_seconds"] / 3600
        where = f"{cost['machine']}{f' and one {accelerator}' if accelerator else ''}"
        text.append(
            f"**Time, measured:** {cost['seconds'] / 3600:.2f} hours for {count(cost['epochs'])} epochs on {escape(where)}; "
            f"{core_hours:.2f} processor-core hours. Earlier training, and that of teacher models, is not included."
        )
        hours = core_hours if hours is None and not accelerator else hours
    if info.core_hours is not None:
        text.append(f"**Time, stated by the author:** {info.core_hours:g} processor-core hours for all training.")
    text = text or ["**Time:** not recorded."]
    if hours is None:
        return [*text, "**Energy and carbon:** not estimated; processor time or the accelerator's power is unknown."]
    energy = hours * info.watts / 1000
    text.append(f"**Energy, estimated:** {number(energy, 2)} kWh, assuming {info.watts:g} W per busy core.")
    if info.grid is None:
        return [*text, "**Carbon:** not estimated; the carbon intensity of the power grid is unknown."]
    carbon = f"{number(energy * info.grid, 2)} g of CO2 equivalent, at {info.grid:g} g per kWh (stated by the author)"
    return [*text, f"**Carbon, estimated:** {carbon}."]


def _summary(results: Results, image_attributes: Collection[str]) -> doc.Table:
    """The answers to what a reader asks first."""
    rows = []
    for evaluation in results.evaluations[:1]:
        head, scores = next(iter(evaluation.main().items()))
        where = f"{evaluation.data}, {evaluation.split}, head {head}"
        rows.append((f"accuracy ({where})", estimate(scores.accuracy, scores.interval)))
        if fewer := evaluation.main(DEDUP).get(head):
            rows.append(("accuracy without copies of training images", estimate(fewer.accuracy, fewer.interval)))
        rows.append(("expected calibration error", percent(scores.ece)))
    rows = rows or [("accuracy", "not measured")]
    groups = attributes(results, image_attributes, people=True)
    rows += [(f"equal accuracy by {one['name']}", _VERDICTS[one["verdict"]]) for _, one in groups]
    rows += [] if groups else [("equal accuracy for groups of people", "not measured; expect differences")]
    return table(("question", "answer"), [*rows, ("fit for decisions about people", "no")], words=2)


_PRIOR = (
    "The reader assumes the square roots of the class frequencies (`--prior balanced`). The scores on this page assume the "
    "frequencies themselves (`--prior data`)."
)


def _details(card: ModelCard, info: ModelInfo) -> tuple[doc.Section, doc.Section]:
    learned, size = targets_of(card), card.input.size
    heads = [f"`{name}` ({_TRUE_CLASS[learned[name]]}: {join(head.emotions)})" for name, head in card.heads.items()]
    description = (
        f"**Developed by:** {escape(info.author) or 'not stated'}",
        f"**Model type:** {_architecture(card)}",
        f"**Input:** one aligned face, {size} x {size} pixels, {'color' if card.input.color == 'rgb' else 'gray'}",
        f"**Heads:** {'; '.join(heads)}. The first is the default",
        f"**Size:** {count(card.parameters)} parameters, {card.precision}; {card.macs / 1e6:.0f} MMACs per face",
        f"**File:** `{card.weights}`, sha256 `{card.sha256[:12]}...`; the `.json` beside it has all values",
        f"**License of the weights:** {escape(card.license)}",
    )
    votes = f"`mixed`: emotions with an expected share of at least {percent(SHARE, 0)} of the annotators' **votes**."
    outputs = (
        "`probabilities`: calibrated with one temperature per head (Guo et al. 2017). A label set conditions them on its "
        "emotions: with `happy` and `sad` alone, an angry face gets one of both.",
        *([_PRIOR] if any(head.class_shares for head in card.heads.values()) else []),
        f"`abstained`: the confidence is below {ReadOptions().min_confidence:g} by default, the face is too blurred, or it "
        "probably shows an emotion outside the label set.",
        *([votes] if "votes" in learned.values() else []),
    )
    return (
        doc.Section("Model Description", (doc.Bullets(description),)),
        doc.Section("Outputs", (doc.Bullets(outputs),)),
    )


def _start(card: ModelCard) -> tuple[doc.Block, ...]:
    is_shipped = card.name in shipped_models() and load_model(card.name)[0].sha256 == card.sha256
    name = card.name if is_shipped else card.weights
    is_default = name == ReadOptions().model
    option, argument = ("", "") if is_default else (f" --model {name}", f', mien.ReadOptions(model="{name}")')
    code = f'import mien\n\nfor reading in mien.read("photo.jpg"{argument}):\n    print(reading.emotion, reading.confidence)'
    return doc.Code(f"mien read photo.jpg{option}", "sh"), doc.Code(code, "python")


def _training(card: ModelCard, results: Results, time: str) -> tuple[doc.Block, ...]:
    data: list[doc.Block] = [doc.Text(f"{escape(card.data)}.")]
    for found in results.of(Kind.INSPECTION):
        data.append(doc.Text(f"`mien lab inspect` on {escape(found['name'])}, {count(found['images'], 'image')}:"))
        data += [*class_tables(found), *annotation_blocks(found)]
    settings = [
        (f"{name}.{field}" if field else name, str(value))
        for name, group in card.recipe.items()
        for field, value in (group.items() if isinstance(group, dict) else [("", group)])
        if value not in (0, "", [], {}, False, [1.0, 1.0])
    ]
    procedure = table(("setting", "value"), settings, words=2) if settings else doc.Text("Not stated.")
    spec = card.input
    preprocessing = f"Faces are aligned, cropped and scaled; values in 0-1, minus {spec.mean}, divided by {spec.std}."
    procedures = (procedure, doc.Text(preprocessing), doc.Bullets((time,)))
    return doc.Section("Training Data", tuple(data)), doc.Section("Training Procedure", procedures)


def _evaluation(card: ModelCard, results: Results, image_attributes: Collection[str]) -> tuple[doc.Block, ...]:
    evaluations, calibrations = results.evaluations, results.calibrations
    data = [f"**{escape(one.data)}, {one.split} part**, measured {one.date[:10]}" for one in evaluations]
    if evaluations and evaluations[0].split == "validation" and not card.recipe.get("data", {}).get("inner"):
        data.append("Temperatures were fitted and recipes chosen on this part, so its figures are somewhat too good.")
    data = data or ["Not measured: `mien lab evaluate`."]
    sections = [
        doc.Section(f"Accuracy: {one.data}, {one.split}", evaluation_report(one, figures=False).blocks)
        for one in evaluations
    ]
    for found in calibrations:
        sections.append(doc.Section(f"{found[0].data}, {found[0].split}", tuple(calibration_summary(found))))
    sections += [*group_sections(results, image_attributes), robustness_section(results)]
    testing = doc.Section("Testing Data, Factors & Metrics", (doc.Bullets((*data, *_TERMS)),))
    return testing, doc.Section("Results", tuple(sections))


def _architecture(card: ModelCard) -> str:
    network = card.recipe.get("network", {})
    text = _NETWORKS.get(str(network.get("name")), "network of unknown architecture")
    backbone = f" `{network['backbone']}`" if network.get("backbone") else ""
    return f"{text}{backbone}; {count(len(card.heads), 'linear head')}"

"""What a model is and how it was trained, in words, from its card alone."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ...model.card import ModelCard
from .markdown import listed, table

_KINDS = {
    "plain": "plain convolutional network (3x3 convolutions with batch norm, after Simonyan and Zisserman 2015)",
    "layers": "convolutional network, written out layer by layer in its recipe",
    "timm": "network on a base of the timm library",
}
_TRUTHS = {"votes": "majority of the annotators", "labels": "single labels"}
_OBJECTIVES = {
    "votes": "to give each emotion the share of the votes that the annotators gave it (cross-entropy with the whole vote)",
    "labels": "to name the one label of each image (cross-entropy)",
}
#: What stands behind data sets that people train on; named where a card's words on its data name them.
_REFERENCES = {
    "FER2013": "FER2013: I. J. Goodfellow et al., *Challenges in representation learning: a report on three machine "
    "learning contests*, ICONIP 2013, arXiv 1307.0414.",
    "FER+": "FER+: E. Barsoum et al., *Training deep networks for facial expression recognition with crowd-sourced label "
    "distribution*, ICMI 2016, arXiv 1608.01041.",
}
_ALWAYS = (
    "L. F. Barrett et al., *Emotional expressions reconsidered*, Psychological Science in the Public Interest 20(1), 2019, "
    "doi 10.1177/1529100619832930.",
    "Calibration: C. Guo et al., *On calibration of modern neural networks*, ICML 2017, arXiv 1706.04599.",
    "Model cards: M. Mitchell et al., *Model cards for model reporting*, FAT* 2019, arXiv 1810.03993; sections after the "
    "Hugging Face Hub's template.",
)


def targets(card: ModelCard) -> dict[str, str]:
    """Head -> ``votes`` or ``labels``: what it learned from."""
    learned: dict[str, Any] = card.recipe.get("heads", {})
    return {
        name: learned.get(name, {}).get("targets") or ("votes" if head.vote_temperature is not None else "labels")
        for name, head in card.heads.items()
    }


def truths(card: ModelCard) -> dict[str, str]:
    """Head -> what it is marked against, in words."""
    return {name: _TRUTHS[kind] for name, kind in targets(card).items()}


def model_type(card: ModelCard) -> str:
    """What the network is; no more than the card knows."""
    network = card.recipe.get("network", {})
    words = _KINDS.get(str(network.get("name")), "network of unknown make")
    if network.get("name") == "plain":
        words += (
            f", {sum(network['depths'])} convolutions of {listed([str(width) for width in network['widths']])} channels"
        )
    if network.get("backbone"):
        words += f": `{network['backbone']}`"
    if network.get("standardize"):
        words += "; each image is first brought to the same mean and contrast, so that light matters little"
    many = len(card.heads) > 1
    return f"{words}; {len(card.heads)} linear head{'s' if many else ''}"


def heads(card: ModelCard) -> str:
    """The outputs: which emotions, and who taught them; the first is what readers use."""
    kinds = targets(card)
    parts = []
    for number, (name, head) in enumerate(card.heads.items()):
        use = ", used unless told otherwise" if number == 0 and len(card.heads) > 1 else ""
        taught = "how annotators voted" if kinds[name] == "votes" else "single labels"
        parts.append(f"`{name}`{use}: learned {taught}; {listed(head.emotions)}")
    return ". ".join(parts)


def started(card: ModelCard) -> str:
    """What training began with, where that is not chance; starts with a comma."""
    start = card.recipe.get("network", {}).get("weights", "none")
    words = f", going on from `{PurePath(start).name}`" if start not in ("", "none") else ""
    return words + (", taught by other models' answers" if card.recipe.get("distil", {}).get("taught") else "")


def procedure(card: ModelCard) -> str:
    """The recipe's settings as a table; those that it leaves at nothing are left out."""
    recipe = card.recipe
    if not recipe:
        return ""
    optimizer, schedule, augment = recipe["optimizer"], recipe["schedule"], recipe["augment"]
    changes = {
        name: value
        for name, value in augment.items()
        if value not in (0, [1.0, 1.0], (1.0, 1.0)) and name != "strong_until"
    }
    rows = [
        (
            "optimizer",
            f"{optimizer['name']}, learning rate {optimizer['lr']:g}, weight decay {optimizer['weight_decay']:g}, "
            f"{optimizer['decay']}",
        ),
        ("epochs, batch", f"{schedule['epochs']}, {schedule['batch']}"),
        ("precision", schedule["precision"]),
        ("average of the weights", f"{schedule['ema']:g}" if schedule["ema"] else ""),
        ("epoch kept", schedule["keep"]),
        ("dropout", f"{recipe['network']['dropout']:g}"),
        ("random changes to images", ", ".join(f"{name} {_value(value)}" for name, value in changes.items())),
        ("weight of the heads", ", ".join(f"`{name}` {head['weight']:g}" for name, head in recipe["heads"].items())),
        ("seed", str(recipe["seed"])),
    ]
    return table(("setting", "value"), [(name, value) for name, value in rows if value], words=2)


def objective(card: ModelCard) -> str:
    """What the heads learned to do."""
    return " ".join(f"`{name}` learned {_OBJECTIVES[kind]}." for name, kind in targets(card).items())


def infrastructure(card: ModelCard) -> str:
    """On what it was trained and what it needs."""
    cost = card.training
    where = f" with {cost['accelerator']}" if cost.get("accelerator") else ""
    trained = f"Trained on {cost['machine']}{where}." if cost else "On what it was trained is not recorded."
    return f"{trained} It reads on any processor, with onnxruntime; torch is not needed."


def references(card: ModelCard) -> list[str]:
    """Works to cite."""
    return [words for name, words in _REFERENCES.items() if name in card.data] + list(_ALWAYS)


def _value(value: Any) -> str:
    return " to ".join(f"{one:g}" for one in value) if isinstance(value, (list, tuple)) else f"{value:g}"

"""The tables of accuracy in ``docs/results/accuracy.md``, from the cards of the shipped models.

    python research/card_tables.py

A card holds the figures that ``mien lab export`` measured on the file it describes; ``mien lab evaluate`` gives them again.
"""

from typing import Any

from mien.model.card import SHIPPED, read_card, shipped_models


def accuracy(cards: dict[str, Any]) -> None:
    print(
        "| model | head | images | mirrored | n | accuracy % (95 %) | macro-F1 | balanced % | NLL | ECE % | KL to votes |"
    )
    print("|---|---|---|---|---:|---|---:|---:|---:|---:|---:|")
    for name, card in cards.items():
        for result in card.scores["results"]:
            scores = result["scores"]
            low, high = (100 * bound for bound in scores["interval"])
            kl = scores.get("kl_to_votes")
            cells = (
                f"`{name}`",
                f"`{result['head']}`",
                result["images"],
                "yes" if result["flip"] else "no",
                f"{scores['n']:,}",
                f"{100 * scores['accuracy']:.1f} ({low:.1f} to {high:.1f})",
                f"{scores['macro_f1']:.3f}",
                f"{100 * scores['balanced_accuracy']:.1f}",
                f"{scores['nll']:.3f}",
                f"{100 * scores['ece']:.1f}",
                "" if kl is None else f"{kl:.3f}",
            )
            print("|", " | ".join(cells), "|")


def emotions(name: str, card: Any) -> None:
    """Precision, recall and F1 of each emotion, mirror image averaged, official."""
    heads = {
        result["head"]: result["scores"]["classes"]
        for result in card.scores["results"]
        if result["flip"] and result["images"] == "official"
    }
    print(f"\n`{name}`\n")
    print("| emotion |", " | ".join(f"`{head}` n | precision | recall | F1" for head in heads), "|")
    print("|---|" + "---:|" * 4 * len(heads))
    for emotion in max(heads.values(), key=len):
        cells = []
        for classes in heads.values():
            one = classes.get(emotion)
            cells += (
                [f"{one['support']:,}", *(f"{one[what]:.2f}" for what in ("precision", "recall", "f1"))]
                if one
                else [""] * 4
            )
        print("|", emotion, "|", " | ".join(cells), "|")


if __name__ == "__main__":
    shipped = {name: read_card(SHIPPED / f"{name}.json") for name in shipped_models()}
    accuracy(shipped)
    for each, its in shipped.items():
        emotions(each, its)

"""A model's card says what was measured, calls the rest not measured, and is what the Hub can read."""

import re
from dataclasses import replace

import pytest

from mien.audit.attributes import NAMES
from mien.errors import DataError, OptionError
from mien.lab.cards.cost import Assumed, cost_words
from mien.lab.cards.model_card import Words, model_card
from mien.lab.cards.results import Found, Measured, measured

SECTIONS = [
    "Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details",
    "Evaluation", "Environmental Impact", "Technical Specifications", "Citation", "Model Card Contact",
]  # fmt: skip


def test_the_sections_are_the_hubs(card):
    text = model_card(card, measured(card, []))
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert "Out-of-Scope Use" in text
    assert "\n\n\n" not in text


def test_the_front_matter_is_what_the_hub_reads(card):
    hub = pytest.importorskip("huggingface_hub", reason="the Hub's own reader is not installed")
    read = hub.ModelCard(model_card(card, measured(card, [])), ignore_metadata_errors=False).data
    assert (read.license, read.library_name, read.pipeline_tag) == ("mit", "mien", "image-classification")
    assert read.model_name == "default"
    values = {(one.dataset_config, one.metric_type): one.metric_value for one in read.eval_results}
    assert values["ferplus", "accuracy"] == pytest.approx(0.879, abs=1e-3)
    assert {config for config, _ in values} == {"ferplus", "fer2013"}


@pytest.mark.parametrize(
    ("license", "front"),
    [
        ("MIT", "license: mit"),
        ("not stated", "license: unknown"),
        ("For friends only", "license: other\nlicense_name: for-friends-only"),
    ],
)
def test_licenses_are_named_as_the_hub_names_them(card, license, front):
    assert front in model_card(replace(card, license=license), measured(card, []))


def test_of_a_model_that_nobody_measured_no_figure_is_invented(nothing):
    text = model_card(*nothing)
    about = text.partition("## Evaluation")[2].partition("## Technical")[0]
    assert not re.search(r"\d\.\d %", about)
    assert "| how often right | not measured |" in text
    for command in ("evaluate", "uncertainty", "stress", "inspect"):
        assert f"mien lab {command}" in text
    assert "mien audit fairness" in text
    assert "Not stated." in text


def test_weak_emotions_are_named(card):
    text = model_card(card, measured(card, []))
    assert "contempt (0 % of 13 found)" in text
    assert "Contempt is never recognized" in text


def test_a_gap_between_groups_of_people_is_a_weakness_and_shown(card, audited):
    found = measured(card, [audited()])
    text = model_card(card, found, conditions=NAMES)
    assert "| equally well by gender (faces.csv) | no: a difference was found |" in text
    assert "**By gender** (faces.csv, 800 images): " in text
    assert "whether it works equally well for groups of people" not in text
    assert "whether it works equally well by light" in text
    whom = text.partition("#### For Whom It Works")[2].partition("#### Under")[0]
    assert "| gender | n |" in whom
    assert "p, corrected" in whom


def test_groups_of_images_are_conditions_and_no_people(card, audited):
    text = model_card(card, measured(card, [audited(column="brightness")]), conditions=NAMES)
    assert "| equally well for everyone | not measured" in text
    whom, _, conditions = text.partition("#### For Whom It Works")[2].partition("#### Under Which Conditions It Works")
    assert "Not measured" in whom
    assert "| brightness | n |" in conditions


def test_spoiled_images_that_cost_ten_points_are_named(card):
    common = {"way": "crop", "n": 100, "found_share": 1.0, "abstained": 0.1, "confidence": 0.8}
    marks = [
        {
            "family": "clean",
            "level": 0,
            "words": "as it is",
            "accuracy": 0.8,
            "accuracy_low": 0.7,
            "accuracy_high": 0.9,
            **common,
        },
        {
            "family": "fog",
            "level": 1,
            "words": "thick",
            "accuracy": 0.5,
            "accuracy_low": 0.4,
            "accuracy_high": 0.6,
            **common,
        },
        {
            "family": "rain",
            "level": 1,
            "words": "light",
            "accuracy": 0.79,
            "accuracy_low": 0.7,
            "accuracy_high": 0.9,
            **common,
        },
    ]
    stress = Found("stress", {"data": "faces", "split": "validation", "n": 100, "marks": marks})
    text = model_card(card, Measured((stress,)))
    assert "fog (thick) 50 % right, 80 % sure" in text
    assert "rain (light)" not in text
    assert "| **fog 1** | thick |" in text


def test_a_broken_result_is_told_so(card):
    with pytest.raises(DataError, match="not whole"):
        model_card(card, Measured((Found("stress", {"marks": [{}]}),)))


def test_links_lead_to_the_docs_only_where_they_are(card):
    found = measured(card, [])
    assert "](docs/responsible-use.md)" in model_card(card, found, Words(docs="docs/"))
    assert "](" not in model_card(card, found).partition("## Citation")[0]


def test_a_model_of_single_labels_claims_no_annotators(card):
    head = {"fer2013": card.heads["fer2013"]}
    recipe = {**card.recipe, "heads": {"fer2013": card.recipe["heads"]["fer2013"]}}
    text = model_card(replace(card, heads=head, recipe=recipe, scores={}), Measured())
    assert "most annotators" not in text
    assert "`mixed`" not in text
    assert model_card(replace(card, recipe={}, scores={}), Measured())  # a card without a recipe will do


def test_cost_is_measured_said_or_not_known(card):
    assert any("not recorded" in words for words in cost_words(card, Assumed()))
    spent = {"epochs": 12, "seconds": 7200, "cpu_seconds": 3600, "machine": "a box, 2 cores", "accelerator": ""}
    words = " ".join(cost_words(replace(card, training=spent), Assumed()))
    assert "2.00 hours for 12 epochs on a box, 2 cores: 1.00 processor-core hours" in words
    assert "about 0.01 kWh, on the assumption of 10 W" in words
    assert "**Carbon:** not estimated" in words
    assert "built upon weights of `default`" in words
    said = " ".join(cost_words(card, Assumed(core_hours=100, watts=5, grid=300)))
    assert "100 processor-core hours for all training that led to this model: the word of whoever" in said
    assert "about 0.5 kWh" in said
    assert "about 150 g of CO2" in said
    spent["accelerator"] = "a big one"
    assert "an accelerator's power is not known" in " ".join(cost_words(replace(card, training=spent), Assumed()))
    with pytest.raises(OptionError, match="watts"):
        Assumed(watts=-1)

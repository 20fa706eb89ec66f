"""Cards show measured values, mark the others as not measured, and are readable by the Hub."""

import re
import shlex
import shutil
import sys
from dataclasses import replace

import huggingface_hub as hub
import pytest

from mien.audit.attributes import NAMES
from mien.cli.app import main
from mien.data.dataset import Dataset
from mien.errors import DataError, OptionError
from mien.lab.cards.dataset_card import DatasetInfo, dataset_card, dataset_card_document, hazards, hub_license
from mien.lab.cards.model_card import ModelInfo, model_card, model_card_document, model_metadata, training_cost
from mien.lab.cards.results import (
    Kind,
    Result,
    Results,
    attributes,
    read_results,
    robustness_section,
    unmeasured,
    weaknesses,
)
from mien.lab.inspection.inspection import inspect
from mien.report import Section, Table

from ...conftest import ROOT
from ..conftest import two_classes

SECTIONS = [
    "Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details",
    "Evaluation", "Environmental Impact", "Technical Specifications", "Citation", "Model Card Contact",
]  # fmt: skip


@pytest.fixture
def lab(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "lab", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), capsys.readouterr().err

    return run


def test_the_sections_are_those_of_the_hub(card):
    blocks = model_card_document(card, read_results(card)).blocks
    assert [block.title for block in blocks if isinstance(block, Section)] == SECTIONS


def test_the_hub_reads_the_metadata(card):
    read = hub.ModelCard(model_card(card, read_results(card)), ignore_metadata_errors=False).data
    assert (read.license, read.library_name, read.pipeline_tag) == ("mit", "mien", "image-classification")
    assert read.model_name == "default"
    values = {(one.dataset_config, one.metric_type): one.metric_value for one in read.eval_results}
    assert values["ferplus", "accuracy"] == pytest.approx(0.879, abs=1e-3)
    assert {config for config, _ in values} == {"ferplus", "fer2013"}


def test_licenses_have_the_names_of_the_hub():
    assert hub_license("MIT") == {"license": "mit"}
    assert hub_license("not stated") == {"license": "unknown"}
    assert hub_license("For friends only") == {"license": "other", "license_name": "for-friends-only"}


def test_a_card_without_results_shows_no_figures(card):
    bare = replace(card, scores={})
    results = read_results(bare)
    assert model_metadata(bare, results).eval_results is None
    assert weaknesses(results, NAMES) == []
    assert len(unmeasured(results, NAMES)) == 6
    about = model_card(bare, results).partition("## Evaluation")[2].partition("## Technical")[0]
    assert not re.search(r"\d\.\d%", about)


def test_weak_emotions_are_named(card):
    assert "contempt (0% of 13)" in weaknesses(read_results(card), ())[0]


def test_a_gap_between_groups_of_people_is_a_weakness(card, audited):
    results = read_results(card, [audited()])
    assert len(attributes(results, NAMES, people=True)) == 1
    assert len(weaknesses(results, NAMES)) == 3
    assert len(unmeasured(results, NAMES)) == 4
    summary = model_card_document(card, results, ModelInfo(image_attributes=NAMES)).blocks[0]
    assert isinstance(summary, Table)
    assert "equal accuracy by gender" in [row[0] for row in summary.rows]


def test_groups_of_images_have_no_fairness_tests(card, audited):
    results = read_results(card, [audited(column="brightness")])
    assert not attributes(results, NAMES, people=True)
    assert len(attributes(results, NAMES, people=False)) == 1


def test_corruptions_that_cost_ten_points_are_weaknesses(card):
    common = {"way": "crop", "n": 100, "found_share": 1.0, "abstained": 0.1, "confidence": 0.8, "description": ""}
    common |= {"accuracy_low": 0.4, "accuracy_high": 0.9}
    levels = (("clean", 0, 0.8), ("fog", 1, 0.5), ("rain", 1, 0.79))
    marks = [{"family": family, "level": level, "accuracy": share, **common} for family, level, share in levels]
    content = {"data": "faces", "split": "validation", "n": 100, "conditions": marks}
    results = Results((Result(Kind.ROBUSTNESS, content),))
    (weakness,) = weaknesses(results, ())
    assert "fog" in weakness
    assert "rain" not in weakness
    assert [row[5] for row in robustness_section(results).blocks[1].rows[1:]] == ["-30.0 points", "-1.0 points"]


def test_an_incomplete_result_is_an_error(card):
    with pytest.raises(DataError):
        model_card(card, Results((Result(Kind.ROBUSTNESS, {"conditions": [{}]}),)))


def test_a_model_of_single_labels_has_no_votes(card):
    head = {"fer2013": card.heads["fer2013"]}
    recipe = {**card.recipe, "heads": {"fer2013": card.recipe["heads"]["fer2013"]}}
    assert "`mixed`" not in model_card(replace(card, heads=head, recipe=recipe, scores={}))
    assert model_card(replace(card, recipe={}, scores={}))  # a card without a recipe


def test_training_cost_is_measured_stated_or_unknown(card):
    assert len(training_cost(card, ModelInfo())) == 2
    spent = {"epochs": 12, "seconds": 7200, "cpu_seconds": 3600, "machine": "a box, 2 cores", "accelerator": ""}
    measured = training_cost(replace(card, training=spent), ModelInfo())
    assert "2.00 hours for 12 epochs on a box, 2 cores; 1.00 processor-core hours" in measured[0]
    assert "0.01 kWh" in measured[1]
    stated = training_cost(card, ModelInfo(core_hours=100, watts=5, grid=300))
    assert "0.5 kWh" in stated[1]
    assert "150 g" in stated[2]
    assert len(training_cost(replace(card, training=spent | {"accelerator": "GPU"}), ModelInfo())) == 2
    with pytest.raises(OptionError):
        ModelInfo(watts=-1)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory) -> dict:
    """The inspection of a set of which ten validation images are copies of training images."""
    faces = two_classes(120)
    images, labels = faces.images.copy(), faces.labels.copy()
    images[100:110], labels[100:110] = images[:10], labels[:10]
    copied = Dataset("faces", images, labels, faces.split, faces.votes)
    return inspect(copied, 16).to_dict()


def test_copies_and_disagreement_are_hazards(leaky):
    assert len(hazards(leaky)) >= 2
    structure = next(block for block in dataset_card_document(leaky).blocks if block.title == "Dataset Structure")
    assert structure.blocks[1].rows[0][:3] == ("validation", "30", "10 (33.3%)")


def test_the_hub_reads_the_metadata_of_a_dataset_card(leaky):
    read = hub.DatasetCard(dataset_card(leaky, DatasetInfo(license="CC-BY-4.0"))).data
    assert (read.license, read.size_categories, read.pretty_name) == ("cc-by-4.0", ["n<1K"], "faces")


def test_a_dataset_card_names_no_image(leaky):
    assert "#1" not in dataset_card(leaky)


def test_an_incomplete_inspection_is_an_error():
    with pytest.raises(DataError):
        dataset_card({"name": "x", "images": 1, "classes": {}, "problems": {}})


def documented_commands() -> list[list[str]]:
    text = next(
        block
        for page in ROOT.joinpath("docs").rglob("*.md")
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        if "--out MODEL_CARD.md" in block
    )
    return [shlex.split(line)[2:] for line in text.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("command", documented_commands(), ids=lambda command: command[1])
def test_the_cards_in_the_repository_are_what_the_commands_write(lab, command, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    code, err = lab(*command)
    assert code == 0, err
    out = command[command.index("--out") + 1]
    assert (tmp_path / out).read_text("utf-8") == (ROOT / out).read_text("utf-8"), f"write {out} again with the command"


def test_the_command_refuses_bad_input_and_overwrites_nothing(lab, tmp_path):
    card, other = tmp_path / "card.md", tmp_path / "x.md"
    assert lab("model-card", "default", "--out", card)[0] == 0
    assert lab("model-card", "default", "--out", card)[0] == 4
    assert lab("model-card", "default", "--out", card, "--overwrite")[0] == 0
    assert lab("model-card", "missing", "--out", other)[0] == 5
    assert lab("model-card", "default", "--out", other, "--watts", "-1")[0] == 2
    assert lab("model-card", "default", "--out", other, "--notes", tmp_path / "none.md")[0] == 2
    (tmp_path / "odd.json").write_text('{"a": 1}')
    assert lab("model-card", "default", "--out", other, "--results", tmp_path / "odd.json")[0] == 6
    assert not other.exists()


def test_kept_results_and_an_audit_make_a_card_in_a_folder(lab, tmp_path, audited):
    keep = tmp_path / "kept.json"
    assert lab("model-card", "default", "--out", tmp_path / "first", "--keep", keep)[0] == 0
    assert (tmp_path / "first" / "README.md").is_file()
    audit = audited(model={})
    code, err = lab("model-card", "default", "--results", keep, "--results", audit, "--out", tmp_path / "second")
    assert code == 0
    assert str(audit) in err
    assert "By gender" in (tmp_path / "second" / "README.md").read_text("utf-8")


def test_a_dataset_card_is_written_from_data_or_an_inspection(lab, tmp_path, monkeypatch, capsys):
    usage = {"train": "Training", "validation": "PublicTest"}
    faces = two_classes(80)
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    assert lab("dataset-card", "faces.csv", "--out", "data.md", "--license", "mine")[0] == 0
    from mien.lab import inspect

    (tmp_path / "found.json").write_text(inspect("faces.csv").to_json())
    assert lab("dataset-card", "found.json", "--out", "again.md", "--license", "mine")[0] == 0
    assert (tmp_path / "again.md").read_text("utf-8") == (tmp_path / "data.md").read_text("utf-8")
    (tmp_path / "other.json").write_text("{}")
    assert lab("dataset-card", "other.json", "--out", "no.md")[0] == 6

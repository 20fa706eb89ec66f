"""Inspection finds planted problems, and no others."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import typer
from PIL import Image

from mien import Reader
from mien.cli import lab
from mien.cli.app import guarded
from mien.data.dataset import Dataset
from mien.data.loading import load
from mien.emotions import EMOTIONS
from mien.lab.inspection.augmented import find_augmented
from mien.lab.inspection.inspection import inspect
from mien.lab.inspection.labels import Choice, _by_model, _checked, check_labels, confident_guesses
from mien.lab.inspection.measures import check_faces, low_outlier, measure_quality
from mien.lab.inspection.problems import find_duplicates
from mien.lab.inspection.report import report
from mien.model.preprocess import align_face
from mien.progress import no_progress

from .conftest import HAPPY, SAD, two_classes


@pytest.fixture(scope="module")
def spoilt() -> Dataset:
    """Eighty images, 60 to train on; of the training ones 0 is blank, 1 dark, 2 blurred; 3 is copied to validation, 4 to
    training with another label, 5 to training; of 6 there is a lighter copy in validation."""
    faces = two_classes(80, size=48)
    images, labels = faces.images.copy(), faces.labels.copy()
    images[0] = 7
    images[1] = images[1] // 8
    images[2] = np.linspace(60, 200, 48).astype(np.uint8)
    images[70], labels[70] = images[3], labels[3]
    images[50], labels[50] = images[4], HAPPY + SAD - labels[4]
    images[51], labels[51] = images[5], labels[5]
    images[71], labels[71] = (images[6] * 0.9 + 20).astype(np.uint8), labels[6]
    return replace(faces, images=images, labels=labels)


@pytest.fixture(scope="module")
def looked(spoilt, tmp_path_factory):
    return inspect(spoilt, 48)


def rows_of(problems) -> dict[str, list[list[int]]]:
    return {problem.kind.value: [group.tolist() for group in problem.groups] for problem in problems if problem.count}


def test_planted_problems_are_found(looked):
    found = rows_of(looked.problems)
    found.pop("label", None)
    assert found == {
        "blank": [[0]],
        "dark": [[1]],
        "blurred": [[2]],
        "exact-across": [[3, 70]],
        "exact-within": [[4, 50], [5, 51]],
        "exact-conflict": [[4, 50]],
        "near-across": [[6, 71]],
    }


def test_a_clean_set_has_no_problems(tmp_path):
    looked = inspect(two_classes(80), 16)
    assert rows_of(looked.problems) == {}
    assert looked.clean().use.all()


def test_copies_in_the_evaluation_split_are_kept(looked):
    left = looked.clean()
    assert dict(zip(np.flatnonzero(~left.use).tolist(), left.rule[~left.use].tolist())) == {
        0: "blank",
        3: "exact-across",
        4: "exact-conflict",
        50: "exact-conflict",
        51: "exact-within",
        6: "near-across",
    }
    assert left.why[3] == "exact copy of #70 in validation"
    assert left.why[51] == "exact copy of #5"
    assert not any(why for why, use in zip(left.why, left.use) if use)


def test_test_images_always_stay(spoilt, tmp_path):
    looked = inspect(replace(spoilt, split=np.full(len(spoilt), "test")), 48)
    assert looked.clean(drop_label_errors=True).use.all()


def test_blank_images_are_copies_of_none():
    faces = Dataset("x", np.zeros((4, 8, 8), np.uint8), np.zeros(4, np.int64), np.full(4, "train"))
    copies = find_duplicates(faces, measure_quality(faces.images).blank)
    assert len(set(copies.exact)) == len(set(copies.near)) == 4


def test_limits_follow_the_set():
    values = np.random.default_rng(0).normal(100, 10, 10_000).astype(np.float32)
    assert low_outlier(values) == pytest.approx(65, abs=1.5)
    assert low_outlier(values * 2) == pytest.approx(2 * low_outlier(values), rel=1e-4)
    assert low_outlier(np.full(100, 5, np.float32)) == -np.inf
    assert low_outlier(values[:19]) == -np.inf


def test_wrong_labels_are_found_and_dropped_only_on_demand(tmp_path):
    faces = two_classes(240, seed=1)
    wrong = np.array([5, 50, 100, 150, 200])
    labels = faces.labels.copy()
    labels[wrong] = HAPPY + SAD - labels[wrong]
    looked = inspect(replace(faces, labels=labels), 16)
    assert set(looked.labels.errors) == set(wrong)
    assert looked.labels.accuracy == pytest.approx(235 / 240, abs=0.01)
    everyone = {row.images: row for row in looked.labels.agreement}
    assert everyone[Choice.ALL].not_label == pytest.approx(5 / 240)
    probable = everyone[Choice.PROBABLE]
    assert (probable.n, probable.not_label, probable.as_guessed) == (5, 1, 1)
    assert looked.clean().use.all()
    left = looked.clean(drop_label_errors=True)
    assert set(np.flatnonzero(~left.use)) == {5, 50, 100, 150}  # 200 is to validate by
    assert "looks" in left.why[5]


def test_pseudo_labels_must_reach_the_threshold_of_their_class():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.55, 0.45]], np.float32)
    labels = np.array([0, 0, 1, 1])
    # Thresholds: 0.8 for 0 and 0.625 for 1. Row 3 leans to 0, yet not as surely as images of 0 do.
    assert confident_guesses(probabilities, labels).tolist() == [0, 0, 1, 1]
    probabilities[3] = [0.95, 0.05]  # thresholds 0.8 and 0.425
    assert confident_guesses(probabilities, labels).tolist() == [0, 0, 1, 0]


def test_inspecting_needs_no_torch():
    code = "import sys, mien.lab; mien.lab.inspect; import mien.lab.inspection.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_inaccurate_judge_drops_no_label():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 48, 48)).astype(np.uint8)
    noise = Dataset("noise", images, rng.integers(3, 5, 200), np.full(200, "train"))
    found = inspect(noise)
    assert found.labels is not None
    assert not found.labels.is_reliable
    assert len(found.labels.errors) == 0
    assert found.clean(drop_label_errors=True).use.sum() == found.clean().use.sum()
    assert found.to_dict()["label_check"]["reliable"] is False


def test_the_included_model_judges_where_the_data_is_too_small(astronaut, hopper):
    happy, neutral = (align_face(frame, Reader().detect(frame)[0], 48, "gray") for frame in (astronaut, hopper))
    rng = np.random.default_rng(0)
    images = np.stack(
        [one + rng.integers(0, 9, one.shape).astype(np.uint8) for one in (happy, neutral) for _ in range(30)]
    )
    labels = np.repeat([EMOTIONS.index("happy"), EMOTIONS.index("neutral")], 30)
    labels[:10] = EMOTIONS.index("neutral")
    faces = Dataset("two", np.minimum(images, 255), labels, np.full(60, "train"))
    check = _checked(faces, np.arange(60), np.arange(60), _by_model(faces, no_progress), "default")
    assert check.is_reliable
    assert len(check.errors) > 0
    assert set(check.errors.tolist()) <= set(range(10))


def test_too_few_images_give_no_label_check():
    faces = two_classes(12)
    assert check_labels(faces, np.arange(12)) is None
    copied = two_classes(80)
    assert check_labels(copied, np.zeros(80, np.int64)) is None  # one image, eighty times


def test_faces_are_found_where_there_are_some(astronaut):
    face = np.asarray(Image.fromarray(astronaut.image[38:198, 145:305]).convert("L").resize((48, 48)))
    images = np.stack([face, np.full((48, 48), 90, np.uint8)])
    faces = Dataset("x", images, np.zeros(2, np.int64), np.full(2, "train"))
    check = check_faces(faces, threads=1)
    assert check.n == 2
    assert check.missed.tolist() == [1]


def test_names_of_a_dataset_are_escaped_on_the_page(looked):
    named = replace(looked, faces=replace(looked.faces, name="<b>me & you</b>"), notes=("A **note**.",))
    page = report(named).to_html()
    assert "<b>me" not in page
    assert "&lt;b&gt;me &amp; you" in page
    assert "A **note**." in page
    assert page.count("<img") > len(looked.problems)


# The command


@pytest.fixture
def mien(monkeypatch, capsys):
    """Run the command; gives (exit code, standard output, standard error)."""
    app = typer.Typer()
    app.command()(lab.inspect)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["inspect", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            guarded(app)
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return run


@pytest.fixture
def folder(tmp_path):
    """Class folders with an empty, a cut, a large, a colored and a copied file."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for part, n in (("train", 4), ("test", 2)):
        for emotion in ("happy", "sad"):
            (root / part / emotion).mkdir(parents=True)
            for number in range(n):
                pixels = rng.integers(0, 255, (48, 48), np.uint8)
                Image.fromarray(pixels).save(root / part / emotion / f"{number}.png")
    happy = root / "train" / "happy"
    (happy / "empty.png").touch()
    (happy / "cut.png").write_bytes((happy / "1.png").read_bytes()[:200])
    Image.fromarray(rng.integers(0, 255, (64, 80), np.uint8)).save(happy / "large.png")
    Image.fromarray(rng.integers(0, 255, (48, 48, 3), np.uint8)).save(happy / "color.png")
    (root / "test" / "sad" / "copy.png").write_bytes((happy / "2.png").read_bytes())
    return root


def test_a_folder_is_inspected(mien, folder, tmp_path):
    out, listed = tmp_path / "report.html", tmp_path / "list.csv"
    code, text, errors = mien(folder, "--json", "--out", out, "--write-manifest", listed)
    assert code == 0, errors
    found = json.loads(text)["problems"]
    assert list(found["empty"]["files"]) == ["train/happy/empty.png"]
    assert list(found["corrupt"]["files"]) == ["train/happy/cut.png"]
    assert found["odd-size"]["groups"] == [["train/happy/large.png"]]
    assert found["odd-size"]["remarks"] == {"train/happy/large.png": "80 x 64"}
    assert found["odd-mode"]["groups"] == [["train/happy/color.png"]]
    assert found["exact-across"]["groups"] == [["test/sad/copy.png", "train/happy/2.png"]]
    assert found["exact-conflict"]["images"] == 2
    assert "80 x 64" in out.read_text()
    rows = listed.read_text().splitlines()
    assert rows[0].startswith("# mien manifest, sha256 ")
    assert "train/happy/2.png,happy,train,no,exact copy of test/sad/copy.png in test" in rows
    assert "test/sad/copy.png,sad,test,yes," in rows
    used = load(folder, 48, manifest=listed, on_damaged=lambda _file, _why: None).names
    assert "train/happy/2.png" not in used
    assert "test/sad/copy.png" in used


def test_the_terminal_shows_problems_and_leaks(mien, folder):
    code, text, _ = mien(folder)
    assert code == 0
    assert "Corrupt files" in text
    assert "1 (20.0%)" in text


def test_unusable_data_is_an_error_and_leaves_nothing(mien, tmp_path):
    code, _, _ = mien(tmp_path / "none.csv", "--out", tmp_path / "report.html")
    assert code == 6
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "some.csv").touch()
    assert mien(tmp_path / "some.csv", "--drop-label-errors")[0] == 2


def test_augmented_copies_of_test_images_in_training_are_named(astronaut):
    """Other images, mirrored, turned or cropped copies of test images, and one that is only brighter."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(astronaut.image).convert("L")
    places = [(int(x), int(y)) for x, y in rng.integers(0, 400, (40, 2))]
    images = np.stack([np.asarray(photo.crop((x, y, x + 96, y + 96)).resize((48, 48))) for x, y in places])
    mirrored = images[30][:, ::-1]
    turned = np.asarray(Image.fromarray(images[31]).rotate(10, Image.Resampling.BILINEAR))
    quarter = np.rot90(images[32])
    cropped = np.asarray(Image.fromarray(images[33]).resize((48, 48), Image.Resampling.BILINEAR, box=(3, 3, 45, 45)))
    mirrored_darker = (images[34][:, ::-1] * 0.7).astype(np.uint8)
    for row, image in enumerate((mirrored, turned, quarter, cropped, mirrored_darker)):
        images[row] = image
    learned = np.arange(40) < 30
    found = find_augmented(two_classes_of(images), learned, np.zeros(40, bool))
    pairs = dict(found.pairs.tolist())
    assert {row: pairs[row] for row in range(5)} == {row: 30 + row for row in range(5)}
    changed = dict(zip(found.pairs[:, 0].tolist(), found.changed))
    assert len({changed[0], changed[1], changed[2], changed[3]}) == 4
    assert changed[4] == changed[0]


def two_classes_of(images):
    return Dataset(
        "made", images, np.arange(len(images)) % 2, np.full(len(images), "train"), np.arange(len(images)).astype(str)
    )


def test_nothing_is_augmented_without_two_splits(astronaut):
    images = np.repeat(astronaut.image[None, :48, :48, 0], 3, 0)
    assert not len(find_augmented(two_classes_of(images), np.ones(3, bool), np.zeros(3, bool)).pairs)

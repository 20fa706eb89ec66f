"""Tables and predictions made up for audits, and small folders in the layouts of known data sets."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.audit.gaps import Counts
from mien.audit.predictions import Predictions
from mien.emotions import EMOTIONS

from ..conftest import EXAMPLES, make_clip

#: What a group of each emotion is taken for: the right answer with this probability, else any other.
Recall = Sequence[float]


def counts_of(groups: Sequence[tuple[Sequence[int], Recall]], rng: np.random.Generator) -> Counts:
    """Draw counts: for each group, images of each of K emotions, and how often each is recognized."""
    k = len(groups[0][0])
    counts = np.zeros((len(groups), k, 2 * k + 1), np.int64)
    for group, (shown, recall) in enumerate(groups):
        for emotion in range(k):
            shares = np.full(k, (1 - recall[emotion]) / (k - 1))
            shares[emotion] = recall[emotion]
            counts[group, emotion, 1 : k + 1] = rng.multinomial(shown[emotion], shares)
    return counts


def predictions_from(counts: Counts, names: Sequence[str], column: str = "group") -> Predictions:
    """The images behind counts."""
    k = counts.shape[1]
    group, y_true, outcome = (np.repeat(part, counts.ravel()) for part in np.indices(counts.shape).reshape(3, -1))
    y_pred = np.where(outcome > k, outcome - k, outcome) - 1
    cells = np.array(names, object)[group]
    return Predictions(EMOTIONS[:k], y_true, y_pred, None, None, bool((y_pred < 0).any()), {column: cells})


@pytest.fixture
def write(tmp_path) -> Callable[[Mapping[str, Sequence[object]]], str]:
    """Write a CSV file from its columns; gives its path."""

    def written(columns: Mapping[str, Sequence[object]], name: str = "predictions.csv") -> str:
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
        return str(tmp_path / name)

    return written


@pytest.fixture
def run(capsys):
    """Run ``mien audit``; gives what it prints on standard output."""
    from typer import Typer
    from typer.testing import CliRunner

    from mien.cli.audit import audit

    app = Typer()
    app.add_typer(audit, name="audit")

    def ran(*words):
        done = CliRunner().invoke(app, ["audit", *map(str, words)], env={"COLUMNS": "130"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return ran


#: The smiling woman, and the calm one.
FACES = {"astronaut.png": (110, 20, 340, 240), "grace_hopper.jpg": (100, 60, 440, 400)}


def face(name: str, side: int = 160) -> Image.Image:
    return Image.open(EXAMPLES / name).convert("RGB").crop(FACES[name]).resize((side, side))


def put(path: Path, name: str = "astronaut.png") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    face(name).save(path)


def put_text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture
def crema_d(tmp_path) -> Path:
    """Four clips of two actors, one of them in Flash; FaceVote knows three, in one viewers are split."""
    pytest.importorskip("av", reason="clips need the extra video")
    root = tmp_path / "CREMA-D"
    put_text(
        root / "VideoDemographics.csv",
        '"ActorID","Age","Sex","Race","Ethnicity"',
        '1001,51,"Male","Caucasian","Not Hispanic"',
        '1002,74,"Female","Unknown","Not Hispanic"',
    )
    put_text(
        root / "processedResults" / "summaryTable.csv",
        '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"',
        '"1","1001_DFA_ANG_XX","N","69.1","H","92.22","N","64.78"',
        '"2","1001_IEO_SAD_HI","N","60.14","A:F","30.67:51.00","N","63.5"',
        '"3","1002_DFA_NEU_XX","S","69.1","N","92.22","S","64.78"',
    )
    smiling, calm = (np.asarray(face(name)) for name in FACES)
    clips = root / "VideoFlash"
    clips.mkdir()
    for name, images in {
        "1001_DFA_ANG_XX.flv": [smiling] * 8,
        "1001_IEO_SAD_HI.mp4": [calm] * 3,
        "1002_DFA_NEU_XX.mp4": [calm] * 5 + [smiling] + [calm] * 10,
        "1002_DFA_HAP_XX.mp4": [smiling] * 2,
    }.items():
        make_clip(clips / name, images, rate=10, sound=None)
    put_text(root / "AudioWAV" / "1001_DFA_ANG_XX.wav", "sound")
    return root


@pytest.fixture
def raf_db(tmp_path) -> Path:
    root = tmp_path / "RAF-DB"
    people = {"train_00001": (4, 1, 0, 2), "train_00002": (7, 0, 2, 4), "test_0001": (4, 2, 1, 0)}
    lines = []
    for name, (emotion, gender, race, age) in people.items():
        lines.append(f"{name}.jpg {emotion}")
        landmarks = ["50.1\t60.2"] * 5
        attributes = root / "basic" / "Annotation" / "manual" / f"{name}_manu_attri.txt"
        put_text(attributes, *landmarks, str(gender), str(race), str(age))
        photo = "grace_hopper.jpg" if emotion == 7 else "astronaut.png"
        put(root / "basic" / "Image" / "original" / f"{name}.jpg", photo)
        put(root / "basic" / "Image" / "aligned" / f"{name}_aligned.jpg", photo)
    put_text(root / "basic" / "EmoLabel" / "list_patition_label.txt", *lines)
    return root


HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"


@pytest.fixture
def affectnet(tmp_path) -> Path:
    """The older form, with a column of the user's own in one of its tables."""
    root = tmp_path / "AffectNet"
    lists = root / "Manually_Annotated_file_lists"
    rows = ["1/a.jpg,0,0,160,160,1;2;3;4,1,0.7,0.1", "1/b.jpg,0,0,160,160,1;2;3;4,10,-2,-2"]
    put_text(lists / "training.csv", HEADER, *rows)
    put_text(lists / "validation.csv", f"{HEADER},glasses", "2/c.jpg,0,0,160,160,1;2;3;4,0,0,0,no")
    put(root / "Manually_Annotated_Images" / "1" / "a.jpg")
    put(root / "Manually_Annotated_Images" / "2" / "c.jpg", "grace_hopper.jpg")
    return root


@pytest.fixture
def affectnet_newer(tmp_path) -> Path:
    root = tmp_path / "AffectNet-8"
    for number, code in enumerate(("1", "0", "8", "7")):
        notes = root / "val_set" / "annotations"
        notes.mkdir(parents=True, exist_ok=True)
        np.save(notes / f"{number}_exp.npy", np.array(code))
        np.save(notes / f"{number}_val.npy", np.array("0.5"))
        put(root / "val_set" / "images" / f"{number}.jpg")
    return root


@pytest.fixture
def fairface(tmp_path) -> Path:
    root = tmp_path / "FairFace"
    header = "file,age,gender,race,service_test"
    put_text(
        root / "fairface_label_val.csv",
        header,
        "val/1.jpg,3-9,Male,East Asian,False",
        "val/2.jpg,more than 70,Female,Latino_Hispanic,True",
    )
    put_text(root / "fairface_label_train.csv", header, "train/1.jpg,30-39,Female,White,True")
    for name in ("val/1.jpg", "val/2.jpg", "train/1.jpg"):
        put(root / name, "grace_hopper.jpg" if name == "val/2.jpg" else "astronaut.png")
    return root

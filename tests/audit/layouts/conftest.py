"""Small folders in the layouts of known data sets, made of the demo photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ...conftest import EXAMPLES, make_clip

#: The smiling woman, and the calm one.
FACES = {"astronaut.png": (110, 20, 340, 240), "grace_hopper.jpg": (100, 60, 440, 400)}


def face(name: str, side: int = 160) -> Image.Image:
    return Image.open(EXAMPLES / name).convert("RGB").crop(FACES[name]).resize((side, side))


def put(path: Path, name: str = "astronaut.png") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    face(name).save(path)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture
def crema_d(tmp_path) -> Path:
    """Four clips of two actors, one of them in Flash; FaceVote knows three, in one viewers are split."""
    pytest.importorskip("av", reason="clips need the extra video")
    root = tmp_path / "CREMA-D"
    write(
        root / "VideoDemographics.csv",
        '"ActorID","Age","Sex","Race","Ethnicity"',
        '1001,51,"Male","Caucasian","Not Hispanic"',
        '1002,74,"Female","Unknown","Not Hispanic"',
    )
    write(
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
    write(root / "AudioWAV" / "1001_DFA_ANG_XX.wav", "sound")
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
        write(attributes, *landmarks, str(gender), str(race), str(age))
        photo = "grace_hopper.jpg" if emotion == 7 else "astronaut.png"
        put(root / "basic" / "Image" / "original" / f"{name}.jpg", photo)
        put(root / "basic" / "Image" / "aligned" / f"{name}_aligned.jpg", photo)
    write(root / "basic" / "EmoLabel" / "list_patition_label.txt", *lines)
    return root


HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"


@pytest.fixture
def affectnet(tmp_path) -> Path:
    """The older form, with a column of the user's own in one of its tables."""
    root = tmp_path / "AffectNet"
    lists = root / "Manually_Annotated_file_lists"
    rows = ["1/a.jpg,0,0,160,160,1;2;3;4,1,0.7,0.1", "1/b.jpg,0,0,160,160,1;2;3;4,10,-2,-2"]
    write(lists / "training.csv", HEADER, *rows)
    write(lists / "validation.csv", f"{HEADER},glasses", "2/c.jpg,0,0,160,160,1;2;3;4,0,0,0,no")
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
    write(
        root / "fairface_label_val.csv",
        header,
        "val/1.jpg,3-9,Male,East Asian,False",
        "val/2.jpg,more than 70,Female,Latino_Hispanic,True",
    )
    write(root / "fairface_label_train.csv", header, "train/1.jpg,30-39,Female,White,True")
    for name in ("val/1.jpg", "val/2.jpg", "train/1.jpg"):
        put(root / name, "grace_hopper.jpg" if name == "val/2.jpg" else "astronaut.png")
    return root

"""CREMA-D: 7,442 clips of 91 actors, who speak one of 12 sentences with one of six emotions; and what others saw in them.

Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset". Open Database License 1.0; its authors
ask users to fill in a form. To obtain from github.com/CheyneyComputerScience/CREMA-D, with git-lfs::

    VideoDemographics.csv               ActorID,Age,Sex,Race,Ethnicity
    VideoFlash/1001_DFA_ANG_XX.flv      actor, sentence, intended emotion, its level
    processedResults/summaryTable.csv   FileName,...,FaceVote: what most viewers of the silent clip saw; A:D if split
    finishedResponses.csv               each single answer; queryType 2 is the silent clip, respEmo its letter
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ...emotions import parse
from ...errors import DataError
from ...extras import check_installed
from ...io.video import VIDEO_EXTENSIONS
from ..dataset import Dataset
from ..preprocessing import LoadOptions
from ..records import EMOTION, PATH, Records, dataset_of, missing_part, read_columns

NAME = "CREMA-D"
KNOWN_BY = "VideoDemographics.csv"
_CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
_CLIP = re.compile(rf"(\d{{4}})_[A-Z]{{3}}_({'|'.join(_CODES)})_[A-Z]+")
_COLUMNS = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
_FACE_ONLY = "2"
_OLDEST = 60
_HINT = "Clone github.com/CheyneyComputerScience/CREMA-D with git-lfs installed, and name its folder."


def matches(path: Path) -> bool:
    """Whether this is the folder of the data set, or its table of actors."""
    return (path / KNOWN_BY).is_file() or (path / "VideoFlash").is_dir() or (path.name == KNOWN_BY and path.is_file())


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load the labeled images; see ``records``."""
    return dataset_of(records(path), options)


def records(path: Path) -> Records:
    """All clips.

    The label is the emotion that most viewers named who saw the face and heard nothing; where they are split, or nothing is
    known of them, the one that the actor was asked for: ``label`` says which, ``voted`` or ``intended``. Groups are
    ``gender``, ``age`` in bands, ``race`` and ``ethnicity``; ``person`` is the actor.

    Raises:
        DataError: actors or clips are missing.
        MissingExtraError: PyAV, which videos are read with, is not installed.
    """
    check_installed(["av"], "video")
    root = path if path.is_dir() else path.parent
    actors, votes = _actors(root), _votes(root)
    columns: dict[str, list[str]] = {
        name: [] for name in (PATH, EMOTION, "label_source", "gender", "age", "race", "ethnicity", "person")
    }
    for name, clip in _clips(root).items():
        actor, intended = name.split("_")[0], name.split("_")[2]
        if actor not in actors:
            raise missing_part(NAME, f"{KNOWN_BY} has no actor {actor}, of {clip.name}", "a row for each", _HINT)
        voted = votes.get(name, "")
        columns[PATH].append(str(clip.relative_to(root)))
        columns[EMOTION].append(voted or parse(intended))
        columns["label_source"].append("voted" if voted else "intended")
        columns["person"].append(actor)
        for group, cell in actors[actor].items():
            columns[group].append(cell)
    return Records(
        NAME,
        root,
        columns,
        ("gender", "age", "race", "ethnicity"),
        "person",
        _notes(Counter(columns["label_source"]), votes),
    )


def _actors(root: Path) -> dict[str, dict[str, str]]:
    """Actor -> group -> cell."""
    if not (root / KNOWN_BY).is_file():
        raise missing_part(NAME, f"{root} has no table of actors", f"the file {KNOWN_BY}", _HINT)
    table = read_columns(root / KNOWN_BY)
    lacking = [name for name in _COLUMNS if name not in table]
    if lacking:
        raise missing_part(NAME, f"{root / KNOWN_BY} has no column {', '.join(lacking)}", ", ".join(_COLUMNS), _HINT)
    made = {}
    for actor, age, sex, race, ethnicity in zip(*(table[name] for name in _COLUMNS)):
        if not age.isdigit():
            raise DataError(
                f"{NAME}: {root / KNOWN_BY}, actor {actor}: got the age {age!r}, expected whole years",
                hint="Correct it.",
            )
        told = {"gender": sex.lower(), "age": _band(int(age)), "race": race, "ethnicity": ethnicity}
        made[actor] = {group: "" if cell.lower() == "unknown" else cell for group, cell in told.items()}
    return made


def _band(age: int) -> str:
    return f"{_OLDEST}+" if age >= _OLDEST else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


def _clips(root: Path) -> dict[str, Path]:
    """Name of the clip, without its ending -> video; of one clip in several folders, the first."""
    found: dict[str, Path] = {}
    videos = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in VIDEO_EXTENSIONS)
    for path in videos:
        if _CLIP.fullmatch(path.stem):
            found.setdefault(path.stem, path)
    if not found:
        sound = any((root / name).is_dir() for name in ("AudioWAV", "AudioMP3"))
        raise missing_part(
            NAME,
            f"{root} holds no clips{', only sound' if sound else ''}",
            "videos such as VideoFlash/1001_DFA_ANG_XX.flv",
            _HINT,
        )
    first = next(iter(found.values()))
    with first.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise missing_part(NAME, f"{first} is a pointer of git-lfs and no video", "the video", "Run: git lfs pull")
    return found


def _votes(root: Path) -> dict[str, str]:
    """Name of the clip -> the emotion that most viewers saw; without the clips where they are split."""
    tables = [path for path in sorted(root.rglob("*.csv")) if path.name.lower() == "summarytable.csv"]
    if tables:
        names, letters = _columns(tables[0], "FileName", "FaceVote")
        return {name: _named(letter) for name, letter in zip(names, letters) if _named(letter)}
    answers = root / "finishedResponses.csv"
    if not answers.is_file():
        return {}
    counts: dict[str, Counter[str]] = {}
    for name, query, letter in zip(*_columns(answers, "clipName", "queryType", "respEmo")):
        if query == _FACE_ONLY:
            counts.setdefault(Path(name).stem, Counter())[letter] += 1
    won = {name: [one for one, n in votes.items() if n == max(votes.values())] for name, votes in counts.items()}
    return {name: _named(":".join(letters)) for name, letters in won.items() if _named(":".join(letters))}


def _columns(path: Path, *names: str) -> list[list[str]]:
    """The columns of these names, in any case."""
    table = {name.lower(): cells for name, cells in read_columns(path).items()}
    for name in names:
        if name.lower() not in table:
            raise missing_part(NAME, f"{path} has no column {name}", "the table as it comes with the data set", _HINT)
    return [table[name.lower()] for name in names]


def _named(letter: str) -> str:
    """The emotion of a letter, the first of its code; empty where there are several."""
    by_letter = {code[0]: parse(code) for code in _CODES}
    return by_letter.get(letter.strip().upper(), "")


def _notes(labels: Counter[str], votes: dict[str, str]) -> tuple[str, ...]:
    if not votes:
        return ("All labels are what the actors were asked for: the table of votes, summaryTable.csv, is not there.",)
    voted = f"{labels['voted']:,} clips are labeled with what most viewers of the silent clip saw"
    if not labels["intended"]:
        return (f"{voted}.",)
    return (f"{voted}, {labels['intended']:,} with what the actor was asked for, as viewers were split or not asked.",)

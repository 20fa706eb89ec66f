"""CREMA-D: 7,442 clips of 91 actors, who speak one of 12 sentences with one of six emotions; and how viewers rated them.

Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset"::

    VideoDemographics.csv               ActorID,Age,Sex,Race,Ethnicity
    VideoFlash/1001_DFA_ANG_XX.flv      actor, sentence, intended emotion, its level
    processedResults/summaryTable.csv   FileName,...,FaceVote: what most viewers of the silent clip saw; A:D if tied
    finishedResponses.csv               each single answer; queryType 2 is the silent clip, respEmo its letter
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from ...emotions import parse
from ...errors import DataError
from ...extras import check_installed
from ...io.video import VIDEO_EXTENSIONS
from ..records import EMOTION, PATH, Records, missing_part, read_columns

NAME = "CREMA-D"
KNOWN_BY = "VideoDemographics.csv"
#: The emotions' codes; votes use the first letters.
_EMOTIONS = {code: parse(code) for code in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")}
_BY_LETTER = {code[0]: emotion for code, emotion in _EMOTIONS.items()}
_CLIP = re.compile(rf"(\d{{4}})_[A-Z]{{3}}_({'|'.join(_EMOTIONS)})_[A-Z]+")
_GROUPS = ("gender", "age", "race", "ethnicity")
_FACE_ONLY = "2"
_OLDEST = 60
_HINT = "Clone github.com/CheyneyComputerScience/CREMA-D with git-lfs installed, and name its folder."


def matches(path: Path) -> bool:
    """Whether this is the folder of the dataset, or its table of actors."""
    return (path / KNOWN_BY).is_file() or (path / "VideoFlash").is_dir() or (path.name == KNOWN_BY and path.is_file())


def records(path: Path) -> Records:
    """All clips; the groups are ``gender``, ``age`` in bands, ``race`` and ``ethnicity``, and ``person`` is the actor.

    The label is the emotion that most viewers of the silent clip named; where they are tied or were not asked, the one
    that the actor was asked for: ``label_source`` says which, ``voted`` or ``intended``.
    """
    check_installed(["av"], "video")
    root = path if path.is_dir() else path.parent
    actors, votes = _actors(root), _votes(root)
    rows = []
    for name, clip in _clips(root).items():
        actor, _, intended, _ = name.split("_")
        if actor not in actors:
            raise missing_part(NAME, f"{KNOWN_BY} has no actor {actor}, of {clip.name}", "a row for each", _HINT)
        voted = votes.get(name, "")
        label = {EMOTION: voted or _EMOTIONS[intended], "label_source": "voted" if voted else "intended"}
        rows.append({PATH: str(clip.relative_to(root)), **label, **actors[actor], "person": actor})
    notes = _notes(Counter(row["label_source"] for row in rows), bool(votes))
    return Records.of(NAME, root, rows, _GROUPS, person="person", notes=notes)


def _actors(root: Path) -> dict[str, dict[str, str]]:
    """Actor -> group -> cell."""
    if not (root / KNOWN_BY).is_file():
        raise missing_part(NAME, f"{root} has no table of actors", f"the file {KNOWN_BY}", _HINT)
    names = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    table = read_columns(root / KNOWN_BY, names)
    actors = {}
    for actor, age, sex, race, ethnicity in zip(*(table[name] for name in names)):
        if not age.isdigit():
            message = f"{NAME}: {root / KNOWN_BY}, actor {actor}: got the age {age!r}, expected whole years"
            raise DataError(message, hint="Correct it.")
        decade = int(age) // 10 * 10
        band = f"{_OLDEST}+" if int(age) >= _OLDEST else f"{decade}-{decade + 9}"
        cells = (sex.lower(), band, race, ethnicity)
        actors[actor] = {group: "" if cell.lower() == "unknown" else cell for group, cell in zip(_GROUPS, cells)}
    return actors


def _clips(root: Path) -> dict[str, Path]:
    """Name of the clip, without its ending -> video; of one clip in several folders, the first."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in VIDEO_EXTENSIONS and _CLIP.fullmatch(path.stem):
            found.setdefault(path.stem, path)
    if not found:
        sound = any((root / name).is_dir() for name in ("AudioWAV", "AudioMP3"))
        what = f"{root} holds no clips{', only sound' if sound else ''}"
        raise missing_part(NAME, what, "videos such as VideoFlash/1001_DFA_ANG_XX.flv", _HINT)
    first = next(iter(found.values()))
    with first.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise missing_part(NAME, f"{first} is a pointer of git-lfs and no video", "the video", "Run: git lfs pull")
    return found


def _votes(root: Path) -> dict[str, str]:
    """Name of the clip -> the emotion that most viewers saw; without the clips where they are tied."""
    tables = [path for path in sorted(root.rglob("*.csv")) if path.name.lower() == "summarytable.csv"]
    answers = root / "finishedResponses.csv"
    winners: dict[str, str] = {}
    if tables:
        winners = dict(zip(*_columns(tables[0], "filename", "facevote")))
    elif answers.is_file():
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for name, query, letter in zip(*_columns(answers, "clipname", "querytype", "respemo")):
            if query == _FACE_ONLY:
                counts[Path(name).stem][letter] += 1
        for name, count in counts.items():
            winners[name] = ":".join(letter for letter, n in count.items() if n == max(count.values()))
    named = {name: _BY_LETTER.get(letter.strip().upper(), "") for name, letter in winners.items()}
    return {name: emotion for name, emotion in named.items() if emotion}


def _columns(path: Path, *names: str) -> list[list[str]]:
    """The columns of these names, in any case."""
    table = {name.lower(): cells for name, cells in read_columns(path).items()}
    if missing := [name for name in names if name not in table]:
        raise missing_part(NAME, f"{path} has no column {missing[0]}", "the table of the dataset", _HINT)
    return [table[name] for name in names]


def _notes(labels: Counter[str], has_votes: bool) -> tuple[str, ...]:
    if not has_votes:
        return ("All labels are what the actors were asked for: the table of votes, summaryTable.csv, is not there.",)
    voted = f"{labels['voted']:,} clips are labeled with what most viewers of the silent clip saw"
    if not labels["intended"]:
        return (f"{voted}.",)
    return (f"{voted}, {labels['intended']:,} with what the actor was asked for, as viewers were tied or not asked.",)

"""The photo app without its page: reading, cards, batches, corrections, words."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Frame, Reader, ReadOptions
from mien.apps import words
from mien.apps.photo_flags import LOG, Flags
from mien.apps.photo_page import cards, note, problems, table
from mien.apps.photo_reading import Photo, Readers, marked, read_batch, saved
from mien.apps.words import Reach, reach
from mien.data.loading import load
from mien.emotions import EMOTIONS
from mien.errors import OptionError, OutputError, SourceError
from mien.types import Box, Face, Reading

IMAGES = Path(words.__file__).with_name("images")


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers()


@pytest.fixture(scope="module")
def pair(readers, astronaut, hopper, tmp_path_factory) -> Photo:
    """The astronaut and the admiral side by side."""
    wide = np.full((600, 1024, 3), 90, np.uint8)
    smaller = Image.fromarray(hopper.image[:600, :512]).resize((256, 300))  # less certain to be a face: it comes second
    wide[:512, :512], wide[:300, 512:768] = astronaut.image, np.asarray(smaller)
    path = tmp_path_factory.mktemp("pair") / "pair.png"
    Image.fromarray(wide).save(path)
    return readers.read(path, "eight")


def reading(emotions=("happy", "sad"), shares=(0.9, 0.1), **more) -> Reading:
    return Reading(Face(Box(2, 2, 30, 30)), emotions, np.array(shares, np.float32), **more)


def photo_of(*readings: Reading, name: str = "made.png") -> Photo:
    return Photo(Frame(np.full((40, 40, 3), 120, np.uint8), name), readings, readings[0].emotions if readings else ())


def test_the_examples_have_the_expected_emotions(readers):
    said = {path.stem: readers.read(path, "eight").readings[0].emotion for path in sorted(IMAGES.glob("*.jpg"))}
    assert said == {"astronaut": "happy", "grace_hopper": "neutral"}
    assert all(path.stat().st_size < 60_000 for path in IMAGES.glob("*.jpg"))


def test_results_name_no_folder_and_keep_the_label_set(readers):
    photo = readers.read(IMAGES / "astronaut.jpg", "happy-sad")
    assert photo.frame.name == "astronaut.jpg"
    assert photo.emotions == ("happy", "sad")
    assert photo.rows()[0]["source"] == "astronaut.jpg"


def test_changing_min_confidence_does_not_read_again(pair):
    assert not any(one.abstained for one in pair.readings)
    assert all(one.abstained for one in pair.with_min_confidence(1.0).readings)


def test_the_first_label_set_can_be_chosen(readers):
    assert readers.first == "eight"
    assert Readers(first="four").first == "four"
    with pytest.raises(OptionError):
        readers.read(IMAGES / "astronaut.jpg", "nine")


@pytest.mark.parametrize("content", [b"", b"words", b"\xff\xd8\xff\xe0 and then nothing"])
def test_error_texts_show_no_folder_and_no_python(readers, tmp_path, content):
    path = tmp_path / "secret-folder" / "holiday.jpg"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        readers.read(path, "eight")
    told = words.trouble(caught.value, path.name)
    assert told.startswith("holiday.jpg ")
    assert "secret" not in told
    assert "b'" not in told


def test_several_faces_are_numbered_and_one_is_not(pair, readers):
    one = readers.read(IMAGES / "astronaut.jpg", "eight")
    assert "Face 1: happy" in cards(pair)
    assert "Face 2: neutral" in cards(pair)
    assert "Face 1:" not in cards(one)
    assert marked(pair).shape == pair.frame.image.shape


def test_a_card_has_a_bar_and_a_number_for_every_emotion(pair):
    html = cards(pair)
    assert html.count("<dt>") == 2 * len(EMOTIONS)
    assert "rgb(240, 228, 66)" in html
    assert "100 %" not in html


def test_a_card_shows_three_emotions_and_folds_the_others():
    shares = np.array([0.02, 0.001, 0.004, 0.7, 0.2, 0.05, 0.02, 0.005], np.float32)
    html = words.card("Face 1", Reading(Face(Box(2, 2, 30, 30)), EMOTIONS, shares / shares.sum()))
    first, rest = html.split("<details><summary>")
    assert [first.count("<dt>"), rest.count("<dt>")] == [3, 5]
    html = words.card("Face 1", Reading(Face(Box(2, 2, 30, 30)), EMOTIONS, np.eye(8, dtype=np.float32)[3]))
    assert html.split("<details><summary>")[0].count("<dt>") == 1
    assert words.RARE_NOTE not in html
    fear = Reading(Face(Box(2, 2, 30, 30)), EMOTIONS, np.eye(8, dtype=np.float32)[2])
    assert words.RARE_NOTE in words.card("Face 1", fear)


def test_faces_in_the_background_get_less_room():
    wide, narrow = (replace(reading(), face=Face(Box(0, 0, side, side))) for side in (40, 15))
    html = cards(photo_of(wide, narrow, wide))
    assert [part.startswith(' mien-small"') for part in html.split("mien-card")[2:]] == [False, True, False]


def test_cards_tell_unsure_mixed_and_no_face_apart():
    unsure = reading(shares=(0.55, 0.45), min_confidence=0.6)
    mixed = reading(shares=(0.7, 0.3), vote_shares=np.array([0.6, 0.4], np.float32))
    assert "55%" in cards(photo_of(unsure))
    shown = cards(photo_of(mixed))  # the shares of people, which the bars do not show
    assert "60%" in shown
    assert "40%" in shown
    assert "shows none of happy, sad" in cards(photo_of(reading(in_label_set=0.1)))
    assert "No face found" in cards(photo_of())


def test_fifty_faces_are_folded_on_the_page():
    html = cards(photo_of(*[reading()] * 70))
    assert html.count('<details class="mien-card') == 60
    assert html.count(" open style") == 4
    assert "10 more are marked" in html


def test_names_from_outside_are_text_and_not_markup():
    nasty = "<img src=x onerror=alert(1)>.png"
    assert "<img src=x" not in table([photo_of(reading(), name=nasty), photo_of(name=nasty)])
    assert "<img src=x" not in note(nasty)
    assert "<img src=x" not in problems([(nasty, nasty)])


def test_one_damaged_photo_does_not_stop_a_batch(readers, tmp_path):
    broken = tmp_path / "in" / "broken.jpg"
    broken.parent.mkdir()
    broken.write_text("words")
    same = tmp_path / "in" / "astronaut.jpg"
    same.write_bytes((IMAGES / "grace_hopper.jpg").read_bytes())
    seen = []
    paths = [str(IMAGES / "astronaut.jpg"), str(broken), str(same)]
    batch = read_batch(readers, paths, "seven", 0.5, tmp_path, lambda *done: seen.append(done))
    assert [photo.frame.name for photo in batch.photos] == ["astronaut.jpg", "astronaut (2).jpg"]
    assert [name for name, _ in batch.failures] == ["broken.jpg"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert batch.summary() == "2 images, 2 faces: happy 1, neutral 1."
    with batch.table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["emotion"]) for row in rows] == [
        ("astronaut.jpg", "happy"),
        ("astronaut (2).jpg", "neutral"),
    ]
    assert all(path.exists() for path in batch.images)


def test_a_batch_of_damaged_photos_has_no_table(readers, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("words")
    batch = read_batch(readers, [str(broken)], "eight", 0.5, tmp_path)
    assert batch.table is None
    assert batch.summary() == "0 images, 0 faces."


def log_of(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_is_stored_without_consent(pair, tmp_path):
    flags = Flags(tmp_path / "flags", "abc")
    with pytest.raises(OptionError):
        flags.save(pair, 1, "sad", agreed=False)
    assert not (tmp_path / "flags").exists()


def test_the_lab_reads_the_corrections_with_their_labels(pair, readers, tmp_path):
    flags = Flags(tmp_path / "flags", readers.sha256)
    flags.save(pair, 1, "surprise", agreed=True)
    flags.save(pair, 2, "Trauer", agreed=True)
    faces = load(tmp_path / "flags", 48, shares=(1.0, 0.0, 0.0))
    assert sorted(EMOTIONS[label] for label in faces.labels) == ["sad", "surprise"]
    lines = log_of(tmp_path / "flags")
    assert [(line["label"], line["predicted"]) for line in lines] == [("surprise", "happy"), ("sad", "neutral")]
    assert lines[0]["model_sha256"] == readers.sha256
    assert float(lines[0]["happy"]) > 0.9
    assert all((tmp_path / "flags" / line["file"]).is_file() for line in lines)


def test_a_correction_stores_the_crop_of_the_network(pair, readers, tmp_path):
    kept = Flags(tmp_path, readers.sha256).save(pair, 1, "happy", agreed=True).file
    read = Reader(ReadOptions(detector="none")).read(kept)
    assert read[0].emotion == "happy"
    with Image.open(kept) as image:
        assert image.width == image.height >= 64
        assert image.mode == "RGB"


def test_two_clicks_keep_one_face(pair, tmp_path):
    flags = Flags(tmp_path, "abc")
    first, second = (flags.save(pair, 1, "fear", agreed=True) for _ in range(2))
    assert (first.new, second.new) == (True, False)
    assert len(list(tmp_path.rglob("*.png"))) == len(log_of(tmp_path)) == 1


def test_the_later_of_two_corrections_counts(pair, tmp_path):
    flags = Flags(tmp_path, "abc")
    for emotion in ("fear", "sad", "fear"):
        flags.save(pair, 1, emotion, agreed=True)
    assert [path.parent.name for path in tmp_path.rglob("*.png")] == ["fear"]
    assert [line["label"] for line in log_of(tmp_path)] == ["fear", "sad", "fear"]
    assert not (tmp_path / "sad").exists()  # the lab takes an empty class folder for a mistake


def test_a_truncated_log_continues_on_a_new_line(pair, tmp_path):
    flags = Flags(tmp_path, "abc")
    flags.save(pair, 1, "fear", agreed=True)
    log = tmp_path / LOG
    log.write_bytes(log.read_bytes().rstrip(b"\n"))
    flags.save(pair, 2, "sad", agreed=True)
    assert [line["label"] for line in log_of(tmp_path)] == ["fear", "sad"]


@pytest.mark.parametrize(("face", "emotion"), [(3, "sad"), (0, "sad"), (1, "hungry"), (1, "")])
def test_a_correction_without_a_face_is_refused(pair, tmp_path, face, emotion):
    with pytest.raises(OptionError):
        Flags(tmp_path, "abc").save(pair, face, emotion, agreed=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_raises_output_error(pair, tmp_path):
    (tmp_path / "flags").write_text("a file where the folder should be")
    with pytest.raises(OutputError):
        Flags(tmp_path / "flags", "abc").save(pair, 1, "sad", agreed=True)


def test_reach_depends_on_the_host_and_hides_paths_from_others():
    assert reach("127.0.0.1") is reach("localhost") is Reach.MACHINE
    assert reach("0.0.0.0") is Reach.NETWORK  # noqa: S104  # the case to tell apart
    assert reach("127.0.0.1", shared=True) is Reach.SHARED
    assert "/home" not in words.consent(Path("/home/ann/flags"), Reach.NETWORK)


def test_shown_images_keep_their_name(tmp_path):
    path = saved(photo_of(name="holiday.png"), tmp_path / "shown")
    assert path.name == "holiday-marked.jpg"


def test_a_photo_without_pixels_still_has_its_rows(pair):
    light = replace(pair, frame=replace(pair.frame, image=np.zeros((1, 1, 3), np.uint8)))
    assert light.rows() == pair.rows()


def test_others_are_masked_and_one_person_is_read(tmp_path, astronaut, hopper):
    from mien.drawing import COVER
    from mien.redaction import Privacy

    both = Image.new("RGB", (900, 512), (90, 90, 90))
    both.paste(Image.fromarray(astronaut.image).resize((300, 300)), (0, 100))
    both.paste(Image.fromarray(hopper.image).resize((512, 600)), (380, -60))
    both.save(tmp_path / "both.png")
    photo = Readers(privacy=Privacy(mask_others=True)).read(tmp_path / "both.png", "eight")
    assert [one.emotion for one in photo.readings] == ["neutral"]
    assert (photo.frame.image == COVER).all(2).sum() > 2000


def test_privacy_without_images_shows_text_only(tmp_path):
    from mien.redaction import Privacy

    readers = Readers(privacy=Privacy(no_image_output=True))
    photo = readers.read(IMAGES / "astronaut.jpg", "eight")
    assert photo.frame.image.size == 3
    assert "happy" in cards(photo)
    assert "<img" not in cards(photo)
    batch = read_batch(readers, [str(IMAGES / "astronaut.jpg")], "eight", 0.5, tmp_path)
    assert batch.images == ()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["faces.csv"]

"""Files of names, folders and patterns."""

import os
from pathlib import Path

import pytest

from mien.errors import SourceError
from mien.io.discovery import IMAGE_EXTENSIONS, find_images


@pytest.fixture
def photos(tmp_path, monkeypatch):
    names = ["10.jpg", "2.JPG", "1.png", "notes.txt", ".hidden.jpg", "._1.png", "deep/a.webp", "deep/er/b.tif"]
    for name in [*names, ".cache/c.jpg", "only deeper/x/d.jpg", "none/readme.md"]:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def found(*sources, recursive=False):
    return [path.as_posix() for path in find_images(sources, recursive=recursive)]


def test_a_folder_gives_its_images_in_natural_order(photos):
    assert found("photos") == ["photos/1.png", "photos/2.JPG", "photos/10.jpg"]


def test_a_folder_and_all_below_it(photos):
    assert found("photos", recursive=True) == [
        "photos/1.png",
        "photos/2.JPG",
        "photos/10.jpg",
        "photos/deep/a.webp",
        "photos/deep/er/b.tif",
        "photos/only deeper/x/d.jpg",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", ["photos/10.jpg"]),
        ("photos/*", ["photos/1.png", "photos/2.JPG", "photos/10.jpg"]),
        ("photos/?.*", ["photos/1.png", "photos/2.JPG"]),
        ("photos/[0-9].png", ["photos/1.png"]),
        ("photos/**/*.tif", ["photos/deep/er/b.tif"]),
        ("photos/*/*", ["photos/deep/a.webp"]),
        ("**/a.webp", ["photos/deep/a.webp"]),
    ],
)
def test_patterns(photos, pattern, expected):
    assert found(pattern) == expected


def test_an_absolute_pattern(photos):
    assert find_images([f"{photos}/*.jpg"], recursive=False) == [photos / "10.jpg"]


def test_a_named_file_is_taken_whatever_it_is_called(photos):
    assert found("photos/notes.txt", "photos/.hidden.jpg") == ["photos/notes.txt", "photos/.hidden.jpg"]


def test_order_is_kept_and_duplicates_go(photos):
    sources = ("photos/10.jpg", "photos", "./photos/1.png", "photos/deep/../2.JPG", str(photos / "1.png"))
    assert found(*sources) == ["photos/10.jpg", "photos/1.png", "photos/2.JPG"]


@pytest.mark.parametrize("name", ["[1].jpg", "what?.jpg" if os.name != "nt" else "what.jpg", "a [b] c.jpg", "写真.jpg"])
def test_names_with_wildcards_in_them(photos, name):
    (photos / "odd").mkdir()
    (photos / "odd" / name).touch()
    assert found(f"photos/odd/{name}") == [f"photos/odd/{name}"]
    assert found("photos/odd") == [f"photos/odd/{name}"]


def test_a_folder_named_like_a_pattern(photos):
    (photos / "[2024] *").mkdir()
    (photos / "[2024] *" / "é.jpg").touch()
    assert found("photos/[2024] *") == ["photos/[2024] */é.jpg"]


@pytest.mark.parametrize("source", ["", "nowhere", "nowhere/1.jpg", "photos/3.jpg"])
def test_missing_sources_are_errors(photos, source):
    with pytest.raises(SourceError) as caught:
        found("photos", source)
    assert caught.value.path == source


def test_a_folder_whose_images_lie_deeper(photos):
    with pytest.raises(SourceError) as caught:
        found("photos/only deeper")
    assert "--recursive" in caught.value.hint
    assert "d.jpg" in caught.value.hint


@pytest.mark.parametrize("recursive", [True, False])
def test_a_folder_without_images(photos, recursive):
    with pytest.raises(SourceError) as caught:
        found("photos/none", recursive=recursive)
    assert ".jpg" in caught.value.hint


@pytest.mark.parametrize("pattern", ["photos/*.xyz", "photos/*.txt"])
def test_a_pattern_without_a_match(photos, pattern):
    with pytest.raises(SourceError) as caught:
        found(pattern)
    assert caught.value.path == pattern


def test_a_folder_that_may_not_be_looked_into(photos, monkeypatch):
    real = os.scandir

    def scandir(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceError):
        found("photos", recursive=True)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_to_a_parent_folder_do_not_loop(photos):
    (photos / "deep" / "up").symlink_to(photos)
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")  # named, so that it is reported when it is read
    assert len(found("photos", recursive=True)) == 7
    assert found("photos/gone.jpg") == ["photos/gone.jpg"]  # named, so that reading it reports it


def test_extensions_are_lower_case_and_begin_with_a_dot():
    assert all(name == name.lower() and name.startswith(".") for name in IMAGE_EXTENSIONS)

import io
import json
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from mien import timeline
from mien.cli.timeline import timeline as command
from mien.drawing import COLORS
from mien.emotions import EMOTIONS
from mien.errors import OptionError, OutputError
from mien.report import Figure, Section
from mien.report.format import clock
from mien.timelines.bins import binned, stacked, tick_step
from mien.timelines.exports import figure
from mien.timelines.report import letters, report, shown
from mien.timelines.span_files import subtitles

from .conftest import steady, videos_of

TALK = [*["happy"] * 20, *[None] * 10, *["sad?"] * 20]


@pytest.fixture
def app():
    made = Typer()
    made.command()(command)
    return made


def run(app, *words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_bins_keep_every_second_exactly(table):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.02, 0.2, 300))
    words = rng.choice([*EMOTIONS, "sad?"], 300)
    (video,) = videos_of(table([(round(t, 3), {1: w}) for t, w in zip(times.tolist(), words.tolist())]))
    (track,) = video.tracks
    mean = np.average(track.probabilities, axis=0, weights=track.durations)
    for count in (1, 7, 1000):
        bins = binned(track, track.start_s, track.end_s, count)
        assert bins.seen.all()
        assert bins.probabilities.mean(0) == pytest.approx(mean, abs=1e-6)
        assert bins.probabilities.sum(1) == pytest.approx(1, abs=1e-3)


def test_a_gap_is_blank_and_unsure_is_faint(table):
    (video,) = videos_of(table(steady(TALK)))
    image = stacked(binned(video.tracks[0], 0, 5, 50), 10)
    assert image.shape == (10, 50, 4)
    assert (image[:, 20:30, 3] == 0).all()
    assert (image[:, :20, 3] == 255).all()
    assert (image[:, 30:, 3] > 0).all()
    assert (image[:, 30:, 3] < 255).all()
    happy = (image[:, 0, :3] == COLORS["happy"]).all(1)
    assert happy.mean() == pytest.approx(0.8, abs=0.11)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_figure_is_an_image_file(table, tmp_path, ending):
    videos = videos_of(table(steady(TALK), steady([None] * 3), steady(["happy"])))
    drawn = figure(videos, tmp_path / f"a.{ending}")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert drawn.startswith(start)
    assert drawn == figure(videos, tmp_path / f"a.{ending}")
    if ending == "png":
        pixels = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).reshape(-1, 3)
        assert (pixels == COLORS["happy"]).all(1).sum() > 1000


def test_six_videos_fit_one_page(table, tmp_path):
    people = [[(t, {1: "happy", 2: "sad"}) for t, _ in steady(TALK)] for _ in range(6)]
    image = Image.open(io.BytesIO(figure(videos_of(table(*people)), tmp_path / "a.png")))
    assert image.height < image.width


def test_videos_are_not_read_as_tables(tmp_path):
    (tmp_path / "my clip.mp4").touch()
    with pytest.raises(OptionError) as caught:
        timeline(tmp_path / "my clip.mp4")
    commands = [shlex.split(line) for line in caught.value.hint.splitlines()]
    assert [words[:2] for words in commands] == [["mien", "read"], ["mien", "timeline"]]
    assert commands[0][2] == str(tmp_path / "my clip.mp4")
    assert commands[0][-1] == commands[1][-1]


def test_names_with_dollars_are_no_formulas(table, tmp_path):
    path = table(steady(["happy"] * 3))
    path.write_text(path.read_text().replace("videos/0.mp4", "$a$ & <b>.mp4"))
    assert b"svg" in figure(videos_of(path), tmp_path / "a.svg")
    assert "$a$ &amp; &lt;b&gt;.mp4" in report(timeline(path)).to_html()


def test_a_video_without_faces_has_a_figure_and_a_report(table, tmp_path):
    path = table(steady([None] * 3))
    assert figure(videos_of(path), tmp_path / "a.png")
    assert not figures(report(timeline(path)).blocks[1:])


def test_tracks_beyond_fifty_are_counted(table):
    crowd = [(0.1 * i, {k: "happy" for k in range(60) if k >= i}) for i in range(8)]
    assert len(figures(report(timeline(table(crowd))).blocks[1:])) == 50


def figures(blocks):
    """All figures, also those in sections."""
    found = []
    for block in blocks:
        found += figures(block.blocks) if isinstance(block, Section) else [block] if isinstance(block, Figure) else []
    return found


class _Page(HTMLParser):
    """Collects what a browser would fetch, and sees that every tag is closed."""

    void = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.fetched, self.open = [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.fetched += [found[name] for name in ("src", "srcset") if name in found]
        if tag == "link":
            self.fetched.append(found["href"])
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(table):
    text = report(timeline(table(steady(TALK), steady(["sad"] * 5)), shortest_s=0.5)).to_html()
    page = _Page()
    page.feed(text)
    assert not page.open
    assert all(place.startswith("data:") for place in page.fetched)
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_subtitles_never_overlap_and_cover_what_was_seen(table):
    script = [(0.1 * i, {1: "happy"} | ({2: "sad?"} if 10 <= i < 30 else {})) for i in range(40)]
    text = subtitles(videos_of(table(script))).decode()
    times = re.findall(r"00:00:(\d\d),(\d{3}) --> 00:00:(\d\d),(\d{3})", text)
    assert [(int(a) * 1000 + int(b), int(c) * 1000 + int(d)) for a, b, c, d in times] == [
        (0, 1000),
        (1000, 3000),
        (3000, 4000),
    ]
    assert "1: happy 80%\n2: sad? 40%\n" in text
    assert text.startswith("1\n00:00:00,000 --> ")


def test_subtitles_of_one_face_need_no_number(table):
    assert b"\nhappy 80%\n" in subtitles(videos_of(table(steady(["happy"] * 5))))


def test_subtitles_belong_to_one_video(table):
    with pytest.raises(OptionError):
        subtitles(videos_of(table(steady(["happy"]), steady(["sad"]))))


def test_a_terminal_without_colors_gets_letters(table):
    console = Console(width=80, file=io.StringIO(), color_system=None)
    for part in shown(videos_of(table(steady(TALK))), console):
        console.print(part)
    text = console.file.getvalue()
    assert re.search(r"\bh+\.+\?+", text)
    assert "happy 50%" in text
    assert max(map(len, text.splitlines())) <= 80


def test_emotions_have_different_letters():
    assert len(set(letters(EMOTIONS).values())) == len(EMOTIONS)


def test_words():
    assert [clock(0), clock(59.6), clock(3599.6), clock(65.28, 1)] == ["0:00", "1:00", "1:00:00", "1:05.3"]
    assert [tick_step(s, 5) for s in (0.04, 9, 100, 3600, 1e9)] == [0.1, 2, 30, 900, 1e9]


def test_the_command_writes_everything(app, table, tmp_path):
    path = table(steady(TALK))
    outputs = {"--out": "r.html", "--figure": "f.svg", "--spans": "s.tsv", "--srt": "t.srt"}
    words = [word for option, name in outputs.items() for word in (option, tmp_path / "made" / name)]
    done = run(app, path, *words)
    assert done.exit_code == 0, done.output
    assert "0.mp4" in done.stdout
    assert {made.name for made in (tmp_path / "made").iterdir()} == set(outputs.values())
    lines = (tmp_path / "made" / "s.tsv").read_text().splitlines()
    assert lines[1].split("\t") == ["videos/0.mp4", "1", "0.000", "2.000", "2.000", "happy", "0.8000", "false", ""]
    with pytest.raises(OutputError):
        run(app, path, *words)
    assert run(app, path, *words, "--overwrite").exit_code == 0


def test_only_json_is_printed(app, table):
    done = run(app, table(steady(TALK)), "--json")
    assert json.loads(done.stdout)[0]["tracks"][0]["seen_s"] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--out", "r.pdf"], OptionError),
        (["--figure", "r.gif"], OptionError),
        (["--spans", "results.csv"], OptionError),
        (["--figure", "a.png", "--spans", "b.csv", "--srt", "c.txt"], OptionError),
        (["--spans", "results.csv/under.csv"], OutputError),
    ],
)
def test_impossible_outputs_are_refused(app, table, monkeypatch, words, error):
    path = table(steady(TALK))
    monkeypatch.chdir(path.parent)
    with pytest.raises(error):
        run(app, path, *words)
    assert [left.name for left in path.parent.iterdir()] == ["results.csv"]


def test_timelines_import_no_matplotlib():
    code = "import sys, mien.timelines.exports, mien.timelines.report; assert 'matplotlib' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

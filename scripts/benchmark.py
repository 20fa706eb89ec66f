"""How fast mien is on this machine, beside what a user would pick instead: the figures of ``docs/benchmarks.md``.

    python scripts/benchmark.py

The rival in the same run is the emotion network of the ONNX model zoo (VGG13 of Barsoum et al. 2016, 64 x 64 pixels) with
random weights: accuracy apart, it is what ``emotion_ferplus`` costs in onnxruntime.
"""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mien import Frame, Reader, ReadOptions
from mien.classify.network import EmotionNetwork
from mien.crop.align import cut
from mien.crop.prepare import network_input
from mien.models.catalogue import load_model
from mien.models.session import open_session
from mien.sources.still import read_still

EXAMPLES = Path(__file__).parents[1] / "examples"


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median duration, after three calls to warm up."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def vgg13() -> bytes:
    """The network of FER+'s authors with random weights."""
    rng = np.random.default_rng(0)
    nodes, constants, channels, last = [], [], 1, "pictures"

    def add(kind: str, shape: tuple[int, ...], **how: object) -> None:
        nonlocal last
        name = f"layer{len(nodes)}"
        weights = rng.normal(0, 0.05, shape).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"{name}_w"))
        nodes.append(helper.make_node(kind, [last, f"{name}_w"], [name], **how))
        nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
        last = f"{name}_relu"

    for width, depth in ((64, 2), (128, 2), (256, 3), (256, 3)):
        for _ in range(depth):
            add("Conv", (width, channels, 3, 3), pads=[1, 1, 1, 1])
            channels = width
        pooled = f"pool{len(nodes)}"
        nodes.append(helper.make_node("MaxPool", [last], [pooled], kernel_shape=[2, 2], strides=[2, 2]))
        last = pooled
    nodes.append(helper.make_node("Flatten", [last], ["flat"]))
    last = "flat"
    for shape in ((4096, 1024), (1024, 1024), (1024, 8)):
        add("MatMul", shape)
    nodes[-1].output[0] = "logits"
    inputs = [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 1, 64, 64])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 8])]
    graph = helper.make_graph(nodes, "vgg13", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return bytes(model.SerializeToString())


def crops() -> None:
    frame = read_still(EXAMPLES / "astronaut.png")
    (reading,) = Reader(ReadOptions(threads=1)).read(frame.image)
    card, weights = load_model("default")
    plain, flipped = (
        EmotionNetwork(card, open_session(weights, 1, "default"), "ferplus", None, flip) for flip in (False, True)
    )

    def one(network: EmotionNetwork) -> Callable[[], object]:
        return lambda: network.judge(network_input(cut(frame, reading.face, card.input.size)[None], card.input))

    rival = open_session(vgg13(), 1, "vgg13")
    face = np.zeros((1, 1, 64, 64), np.float32)
    rival_ms = milliseconds(lambda: rival.run(None, {"pictures": face}), 50)
    batch = np.zeros((64, 1, card.input.size, card.input.size), np.float32)
    rival_batch = np.zeros((64, 1, 64, 64), np.float32)
    rival_64 = 64_000 / milliseconds(lambda: rival.run(None, {"pictures": rival_batch}), 5)
    print("\none thread                     ms a face (batch 1)   faces a second (batch 64)   against VGG13")
    for name, network in (("mien", plain), ("mien, mirror image averaged", flipped)):
        ms = milliseconds(one(network), 200)
        many = 64_000 / milliseconds(lambda network=network: network.judge(batch), 15)
        print(f"{name:28s} {ms:12.2f} {many:26.0f} {rival_ms / ms:18.1f} x, {many / rival_64:.1f} x")
    print(f"{'VGG13 of the model zoo':28s} {rival_ms:12.2f} {rival_64:26.0f}")


def photos() -> None:
    """Photos of 640 x 480 with one to five faces, made of the two public-domain portraits."""
    portraits = [read_still(EXAMPLES / "astronaut.png").image[0:300, 70:370]]
    portraits.append(read_still(EXAMPLES / "grace_hopper.jpg").image[40:400, 80:440])
    with tempfile.TemporaryDirectory() as folder:
        for number in range(50):
            sheet = np.full((480, 640, 3), 100 + number, np.uint8)
            for place in range(1 + number % 5):
                side = 200 - 20 * (number % 3)
                y, x = divmod(place, 3)
                portrait = cv2.resize(portraits[(place + number) % 2], (side, side), interpolation=cv2.INTER_AREA)
                sheet[20 + y * 230 : 20 + y * 230 + side, 10 + x * 210 : 10 + x * 210 + side] = portrait
            cv2.imwrite(f"{folder}/{number:02}.jpg", sheet[..., ::-1])
        paths = sorted(Path(folder).iterdir())
        print("\n50 JPEG photos of 640 x 480, 150 faces: photos a second from file to readings")
        for threads in (1, 0):
            reader = Reader(ReadOptions(threads=threads))
            found = sum(len(readings) for readings in reader.read([str(p) for p in paths[:5]]))
            started = time.perf_counter()
            found = sum(len(readings) for readings in reader.read([str(p) for p in paths]))
            rate = len(paths) / (time.perf_counter() - started)
            print(f"  {'all threads' if threads == 0 else 'one thread':12s} {rate:6.1f}   ({found} faces found)")


def starts() -> None:
    def seconds(*arguments: str) -> float:
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    bare = seconds("-c", "pass")
    print("\nfrom a cold process, seconds (median of 5)")
    print(f"  python itself                    {bare:.2f}")
    print(f"  import mien                      {seconds('-c', 'import mien') - bare:.3f} more than python itself")
    print(f"  mien --help                      {seconds('-m', 'mien', '--help'):.2f}")
    photo = str(EXAMPLES / "astronaut.png")
    print(f"  mien read astronaut.png          {seconds('-m', 'mien', 'read', photo):.2f}")


def huge() -> None:
    frame = Frame(np.full((5774, 8660, 3), 90, np.uint8))
    for min_face in (20, 100):
        reader = Reader(ReadOptions(min_face=min_face))
        started = time.perf_counter()
        list(reader.read_frames([frame]))
        print(f"  50 megapixels, --min-face {min_face:<4d}    {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, {time.strftime('%Y-%m-%d')}")
    crops()
    photos()
    starts()
    huge()

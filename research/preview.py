"""Make the animated preview of the documentation.

    python research/preview.py docs/img/preview.webp

Two portraits in the public domain move; the left one is blurred for a second, so its readings abstain.
"""

import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import mien
from mien.drawing import COLORS

RATE, SECONDS, SIZE, STRIP = 10, 5, (480, 270), 60


def scene(left: Image.Image, right: Image.Image, second: float) -> Image.Image:
    """One frame of the video."""
    image = Image.new("RGB", SIZE, (64, 70, 84))
    blur = 6.5 * max(0.0, 1 - abs(second - 2.8) / 0.9)
    image.paste(left.filter(ImageFilter.GaussianBlur(blur)), (15 + round(14 * np.sin(second)), 30))
    if second >= 1:
        image.paste(right, (255 - round(10 * np.sin(second)), 30))
    return image


def main(target: str) -> None:
    """Write the preview."""
    examples = Path(__file__).parents[1] / "examples"
    left = Image.open(examples / "astronaut.png").convert("RGB").crop((110, 10, 340, 240)).resize((210, 210))
    right = Image.open(examples / "grace_hopper.jpg").convert("RGB").crop((90, 60, 450, 420)).resize((210, 210))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        with av.open(str(clip), "w") as container:
            stream = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            for number in range(RATE * SECONDS):
                container.mux(stream.encode(av.VideoFrame.from_image(scene(left, right, number / RATE))))
            container.mux(stream.encode())
        seen = list(mien.read_video(clip))
    strip = Image.new("RGB", (SIZE[0], STRIP), "white")
    draw, width, frames = ImageDraw.Draw(strip), SIZE[0] / len(seen), []
    for number, (frame, readings) in enumerate(seen):
        for reading in readings:
            top = 6 + 26 * ((reading.track_id or 1) - 1)
            color = "#ffffff" if reading.abstained else COLORS[reading.emotion]
            draw.rectangle((number * width, top, (number + 1) * width, top + 20), color, None)
            if reading.abstained:
                draw.line((number * width, top + 20, (number + 1) * width, top), "#999999")
        canvas = Image.new("RGB", (SIZE[0], SIZE[1] + STRIP))
        canvas.paste(Image.fromarray(mien.annotate(frame, readings)), (0, 0))
        canvas.paste(strip, (0, SIZE[1]))
        frames.append(canvas)
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=1000 // RATE, loop=0, quality=55, method=6)


if __name__ == "__main__":
    main(sys.argv[1])

"""Make the videos and tables of a small study from two photos: python examples/make_study.py FOLDER."""

import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
RATE = 10
#: For each participant, who is in sight and for how many seconds; None is an empty room.
PARTICIPANTS = {
    "P01": (("calm", 3), ("smile", 3)),
    "P02": (("calm", 3), ("calm", 1), ("smile", 2)),
    "P03": (("calm", 3), (None, 2), ("smile", 1)),
}


def face(name: str | None) -> np.ndarray:
    """A frame with a face, RGB, 240 x 320."""
    frame = np.full((240, 320, 3), 90, np.uint8)
    if name:
        file, box = {
            "calm": ("grace_hopper.jpg", (100, 60, 440, 400)),
            "smile": ("astronaut.png", (110, 20, 330, 240)),
        }[name]
        photo = Image.open(HERE / file).convert("RGB").crop(box).resize((200, 200))
        frame[20:220, 60:260] = np.asarray(photo)
    return frame


def make_video(path: Path, parts: tuple[tuple[str | None, int], ...]) -> None:
    """Write a video that shows one face after the other."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for name, seconds in parts:
            for _ in range(seconds * RATE):
                video.mux(stream.encode(av.VideoFrame.from_ndarray(face(name), format="rgb24")))
        video.mux(stream.encode())


def openface_table() -> str:
    """A table as OpenFace writes it for P02: cheek raiser and lip corner puller (a smile) from the fourth second on."""
    lines = ["frame, face_id, timestamp, confidence, success, AU06_r, AU12_r"]
    for frame in range(6 * RATE):
        smile = 3.5 if frame >= 4 * RATE else 0.2
        lines.append(f"{frame + 1}, 0, {frame / RATE:.3f}, 0.98, 1, {smile:.2f}, {smile:.2f}")
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write the study into a folder."""
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    lines = ["participant,condition,file,start,end,person"]
    for participant, parts in PARTICIPANTS.items():
        make_video(videos / f"{participant}.mp4", parts)
        lines.append(f"{participant},rest,{participant}.mp4,0:00,0:03,all")
        lines.append(f"{participant},film,{participant}.mp4,0:03,0:06,all")
    (folder / "study.csv").write_text("\n".join(lines) + "\n")
    (folder / "events.csv").write_text("onset,offset,label\n0,3,fixation\n3,6,film\n")
    (folder / "openface.csv").write_text(openface_table())
    (folder / "coder.csv").write_text("onset,offset,label\n0,3,calm\n3,4.5,calm\n4.5,6,joy\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Show a camera or video with boxes and emotions (extra "video"): python examples/webcam_overlay.py [CAMERA|VIDEO]"""

import sys

import cv2

import mien

source = sys.argv[1] if len(sys.argv) > 1 else "0"
with mien.watch(int(source) if source.isdigit() else source) as live:
    for frame, readings in live:
        cv2.imshow("mien (press q to stop)", mien.annotate(frame, readings)[..., ::-1])
        if cv2.waitKey(1) == ord("q"):
            break

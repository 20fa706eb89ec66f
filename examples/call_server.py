"""Read photos with a running server.

Start one with ``mien serve``, then: python examples/call_server.py photo.jpg [more.jpg ...]

Needs the extra serve: pip install '.[serve]'.
"""

import os
import sys

import mien

url = os.environ.get("MIEN_SERVER", "http://127.0.0.1:8000")
with mien.Client(url, key=os.environ.get("MIEN_KEY")) as client:
    for image in client.images(sys.argv[1:], min_confidence=0.5):
        if image.error:
            print(f"{image.source}: {image.error.detail}")
        for reading in image.readings:
            print(f"{image.source}: {reading.emotion} {reading.confidence:.0%}")

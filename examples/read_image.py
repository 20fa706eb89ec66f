"""Print the emotions in an image: python examples/read_image.py photo.jpg"""

import sys

import mien

for reading in mien.read(sys.argv[1]):
    if reading.abstained:
        print("unsure:", ", ".join(reason.value for reason in reading.abstain_reasons))
    print(f"{reading.emotion} {reading.confidence:.0%} at {[round(x) for x in reading.face.box.xyxy]}")
    for emotion, probability in reading.scores().items():
        print(f"  {emotion:<9}{probability:7.1%}")

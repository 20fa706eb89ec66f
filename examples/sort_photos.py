"""Copy photos into one folder per emotion: python examples/sort_photos.py photos/ sorted/

A photo goes to the emotion that most of its faces show; photos without a reliable reading go to "unsure".
"""

import shutil
import sys
from collections import Counter
from pathlib import Path

import mien

source, target = sys.argv[1], Path(sys.argv[2])
paths = [str(path) for path in mien.find_images([source])]
reader = mien.Reader()
for path, readings in zip(paths, reader.read(paths, errors="return"), strict=True):
    emotions = Counter(reading.emotion for reading in readings if not reading.abstained)
    folder = target / (emotions.most_common(1)[0][0] if emotions else "unsure")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder)
    print(path, "->", folder)

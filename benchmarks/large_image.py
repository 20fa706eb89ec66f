"""Seconds to search a photo of 50 megapixels for faces, by the smallest face: ``python benchmarks/large_image.py``."""

import time

import numpy as np

import mien

frame = mien.Frame(np.full((5774, 8660, 3), 90, np.uint8))
for min_face in (20, 100):
    reader = mien.Reader(mien.ReadOptions(threads=1, min_face=min_face))
    began = time.perf_counter()
    reader.detect(frame)
    print(f"faces from {min_face} pixels up: {time.perf_counter() - began:.1f} s")

"""Write the ranges that the detector's whole numbers are scaled by: ``src/mien/detect/centerface-ranges.json``.

    python research/detector_ranges.py PHOTOS...

Photos with faces of all sizes; each is shown at four sizes, none larger than a quick look: photos shown larger than they are
excite values that sharp ones do not, and the steps grow coarse. Takes the smallest and largest value of each activation.
"""

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx

from mien.detection.centerface import RANGES, layers, network_file, plain_model
from mien.detection.pyramid import to_blob
from mien.io.images import read_image
from mien.model.session import open_session

SIDES = (224, 320, 448, 640)


def main(paths: list[Path]) -> None:
    weights = network_file()
    model = plain_model(weights)
    source = model.graph.input[0].name
    names = sorted({name for layer in layers(model.graph) for name in (*layer.sources, layer.result)} - {source})
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = open_session(model.SerializeToString(), 1, "centerface.onnx")
    ranges = {source: [0.0, 255.0]}
    for path in paths:
        image = read_image(path).image
        for side in SIDES:
            scale = side / max(image.shape[:2])
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            blob = to_blob(np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8))
            for name, values in zip(names, session.run(names, {source: blob})):
                low, high = ranges.get(name, (np.inf, -np.inf))
                ranges[name] = [min(low, float(values.min())), max(high, float(values.max()))]
    rounded = {name: [round(value, 4) for value in ranges[name]] for name in (source, *names)}
    content = {"sha256": hashlib.sha256(weights).hexdigest(), "photos": len(paths), "ranges": rounded}
    RANGES.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{RANGES}: {len(rounded)} ranges from {len(paths)} photos")


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])

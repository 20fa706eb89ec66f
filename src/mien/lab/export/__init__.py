"""From a checkpoint to an ONNX file with its card. Needs torch."""

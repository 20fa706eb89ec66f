"""From a checkpoint to ONNX, int8 and torch's own programs, each with its card. Needs torch, but for int8."""

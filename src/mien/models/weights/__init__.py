"""The models that come with mien: ONNX weights, each with its card."""

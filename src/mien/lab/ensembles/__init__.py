"""Several trained models as one ONNX model: soft voting and stacking."""

"""Engineered features and scikit-learn's models on them, written as ordinary ONNX models."""

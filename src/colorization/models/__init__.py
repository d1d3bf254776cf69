"""Trained models as they are handed on: bundles, ONNX files, and those that are shipped."""

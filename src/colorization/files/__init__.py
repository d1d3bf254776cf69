"""Photographs of any kind and size, without PyTorch: read, shrink, paint, write."""

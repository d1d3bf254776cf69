"""Metrics: one file each, a pure function of prediction and truth with one value a photograph.

``measures`` has the table of them, and the torchmetrics.Metric that averages over photographs.
"""

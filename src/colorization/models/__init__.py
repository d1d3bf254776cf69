"""Trained models: read checkpoints and bundles, predict with them, describe and export them.

It also has the trivial baselines, and the results that a run leaves.
"""

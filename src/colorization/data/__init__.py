"""Datasets of photographs and rendered scenes, as batches of Lab on the device.

Other rooms use ``ColorDataModule``, the datasets, and ``read_photograph``.
"""

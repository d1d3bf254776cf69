"""Train a network and test its best checkpoint: the Lightning module, its Trainer, and resuming.

Other rooms use ``Colorizer``, ``load_colorizer``, ``train`` and ``build_parts``.
"""

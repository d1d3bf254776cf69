"""Objectives turn raw output into ab and give the loss of a training.

``perceptual`` and ``adversarial`` have terms that are added to an objective's loss.
"""

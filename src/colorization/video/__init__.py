"""Colour films: find shots, colour key frames, carry their colours through time, keep the sound.

``film`` reads and ``encoding`` writes; ``carrying`` and ``shot_colorizer`` work at a reduced size.
"""

"""Colour pictures of any size with a trained model, keeping their own lightness.

``photo_colorizer`` colours images in memory; ``album`` colours files, folders and patterns.
"""

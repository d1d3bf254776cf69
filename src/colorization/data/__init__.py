"""Photographs and rendered scenes, as batches of Lab on the device."""

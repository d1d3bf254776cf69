"""Score models and trivial baselines on datasets, and report what was found.

:func:`run.evaluate` does it all; the other files are its steps, from checkpoints to the page.
"""

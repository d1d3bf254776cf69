"""What ``python -m src.evaluate`` is made of, in the order in which it happens."""

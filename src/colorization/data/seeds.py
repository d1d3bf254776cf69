"""Seeds of random numbers that have nothing to do with each other."""

import hashlib


def derived(seed: int, purpose: str, *numbers: int) -> int:
    """Derive a seed in 0..2**63-1 from a run's seed, for one purpose and, say, one epoch.

    A hash, for a sum would make the second epoch of seed 0 the first of seed 1. All its bits are
    alike, for PyTorch's generator on the CPU takes the low 32 only.
    """
    said = repr((seed, purpose, *numbers)).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") >> 1

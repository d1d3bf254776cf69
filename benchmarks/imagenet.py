"""What an epoch of ImageNet would take, worked out from measured rates and stated assumptions."""

from typing import NamedTuple

from colorization.reports.tables import markdown

PHOTOGRAPHS = 1_300_000
BYTES = 3 * 128**2  # of a photograph at 128 px
GPU = 312e12  # FLOP/s in bfloat16 that an A100 is sold with
PER_MACHINE = 8  # GPUs
CORES = 16  # a GPU has, of its machine
DISK = 3e9  # bytes/s that a machine's own NVMe gives
SHARED = 2e9  # bytes/s that storage gives all machines together


class Network(NamedTuple):
    """FLOP of a training step for a photograph (torch's FlopCounterMode), and the share of a GPU's
    that it is assumed to reach."""

    flop: float
    share: float

    @property
    def rate(self) -> float:
        """Images/s of a GPU."""
        return self.share * GPU / self.flop


NETWORKS = {
    "network=paper": Network(28.05e9, 0.3),
    "network=unet network.width=24": Network(2.03e9, 0.1),  # few channels: bound by memory
}


def estimate(decode: float, build: float, read: float) -> str:
    """The estimate as Markdown.

    Args:
        decode, build: images/s of a CPU core that decodes, or decodes and writes.
        read: images/s of a process out of the mapped file.
    """
    rows = [
        [name, str(gpus), *cells(network.rate, gpus, decode, read)]
        for name, network in NETWORKS.items()
        for gpus in (1, 8, 64)
    ]
    header = ("network", "GPUs", "images/s wanted", "MB/s read", "cores to decode JPEG instead",
              "epoch", "what limits it")  # fmt: skip
    whole = PHOTOGRAPHS * BYTES / 1e9
    minutes = PHOTOGRAPHS / (build * CORES) / 60
    return (
        f"\n### An epoch of {PHOTOGRAPHS:,} photographs, estimated: no GPU was measured\n\n"
        f"{whole:.0f} GB as uint8 at 128 px. Measured here: a core decodes {decode:,.0f} images/s "
        f"({build:,.0f} with writing), a\nprocess reads {read:,.0f} out of a mapped file. "
        f"Assumed: an A100's {GPU / 1e12:.0f} TFLOP/s,\nof which the "
        f"paper's network reaches 30% and the U-Net 10%; {CORES} cores for each GPU; "
        f"{PER_MACHINE} GPUs in a machine;\n{DISK / 1e9:.0f} GB/s from its own disk, "
        f"{SHARED / 1e9:.0f} GB/s from storage that all share; on the GPU everything but loading\n"
        "from the mapped file, in one thread a GPU.\n\n"
        + markdown(header, rows)
        + f"\nDecoding once takes {minutes:.0f} minutes on {CORES} cores, if threads scale as from "
        "one core to two, which is as far as it was\nmeasured. At 64 GPUs what one process does "
        "once is longer than an epoch: the start of a network and the baselines look\nat 50,000 "
        "photographs on the CPU, and a checkpoint holds a digest of every photograph, 50 MB of "
        "them.\n"
    )


def cells(rate: float, gpus: int, decode: float, read: float) -> list[str]:
    """What so many GPUs would read, how long an epoch is, and what limits it."""
    machines = max(1, gpus // PER_MACHINE)
    limits = {
        "the GPUs": gpus * rate,
        "loading in one thread a GPU": gpus * read,
        "the machine's disk": machines * DISK / BYTES,
    }
    if machines > 1:
        limits["shared storage, unless each machine has a copy"] = SHARED / BYTES
    limit = min(limits, key=lambda name: limits[name])
    seconds = PHOTOGRAPHS / limits[limit]
    reached = limits[limit]
    epoch = f"{seconds / 60:.1f} min" if seconds > 90 else f"{seconds:.0f} s"
    megabytes = f"{reached * BYTES / 1e6:,.0f}"
    return [f"{gpus * rate:,.0f}", megabytes, f"{reached / decode:,.0f}", epoch, limit]

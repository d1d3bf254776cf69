"""Sum up the scores of folders: tables of the same photographs, pairs of methods, and findings."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from colorization.data.photographs import few, fingerprint
from colorization.evaluation.features import FeatureFile
from colorization.evaluation.folders import LIGHTNESS_OFF, WRAPPED_SHARE, Folders
from colorization.evaluation.measures import REBALANCED
from colorization.evaluation.protocols import Protocol
from colorization.evaluation.regions import PLACES, average_errors
from colorization.evaluation.rows import GRAY
from colorization.evaluation.score_folders import WRAPPED, Scored, Survey
from colorization.evaluation.scores import Scores, find_interval, resample_means
from colorization.metrics.realism import ENOUGH_FOR_FID
from colorization.metrics.weights import Weights

HIGHER = ("psnr", "ssim", "auc", REBALANCED)
LOWER = ("mse", "rmse", "rgb_absolute", "ciede2000", "colorfulness_error", "lpips")
TOLD = 0.5  # dB above the true PSNR, from which the mistaken one is told
COMPARED = ("psnr", "ciede2000")
"""Metrics that pairs of rows are compared by."""


def summarize_folders(
    folders: Folders,
    protocol: Protocol,
    surveyed: Survey,
    scored: Sequence[Scored],
    features: FeatureFile | None,
    weights: Mapping[str, Weights],
) -> dict[str, Any]:
    """Return all that ``scores.json`` holds of photographs, methods, tables and pairs.

    Pairs are of a method and any other row.
    """
    methods = {name: describe_method(name, folders, scored) for name in folders.methods}
    rows = list(dict.fromkeys(row for each in scored for row in each.rows))
    found = {
        "protocol": {
            "name": protocol.name,
            "title": protocol.title,
            "digest": protocol.digest,
            "fixed": protocol.fixed,
            "unknown": protocol.unknown,
        },
        "photographs": {
            "folder": str(folders.truth),
            "count": len(scored),
            "digest": fingerprint([surveyed.keys, surveyed.digests]),
            "near_gray": surveyed.near_gray,
            "trained_on": surveyed.trained_on,
            "unusable": surveyed.unusable,
            "other_names": [key for key in surveyed.keys if not protocol.has_name(key)],
        },
        "methods": methods,
        "tables": make_tables(rows, scored, features),
        "weights": {name: each._asdict() for name, each in weights.items()},
        "pairs": [
            pair
            for metric in COMPARED
            for one, other in list_pairs(rows, methods)
            if (pair := compare_pair(one, other, metric, scored))
        ],
        "kinds": compare_kinds(rows, scored),
        "equal": {
            row: equal
            for row in rows
            if (equal := [s.key for s in scored if np.isinf(s.rows.get(row, {}).get("psnr", 0))])
        },
    }
    return found | {"findings": list_findings(found, protocol)}


def list_pairs(rows: Sequence[str], methods: Collection[str]) -> list[tuple[str, str]]:
    """Pair every method with the rows that are none, and with the methods after it."""
    others = [row for row in rows if row not in methods]
    return [*product(methods, others), *combinations(methods, 2)]


def describe_method(name: str, folders: Folders, scored: Sequence[Scored]) -> dict[str, Any]:
    """Say what was noticed of a method's pictures."""
    notes = {each.key: each.notes[name] for each in scored}
    good = {key: note for key, note in notes.items() if "unusable" not in note}
    jpeg = [key for key in good if "jpeg" in good[key]]
    about: dict[str, Any] = {
        "folder": str(folders.methods[name]),
        "pictures": len(good),
        "unusable": {key: note["unusable"] for key, note in notes.items() if key not in good},
        "extra": len(folders.names[name].keys() - folders.true_names.keys()),
        "lightness": float(np.mean([n["lightness"] for n in good.values()])) if good else None,
        "lightness_off": [key for key, n in good.items() if n["lightness"] > LIGHTNESS_OFF],
        "wrapped": [key for key, n in good.items() if n["wrapped"] > WRAPPED_SHARE],
        "profiles": dict(Counter(n["profile"] for n in good.values() if "profile" in n)),
        "jpeg": jpeg,
    }
    by_key = {each.key: each for each in scored}
    told = [(rows[WRAPPED], rows.get("psnr", 0)) for rows in (by_key[k].rows[name] for k in good)]
    wrapped, psnr = np.mean(told, axis=0) if told else (0, 0)
    about[WRAPPED] = float(wrapped) if wrapped > psnr + TOLD else None
    if jpeg:
        loss = [
            estimate_jpeg_loss(by_key[key].rows[name]["psnr"], good[key]["jpeg"])
            for key in jpeg
            if "psnr" in by_key[key].rows[name]
        ]
        about["jpeg_loss"] = float(np.mean(loss)) if loss else None
    return about


def estimate_jpeg_loss(psnr: float, compression: float) -> float:
    """Estimate the dB that compression cost a picture.

    The squared errors of colour and of compression are taken as independent, so that they add.

    Args:
        psnr: of the compressed picture, dB.
        compression: squared error of the compressed truth, of 255 squared.
    """
    whole = 255**2 / 10 ** (psnr / 10)
    rest = max(whole - compression, whole / 100)  # at most 20 dB: it may be all compression
    return float(10 * np.log10(whole / rest)) if whole else 0.0


def make_tables(
    rows: Sequence[str], scored: Sequence[Scored], features: FeatureFile | None
) -> list[dict[str, Any]]:
    """Make a table of the rows that have all photographs, and one for each that lacks some.

    A row that lacks photographs stands beside the others on those that it has, never among rows
    that were scored on more.
    """
    lacking = {row: [each for each in scored if row in each.rows] for row in rows}
    whole = [row for row in rows if len(lacking[row]) == len(scored)]
    tables = [make_table("All photographs", whole, scored, features)]
    for row, present in lacking.items():
        if present and row not in whole:
            title = f"The {len(present)} of {len(scored)} photographs that {row} has"
            tables.append(make_table(title, [*whole, row], present, features))
    return tables


def make_table(
    title: str, rows: Sequence[str], scored: Sequence[Scored], features: FeatureFile | None
) -> dict[str, Any]:
    """Estimate the means of every metric of rows on the same photographs."""
    metrics = [metric for metric in scored[0].rows[rows[0]] if metric != WRAPPED]
    scores = Scores(metrics)
    for row in rows:
        values = {m: np.array([each.rows[row][m] for each in scored]) for m in metrics}
        scores.add(row, values)
    if REBALANCED in metrics:
        scores.weigh(REBALANCED, np.array([each.rarity for each in scored]))
    found: dict[str, dict[str, dict[str, float]]] = {
        row: {metric: estimate._asdict() for metric, estimate in scores.estimate(row).items()}
        for row in rows
    }
    if features:
        for row, of_row in found.items():
            distances = features.measure(row, [each.key for each in scored])
            of_row |= {metric: {"mean": value} for metric, value in distances.items()}
    areas = [each.areas for each in scored]
    return {
        "title": title,
        "photographs": len(scored),
        "scores": found,
        "areas": dict(zip(PLACES, np.mean(areas, axis=0).tolist(), strict=True)),
        "errors": {row: average_errors([s.errors[row] for s in scored], areas) for row in rows},
        "worse_than_gray": {
            row: float(np.mean(scores.column(row, "psnr") < scores.column(GRAY, "psnr")))
            for row in rows
            if "psnr" in metrics and row != GRAY
        },
    }


def compare_pair(
    one: str, other: str, metric: str, scored: Sequence[Scored]
) -> dict[str, Any] | None:
    """Compare two rows on the photographs that both have.

    Returns:
        The mean difference with its paired bootstrap interval, and the share of photographs on
        which the first is better; equal ones count half. None without such photographs.
    """
    both = [
        (each.rows[one][metric], each.rows[other][metric])
        for each in scored
        if one in each.rows and other in each.rows and metric in each.rows[one]
    ]
    if not both:
        return None
    values = np.array(both, np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where(values[:, 0] == values[:, 1], 0, values[:, 0] - values[:, 1])[:, None]
    low, high = np.full((2, 1), np.nan)
    if len(both) > 1:
        low, high = find_interval(resample_means(difference, np.ones_like(difference)))
    better = difference > 0 if metric in HIGHER else difference < 0
    return {
        "metric": metric,
        "first": one,
        "second": other,
        "photographs": len(both),
        "difference": {
            "mean": float(difference.mean()),
            "low": float(low[0]),
            "high": float(high[0]),
        },
        "win_rate": float(better.mean() + (difference == 0).mean() / 2),
    }


def compare_kinds(rows: Sequence[str], scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Average the PSNR of rows by the first folder of the photographs, where there are several."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in scored:
        kind = each.key.partition("/")[0] if "/" in each.key else ""
        for row in rows:
            if "psnr" in each.rows.get(row, {}):
                found.setdefault(kind, {}).setdefault(row, []).append(each.rows[row]["psnr"])
    if len(found) < 2:
        return {}
    return {
        kind: {row: float(np.mean(values)) for row, values in by_row.items()}
        for kind, by_row in found.items()
    }


def list_findings(found: Mapping[str, Any], protocol: Protocol) -> list[str]:
    """Say in sentences what is wrong or worth knowing, and what was done about it."""
    photographs, lines = found["photographs"], []
    count = photographs["count"]
    if protocol.count and count != protocol.count:
        lines.append(
            f"The protocol {protocol.name} is of {protocol.count:,} photographs, here are "
            f"{count:,}: these scores are not comparable with published ones."
        )
    if protocol.names and (other := photographs["other_names"]):
        lines.append(
            f"{len(other)} of {count:,} photographs: a name that the protocol {protocol.name} does "
            f"not have: {few(other)}."
        )
    of_fid = any("fid" in of_row for t in found["tables"] for of_row in t["scores"].values())
    if of_fid and count < ENOUGH_FOR_FID:
        lines.append(f"FID of fewer than {ENOUGH_FOR_FID:,} photographs is mostly bias.")
    inception = found["weights"].get("inception")
    if inception and protocol.sha256 and inception["sha256"] != protocol.sha256:
        lines.append(
            f"FID and KID are by other weights than the protocol {protocol.name} names: sha256 "
            f"{inception['sha256']}, not {protocol.sha256}. They are not comparable."
        )
    for key, what in (
        ("near_gray", "near-gray, left out, because any method would look good"),
        ("trained_on", "much like ones trained on, left out for all"),
        ("unusable", "cannot be used"),
    ):
        if names := list(photographs[key]):
            whole = count + sum(
                len(photographs[k]) for k in ("near_gray", "trained_on", "unusable")
            )
            lines.append(f"{len(names)} of {whole:,} true photographs: {what}: {few(names)}.")
    for name, equal in found["equal"].items():
        lines.append(
            f"{name}: {len(equal)} of {count:,} pictures: equal to the photograph: {few(equal)}. "
            "Their PSNR is infinite, so that its mean has no value."
        )
    for name, about in found["methods"].items():
        lines += [f"{name}: {line}" for line in describe_faults(about, count)]
    return lines


def describe_faults(about: Mapping[str, Any], count: int) -> list[str]:
    """Say what is wrong with a method's pictures."""
    lines = []
    by_reason: dict[str, list[str]] = {}
    for key, reason in about["unusable"].items():
        by_reason.setdefault(reason, []).append(key)
    for reason, keys in by_reason.items():
        lines.append(f"{len(keys)} of {count:,} pictures: {reason}; not scored: {few(keys)}.")
    if by_reason:
        lines.append("it stands in a table of its own, on the photographs that it has.")
    if about["extra"]:
        lines.append(f"pictures that fit no true photograph: {about['extra']}.")
    of = f"of {count:,} pictures"
    if off := about["lightness_off"]:
        lines.append(
            f"{len(off)} {of}: another lightness than the photograph, by more than "
            f"{LIGHTNESS_OFF:g} L* on average: {few(off)}. They are scored as they are: PSNR and "
            "CIEDE2000 count this too."
        )
    if wrapped := about["wrapped"]:
        lines.append(
            f"{len(wrapped)} {of}: values that wrapped around at 255 or 0: {few(wrapped)}. Clip "
            "before rounding to 8 bits."
        )
    for profile, number in about["profiles"].items():
        lines.append(f"{number} {of}: colour profile {profile}, converted to sRGB.")
    if jpeg := about["jpeg"]:
        loss = about.get("jpeg_loss")
        cost = "" if loss is None else f", which costs about {loss:.2f} dB of PSNR"
        lines.append(f"{len(jpeg)} {of}: JPEG-compressed{cost}: {few(jpeg)}. Hand in PNG.")
    return lines

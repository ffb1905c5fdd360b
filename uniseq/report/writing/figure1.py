"""Figure 1 of Chung & Kim: performance by epoch, and how histories and items spread meanwhile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uniseq.errors import DataError, UniseqError, printable
from uniseq.formatting import so_many_epochs
from uniseq.records.record import Record


@dataclass(frozen=True, slots=True)
class Curve:
    """One run in the figure.

    Args:
        where: its record's file, for messages.
        label: in the legend.
        record: of the run.
        cosines: whether its cosines are drawn; else it is in the first panel alone, as the
            unnormalised model of the paper's figure.
    """

    where: Path
    label: str
    record: Record
    cosines: bool = True


def draw_figure1(
    curves: Sequence[Curve],
    stem: Path,
    epochs: Sequence[int] | None = None,
    metric: str | None = None,
    history: str | None = None,
) -> list[Path]:
    """Draw the three panels, as ``stem.png`` and ``stem.svg``.

    Args:
        curves: the runs, at least one of them with its cosines.
        stem: of the pictures.
        epochs: whose cosines are drawn, counted from 0; None for the first and the last that all
            runs measured.
        metric: on the validation items; None for what early stopping of the first run watched.
        history: ``masked`` or ``unmasked``; None for what the first run watched.

    Returns:
        The pictures.

    Raises:
        UniseqError: when a record has not measured what is to be drawn, or two have one label.
    """
    import matplotlib
    from matplotlib.figure import Figure  # a figure without pyplot needs no display

    _check_labels(curves)
    spread = [(number, curve) for number, curve in enumerate(curves) if curve.cosines]
    epochs = common_epochs([curve for _, curve in spread]) if epochs is None else epochs
    measured = [measurement(curve, epoch) for _, curve in spread for epoch in epochs]
    watched = curves[0].record.config["ranking"]
    metric, history = metric or watched["monitor"], history or watched["history"]

    figure = Figure(figsize=(13, 5 + 0.35 * max(len(curves), len(measured))), layout="constrained")
    performance, *spreads = figure.subplots(1, 3)
    for number, curve in enumerate(curves):
        _draw_performance(performance, curve, f"val/{history}/{metric}", epochs, f"C{number}")
    performance.plot([], [], "o", color="grey", label="epochs of the cosines at the right")
    performance.set_title(f"Validation {metric} by epoch")
    performance.set_xlabel("epoch, counted from 0")
    performance.set_ylabel(f"{metric}, items of the history {_SHOWN[history]}")
    performance.xaxis.get_major_locator().set_params(integer=True)
    performance.set_ylim(bottom=0)
    for axes, kind in zip(spreads, ("histories", "items"), strict=True):
        for number, curve in spread:
            for epoch in epochs:
                style = "-" if epoch == max(epochs) else "--"
                _draw_cosines(axes, curve, measurement(curve, epoch), kind, f"C{number}", style)
        for dim in sorted({entry["dim"] for entry in measured}):
            _draw_uniform(axes, dim)
        axes.set_title(f"Cosines between {kind} after {in_words(epochs)}")
        axes.set_xlabel(f"cosine of a pair of {kind}")
        axes.set_ylabel("density of pairs, per unit of cosine")
        axes.set_xlim(-1, 1)
        axes.set_xticks([-1, -0.5, 0, 0.5, 1])
        axes.set_ylim(bottom=0)
    for axes in (performance, *spreads):
        axes.grid(alpha=0.3)
        # Below: a peak may stand anywhere in the panel.
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14))
    name = _plain(curves[0].record.dataset.get("name", "no data"))
    figure.suptitle(f"{name}: performance, and how embeddings spread over the unit sphere")
    pictures = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
    stem.parent.mkdir(parents=True, exist_ok=True)
    # Without a date and with ids from the content, the same records give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "uniseq"}):
        figure.savefig(pictures[0], dpi=150)
        figure.savefig(pictures[1], metadata={"Date": None})
    return pictures


_SHOWN = {"masked": "not recommended", "unmasked": "recommended too"}


def _plain(text: str) -> str:
    """Words that are drawn as they stand: matplotlib takes dollars for formulas."""
    text = printable(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text  # which a legend would leave out


def _check_labels(curves: Sequence[Curve]) -> None:
    labels = [curve.label for curve in curves]
    double = {label for label in labels if labels.count(label) > 1}
    if double:
        raise UniseqError(
            f"two runs are called {min(double)}: tell them apart with --labels, one for each record"
        )
    names = {curve.record.dataset.get("name", "no data"): curve.where for curve in curves}
    if len(names) > 1:
        (first, where), (second, other) = list(names.items())[:2]
        raise UniseqError(
            f"{where} is of {first} and {other} of {second}: draw the runs of one data set"
        )


def _epochs(curve: Curve) -> set[int]:
    measured = {int(entry["epoch"]) for entry in curve.record.sphere}
    if not measured:
        raise DataError(
            curve.where, "has no measurement of the sphere: train the run again with sphere=watch"
        )
    return measured


def in_words(epochs: Sequence[int]) -> str:
    """Epochs counted from 0 as so many that were trained: ``1 and 20 epochs``."""
    *others, last = sorted(epoch + 1 for epoch in epochs)
    before = f"{', '.join(map(str, others))} and " if others else ""
    return before + so_many_epochs(last)


def common_epochs(curves: Sequence[Curve]) -> list[int]:
    """The first and the last epoch that all runs measured; one where they are the same.

    Raises:
        UniseqError: when there is none.
    """
    common = set.intersection(*map(_epochs, curves))
    if not common:
        each = "; ".join(f"{curve.where}: {sorted(_epochs(curve))}" for curve in curves)
        raise UniseqError(
            f"no epoch was measured in all records ({each}): train with the same sphere.epochs"
        )
    return sorted({min(common), max(common)})


def measurement(curve: Curve, epoch: int) -> dict[str, Any]:
    """What a run measured after an epoch.

    Raises:
        DataError: when that is nothing.
    """
    epochs = _epochs(curve)
    if epoch not in epochs:
        raise DataError(
            curve.where, f"has not measured epoch {epoch}: choose --epoch from {sorted(epochs)}"
        )
    return next(entry for entry in curve.record.sphere if entry["epoch"] == epoch)


def _draw_performance(
    axes: Any, curve: Curve, name: str, measured: Sequence[int], colour: str
) -> None:
    rows = [row for row in curve.record.epochs if name in row]
    if not rows:
        keys = {key for row in curve.record.epochs for key in row if key.startswith("val/")}
        known = sorted(key.removeprefix("val/") for key in keys)
        raise DataError(
            curve.where,
            f"has no {name.removeprefix('val/')}: choose --history and --metric from "
            f"{', '.join(known)}",
        )
    epochs, values = [int(row["epoch"]) for row in rows], [row[name] for row in rows]
    axes.plot(epochs, values, color=colour, label=_plain(curve.label))
    for epoch in measured if curve.cosines else ():
        if epoch in epochs:  # others have no validation, or were not finished
            axes.plot(epoch, values[epochs.index(epoch)], "o", color=colour)


def density(
    curve: Curve, entry: dict[str, Any], kind: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Density of the cosines of pairs, in each bin, and the edges of the bins.

    Args:
        curve: the run, for messages.
        entry: one of its measurements.
        kind: ``histories`` or ``items``.

    Raises:
        DataError: when there were no pairs.
    """
    cosine = entry[kind]["cosine"]
    if cosine is None:
        raise DataError(
            curve.where,
            f"has no cosines of {kind} in epoch {entry['epoch']}: fewer than two of its "
            f"{entry[kind]['vectors']} vectors were not zero; choose another --epoch",
        )
    histogram = cosine["histogram"]
    counts = np.array(histogram["counts"], dtype=np.float64)
    edges = np.linspace(histogram["low"], histogram["high"], len(counts) + 1)
    return counts / counts.sum() / np.diff(edges), edges


def uniform_density(dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines, and their density for two vectors that are uniform on the sphere in d dimensions.

    p(c) = Γ(d/2) / (√π · Γ((d - 1)/2)) · (1 - c²)^((d - 3)/2), which has poles at ±1 for d = 2.

    Args:
        dim: d, at least 3.
    """
    scale = math.exp(math.lgamma(dim / 2) - math.lgamma((dim - 1) / 2)) / math.sqrt(math.pi)
    cosines = np.linspace(-1, 1, 401)
    return cosines, scale * (1 - cosines**2) ** ((dim - 3) / 2)


def _draw_cosines(
    axes: Any, curve: Curve, entry: dict[str, Any], kind: str, colour: str, style: str = "-"
) -> None:
    values, edges = density(curve, entry, kind)
    mean, uniformity = entry[kind]["cosine"]["mean"], entry[kind]["uniformity"]
    figures = f"mean {mean:.3f}, uniformity {uniformity:.2f}"
    after = so_many_epochs(entry["epoch"] + 1)
    label = f"{_plain(curve.label)}, after {after}\n{figures.replace('-', '−')}"
    if style == "-":
        axes.stairs(values, edges, color=colour, fill=True, alpha=0.15)
    axes.stairs(values, edges, color=colour, label=label, linestyle=style)


def _draw_uniform(axes: Any, dim: int) -> None:
    if dim < 3:
        return
    axes.plot(*uniform_density(dim), ":", color="black", label=f"uniform on the sphere, d = {dim}")

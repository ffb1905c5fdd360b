"""Curve of one run's training, drawn from its record."""

from pathlib import Path

from uniseq.records.record import Record


def draw_curve(record: Record, path: Path) -> Path:
    """Loss terms and validation metrics by epoch, as a PNG.

    Args:
        record: of a run with at least one epoch.
        path: the picture to write.
    """
    from matplotlib.figure import Figure  # a figure without pyplot needs no display

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, metrics = figure.subplots(1, 2)
    epochs = [epoch["epoch"] + 1 for epoch in record.epochs]
    validated = record.validated
    seen = [epoch["epoch"] + 1 for epoch in validated]
    marker = "o" if len(epochs) < 3 else None
    for name in record.epochs[0]:
        if name.startswith("train/"):
            values = [epoch[name] for epoch in record.epochs]
            losses.plot(epochs, values, label=name.removeprefix("train/"), marker=marker)
    monitor = record.config["ranking"]["monitor"]
    for history, style in (("masked", "-"), ("unmasked", "--")):
        values = [epoch[f"val/{history}/{monitor}"] for epoch in validated]
        metrics.plot(seen, values, style, label=f"validation, history {history}", marker=marker)
    if record.best_epoch is not None:
        metrics.axvline(record.best_epoch + 1, color="grey", linewidth=0.8, label="best epoch")
    for axes, title, unit in (
        (losses, "Training loss and its unweighted terms", "mean a triplet"),
        (metrics, f"Ranking against all items: {monitor}", monitor),
    ):
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.set_ylabel(unit)
        axes.grid(alpha=0.3)
        axes.legend()
    metrics.set_ylim(bottom=0)
    figure.suptitle(record.name)
    figure.savefig(path, dpi=120)
    return path

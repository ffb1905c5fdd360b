"""Accuracy per second of the two sample schemes, from the records of finished runs.

    python samples.py RECORD… [--output results/samples]

An epoch counts as long as the fastest tenth of its run took, so that a machine that was busy at
times does not decide. Writes a table (.md) and curves (.png).
"""

import argparse
import statistics
from pathlib import Path

from uniseq.records.record import Record
from uniseq.records.store import RECORD, read_record

SHARES = (0.9, 0.95, 0.99)


def pace(record: Record) -> float:
    """Seconds of an epoch, validation included: the median of the fastest tenth."""
    seconds = sorted(sum(epoch.values()) for epoch in record.timings["epochs"])
    return statistics.median(seconds[: max(1, len(seconds) // 10)])


def watched(record: Record) -> list[float]:
    """The watched figure by epoch."""
    return [epoch[record.watched] for epoch in record.epochs]


def label(record: Record) -> str:
    """Data set and scheme."""
    return f"{record.dataset['name']}, {record.config['dataset']['samples']}"


def row(record: Record, target: float) -> str:
    """One line: pace, length, figures, and seconds until shares of the data set's best figure."""
    seconds, figures = pace(record), watched(record)
    reached = []
    for share in SHARES:
        epoch = next((i for i, value in enumerate(figures, 1) if value >= share * target), None)
        reached.append("–" if epoch is None else f"{epoch * seconds:.0f}")
    test = record.test
    return (
        f"| {label(record)} | {seconds:.1f} | {record.best_epoch + 1} of {len(figures)} "
        f"| {len(figures) * seconds:.0f} | {max(figures):.4f} "
        f"| {test['masked/HR@10']:.4f} / {test['masked/NDCG@10']:.4f} "
        f"| {test['unmasked/HR@10']:.4f} / {test['unmasked/NDCG@10']:.4f} "
        f"| {' | '.join(reached)} |"
    )


def draw(records: list[Record], path: Path) -> None:
    """The watched figure against seconds, a panel each data set."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(record.dataset["name"] for record in records))
    figure = Figure(figsize=(5 * len(names), 4), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for record in records:
            if record.dataset["name"] == name:
                seconds, figures = pace(record), watched(record)
                x = [epoch * seconds for epoch in range(1, len(figures) + 1)]
                panel.plot(x, figures, label=record.config["dataset"]["samples"])
        panel.set(title=name, xlabel="seconds on one core", ylabel="validation NDCG@10, masked")
        panel.grid(alpha=0.3)
        panel.legend(loc="lower right")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print and write the table, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "samples"
    )
    options = parser.parse_args()
    files = [path / RECORD if path.is_dir() else path for path in options.records]
    records = [read_record(file) for file in files]
    best: dict[str, float] = {}
    for record in records:
        name = record.dataset["name"]
        best[name] = max(best.get(name, 0.0), *watched(record))
    shares = " | ".join(f"s to {share:.0%}" for share in SHARES)
    lines = [
        f"| | s an epoch | best epoch | s in all | validation NDCG@10 | test HR / NDCG@10 masked "
        f"| unmasked | {shares} of the better figure |",
        "|" + " --- |" * (7 + len(SHARES)),
        *(row(record, best[record.dataset["name"]]) for record in records),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    options.output.with_suffix(".md").write_text(text)
    draw(records, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()

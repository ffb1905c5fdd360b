"""Costs: what the runs took, and what they ran on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from uniseq.report.entries import Entry


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one run, or of several together.

    Args:
        runs: how many.
        epochs: that were trained.
        train: training.
        validation: ranking the validation items.
        wall: from the start of a run to its record.
        peak: the highest resident memory of a run in MiB; 0 where none was measured.
    """

    runs: int
    epochs: int
    train: float
    validation: float
    wall: float
    peak: float


def cost(runs: Iterable[Entry]) -> Cost:
    """What runs took together."""
    runs = list(runs)
    timings = [run.record.timings for run in runs]
    epochs = [epoch for timing in timings for epoch in timing.get("epochs", [])]
    return Cost(
        runs=len(runs),
        epochs=len(epochs),
        train=sum(epoch["train"] for epoch in epochs),
        validation=sum(epoch["validation"] for epoch in epochs),
        wall=sum(timing.get("wall_s", 0.0) for timing in timings),
        peak=max((timing.get("peak_memory_mb", 0.0) for timing in timings), default=0.0),
    )


def by_part(runs: Sequence[Entry]) -> dict[tuple[str, ...], Cost]:
    """The cost of all runs by data set, backbone and samples, failed ones included."""
    parts: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for run in runs:
        config = run.record.config
        backbone = str(config["backbone"]["_target_"]).rpartition(".")[2]
        samples = [str(config["dataset"]["samples"])] if "samples" in config["dataset"] else []
        parts[run.record.dataset.get("name", "no data"), backbone, *samples].append(run)
    return {part: cost(parts[part]) for part in sorted(parts)}


def versions(runs: Sequence[Entry]) -> list[tuple[str, int]]:
    """Each environment that runs were made in, in words, and how many, most frequent first."""
    return Counter(_environment(run) for run in runs).most_common()


def commit(run: Entry) -> str:
    """The commit in short, with a mark when the checkout had changes."""
    whole = run.record.environment.get("commit")
    if not whole:
        return "none"
    name = str(whole).partition("-")[0]
    return f"{name[:9]}{' + changes' if run.changed else ''}"


def _environment(run: Entry) -> str:
    seen = run.record.environment
    packages = seen.get("packages", {})
    parts = [
        f"uniseq {seen.get('uniseq', '?')}, commit {commit(run)}",
        f"Python {seen.get('python', '?')}",
        *(f"{name} {version}" for name, version in packages.items()),
        str(seen.get("platform", "?")),
        f"threads: {seen.get('threads', '?')}",
    ]
    return "; ".join(parts)

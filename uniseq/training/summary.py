"""Summary of a run when it ends: its table of figures, from the record alone."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from uniseq.records.record import Record


def metrics_table(record: Record, k: int) -> Table:
    """Test figures at ``k`` of the model and, below a line, of the rankings without training.

    HR, NDCG and the watched metric, as far as they are measured. A table each cut-off, so that
    both conventions stay side by side on a narrow screen.
    """
    watched = record.config["ranking"]["monitor"].partition("@")[0]
    names = [
        f"{metric}@{k}"
        for metric in dict.fromkeys(("HR", "NDCG", watched))
        if f"masked/{metric}@{k}" in record.test
    ]
    dataset = record.dataset
    users = dataset.get("ranked_users", {}).get("test", dataset["users"])
    # Not markup: a name may hold brackets and colons.
    table = Table(
        title=Text(f"{record.name}: test, {users:,} users × {dataset['items']:,} items"),
        caption="below the line: without training; masked: items of the user's history are not "
        "recommended; unmasked: they may be",
    )
    table.add_column("ranking")
    for history in ("masked", "unmasked"):
        for name in names:
            table.add_column(Text(f"{name}\n{history}"), justify="right")
    for row, metrics in {"model": record.test, **record.yardsticks}.items():
        figures = [
            f"{metrics[f'{history}/{name}']:.4f}"
            for history in ("masked", "unmasked")
            for name in names
        ]
        model = row == "model"
        table.add_row(
            Text(row.replace("_", " ")),
            *figures,
            style="bold" if model else None,
            end_section=model,
        )
    return table


def print_summary(record: Record, path: Path, curve: Path | None) -> None:
    """Print the tables, the picture's path and the record's path."""
    console = Console(soft_wrap=True, markup=False, emoji=False)
    for k in record.config["ranking"]["ks"]:
        console.print(metrics_table(record, k))
    seconds = record.timings["epochs"]
    trained = sum(epoch["train"] for epoch in seconds)
    ranked = sum(epoch["validation"] for epoch in seconds)
    console.print(
        f"{len(record.epochs)} epochs ({record.stopped}), best {record.best_epoch}; "
        f"{trained / len(seconds):.2f} s training and {ranked / len(seconds):.2f} s validation "
        f"an epoch, {record.timings['wall_s']:.0f} s in all, "
        f"peak memory {record.timings['peak_memory_mb']:.0f} MB"
    )
    if curve is not None:
        console.print(f"curve:  {curve}", highlight=False)
    console.print(f"record: {path}", highlight=False)

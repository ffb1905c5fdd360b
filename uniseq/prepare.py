"""Prepare a data set and print its statistics: ``python -m uniseq.prepare dataset=amazon``.

Takes the overrides of ``uniseq.run``; those that have no bearing on the data set have no effect.
"""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from uniseq.cli import ending, own_classes
from uniseq.config.help import ASKED, config_help
from uniseq.config.recipes import compose
from uniseq.data.sequences import Sequences
from uniseq.data.statistics import statistics

WHAT = (
    "Prepares a data set and prints its statistics. It takes the overrides of uniseq.run; those "
    "that have no bearing on the data set have no effect."
)


def prepare(overrides: Sequence[str]) -> Sequences:
    """The histories that a run with these overrides reads, before they are split.

    Raises:
        UniseqError: on config or data that cannot be used.
    """
    return compose(*overrides).data.sequences


def statistics_table(sequences: Sequences) -> Table:
    """One line of the table of data sets, as in the paper's appendix."""
    figures = statistics(sequences)
    table = Table(caption=f"fingerprint {sequences.fingerprint}")
    table.add_column("data set")
    for column in ("users", "items", "interactions", "mean length", "sparsity"):
        table.add_column(column, justify="right")
    table.add_row(
        sequences.name,
        f"{figures.users:,}",
        f"{figures.items:,}",
        f"{figures.interactions:,}",
        f"{figures.mean_length:.2f}",
        f"{figures.sparsity:.2%}",
    )
    return table


def main() -> None:
    """The command line. Exit status 1 and a line a fault on input that cannot be used."""
    own_classes()
    with ending():
        if ASKED & set(sys.argv):
            print(config_help("uniseq.prepare", WHAT, sys.argv[1:], ["dataset"]))
            return
        console = Console(soft_wrap=True, markup=False, emoji=False)
        console.print(statistics_table(prepare(sys.argv[1:])))


if __name__ == "__main__":
    main()

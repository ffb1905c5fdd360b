"""Make the W&B dashboard of runs: ``python -m uniseq.dashboard --group beauty --dry-run``."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from uniseq.cli import ending
from uniseq.errors import UniseqError


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1, and one line, where W&B does not take it."""
    options = _parser().parse_args(arguments)
    with ending():
        print(_describe(options) if options.dry_run else _save(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.dashboard",
        description="Make a W&B report of runs with logger=wandb: learning curves by objective, "
        "loss terms, cosines of histories and items, test figures, the table of runs. Runs that "
        "are added later appear in it too.",
    )
    parser.add_argument("--project", default="uniseq", help="of the runs (default: uniseq)")
    parser.add_argument("--entity", help="owner of the project (default: the account's own)")
    parser.add_argument(
        "--group", nargs="+", default=[], help="W&B groups, such as beauty toys (default: all)"
    )
    parser.add_argument(
        "--by",
        nargs="+",
        default=[],
        metavar="KEY",
        help="more keys of the config, such as optimizer.lr; runs that agree on them, on group, "
        "backbone, loss, similarity, L_rec and the weights are averaged",
    )
    parser.add_argument("--k", type=int, default=10, help="cut-off of the metrics (default: 10)")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the report as JSON; needs neither account nor network",
    )
    return parser


def _describe(options: argparse.Namespace) -> str:
    report = _report(options, options.entity or "")  # None would ask W&B
    model = report._to_model()  # what saving sends; there is no public way to it
    return str(model.model_dump_json(by_alias=True, exclude_none=True, indent=2))


def _save(options: argparse.Namespace) -> str:
    """Save the report and return its address.

    Raises:
        UniseqError: whatever W&B stumbled over, as it raises plain exceptions too.
    """
    try:
        return str(_report(options, options.entity).save().url)
    except UniseqError:
        raise
    except Exception as error:
        cause = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise UniseqError(
            f"W&B did not take the dashboard: {cause}. Run `wandb login`, check the network, "
            "--entity and --project; --dry-run does without"
        ) from error


def _report(options: argparse.Namespace, entity: str | None) -> Any:
    try:
        wandb_report = importlib.import_module("uniseq.loggers.wandb_report")
    except ModuleNotFoundError as error:
        raise UniseqError(
            f"there is no package {error.name}; pip install 'uniseq-rec[wandb]'"
        ) from error
    by = (*wandb_report.OBJECTIVE, *options.by)
    return wandb_report.build_report(options.project, entity, options.group, by, options.k)


if __name__ == "__main__":
    main()

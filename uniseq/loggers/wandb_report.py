"""W&B report of runs: learning curves, loss terms, cosines, test figures, the table of runs."""

from collections.abc import Sequence
from typing import Any

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces import expr

# What tells objectives apart besides backbone, loss and similarity, which are the runs' job type.
OBJECTIVE = ("loss.rec._target_", "loss.beta", "loss.beta1", "loss.beta2")
METRICS = ("NDCG", "HR")
HISTORIES = {"masked": "history masked", "unmasked": "history not masked"}
TERMS = {
    "loss": "L, the whole objective",
    "rec": "L_rec",
    "hom": "L_hom, not weighted",
    "het": "L_het, not weighted",
}
VECTORS = ("histories", "items")
SPREAD = {"cosine/mean": "mean cosine", "uniformity": "uniformity"}
WIDTH, HEIGHT = 12, 8  # of a panel; a row is 24 wide


def build_report(
    project: str,
    entity: str | None = None,
    groups: Sequence[str] = (),
    by: Sequence[str] = OBJECTIVE,
    k: int = 10,
) -> wr.Report:
    """The report, not saved yet.

    Args:
        project: where the runs are, and where it goes.
        entity: owner of the project; None asks W&B for the account's own.
        groups: W&B groups whose runs it shows; all of them when empty.
        by: keys of the config. Runs that agree on them, on group, backbone, loss and similarity
            are one curve and one bar, their mean.
        k: cut-off of the metrics.
    """

    def grid(panels: Sequence[Any], *, each: bool = False, table: bool = True) -> wr.PanelGrid:
        for place, panel in enumerate(panels):
            row, column = divmod(place, 2)
            panel.layout = wr.Layout(x=WIDTH * column, y=HEIGHT * row, w=WIDTH, h=HEIGHT)
        runs = _runs(groups, by, k, each)  # of its own, as W&B addresses them by an id
        return wr.PanelGrid(runsets=[runs], panels=list(panels), hide_run_sets=not table)

    owner = {} if entity is None else {"entity": entity}
    return wr.Report(
        project=project,
        **owner,
        title=f"{project}: {', '.join(groups) or 'all runs'}",
        width="fluid",
        blocks=[
            wr.H1("Learning curves"),
            grid(_curves(k), table=False),
            wr.H1("The loss and its terms"),
            grid([_by_epoch(told, f"train/{term}") for term, told in TERMS.items()], table=False),
            wr.H1("Cosines of histories and items"),
            wr.P("Of the runs with sphere=watch: first each run at its last measurement."),
            grid([_density(vectors) for vectors in VECTORS], each=True),
            grid(_spread(), table=False),
            wr.H1("Test figures"),
            wr.P("At the epoch that was best on the validation items."),
            grid(_bars(k)),
        ],
    )


def _runs(groups: Sequence[str], by: Sequence[str], k: int, each: bool) -> wr.Runset:
    """Which runs a grid shows, one by one or averaged, and the columns of their table."""
    test = [f"test/{history}/{metric}@{k}" for history in HISTORIES for metric in METRICS]
    keys = [key.partition(".") for key in ("seed", *by)]
    return wr.Runset(
        name="each run" if each else "mean of runs alike in the columns' keys",
        filters=expr.And(expr.Metric("Group").isin(list(groups))) if groups else "",
        groupby=[] if each else ["group", "jobType", *(f"config.{key}" for key in by)],
        order=[wr.OrderBy(wr.SummaryMetric(test[0]))],
        visible_columns=[
            *(f"summary:{name}" for name in test),
            *(f"config:{first}.value{dot}{rest}" for first, dot, rest in keys),
            "run:state",
        ],
        lock_columns=True,
    )


def _curves(k: int) -> list[wr.LinePlot]:
    return [
        _by_epoch(f"{metric}@{k}, validation, {told}", f"val/{history}/{metric}@{k}")
        for metric in METRICS
        for history, told in HISTORIES.items()
    ]


def _spread() -> list[wr.LinePlot]:
    return [
        _by_epoch(f"{told} of {vectors}", f"sphere/{vectors}/{name}")
        for name, told in SPREAD.items()
        for vectors in VECTORS
    ]


def _bars(k: int) -> list[wr.BarPlot]:
    return [
        wr.BarPlot(
            title=f"{metric}@{k}, test, {told}",
            metrics=[f"test/{history}/{metric}@{k}"],
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
        )
        for metric in METRICS
        for history, told in HISTORIES.items()
    ]


def _by_epoch(title: str, metric: str) -> wr.LinePlot:
    return wr.LinePlot(
        title=title,
        x="epoch",
        y=[metric],
        title_x="epoch",
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
    )


def _density(vectors: str) -> wr.CustomChart:
    """A curve for each run, from its table: W&B draws a histogram on the page of its run alone."""
    return wr.CustomChart(
        query={
            "summaryTable": {"tableKey": f"sphere/{vectors}/cosine/table"},
            "_defaultColorIndex": None,
        },
        chart_name="wandb/line/v0",
        chart_fields={"x": "cosine", "y": "density"},
        chart_strings={"title": f"cosines of pairs of {vectors}"},
    )

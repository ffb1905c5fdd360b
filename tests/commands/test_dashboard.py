"""The W&B dashboard shows what runs really log."""

import csv
import json
import sys
from types import SimpleNamespace

import pytest

from tests.config_runs import run
from tests.loggers.wandb_files import offline_run
from uniseq.dashboard import main

WATCHED = ("sphere=watch", "sphere.epochs=[0]", "trainer=smoke")


@pytest.fixture
def reports():
    return pytest.importorskip("wandb_workspaces.reports.v2")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A record, and the names in the log, of a run with every term of the objective."""
    folder = tmp_path_factory.mktemp("logged")
    record = run(folder, *WATCHED)
    with (folder / "metrics.csv").open() as file:
        return record, set(next(csv.reader(file)))


def described(capsys, *arguments):
    main(["--dry-run", *arguments])
    return json.loads(capsys.readouterr().out)


def grids(report):
    return [
        block["metadata"] for block in report["spec"]["blocks"] if block["type"] == "panel-grid"
    ]


def panels(report, kind):
    return [
        panel["config"]
        for grid in grids(report)
        for panel in grid["panelBankSectionConfig"]["panels"]
        if panel["viewType"] == kind
    ]


def test_curves_and_bars_are_of_what_a_run_logs(reports, logged, capsys):
    _, names = logged
    report = described(capsys)
    curves, bars = panels(report, "Run History Line Plot"), panels(report, "Bar Chart")
    assert {curve["xAxis"] for curve in curves} == {"epoch"}
    curves = {name for curve in curves for name in curve["metrics"]}
    bars = {name for bar in bars for name in bar["metrics"]}
    assert curves | bars | {"epoch"} <= names
    at_ten = {f"{h}/{metric}@10" for h in ("masked", "unmasked") for metric in ("HR", "NDCG")}
    assert {f"val/{name}" for name in at_ten} <= curves
    assert {name for name in names if name.startswith("train/")} <= curves
    assert bars == {f"test/{name}" for name in at_ten}


def test_runs_are_averaged_by_keys_of_their_config_and_tabulated(reports, logged, capsys):
    record, names = logged
    report = described(capsys, "--group", "beauty", "toys")
    tabulated = grids(report)[-1]
    assert not tabulated["hideRunSets"]
    (runs,) = tabulated["runSets"]
    (chosen,) = runs["filters"]["filters"]
    assert chosen["key"] == {"section": "run", "name": "group"}
    assert (chosen["op"], chosen["value"]) == ("IN", ["beauty", "toys"])
    group, kind, *keys = runs["grouping"]
    assert [group["name"], kind["name"]] == ["group", "jobType"]
    columns = runs["runFeed"]["columnOrder"]
    configured = [column[7:] for column in columns if column.startswith("config:")]
    assert configured == ["seed.value", *(key["name"] for key in keys)]
    found = []
    for key in configured:
        value = record.config
        first, _, *rest = key.split(".")
        for name in (first, *rest):
            value = value[name]
        found.append(value)
    assert found == [0, "uniseq.losses.bce.BCELoss", 0.05, None, None]
    summaries = {column[8:] for column in columns if column.startswith("summary:")}
    assert summaries == {name for name in names if name.startswith("test/") and "MRR" not in name}
    addresses = [runs["id"] for grid in grids(report) for runs in grid["runSets"]]
    assert len(set(addresses)) == len(addresses)


def test_cosines_are_drawn_from_the_tables_that_a_run_leaves(
    reports, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("WANDB_SILENT", "true")
    run(tmp_path, "logger=wandb", *WATCHED)
    left = offline_run(tmp_path)
    charts = panels(described(capsys), "Vega2")
    drawn = set()
    for chart in charts:
        (query,) = chart["userQuery"]["queryFields"]
        (table,) = (field for field in query["fields"] if field["name"] == "summaryTable")
        key = table["args"][0]["value"]
        drawn.add(key)
        (folder,) = (tmp_path / "wandb").glob("offline-run-*")
        content = json.loads((folder / "files" / left.summary[key]["path"]).read_text())
        assert set(chart["fieldSettings"].values()) <= set(content["columns"])
    assert drawn == {"sphere/histories/cosine/table", "sphere/items/cosine/table"}


def test_the_arguments_reach_the_report(reports, capsys):
    arguments = ("--project", "mine", "--entity", "me", "--by", "optimizer.lr", "--k", "20")
    report = described(capsys, *arguments)
    assert report["project"] == {"name": "mine", "entityName": "me"}
    (runs,) = grids(report)[0]["runSets"]
    assert runs["grouping"][-1] == {"section": "config", "name": "optimizer.value.lr"}
    assert {"section": "config", "name": "loss.value.beta"} in runs["grouping"]
    assert runs["filters"]["filters"] == []
    assert panels(report, "Bar Chart")[0]["metrics"] == ["test/masked/NDCG@20"]


def test_a_dry_run_does_not_ask_w_and_b(reports, monkeypatch, capsys):
    import wandb

    def refuse(*arguments, **named):
        raise AssertionError("asked W&B")

    monkeypatch.setattr(wandb, "Api", refuse)
    assert described(capsys)["displayName"] == "uniseq: all runs"


def test_without_an_account_it_says_what_to_do(reports, monkeypatch, capsys):
    import wandb

    def refuse(*arguments, **named):
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "Api", refuse)
    for entity in ([], ["--entity", "me"]):
        with pytest.raises(SystemExit, match="1"):
            main(entity)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: W&B did not take the dashboard: not logged in")
        assert "Run `wandb login`" in line


def test_a_saved_report_is_named_by_its_address(reports, monkeypatch, capsys):
    address = "https://wandb.ai/me/uniseq/reports/uniseq--1"
    monkeypatch.setattr(reports.Report, "save", lambda report: SimpleNamespace(url=address))
    main(["--entity", "me"])
    assert capsys.readouterr().out == f"{address}\n"


def test_without_the_package_it_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    monkeypatch.delitem(sys.modules, "uniseq.loggers.wandb_report", raising=False)
    with pytest.raises(SystemExit, match="1"):
        main(["--dry-run"])
    assert "pip install 'uniseq-rec[wandb]'" in capsys.readouterr().err

import io

import pytest
from rich.console import Console

from uniseq.records.record import Record
from uniseq.training.curve import draw_curve
from uniseq.training.summary import metrics_table, print_summary

FIGURES = {
    f"{side}/{metric}@{k}": value * k / 10
    for k in (5, 10)
    for side, factor in (("masked", 1.0), ("unmasked", 0.5))
    for metric, value in (("HR", 0.4 * factor), ("NDCG", 0.2 * factor))
}
YARDSTICKS = ("popularity", "own_history", "markov", "item_knn", "optimum")


@pytest.fixture
def record():
    return Record(
        status="finished",
        name="mine",
        config={"ranking": {"ks": [5, 10], "history": "masked", "monitor": "NDCG@10"}},
        config_hash="0",
        seed=0,
        dataset={"users": 1200, "items": 34},
        epochs=[
            {
                "epoch": e,
                "train/loss": 2.0 - e,
                "val/masked/NDCG@10": e / 10,
                "val/unmasked/NDCG@10": 0,
            }
            for e in range(3)
        ],
        best_epoch=2,
        stopped="cap of 3 epochs reached",
        test=FIGURES,
        yardsticks={
            row: {name: value / 8 for name, value in FIGURES.items()} for row in YARDSTICKS
        },
        timings={
            "epochs": [{"train": 2.0, "validation": 1.0}] * 3,
            "wall_s": 10.0,
            "peak_memory_mb": 500.0,
        },
    )


def printed(table, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def cells(text):
    """Label and figures of each row."""
    lines = [line.split("│")[1:-1] for line in text.splitlines() if line.count("│") > 4]
    return [(label.strip(), [figure.strip() for figure in figures]) for label, *figures in lines]


@pytest.mark.parametrize(
    ("k", "model", "others"),
    [
        (5, ["0.2000", "0.1000", "0.1000", "0.0500"], ["0.0250", "0.0125", "0.0125", "0.0063"]),
        (10, ["0.4000", "0.2000", "0.2000", "0.1000"], ["0.0500", "0.0250", "0.0250", "0.0125"]),
    ],
)
@pytest.mark.parametrize("width", [60, 100])
def test_the_table_shows_the_model_above_the_yardsticks_in_both_conventions(
    record, k, model, others, width
):
    text = printed(metrics_table(record, k), width)
    names = ["popularity", "own history", "markov", "item knn", "optimum"]
    assert cells(text) == [("model", model), *((name, others) for name in names)]
    assert "1,200 users × 34 items" in text
    lines = text.splitlines()
    below = 1 + next(at for at, line in enumerate(lines) if "model" in line)
    assert lines[below].startswith("├─")
    assert "without training" in text


def test_the_table_shows_the_watched_metric_too_and_only_what_is_measured(record):
    of_one = {"masked/RBP@10": 0.3, "unmasked/RBP@10": 0.1, "masked/MRR@10": 0.0}
    record.config["ranking"]["monitor"] = "RBP@5"
    record.test, record.yardsticks = of_one, {"markov": of_one}
    text = printed(metrics_table(record, 10))
    assert cells(text) == []  # two columns of figures are too few for the rows that cells reads
    rows = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert [[part.strip() for part in row] for row in rows] == [
        ["model", "0.3000", "0.1000"],
        ["markov", "0.3000", "0.1000"],
    ]


def test_the_summary_names_seconds_and_files(record, tmp_path, capsys):
    print_summary(record, tmp_path / "record.json", tmp_path / "curve.png")
    text = capsys.readouterr().out
    assert [label for label, _ in cells(text)].count("model") == 2  # a table each cut-off
    assert "3 epochs (cap of 3 epochs reached), best 2" in text
    assert "2.00 s training and 1.00 s validation an epoch" in text
    assert f"record: {tmp_path / 'record.json'}" in text
    assert f"curve:  {tmp_path / 'curve.png'}" in text


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_curve_is_a_picture_also_of_one_epoch_and_of_negative_losses(record, tmp_path, epochs):
    record.epochs = record.epochs[:epochs]
    picture = draw_curve(record, tmp_path / "curve.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_the_title_counts_the_users_that_were_ranked(record):
    record.dataset["ranked_users"] = {"validation": 7, "test": 5}
    assert "test, 5 users × 34 items" in printed(metrics_table(record, 10))


@pytest.mark.parametrize("name", ["runs[v2]", "a[/b]c", "beta:100:x", "[bold]"])
def test_names_and_paths_are_no_markup(record, tmp_path, capsys, name):
    record.name, record.stopped = name, f"no better {name}"
    record.yardsticks[name] = FIGURES
    print_summary(record, tmp_path / name / "record.json", None)
    text = capsys.readouterr().out
    assert f"{name}: test" in text
    assert f"(no better {name})" in text
    assert f"record: {tmp_path / name / 'record.json'}" in text
    assert name in [label for label, _ in cells(text)]

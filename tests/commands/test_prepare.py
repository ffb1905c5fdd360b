import sys

import pytest

from tests.data.cases import make_sequences
from uniseq import prepare
from uniseq.data.statistics import statistics


def test_the_statistics_of_a_small_data_set():
    figures = statistics(make_sequences([[0, 1, 2], [3, 3, 1, 0, 2]], num_items=4))
    assert (figures.users, figures.items, figures.interactions) == (2, 4, 8)
    assert figures.mean_length == 4.0
    assert figures.sparsity == 0.0
    assert statistics(make_sequences([[0, 1]], num_items=8)).sparsity == 0.75


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command line and gives what it printed."""
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "cache"))

    def run(*overrides):
        monkeypatch.setattr(sys, "argv", ["prepare", *overrides])
        try:
            prepare.main()
        except SystemExit as status:
            assert status.code == 1
            return capsys.readouterr().err
        return capsys.readouterr().out

    return run


def ratings(folder):
    lines = [f"u{u},i{(u + step) % 9},5.0,{step}\n" for u in range(9) for step in range(5)]
    (folder / "ratings_Mini.csv").write_text("".join(lines))


RATINGS = (
    "dataset=amazon",
    "dataset.source.reader._target_=uniseq.data.sources.readers.AmazonRatings",
    "dataset.source.file=ratings_Mini.csv",
)


def test_a_raw_file_gives_the_table(tmp_path, command):
    ratings(tmp_path)
    printed = command(*RATINGS, f"data_dir={tmp_path}")
    (row,) = [line for line in printed.splitlines() if "ratings_Mini" in line]
    assert row.replace("│", " ").split() == ["ratings_Mini", "9", "9", "45", "5.00", "44.44%"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("dataset=amazn",), "error: dataset: there is no 'amazn'; did you mean amazon?"),
        (("dataset=amazon", "dataset.source.cores=3"), "did you mean dataset.source.core?"),
        (("dataset=file",), "error: dataset.source.file: is not set; give it a value"),
        (("dataset=yelp_raw", "data_dir=nowhere"), "error: nowhere/yelp_academic_dataset_review"),
    ],
)
def test_what_cannot_be_used_is_one_line(command, overrides, words):
    printed = command(*overrides)
    assert words in printed
    assert len(printed.splitlines()) == 1

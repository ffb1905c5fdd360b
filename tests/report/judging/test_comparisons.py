"""Ours against the baseline that is best on validation, over the same users."""

import numpy as np
import pytest

from tests.report.cases import USERS, on_disk, record, table
from uniseq.report.build import build_report
from uniseq.report.cells import fill
from uniseq.report.entries import read_entries
from uniseq.report.judging.comparisons import comparisons
from uniseq.report.judging.significance import compare, gains, holm

MISSED = [99] * USERS


def compared(folder):
    runs, _ = read_entries(folder)
    ours = table()
    first, second = comparisons(ours, fill(ours, runs))
    assert second.problem == "not run"
    return first


def test_the_baseline_is_the_best_on_validation_and_users_are_paired(tmp_path):
    on_disk(tmp_path / "a", record("ours"), [1, 2, 3, 4, 50, 60, 70, 80])
    on_disk(tmp_path / "b", record("base", validation=[0.9], test=0.01), MISSED)
    on_disk(tmp_path / "c", record("other", validation=[0.1], test=0.99), [1] * USERS)
    found = compared(tmp_path)
    assert found.baseline.key == ("one", "net", "base")
    hits = found.differences["masked/HR@10"]
    assert (hits.mean, hits.test, hits.p) == (0.5, "exact McNemar", pytest.approx(2 / 2**4))
    assert found.differences["unmasked/NDCG@10"].test == "paired t"


def test_gains_are_averaged_over_seeds_and_all_tests_are_corrected_together(tmp_path):
    ranks = {0: [1, 1, 20, 20, 5, 6, 7, 8], 1: [20, 1, 1, 20, 9, 9, 20, 1]}
    for seed, values in ranks.items():
        on_disk(tmp_path / f"ours{seed}", record("ours", seed=seed), values)
    on_disk(tmp_path / "base", record("base"), [30, 2, 30, 30, 30, 30, 10, 30])
    found = compared(tmp_path)
    assert found.differences["masked/HR@10"].test == "paired t"
    mean = np.mean([gains(np.array(each), "NDCG@10") for each in ranks.values()], axis=0)
    other = gains(np.array([30, 2, 30, 30, 30, 30, 10, 30]), "NDCG@10")
    assert found.differences["masked/NDCG@10"] == compare(mean, other)
    raw = [each.p for each in found.differences.values()]
    assert len(raw) == 4
    assert list(found.corrected.values()) == holm(raw)


def test_a_row_that_is_no_baseline_is_no_rival_and_a_baseline_that_is_missing_is_named(tmp_path):
    on_disk(tmp_path / "a", record("ours"), [1, 2, 3, 4, 50, 60, 70, 80])
    on_disk(tmp_path / "b", record("base", validation=[0.1]), MISSED)
    on_disk(tmp_path / "c", record("other", validation=[0.9]), [1] * USERS)
    runs, _ = read_entries(tmp_path)
    rows = table().model_dump()["rows"]
    rows["absent"] = {"label": "Absent", "conditions": {"loss.kind": "absent"}, "optional": True}
    ours = table(rows=rows, baselines=["base", "absent"])
    (first, _) = comparisons(ours, fill(ours, runs))
    assert first.baseline.key == ("one", "net", "base")
    assert (first.not_run, first.gap) == (("Absent",), " (not run: Absent)")
    assert compared(tmp_path).baseline.key == ("one", "net", "other")  # else all others are
    assert compared(tmp_path).gap == ""
    build_report(tmp_path, tmp_path / "report", [ours])
    for name in ("report.md", "report.html"):
        assert "Base (not run: Absent)" in (tmp_path / "report" / name).read_text()
    assert "Absent\n" in (tmp_path / "report" / "small_tests.csv").read_text()


def problem(folder):
    found = compared(folder)
    assert found.differences == {}
    return found.problem


def test_what_cannot_be_compared_says_why(tmp_path):
    on_disk(tmp_path / "a", record("ours"))
    assert problem(tmp_path) == "no baseline was run"
    other = {"name": "one.txt", "fingerprint": "else", "ranked_users": {"test": USERS}}
    on_disk(tmp_path / "b", record("base", dataset=other))
    assert "fingerprint else, not print-one.txt" in problem(tmp_path)
    fewer = other | {"fingerprint": "print-one.txt", "ranked_users": {"test": 3}}
    on_disk(tmp_path / "b", record("base", dataset=fewer), [1, 2, 3])
    assert "cannot be compared with" in problem(tmp_path)
    assert "ranked users {'test': 3}" in problem(tmp_path)
    on_disk(tmp_path / "b", record("base"), [1, 2, 3])
    assert "has 3 ranks, its record 8 ranked users" in problem(tmp_path)
    (tmp_path / "b" / "ranks.npz").write_bytes(b"PK nonsense")
    assert f"{tmp_path / 'b' / 'ranks.npz'}: has no readable ranks" in problem(tmp_path)
    (tmp_path / "b" / "ranks.npz").unlink()
    assert "has no readable ranks" in problem(tmp_path)

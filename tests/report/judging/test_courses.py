"""Claims on the course of training are judged by what was measured of the sphere."""

import pytest

from tests.report.cases import record, runs, table
from uniseq.report.cells import fill
from uniseq.report.judging.judge import verdicts

EARLY = {"kind": "clusters_early", "text": "early", "row": "base", "than": "ours"}
RISES = {"kind": "rises_as_spread", "text": "rises", "row": "base"}


def measured(row, cosines, figures=(), **changes):
    """A run whose histories had these mean cosines, and these validation figures, by epoch."""
    content = record(row, **changes)
    content.sphere = [
        {"epoch": epoch, "histories": {"cosine": None if mean is None else {"mean": mean}}}
        for epoch, mean in cosines.items()
    ]
    for epoch, value in enumerate(figures):
        content.epochs[epoch] |= {
            f"val/{side}/{metric}": value + (side == "unmasked") * (1 - 2 * value)
            for side in ("masked", "unmasked")
            for metric in ("HR@10", "NDCG@10")
        }
    return content


def judged(claim, *records):
    ours = table(claims=[claim])
    found = verdicts(ours, fill(ours, runs(*records)))
    return found[0], found[1]  # the first panel, masked and unmasked


@pytest.mark.parametrize(
    ("base", "ours", "state"),
    [
        ({0: 0.9, 2: 0.4}, {0: 0.1, 1: 0.2}, "held"),
        ({0: 0.4, 2: 0.9}, {0: 0.5, 1: 0.2}, "did not hold"),
        ({0: 0.9, 2: 0.4}, {0: 0.95, 1: 0.2}, "mixed"),  # less later, but no more than the other
        ({0: 0.9, 2: 0.4}, {}, "open"),  # nothing to hold it against
        ({0: 0.9, 2: 0.4}, {1: 0.1, 2: 0.2}, "open"),  # measured at another time
        ({0: 0.9}, {0: 0.1, 1: 0.2}, "not run"),  # once is no course
        ({0: 0.9, 2: None}, {0: 0.1, 1: 0.2}, "not run"),  # no pairs
        ({}, {0: 0.1, 1: 0.2}, "not run"),
    ],
)
def test_histories_that_lie_together_early(base, ours, state):
    found, _ = judged(EARLY, measured("base", base), measured("ours", ours))
    assert found.state == state
    if state == "held":
        assert found.evidence.startswith(
            "cosine of histories .900 after 1 epoch, .400 after 3 epochs; "
            ".900 against .100 (Ours, β) after 1 epoch; not tested: "
        )
        assert found.mark == "¹"
    if state in ("open", "not run"):
        assert "with sphere=watch" in found.evidence


def test_performance_that_rises_while_they_spread():
    rising = measured("base", {0: 0.9, 2: 0.4}, (0.1, 0.9, 0.3))
    masked, unmasked = judged(RISES, rising)
    assert (masked.state, unmasked.state) == ("held", "did not hold")
    assert "validation HR@10 .1000 after 1 epoch, .3000 after 3 epochs, +200 %" in masked.evidence
    assert "cosine of histories .900 after 1 epoch, .400 after 3 epochs" in masked.evidence
    gathered, _ = judged(RISES, measured("base", {0: 0.4, 2: 0.9}, (0.1, 0.2, 0.3)))
    assert gathered.state == "not run"
    assert "they did not spread" in gathered.evidence
    unknown, _ = judged(RISES, measured("base", {0: 0.9, 7: 0.4}, (0.1, 0.2, 0.3)))
    assert unknown.state == "not run"
    assert "and validation then" in unknown.evidence


def test_a_course_of_several_seeds_is_their_mean_over_the_epochs_that_all_have():
    first = measured("base", {0: 0.9, 1: 0.1, 2: 0.4}, (0.1, 0.2, 0.3))
    second = measured("base", {0: 0.7, 2: 0.6, 9: 0.1}, (0.3, 0.2, 0.2), seed=1)
    masked, _ = judged(RISES, first, second)
    assert "cosine of histories .800 after 1 epoch, .500 after 3 epochs" in masked.evidence
    assert "validation HR@10 .2000 after 1 epoch, .2500 after 3 epochs" in masked.evidence
    assert (masked.seeds, masked.mark) == (2, "")

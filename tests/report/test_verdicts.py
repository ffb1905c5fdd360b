"""Claims are judged in every metric, and what was not run is not guessed."""

import pytest

from tests.report.cases import on_disk, record, runs, table
from uniseq.report.cells import fill
from uniseq.report.runs import read_runs
from uniseq.report.verdicts import verdicts

BEST = {"kind": "beats", "text": "best", "winner": "ours"}
BEATS = BEST | {"losers": ["base"]}
LOSS = {
    "kind": "largest_loss",
    "text": "matters most",
    "full": "ours",
    "without": "base",
    "others": ["other"],
}


def judged(claim, **tests):
    """The first panel's verdict, masked; a figure a row, or one a metric."""
    records = []
    for row, value in tests.items():
        hit, gain = value if isinstance(value, tuple) else (value, value)
        content = record(row)
        content.test = {
            f"{side}/{metric}": figure
            for side in ("masked", "unmasked")
            for metric, figure in (("HR@10", hit), ("NDCG@10", gain))
        }
        records.append(content)
    ours = table(claims=[claim])
    found = verdicts(ours, fill(ours, runs(*records)))
    assert [(v.panel, v.history) for v in found] == [
        (panel, history) for panel in ("one", "two") for history in ("masked", "unmasked")
    ]
    assert found[2].state == "not run"
    return found[0]


@pytest.mark.parametrize(
    ("claim", "tests", "state"),
    [
        (BEST, {"ours": 0.3, "base": 0.2, "other": 0.1}, "held"),
        (BEST, {"ours": 0.2, "base": 0.1, "other": 0.3}, "did not hold"),
        (BEST, {"ours": 0.2, "base": 0.2, "other": 0.1}, "did not hold"),  # a tie is no win
        (BEST, {"ours": (0.3, 0.1), "base": (0.2, 0.2), "other": 0.0}, "mixed"),
        (BEST, {"ours": 0.3, "base": 0.2}, "open"),
        (BEST, {"ours": 0.1, "base": 0.2}, "did not hold"),  # whatever the missing one gives
        (BEST, {"ours": 0.3}, "not run"),
        (BEST, {"base": 0.3, "other": 0.2}, "not run"),
        (BEATS, {"ours": 0.3, "base": 0.2}, "held"),
        (BEATS, {"ours": 0.3, "base": 0.2, "other": 0.9}, "held"),
        (LOSS, {"ours": 0.3, "base": 0.1, "other": 0.2}, "held"),
        (LOSS, {"ours": 0.3, "base": 0.2, "other": 0.1}, "did not hold"),
        (LOSS, {"ours": 0.3, "base": 0.4, "other": 0.5}, "did not hold"),  # no loss at all
        (LOSS, {"ours": 0.3, "base": 0.1}, "not run"),
        (LOSS, {"base": 0.1, "other": 0.2}, "not run"),
    ],
)
def test_the_verdict(claim, tests, state):
    assert judged(claim, **tests).state == state


def test_what_chance_would_explain_is_unclear_and_tests_are_corrected_together(tmp_path):
    found = {}
    for users in (8, 400):  # each time half of them are hit by ours alone
        folder = tmp_path / str(users)
        ranked = {"name": "one.txt", "fingerprint": "f", "ranked_users": {"test": users}}
        on_disk(folder / "a", record("ours", test=0.5, dataset=ranked), [1, 20] * (users // 2))
        on_disk(folder / "b", record("base", test=0.0, dataset=ranked), [20, 20] * (users // 2))
        ours = table(claims=[BEATS, LOSS | {"full": "base", "without": "ours", "others": ["base"]}])
        found[users] = verdicts(ours, fill(ours, read_runs(folder)[0]))
    few, many = found[8][0], found[400][0]
    assert (few.state, many.state) == ("unclear", "held")
    # Two sides of 4 users: 2 / 2^4, the largest of 8 tests, the t-tests' being smaller or equal.
    assert "HR@10 .5000 against .0000, from 0, p " in few.evidence
    assert few.evidence.count(", p ") == 2
    assert "10⁻" in many.evidence


def test_the_figures_stand_beside_the_verdict():
    held = judged(BEST, ours=0.3, base=0.2, other=0.1)
    assert held.evidence.startswith("HR@10 .3000 against .2000 (Base), +50 %; NDCG@10 .3000")
    loss = judged(LOSS, ours=0.2, base=0.1, other=0.19)
    assert "HR@10 of .2000 remain .1000 (Base, −50 %) and .1900 (Other, −5.0 %)" in loss.evidence
    assert judged(BEST, ours=0.3, base=0.2).evidence.endswith("; not run: Other")
    assert judged(BEST, base=0.3).evidence == "not run: Ours, β / Other"

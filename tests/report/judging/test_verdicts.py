"""Claims are judged in every metric, and what was not run is not guessed."""

from math import log2

import pytest
from scipy.stats import binomtest

from tests.report.cases import on_disk, record, runs, table
from uniseq.report.cells import fill
from uniseq.report.entries import read_entries
from uniseq.report.judging.judge import verdicts
from uniseq.report.judging.verdicts import by_claim
from uniseq.report.tables import CONVENTIONS

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
        found[users] = verdicts(ours, fill(ours, read_entries(folder)[0]))
    few, many = found[8][0], found[400][0]
    assert (few.state, many.state) == ("unclear", "held")
    # Two sides of 4 users: 2 / 2^4, the largest of 8 tests, the t-tests' being smaller or equal.
    assert "HR@10 .5000 against .0000, from 0, p " in few.evidence
    assert few.evidence.count(", p ") == 2
    assert "10⁻" in many.evidence
    assert (few.seeds, few.mark) == (1, "¹")


def ranked(folder, seeds=(0,), **rows):
    """Masked verdict of the first panel on rows given by the ranks of their users."""
    for row, ranks in rows.items():
        data = {"name": "one.txt", "fingerprint": "f", "ranked_users": {"test": len(ranks)}}
        shares = {
            "HR@10": sum(rank <= 10 for rank in ranks) / len(ranks),
            "NDCG@10": sum(1 / log2(rank + 1) for rank in ranks if rank <= 10) / len(ranks),
        }
        test = {f"{side}/{metric}": shares[metric] for side in CONVENTIONS for metric in shares}
        for seed in seeds:
            content = record(row, seed)
            content.dataset, content.test = data, test
            on_disk(folder / f"{row}{seed}", content, ranks)
    ours = table(claims=[BEST])
    return verdicts(ours, fill(ours, read_entries(folder)[0]))[0]


MISS = 99
# Users of whom ours hits one half in second place; the others are made from that.
OURS = [2, MISS] * 200


@pytest.mark.parametrize(
    ("others", "state", "against"),
    [
        ({"base": [2, MISS] * 100 + [MISS] * 200, "other": [MISS] * 400}, "held", "base base"),
        ({"base": [1, 2] * 200, "other": [MISS] * 400}, "did not hold", "base base"),
        # One hit less is chance, however many others are far behind.
        ({"base": [*OURS[:-2], MISS, MISS], "other": [MISS] * 400}, "unclear", "base base"),
        # As many hits, all of them in the first place: worse in NDCG and no better in HR.
        ({"base": [1, MISS] * 200, "other": [MISS] * 400}, "did not hold", "base base"),
        # As many hits, but in the last place: better in NDCG alone.
        ({"base": [10, MISS] * 200, "other": [MISS] * 400}, "mixed", "base base"),
        # Fewer hits, all of them in the first place: better in HR, in NDCG not surely.
        ({"base": [1, MISS] * 120 + [MISS] * 160, "other": [MISS] * 400}, "mixed", "base base"),
    ],
)
def test_a_metric_counts_only_where_chance_does_not_explain_it(tmp_path, others, state, against):
    found = ranked(tmp_path, ours=OURS, **others)
    assert found.state == state
    assert " ".join(one.worse for one in found.findings) == against


def test_the_hardest_of_several_rivals_decides_and_not_the_one_with_the_best_mean(tmp_path):
    # Both rivals have 20 hits less; of one they are the same users', of the other all others'.
    near = OURS[:-40] + [MISS] * 40
    far = [MISS if rank == 2 else 2 for rank in OURS][:-40] + [MISS] * 40
    found = ranked(tmp_path, ours=OURS, base=near, other=far)
    hits = found.findings[0]
    assert (hits.worse, hits.shown) == ("other", None)
    # 200 users that ours alone hits against 180: a two-sided binomial test of 380, uncorrected
    # over the rivals, by Holm's method over the four of the first panel.
    alone = binomtest(200, 380).pvalue
    assert hits.p == pytest.approx(min(1, 4 * alone))
    behind = ranked(tmp_path / "b", ours=near, base=OURS, other=far)
    p = binomtest(20, 20).pvalue  # above ours; two rivals were looked at
    assert behind.findings[0].worse == "base"
    assert behind.findings[0].p == pytest.approx(4 * 2 * p)


def test_the_mark_of_one_seed_goes_when_every_row_has_two(tmp_path):
    rows = {"ours": OURS, "base": [MISS] * 400, "other": [MISS] * 400}
    assert ranked(tmp_path, seeds=(0, 1), **rows).mark == ""
    (tmp_path / "other1" / "record.json").unlink()
    ours = table(claims=[BEST])
    assert verdicts(ours, fill(ours, read_entries(tmp_path)[0]))[0].mark == "¹"


def test_the_figures_stand_beside_the_verdict():
    held = judged(BEST, ours=0.3, base=0.2, other=0.1)
    assert held.evidence.startswith("HR@10 .3000 against .2000 (Base), +50 %; NDCG@10 .3000")
    loss = judged(LOSS, ours=0.2, base=0.1, other=0.19)
    assert "HR@10 of .2000 remain .1000 (Base, −50 %) and .1900 (Other, −5.0 %)" in loss.evidence
    few = judged(BEST, ours=0.3, base=0.2).evidence
    assert "; not run: Other; not tested: " in few
    assert few.endswith("names no file of ranks: the run kept none")
    assert judged(BEST, base=0.3).evidence == "not run: Ours, β / Other"


ORDER = {"kind": "group_order", "text": "order", "row": "ours", "groups": ["net", "web", "mesh"]}
GROUPS = {
    name: {"label": name.title(), "conditions": {"backbone._target_": f"a.{name.title()}"}}
    for name in ("mesh", "net", "web")
}


def ordered(folder, **ranks):
    """The verdict on the order of three groups, given by the ranks of their users."""
    for group, found in ranks.items():
        content = record("ours")
        content.config["backbone"]["_target_"] = f"a.{group.title()}"
        content.dataset["ranked_users"] = {"test": len(found)}
        share = sum(rank <= 10 for rank in found) / len(found)
        content.test = dict.fromkeys(content.test, share)
        on_disk(folder / group, content, found)
    ours = table(claims=[ORDER], groups=GROUPS, printed={})
    cells = fill(ours, read_entries(folder)[0])
    found = verdicts(ours, cells)
    assert [(v.panel, v.group) for v in found] == [("one", ""), ("one", "")] + [("two", "")] * 2
    shown = list(by_claim(ours, found))
    assert [(group, len(panels)) for _, group, panels in shown] == [("", 2)]
    return found[0]


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"net": 300, "web": 200, "mesh": 100}, "held"),
        ({"net": 300, "web": 100, "mesh": 200}, "did not hold"),  # one step is enough
        ({"net": 300, "web": 299, "mesh": 100}, "unclear"),
        ({"net": 300, "web": 200}, "open"),
        ({"net": 300, "mesh": 400}, "did not hold"),  # whatever the one between them gives
        ({"web": 300}, "not run"),
    ],
)
def test_an_order_of_groups_holds_where_each_step_does(tmp_path, counts, state):
    ranks = {group: [1] * hits + [MISS] * (400 - hits) for group, hits in counts.items()}
    found = ordered(tmp_path, **ranks)
    assert found.state == state
    if state == "did not hold" and "web" in counts:
        assert "HR@10 .2500 (Web) against .5000 (Mesh), −50 %, p" in found.evidence
    if state == "open":
        assert "not run: Mesh" in found.evidence


def test_a_claim_on_an_optional_row_goes_unsaid_where_nothing_was_run():
    rows = table().model_dump()["rows"]
    rows["base"]["optional"] = True
    ours = table(claims=[BEATS, BEST], rows=rows)
    for records, said in (([], ["best"]), ([record("ours"), record("base")], ["best", "best"])):
        shown = by_claim(ours, verdicts(ours, fill(ours, runs(*records))))
        assert [claim.text for claim, _, _ in shown] == said

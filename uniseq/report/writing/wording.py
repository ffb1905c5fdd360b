"""Wording of the report: the sentences that every format of the report shares."""

from collections import Counter

from uniseq.report.contents import CHANGED, Report
from uniseq.report.judging.verdicts import CHANCE, ONE_SEED

HOW = (
    "A cell takes every record whose config meets the conditions of its table, row and column. "
    "Records that differ in more than the seed are different settings; the one with the best mean "
    "validation figure, over the seeds that all of them have, is shown, never chosen by a test "
    "figure. Test figures are of the epoch that was best on validation, of all users against all "
    "items; a cell of one seed has no ±, and small differences between such cells are no finding.",
    "Masked ranking leaves out the items of a user's history, so that a target that repeats one of "
    "them counts as missed; unmasked ranking does not. Papers differ, so both stand side by side, "
    "of the same epoch and setting. Where a user's own history scores .0000 unmasked, no target "
    "repeats an item and masking costs nothing. "
    "± is the sample standard deviation over seeds, × the ratio to the printed number, where a run "
    "came to its own end and under the convention that the printed numbers are compared with. "
    "Rankings without training are counted from the same training part: how "
    "often an item occurs, the items of the user's own history, the last first, how often an item "
    "followed the last one (Markov), and the cosine of items by the users they share (item kNN).",
)
CLAIMED = "What is claimed, and whether it held here"
CLAIMS = (
    "A row is better in a metric where its mean is higher and chance does not explain it: p below "
    f"{f'{CHANCE:g}'.lstrip('0')}, paired over users. To be better than several rows it must be so "
    "against each: the largest p counts; where some are above it, the smallest p of those, times "
    "the number of rows. What counts is corrected for all claims of the table by Holm's method. "
    "What is said of the course of training is judged by the sign alone: users tell nothing of it. "
    f"Users vary in p, not seeds: {ONE_SEED} says that a row has one seed, and that another may "
    "tip a small difference."
)
BOLD = "Bold: the best trained row of its backbone and data set."
SHARED = "Settings that the shown records have in common"
VARIED = "What a cell may vary; a record with another value is in none"
TRIED = "Settings that were tried, the one shown first"
BEATEN = "Ours against the best trained baseline, user by user"
TESTS = (
    "Our objective against the best baseline on validation, paired over the same test users; "
    "seeds and settings: of how many seeds each is the mean, and of how many settings the best, "
    "ours first: more settings are an advantage. A "
    "user's figures are averaged over the seeds of a cell. NDCG: paired t-test; HR: exact McNemar "
    "test where each side is one run, else the paired t-test, as a hit averaged over seeds is a "
    "share. Intervals: 95 %, of the mean difference, without correction. p: two-sided, by Holm's "
    "correction over all tests of this table. Users vary here, not seeds: a small p speaks of "
    "these very models."
)
REPEAT = (
    "Each trains from the config in the record, on the data that carry its fingerprint, and says "
    "whether the figures are equal. Run it in the folder of the records, with classes of one's own "
    "on PYTHONPATH, from a checkout of the "
    f"commit that the record names; what is marked {CHANGED} cannot be had again to the bit."
)


def summary(report: Report) -> str:
    """How many records of what there are, in a sentence."""
    ends = Counter(run.record.status for run in report.runs)
    parts = [f"{count} {status}" for status, count in ends.most_common()]
    unread = f", {len(report.unreadable)} unreadable" if report.unreadable else ""
    shown = len(report.cells_by_record())
    return (
        f"Records: {len(report.runs)} ({', '.join(parts)}{unread}); in cells of a table: {shown}."
    )

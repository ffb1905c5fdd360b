"""The sentences that every format of the report shares."""

from collections import Counter

from uniseq.report.report import Report

HOW = (
    "A cell takes every record whose config meets the conditions of its table, row and column. "
    "Records that differ in more than the seed are different settings; the one with the best mean "
    "validation figure is shown, never chosen by a test figure. Test figures are of the epoch that "
    "was best on validation, of all users against all items.",
    "Masked ranking leaves out the items of a user's history, unmasked does not: papers differ, so "
    "both stand side by side. ± is the sample standard deviation over seeds, × the ratio to the "
    "printed number. Rankings without training are counted from the same training part.",
)
CLAIMED = "What the paper says, and whether it held here"
CLAIMS = (
    "A verdict compares means as they stand. Whether the best baseline is beaten by more than "
    "chance is tested apart."
)
BOLD = "Bold: the best of its backbone and data set."
TESTS = (
    "Our objective against the best other one on validation, paired over the same test users; a "
    "user's figures are averaged over the seeds of a cell. NDCG: paired t-test; HR: exact McNemar "
    "test where each side is one run, else the paired t-test, as a hit averaged over seeds is a "
    "share. Intervals: 95 %, of the mean difference, without correction. p: two-sided, by Holm's "
    "correction over all tests of this table. Users vary here, not seeds: a small p speaks of "
    "these very models."
)
REPEAT = (
    "Each trains from the config in the record, on the data that carry its fingerprint, and says "
    "whether the figures are equal. Run it in the folder of the records."
)


def summary(report: Report) -> str:
    """How many records of what there are, in a sentence."""
    ends = Counter(run.record.status for run in report.runs)
    parts = [f"{count} {status}" for status, count in ends.most_common()]
    unread = f", {len(report.unreadable)} unreadable" if report.unreadable else ""
    shown = len(report.uses())
    return (
        f"Records: {len(report.runs)} ({', '.join(parts)}{unread}); in cells of a table: {shown}."
    )

"""k-core of an interaction log."""

import polars as pl


def k_core(log: pl.DataFrame, k: int) -> pl.DataFrame:
    """The largest part of a log in which each user and each item has at least k interactions.

    Users and items that have fewer are left out in turn until none has; the result does not
    depend on the turn. Interactions are counted, not distinct partners: an item that a user had
    twice counts twice. k = 1 keeps everything.

    Args:
        log: columns ``user`` and ``item``, of any type, and any others.
        k: the least number of interactions.

    Returns:
        The kept rows in their order; none where the k-core is empty.
    """
    before = log.height + 1
    while log.height < before:
        before = log.height
        for column in ("user", "item"):
            log = _with_at_least(log, column, k)
    return log


def _with_at_least(log: pl.DataFrame, column: str, k: int) -> pl.DataFrame:
    counts = log.lazy().group_by(column).agg(pl.len().alias("count"))
    enough = counts.filter(pl.col("count") >= k).select(column)
    kept = log.lazy().join(enough, on=column, how="semi", maintain_order="left")
    return kept.collect(engine="streaming")

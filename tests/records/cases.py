"""A small record for the tests of records."""

from typing import Any

from uniseq.records.record import Record

CONFIG: dict[str, Any] = {
    "seed": 0,
    "ranking": {"history": "masked", "monitor": "NDCG@10"},
    "dataset": {"seed": 0},
    "backbone": {"_target_": "a.Net"},
}


def record(**changes: Any) -> Record:
    """A record with no more than each has."""
    kept = {"status": "finished", "name": "a", "config": CONFIG, "config_hash": "h", "seed": 0}
    return Record(**kept | changes)

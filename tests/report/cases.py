"""Small records and a small table for the tests of the report."""

from pathlib import Path

import numpy as np

from uniseq.records.identity import hash_config
from uniseq.records.ranks import write_ranks
from uniseq.records.record import Record
from uniseq.records.store import write_record
from uniseq.report.entries import Entry
from uniseq.report.tables import Table

USERS = 8
FINISHED = "no better val/masked/NDCG@10 for 2 epochs"


def table(**changes) -> Table:
    """Two data sets, one backbone, three rows."""
    return Table(
        **{
            "name": "small",
            "title": "Small: a table & <its> title_1",
            "source": "a paper",
            "metrics": ["HR@10", "NDCG@10"],
            "conditions": {"ranking.history": "masked", "ranking.monitor": "NDCG@10"},
            "panels": {
                "one": {"label": "One", "conditions": {"dataset.file": "one.txt"}},
                "two": {"label": "Two", "conditions": {"dataset.file": "two.txt"}},
            },
            "groups": {"net": {"label": "Net", "conditions": {"backbone._target_": "a.Net"}}},
            "rows": {
                "ours": {"label": "Ours, β", "conditions": {"loss.kind": "ours"}},
                "base": {"label": "Base", "conditions": {"loss.kind": "base"}},
                "other": {"label": "Other", "conditions": {"loss.kind": "other"}},
            },
            "printed": {"one": {"net": {"ours": [0.5, 0.4], "base": None}}},
            "ours": "ours",
            "figure1": ["ours", "base"],
            "claims": [{"kind": "beats", "text": "Ours is best", "winner": "ours"}],
            **changes,
        }
    )


def record(
    kind="ours",
    seed=0,
    test=0.2,
    validation=(0.1, 0.3, 0.2),
    file="one.txt",
    lr=0.1,
    stopped=FINISHED,
    **changes,
) -> Record:
    """A finished run whose every test figure is ``test``."""
    config = {
        "seed": seed,
        "name": f"{kind}_{seed}",
        "loss": {"kind": kind},
        "backbone": {"_target_": "a.Net"},
        "dataset": {"file": file, "seed": seed, "data_dir": f"/somewhere/{seed}"},
        "optimizer": {"lr": lr},
        "ranking": {"history": "masked", "monitor": "NDCG@10"},
    }
    identity = {key: value for key, value in config.items() if key != "name"}
    columns = [f"{side}/{metric}" for side in ("masked", "unmasked") for metric in ("HR", "NDCG")]
    content = {
        "status": "finished",
        "name": config["name"],
        "config": config,
        "config_hash": hash_config(identity),
        "seed": seed,
        "dataset": {
            "name": file,
            "fingerprint": f"print-{file}",
            "ranked_users": {"validation": USERS, "test": USERS},
        },
        "epochs": [
            {"epoch": epoch, "val/masked/NDCG@10": value} for epoch, value in enumerate(validation)
        ],
        "best_epoch": int(np.argmax(validation)),
        "stopped": stopped,
        "test": test if isinstance(test, dict) else {f"{column}@10": test for column in columns},
        "yardsticks": {"popularity": {f"{column}@10": 0.01 for column in columns}},
        "timings": {
            "epochs": [{"train": 2.0, "validation": 1.0}] * len(validation),
            "wall_s": 10.0,
            "peak_memory_mb": 100.0,
        },
        "environment": {"uniseq": "0.1.0", "commit": "abc", "packages": {"torch": "2"}},
    }
    return Record(**{**content, **changes})


def runs(*records: Record) -> list[Entry]:
    """Runs in folders of their own."""
    return [Entry(Path(f"/runs/{number}/record.json"), each) for number, each in enumerate(records)]


def on_disk(folder: Path, content: Record, ranks=None) -> Path:
    """Write a record, and ranks of its users unless it is not finished; the record's file."""
    if content.status == "finished":
        ranks = np.arange(1, USERS + 1) if ranks is None else np.asarray(ranks)
        content.ranks_file = write_ranks(folder, ranks, ranks).name
    return write_record(folder, content)

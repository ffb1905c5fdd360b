"""Identity: what tells a run from all others, by names that outlive the files they came from."""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

# A class is known in records, hashes and caches by the first name that it had. Where it lies now
# is no business of theirs: whoever moves or renames one adds it here, and never takes it away.
FIRST_NAMES = {
    "uniseq.data.sources.benchmark.BenchmarkFile": "uniseq.data.sources.BenchmarkFile",
    "uniseq.data.sources.raw_log.RawLog": "uniseq.data.raw.RawLog",
    "uniseq.data.sources.readers.AmazonRatings": "uniseq.data.log.AmazonRatings",
    "uniseq.data.sources.readers.AmazonReviews": "uniseq.data.log.AmazonReviews",
    "uniseq.data.sources.readers.YelpReviews": "uniseq.data.log.YelpReviews",
    "uniseq.data.sources.synthetic.Synthetic": "uniseq.data.synthetic.Synthetic",
    "uniseq.embedding.rowwise_adam.RowwiseAdam": "uniseq.adam.RowwiseAdam",
    "uniseq.loggers.csv.CSVLogger": "uniseq.csv_logger.CSVLogger",
    "uniseq.loggers.wandb.WandbLogger": "uniseq.wandb_logger.WandbLogger",
    "uniseq.training.callbacks.sphere_watch.SphereWatch": "uniseq.watch.SphereWatch",
}
_NOW = {first: now for now, first in FIRST_NAMES.items()}

# Keys that came after the first records, each with the value at which everything is as it was
# before the key came; that value stays, also when the key's default changes. They stand under the
# first name of the class that they belong to, or under the group where there is none ("": the top).
# A group that came later is {} at the top: its keys, each as before, are left out of it first.
AS_BEFORE: dict[str, dict[str, Any]] = {
    "": {"callbacks": {}, "items": {}, "scheduler": None},
    "items": {"std": 0.02},
    "uniseq.backbones.caser.Caser": {"unit_input": False},
    "uniseq.backbones.gru4rec.GRU4Rec": {
        "dropout_at": ["input", "between", "output"],
        "unit_input": False,
    },
    "uniseq.backbones.sasrec.SASRec": {"std": 0.02, "unit_input": False},
    "lightning.pytorch.Trainer": {"check_val_every_n_epoch": 1},
    "uniseq.data.datamodule.SequenceDataModule": {"short_histories": "raise"},
    "ranking": {"metrics": ["HR", "NDCG", "MRR"]},
}

# Top-level keys that have another name now.
FORMER_KEYS = {"trial": "study"}

# What cannot change a result.
INCIDENTAL = frozenset(
    {
        *("logger", "sphere", "name", "group", "tags", "data_dir", "results_dir", "ckpt_path"),
        *("threads", "study"),
    }
)
INCIDENTAL_BELOW = frozenset(
    {
        "data_dir",
        "enable_progress_bar",
        "enable_model_summary",
        "log_every_n_steps",
        "use_distributed_sampler",
    }
)
# Folders and files of one machine: a record, which travels, has none of them.
PLACES = frozenset({"data_dir", "results_dir", "ckpt_path"})


def first_name(target: str) -> str:
    """The name by which records know a class, from where it lies."""
    return FIRST_NAMES.get(target, target)


def current_name(target: str) -> str:
    """Where a class lies, from the name by which records know it; any other name as it is."""
    return _NOW.get(target, target)


def current_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded config with the keys of today: by their names of today, and none missing.

    A key that came after the record has the value at which everything is as it was before.
    """
    named = {FORMER_KEYS.get(key, key): value for key, value in config.items()}
    whole = {**copy.deepcopy(AS_BEFORE.get("", {})), **named}
    return {key: _whole(value, key) for key, value in whole.items()}


def _whole(value: Any, group: str) -> Any:
    """A part of a config with the keys that it has been given since it was recorded."""
    if isinstance(value, list):
        return [_whole(each, group) for each in value]
    if not isinstance(value, dict):
        return value
    later = AS_BEFORE.get(first_name(str(value.get("_target_", group))), {})
    node = {**value, **{key: copy.deepcopy(later[key]) for key in later if key not in value}}
    return {key: _whole(each, f"{group}.{key}") for key, each in node.items()}


def portable(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config as a record keeps it: classes by first name, this machine's places null."""
    return {key: None if key in PLACES else _portable(value) for key, value in plain.items()}


def _portable(value: Any) -> Any:
    if isinstance(value, list):
        return [_portable(each) for each in value]
    if not isinstance(value, dict):
        return value
    return portable(_with_first_name(value))


def identity(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config, or of a record's, that determines the result.

    A key that came later is left out at the value that means as before, so that its coming changes
    the identity of no run.
    """
    later = AS_BEFORE.get("", {})
    kept = {
        key: _determining(value, key)
        for key, value in plain.items()
        if FORMER_KEYS.get(key, key) not in INCIDENTAL
    }
    return {key: value for key, value in kept.items() if not _is_as_before(later, key, value)}


def _determining(value: Any, group: str) -> Any:
    if isinstance(value, list):
        return [_determining(each, group) for each in value]
    if not isinstance(value, dict):
        return value
    node = _with_first_name(value)
    later = AS_BEFORE.get(node.get("_target_", group), {})
    return {
        key: _determining(each, f"{group}.{key}")
        for key, each in node.items()
        if key not in INCIDENTAL_BELOW and not _is_as_before(later, key, each)
    }


def _with_first_name(node: dict[str, Any]) -> dict[str, Any]:
    target = node.get("_target_")
    return node if target is None else {**node, "_target_": first_name(target)}


def _is_as_before(later: Mapping[str, Any], key: str, value: Any) -> bool:
    # In Python False equals 0, in a config it does not.
    return key in later and json.dumps(later[key]) == json.dumps(value)


def hash_config(identity: dict[str, Any]) -> str:
    """A short hash of the part of a config that determines a result."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_id(config_hash: str, fingerprint: str, code: Mapping[str, str] | None = None) -> str:
    """What tells a run from all others: the hash of its config, its data, and code of one's own.

    Args:
        config_hash: of what determines the result.
        fingerprint: of the data.
        code: classes of one's own, as :func:`uniseq.records.own_code.own_code` tells them.
    """
    own = f" {json.dumps(code, sort_keys=True)}" if code else ""
    return hashlib.sha256(f"{config_hash} {fingerprint}{own}".encode()).hexdigest()[:12]

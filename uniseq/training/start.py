"""Start of a run that goes on: whether it may, told before the data or any weights are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uniseq.errors import ConfigError, DataError
from uniseq.records.identity import identity, portable
from uniseq.training.callbacks.checkpoints import load_whole
from uniseq.training.callbacks.epoch_log import STATE_KEY, require_same


def require_start(ckpt_path: Path, config: Mapping[str, Any]) -> None:
    """Raise unless a run with this config can go on from a checkpoint.

    Args:
        ckpt_path: a last.ckpt.
        config: resolved.

    Raises:
        ConfigError: when it is damaged, of another program, or of a run with another config,
            whose differing keys are named.
    """
    try:
        callbacks = load_whole(ckpt_path).get("callbacks")
    except DataError as fault:
        raise ConfigError("ckpt_path", str(fault)) from fault
    log = callbacks.get(STATE_KEY) if isinstance(callbacks, dict) else None
    if not isinstance(log, dict) or not isinstance(log.get("identity"), dict):
        raise ConfigError(
            "ckpt_path", f"{ckpt_path} is of another program; name the last.ckpt of a run"
        )
    require_same(log["identity"], identity(portable(config)))

"""Request of a sweep: what the command line and the config of the sweeper ask for."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from uniseq.config.paths import make_folder
from uniseq.errors import ConfigError, nearest

OPTIONS = ("params", "search", "leave_out", "max_batch_size")


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What a sweep is to do.

    Args:
        arguments: the command line.
        config: that the sweep itself was composed with.
        context: Hydra's.
        task: that a launcher runs.
        params: axes that are always crossed, as if they stood on the command line.
        search: axes that are crossed, or searched, where the chosen components have the key.
        leave_out: keys whose refusal leaves a combination out instead of stopping the sweep.
        max_batch_size: runs handed to the launcher at a time; None: all.
        settings: the sweeper's other keys.
    """

    arguments: Sequence[str]
    config: DictConfig
    context: HydraContext
    task: TaskFunction
    params: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)
    leave_out: Sequence[str] = ()
    max_batch_size: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def results_folder(self) -> Path:
        """The folder of the runs, which is made.

        Raises:
            ConfigError: when it cannot be.
        """
        return make_folder(Path(self.config.hydra.sweep.dir), "results_dir")


def sweep_request(
    arguments: Sequence[str],
    config: DictConfig,
    context: HydraContext,
    task: TaskFunction,
    options: Mapping[str, Any],
    settings: Iterable[str] = (),
) -> SweepRequest:
    """The request that the sweeper's part of a config, ``options``, makes with a command line.

    Args:
        arguments: the command line.
        config: that the sweep itself was composed with.
        context: Hydra's.
        task: that a launcher runs.
        options: the sweeper's keys.
        settings: those that this sweeper has besides the keys of every one.

    Raises:
        ConfigError: naming a key that the sweeper does not have, one that it lacks, or what a sweep
            would never come to the end of.
    """
    known = [*OPTIONS, *settings]
    for key in options:
        if key not in known:
            problem = f"there is no such key{nearest(key, known)}"
            raise ConfigError(f"hydra.sweeper.{key}", problem)
    for key in known:
        if key not in options:
            raise ConfigError(f"hydra.sweeper.{key}", "is missing; give it a value")
    size = options["max_batch_size"]
    if size is not None and (not isinstance(size, int) or size < 1):
        key = "hydra.sweeper.max_batch_size"
        raise ConfigError(key, f"must be at least 1, or null for no limit, not {size}")
    if config.hydra.launcher.get("n_jobs") == 0:
        key = "hydra.launcher.n_jobs"
        raise ConfigError(key, "must be the number of processes, or -1 for one a core, not 0")
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError(
            "--multirun",
            f"was started by {os.environ['WORLD_SIZE']} processes at once, such as torchrun's: "
            "start one process, and let hydra/launcher start the others",
        )
    from uniseq.loggers.wandb import ignore_run_id  # here, as it loads Lightning

    ignore_run_id()
    return SweepRequest(
        arguments,
        config,
        context,
        task,
        **{key: options[key] for key in OPTIONS},
        settings={key: options[key] for key in settings},
    )

"""Composition: one config from the files in ``conf/`` and a command line's overrides."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from uniseq.config.explain import explain_command
from uniseq.config.paths import conf_dir, own_conf
from uniseq.config.releases import INITIALIZE
from uniseq.errors import ConfigError


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The config of a run, unresolved, without Hydra's own part.

    Args:
        overrides: as on the command line of ``python -m uniseq.run``.

    Raises:
        ConfigError: when they cannot be composed.
    """
    folder = conf_dir()
    with _initialised(folder):
        try:
            cfg = compose("config", overrides=list(overrides), return_hydra_config=True)
        except Exception as error:
            known = explain_command(error, overrides, folder)
            raise known or ConfigError("config", str(error).splitlines()[0]) from error
    return run_part(cfg)


def run_part(cfg: DictConfig) -> DictConfig:
    """A composed config without Hydra's own part, which interpolations still find."""
    HydraConfig.instance().set_config(cfg)  # the names of a run are made from its choices
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def explained(error: Exception) -> ConfigError | None:
    """A composition error of this process's command line in the user's terms; None for others."""
    folder = conf_dir()
    GlobalHydra.instance().clear()
    overrides = [argument for argument in sys.argv[1:] if argument[:1] != "-"]
    with _initialised(folder):
        return explain_command(error, overrides, folder, own_conf(sys.argv[1:]))


@contextmanager
def _initialised(folder: Path) -> Iterator[None]:
    with initialize_config_dir(str(folder), **INITIALIZE):
        yield

"""Prepare a data set and print its statistics: ``python -m uniseq.prepare dataset=amazon``.

Takes the overrides of ``uniseq.run``; those that have no bearing on the data set have no effect.
"""

import sys
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniseq.config.check import build, check_config
from uniseq.config.explain import explain_command
from uniseq.config.paths import conf_dir
from uniseq.data.sequences import Sequences
from uniseq.data.statistics import statistics_table
from uniseq.errors import ConfigError, UniseqError


def prepare(overrides: Sequence[str]) -> Sequences:
    """The histories that a run with these overrides reads, before they are split.

    Raises:
        UniseqError: on config or data that cannot be used.
    """
    cfg = _compose(overrides)
    check_config(cfg)
    return build(cfg.dataset).sequences  # type: ignore[no-any-return]


def _compose(overrides: Sequence[str]) -> DictConfig:
    folder = conf_dir()
    with initialize_config_dir(str(folder), version_base="1.3"):
        try:
            cfg = compose("config", overrides=list(overrides), return_hydra_config=True)
        except Exception as error:
            known = explain_command(error, overrides, folder)
            raise known or ConfigError("config", str(error).splitlines()[0]) from error
    HydraConfig.instance().set_config(cfg)  # the names of a run are made from its choices
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def main() -> None:
    """The command line. Exit status 1 and one line on input that cannot be used."""
    try:
        sequences = prepare(sys.argv[1:])
    except UniseqError as error:
        print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
        sys.exit(1)
    Console(soft_wrap=True).print(statistics_table(sequences))


if __name__ == "__main__":
    main()

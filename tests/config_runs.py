"""Short runs for the tests, through the real composition."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from uniseq.config.paths import conf_dir
from uniseq.config.recipes import recipe
from uniseq.config.releases import INITIALIZE
from uniseq.records.record import Record
from uniseq.training.train import train

# A data set on which an epoch takes a tenth of a second.
TINY = (
    "dataset.source.num_users=120",
    "dataset.source.num_items=60",
    "dataset.source.num_clusters=6",
    "dataset.source.max_length=20",
    "backbone.dim=16",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "threads=1",
)


def composed(overrides: Sequence[str] = (), config_dir: Path | None = None) -> DictConfig:
    """The config that a command line with these overrides gives."""
    with initialize_config_dir(str(config_dir or conf_dir()), **INITIALIZE):
        cfg = compose("config", overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def run(folder: Path, *overrides: str) -> Record:
    """A tiny run of this process, in a folder."""
    return train(recipe(composed([*TINY, f"results_dir={folder}", *overrides])), folder)


def undated(path: Path) -> dict[str, Any]:
    """A record without what differs from one day and machine to another."""
    content = json.loads(path.read_text())
    del content["timings"], content["environment"]
    return content

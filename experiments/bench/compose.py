"""The project's own configuration and model, as its command line composes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

if TYPE_CHECKING:
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.training.module import SequentialRecommender


def compose(overrides: Sequence[str]) -> DictConfig:
    """The config that a command line with these overrides gives."""
    from uniseq.config.paths import conf_dir
    from uniseq.config.releases import INITIALIZE

    with hydra.initialize_config_dir(str(conf_dir()), **INITIALIZE):
        return hydra.compose("config", overrides=list(overrides))


def recommender(cfg: DictConfig, data: "SequenceDataModule") -> "SequentialRecommender":
    """The model of a config for a data set, from seed 0."""
    from lightning.pytorch import seed_everything

    from uniseq.config.build import build
    from uniseq.training.module import SequentialRecommender

    seed_everything(0, verbose=False)
    return SequentialRecommender(
        build(cfg.backbone),
        build(cfg.similarity),
        build(cfg.loss),
        build(cfg.optimizer),
        data.sequences.num_items,
    )

"""Finished run: a model at its tested epoch, with the data, config and ids it was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uniseq.data.datamodule import SequenceDataModule
from uniseq.errors import DataError
from uniseq.records.record import Record
from uniseq.records.store import require_same_data
from uniseq.training.callbacks.checkpoints import load_whole
from uniseq.training.module import SequentialRecommender
from uniseq.training.nodes import make
from uniseq.training.parts import Recipe
from uniseq.training.trainer import test_figures

BEST = Path("checkpoints", "best.ckpt")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a run has left, in use again.

    Args:
        model: at the epoch that was tested, on the CPU, set to evaluate.
        record: what the run left in figures.
        recipe: that it was trained by.
    """

    model: SequentialRecommender
    record: Record
    recipe: Recipe

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved config."""
        return self.recipe.config

    @property
    def data(self) -> SequenceDataModule:
        """The data module."""
        return self.recipe.data

    @property
    def item_ids(self) -> np.ndarray:
        """The original id of each item row. Shape (N,)."""
        return self.data.sequences.item_ids

    @property
    def user_ids(self) -> np.ndarray:
        """The original id of each user row. Shape (U,)."""
        return self.data.sequences.user_ids

    def test(self) -> dict[str, float]:
        """Test metrics of the model, as in ``record.test``; nothing is written."""
        trainer = make(self.recipe.trainer, logger=False, enable_checkpointing=False)
        return test_figures(trainer, self.model, self.data.test_dataloader())


def finished_run(recipe: Recipe, record: Record, path: Path) -> FinishedRun:
    """The run whose record lies at a path, with the weights of its best checkpoint.

    Raises:
        DataError: when the checkpoint is gone damaged or of another model, or the data are others.
    """
    fingerprint = recipe.data.sequences.fingerprint
    require_same_data(path, record, fingerprint, "data_dir or UNISEQ_DATA_DIR")
    checkpoint = path.parent / BEST
    model = recipe.model()
    try:
        model.load_state_dict(load_whole(checkpoint)["state_dict"])
    except (RuntimeError, KeyError, TypeError) as error:
        problem = str(error).splitlines()[0]
        raise DataError(checkpoint, f"is not the run's checkpoint: {problem}") from error
    return FinishedRun(model.eval(), record, recipe)

"""Checkpoints that survive a kill at any moment, and a resumption in another folder."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning_utilities.core.rank_zero import rank_zero_only

from uniseq.errors import ConfigError, DataError
from uniseq.records.store import write_atomically


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it: it is whole, or the former one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write the checkpoint in one step."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())


def steps_of(checkpoint: Path) -> int:
    """How many training steps lie before it."""
    return int(read_checkpoint(checkpoint)["global_step"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A run's checkpoint, its tensors mapped and not read.

    Raises:
        DataError: when it is damaged, or no checkpoint of a run.
    """
    try:
        whole = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # a file of any kind makes torch raise an error of any kind
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(path, f"is damaged, or no checkpoint: {cause}") from error
    parts = ("global_step", "state_dict", "callbacks")
    if not isinstance(whole, dict) or not all(part in whole for part in parts):
        raise DataError(path, "is no checkpoint of a run; name a run's last.ckpt")
    return whole


class LastCheckpoint(ModelCheckpoint):
    """Keeps ``last.ckpt``, the state at the end of the latest epoch, to resume from.

    Args:
        folder: where checkpoints go.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: the latest epoch of this run is its own."""


class BestCheckpoint(ModelCheckpoint):
    """Keeps ``best.ckpt``, the epoch with the highest watched figure.

    A resumed run goes on in a folder of its own: the best checkpoint so far is copied there.

    Args:
        folder: where checkpoints go.
        monitor: the watched figure.
        start: the ``last.ckpt`` that training goes on from; None when it begins.
    """

    def __init__(self, folder: Path, monitor: str, start: Path | None = None) -> None:
        super().__init__(
            folder,
            filename="best",
            monitor=monitor,
            mode="max",
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._start = start

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note what is about to begin."""
        super().setup(trainer, pl_module, stage)
        self._trains = stage == "fit"
        self._every_n_epochs = trainer.check_val_every_n_epoch or 1  # when there is a figure

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best epoch of the interrupted run; nothing where the best one is tested.

        Raises:
            ConfigError: when its checkpoint is gone.
        """
        if not self._trains:
            return
        before, now = Path(state_dict["best_model_path"]), Path(str(self.dirpath), "best.ckpt")
        if not before.is_file() and self._start is not None:  # the folder was moved
            before = self._start.with_name(before.name)
        if not before.is_file():
            raise ConfigError(
                "ckpt_path",
                f"the run's best checkpoint {before} is gone, without which it cannot be resumed",
            )
        if before.resolve() != now.resolve():
            _copy(before, now)
        moved = {
            **state_dict,
            "dirpath": self.dirpath,
            "best_model_path": str(now),
            "kth_best_model_path": str(now),
            "best_k_models": {str(now): state_dict["best_model_score"]},
        }
        super().load_state_dict(moved)


@rank_zero_only
def _copy(before: Path, now: Path) -> None:
    now.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(now, before.read_bytes())

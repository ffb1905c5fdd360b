"""Checkpoints that survive a kill at any moment, and a resumption in another folder."""

import io
import pickle
import zipfile
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

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """The checkpoint in a file, once its checksums are known to hold."""
        check_intact(Path(path))
        return super().load_checkpoint(path, map_location, weights_only)


def check_intact(checkpoint: Path) -> None:
    """Compare the checksum (CRC-32) that the file holds of each of its parts.

    torch writes them and does not look at them: a flipped bit would be another weight.

    Raises:
        DataError: when the file is damaged or no checkpoint.
    """
    try:
        with zipfile.ZipFile(checkpoint) as parts:
            damaged = parts.testzip()
    except FileNotFoundError as error:
        raise DataError(checkpoint, "is not there; copy it from where it was trained") from error
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError(checkpoint, f"is not the run's checkpoint, or damaged ({error})") from error
    if damaged is not None:
        raise DataError(
            checkpoint,
            f"is damaged: its part {damaged} is not what was written; copy the file again, or "
            "train anew",
        )


def load_whole(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU, once its checksums are known to hold.

    Raises:
        DataError: when it is damaged or no checkpoint.
    """
    check_intact(checkpoint)
    try:
        whole = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise DataError(checkpoint, f"is not the run's checkpoint: {problem}") from error
    if not isinstance(whole, dict):
        raise DataError(checkpoint, "is not the run's checkpoint: it holds no mapping")
    return whole


def steps_of(checkpoint: Path) -> int:
    """How many training steps lie before it."""
    return int(load_whole(checkpoint)["global_step"])


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
        # The one beside comes first: of a copied folder the path still names the original's.
        beside = before if self._start is None else self._start.with_name(before.name)
        before = beside if beside.is_file() else before
        if not before.is_file():
            raise ConfigError(
                "ckpt_path",
                f"the run's best checkpoint {before} is gone, without which it cannot be resumed",
            )
        if before.resolve() != now.resolve():
            check_intact(before)
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

"""Epoch log: the callback that keeps a run's metrics by epoch, through interruptions too."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from uniseq.errors import ConfigError, DataError, UniseqError
from uniseq.training.callbacks.checkpoints import load_whole
from uniseq.training.module import SequentialRecommender


class EpochLog(Callback):
    """Metrics and seconds of each epoch; saved in every checkpoint and restored from it.

    It also keeps the identity of the config and of the data in the checkpoint, so that a run cannot
    be resumed under another config, or on other data, by mistake.

    Args:
        identity: the part of the config that determines the result.
        fingerprint: of the data.
        code: classes of one's own, each with its version or its hash.
    """

    def __init__(
        self, identity: dict[str, Any], fingerprint: str, code: Mapping[str, str] | None = None
    ) -> None:
        self.code = dict(code or {})
        self.identity = identity
        self.fingerprint = fingerprint
        self.ranked: int | None = None  # users of the latest validation
        self.epochs: list[dict[str, float]] = []
        self.seconds: list[dict[str, float]] = []
        self.earlier = 0.0  # seconds in processes that were cut off, up to the checkpoint
        self._made = time.perf_counter()
        self._began = self._validation_began = 0.0
        self._validated = False

    @property
    def state_key(self) -> str:
        """The class's first name, under which checkpoints keep its state."""
        return STATE_KEY

    @classmethod
    def of(cls, trainer: Trainer) -> "EpochLog":
        """The one that the trainer has."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        return next(callback for callback in callbacks if isinstance(callback, cls))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._began = time.perf_counter()
        self._validated = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Training of this epoch is over."""
        self._validation_began = time.perf_counter()
        self._validated = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count who was ranked."""
        self.ranked = cast(SequentialRecommender, pl_module).num_ranked

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch; validation has run by now."""
        # Without a validation in this epoch the trainer still has the figures of the last one.
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/") and self._validated
        }
        means = cast(SequentialRecommender, pl_module).epoch_means()
        for name, value in means.items():
            if not math.isfinite(value):
                # Processes that share the run all find it: none is cut off by another's end.
                trainer.strategy.barrier()
                raise UniseqError(
                    f"{name} is {value} in epoch {trainer.current_epoch}: training diverged; "
                    "lower optimizer.lr"
                )
        self._check_weights(trainer, pl_module)
        for name, value in metrics.items():
            if not math.isfinite(value):
                trainer.strategy.barrier()
                raise UniseqError(
                    f"{name} is {value} in epoch {trainer.current_epoch}: a metric gives no number"
                )
        self.epochs.append({"epoch": trainer.current_epoch, **means, **metrics})
        now = time.perf_counter()
        trained = self._validation_began if self._validated else now
        self.seconds.append({"train": trained - self._began, "validation": now - trained})

    def _check_weights(self, trainer: Trainer, module: LightningModule) -> None:
        """Refuse weights that are no numbers: those of the last step are in no loss."""
        for name, weights in module.named_parameters():
            # The sum needs no memory, and is no number wherever one of them is none.
            if not weights.detach().sum().isfinite() and not weights.detach().isfinite().all():
                trainer.strategy.barrier()
                raise UniseqError(
                    f"{name} holds a value that is not finite after epoch {trainer.current_epoch}: "
                    "training diverged; lower optimizer.lr"
                )

    def state_dict(self) -> dict[str, Any]:
        """What the next process needs to go on."""
        return {
            "identity": self.identity,
            "fingerprint": self.fingerprint,
            "own_code": self.code,
            "ranked": self.ranked,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "elapsed": self.earlier + time.perf_counter() - self._made,
        }

    def check(self, checkpoint: Path) -> None:
        """Look at what a checkpoint says of its run, before anything is loaded from it.

        Raises:
            ConfigError: when that run had another config or other data.
            DataError: when it is damaged, or not of a run of this package.
        """
        try:
            state = load_whole(checkpoint)["callbacks"][self.state_key]
        except (KeyError, TypeError) as error:
            raise DataError(
                checkpoint, "is not of a run of this package; name a run's last.ckpt"
            ) from error
        self._compare(state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the epochs of the interrupted run.

        Raises:
            ConfigError: when that run had another config or other data.
        """
        self._compare(state_dict)
        self.ranked = state_dict.get("ranked")
        self.epochs = list(state_dict["epochs"])
        self.seconds = list(state_dict["seconds"])
        # A checkpoint of a former version has only the epochs' own.
        trained = sum(sum(parts.values()) for parts in self.seconds)
        self.earlier = state_dict.get("elapsed", trained)

    def _compare(self, state_dict: dict[str, Any]) -> None:
        """Refuse the state of another run; more or fewer epochs are allowed."""
        require_same(state_dict["identity"], self.identity)
        # A checkpoint of a former version tells neither.
        edited = _differing(state_dict.get("own_code", self.code), self.code)
        if edited:
            raise ConfigError(
                "ckpt_path",
                f"the checkpoint is of a run with other code of {', '.join(sorted(edited))}: start "
                "without ckpt_path, or restore that code",
            )
        before = state_dict.get("fingerprint", self.fingerprint)
        if before != self.fingerprint:
            raise ConfigError(
                "ckpt_path",
                f"the checkpoint is of a run on data {before}, here they are {self.fingerprint}: "
                "name the folder of the same files with data_dir, or start without ckpt_path",
            )


STATE_KEY = "History"


def require_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise unless a checkpoint's config is that of the run which is to go on from it.

    Args:
        before: identity of the config in the checkpoint.
        now: identity of the run's.

    Raises:
        ConfigError: naming the keys that differ; more or fewer epochs are allowed.
    """
    differing = _differing(before, now)
    differing.discard("trainer.max_epochs")
    if differing:
        raise ConfigError(
            "ckpt_path",
            "the checkpoint is of a run with another config; it differs in "
            f"{', '.join(sorted(differing))}: start without ckpt_path, or repeat its settings",
        )


def _differing(a: Any, b: Any, path: str = "") -> set[str]:
    """Keys whose values differ in two nested mappings."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return set() if a == b else {path}
    return {
        key
        for name in a.keys() | b.keys()
        for key in _differing(a.get(name), b.get(name), f"{path}.{name}" if path else name)
    }

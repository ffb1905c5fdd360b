"""Sphere watch: the callback that looks at the sphere while a model trains."""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.data import DataLoader

from uniseq.data.batches import RankingBatches
from uniseq.errors import ConfigError, UniseqError, require_positive
from uniseq.loggers.base import DrawsHistograms
from uniseq.sphere.measurement import measure
from uniseq.training.module import SequentialRecommender


class SphereWatch(Callback):
    """Measures, after the validation of chosen epochs, how histories and items lie.

    The histories are those of the validation data, encoded as validation encodes them, with their
    held-out items as targets. Nothing of it touches the training, its random numbers included.
    What :func:`uniseq.sphere.measure` returns is kept with its ``epoch``, saved in every checkpoint
    and restored from it; its single numbers are logged as ``sphere/…``, and the histograms of the
    cosines where a logger takes such.

    Args:
        epochs: which ones, counted from 0. Those after the end of training are not reached.
        k: length of the recommendation lists.

    Raises:
        ConfigError: when no epoch is given, one is negative, or k is not positive.
    """

    def __init__(self, epochs: Sequence[int], k: int = 10) -> None:
        require_positive(k=k)
        if not epochs:
            raise ConfigError("epochs", "is empty; name epochs from 0, or choose sphere=none")
        if min(epochs) < 0:
            raise ConfigError("epochs", f"are counted from 0: {min(epochs)} is none")
        self.epochs = frozenset(epochs)
        self.k = k
        self.measurements: list[dict[str, Any]] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, if this is a chosen epoch, in the process of rank 0; the others go on.

        Raises:
            UniseqError: when a vector is not finite.
        """
        epoch = trainer.current_epoch
        fitting = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        if not fitting or epoch not in self.epochs or not trainer.is_global_zero:
            return
        module = cast(SequentialRecommender, pl_module)
        # Training goes on with the same generator.
        with torch.random.fork_rng(devices=[]), trainer.precision_plugin.forward_context():
            histories, targets, seen_rows, seen_items = _encode(trainer, module)
            items = module.item_vectors()
        for name, vectors in (("history", histories), ("item", items)):
            if not vectors.isfinite().all():
                raise UniseqError(
                    f"{name} vectors are not finite in epoch {epoch}: training diverged; lower "
                    "optimizer.lr"
                )
        measured = measure(
            histories,
            items,
            module.items.weight[: len(items)],
            targets,
            seen_rows,
            seen_items,
            self.k,
        )
        # An epoch that is validated more than once keeps its last measurement.
        self.measurements = [m for m in self.measurements if m["epoch"] != epoch]
        self.measurements.append({"epoch": epoch, **measured})
        pl_module.log_dict(_numbers(measured, "sphere"), rank_zero_only=True)
        for logger in trainer.loggers:
            if isinstance(logger, DrawsHistograms):
                for part in ("histories", "items"):
                    if (cosine := measured[part]["cosine"]) is not None:
                        logger.log_histogram(
                            f"sphere/{part}/cosine", **cosine["histogram"], epoch=epoch
                        )

    def state_dict(self) -> dict[str, Any]:
        """What the next process needs to have them all."""
        return {"measurements": self.measurements}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the measurements of the interrupted run."""
        self.measurements = list(state_dict["measurements"])


def _encode(
    trainer: Trainer, module: SequentialRecommender
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Histories (B, d), targets (B,), rows and items of the seen (S,), of all that is validated."""
    loader = cast(DataLoader[Any], trainer.val_dataloaders)
    batches = cast(RankingBatches, loader.dataset).whole()  # not this process's share alone
    vectors, targets, rows, items, count = [], [], [], [], 0
    for users in itertools.islice(loader.sampler, int(trainer.num_val_batches[0])):
        batch = batches[users].to(module.device)
        vectors.append(module(batch.histories))
        targets.append(batch.targets)
        rows.append(batch.seen_rows + count)
        items.append(batch.seen_items)
        count += len(batch.targets)
    return torch.cat(vectors), torch.cat(targets), torch.cat(rows), torch.cat(items)


def _numbers(measured: dict[str, Any], path: str) -> dict[str, float]:
    """The single numbers of nested measurements by their path; lists and None left out."""
    numbers: dict[str, float] = {}
    for name, value in measured.items():
        if isinstance(value, dict):
            numbers |= _numbers(value, f"{path}/{name}")
        elif isinstance(value, float):
            numbers[f"{path}/{name}"] = value
    return numbers

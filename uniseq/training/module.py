"""LightningModule: a backbone, a similarity and a loss, composed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from uniseq.backbones.base import Backbone
from uniseq.batch import Histories, RankingBatch, TrainingBatch
from uniseq.distributed import gather_rows
from uniseq.embedding.table import Table, follow
from uniseq.errors import require_positive
from uniseq.losses.base import Loss, Triplets, reads_items
from uniseq.ranking.evaluation import evaluate
from uniseq.ranking.gains import DEFAULT, Gain, by_name
from uniseq.ranking.ranks import Ranks, join_ranks, rank_targets
from uniseq.similarity import Similarity
from uniseq.training.schedules import lightning_schedule


class SequentialRecommender(LightningModule):
    """Trains an item table and a backbone, and ranks all items for each user.

    Logs the mean of the loss and its terms over an epoch as ``train/…`` and the ranking metrics
    as ``val/masked/HR@10``, ``val/unmasked/HR@10`` and so on, likewise under ``test/``.

    Args:
        backbone: the sequence encoder.
        similarity: maps vectors to the space where the score is an inner product.
        loss: what is minimised.
        optimizer: makes the optimizer from the parameters.
        num_items: N.
        start_token: whether item N stands for an empty history; it is embedded and never ranked.
        ks: cut-offs of the metrics.
        metrics: gains by the names under which they are logged; HR, NDCG and MRR unless given.
        seed: of dropout; see :meth:`on_train_batch_start`.
        scheduler: makes the learning rate's schedule from the optimizer; None keeps it as it is.
        watched: the validation figure that a schedule waits for.
        std: of the normal distribution that the item embeddings start from.
    """

    backbone: Backbone
    similarity: Similarity
    loss: Loss

    def __init__(
        self,
        backbone: Backbone,
        similarity: Similarity,
        loss: Loss,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        num_items: int,
        start_token: bool = False,
        ks: Sequence[int] = (10,),
        metrics: Mapping[str, Gain] | None = None,
        seed: int = 0,
        scheduler: Callable[[Optimizer], Any] | None = None,
        watched: str = "val/masked/NDCG@10",
        std: float = 0.02,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.similarity = similarity
        self.loss = loss
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.watched = watched
        require_positive(ks=min(ks))
        self.ks = tuple(ks)
        self.seed = seed
        self.num_items = num_items
        self.items = Table(num_items + start_token, backbone.dim, std=std)
        self.metrics = by_name(DEFAULT) if metrics is None else metrics
        self.ranks: list[Ranks] = []  # of the users ranked so far in this validation or test
        self._terms: dict[str, Tensor] = {}
        self._steps = 0

    def forward(self, histories: Histories) -> Tensor:
        """Vectors of the histories in score space. Shape (B, d)."""
        embedded = self.items(histories.items)  # (T, d)
        return self.similarity(self.backbone(histories, embedded, all_positions=False))

    def item_vectors(self) -> Tensor:
        """Vectors of all items in score space. Shape (N, d)."""
        return self.similarity(self.items.weight[: self.num_items])

    def triplets(self, batch: TrainingBatch) -> Triplets:
        """The batch's histories, positives and negatives in score space.

        Of a batch that processes share, all triplets: the histories are gathered.
        """
        histories = batch.histories
        count, (triplets, negatives) = len(histories.items), batch.negatives.shape
        # One look-up for all: each would cost its own gradient of the size of the table.
        ids = torch.cat([histories.items, batch.targets, batch.negatives.flatten()])
        # (T, d) and (R + R·K, d)
        read, scored = self.items(ids).split([count, len(ids) - count])
        items = self.items.stored[: self.num_items]
        encoded = self.backbone(histories, read, all_positions=batch.all_positions)
        history = self.similarity(encoded)  # (R, d)
        if batch.shares is not None:
            history = gather_rows(history, batch.shares)
        positive, negative = self.similarity(scored).split([triplets, triplets * negatives])
        return Triplets(
            history=history,
            positive=positive,
            negatives=negative.view(triplets, negatives, -1),
            items=items,
            targets=batch.targets,
            unit=self.similarity.unit,
            owned=batch.owned,
        )

    def training_step(self, batch: TrainingBatch) -> Tensor:
        """The loss over one batch of triplets."""
        loss, terms = self.loss(self.triplets(batch))
        # Summed on the device and logged once an epoch: a log call a step waits for the device.
        for name, value in {**terms, "loss": loss}.items():
            self._terms[name] = self._terms.get(name, 0) + value.detach()
        self._steps += 1
        return loss

    def on_train_start(self) -> None:
        """Let the optimizer leave rows of large tables behind, where nothing but it sees them."""
        trainer = self.trainer
        alone = trainer.world_size == 1 and trainer.gradient_clip_val is None
        if alone and not reads_items(self.loss):
            follow(self, trainer.optimizers[0])

    def on_train_end(self) -> None:
        """Bring all rows up to date: what follows may load others."""
        follow(self, None)

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's sums."""
        self._terms, self._steps = {}, 0

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Make dropout a function of seed, epoch and process: a resumed run repeats the epoch.

        Not at the epoch's start: until its first batch the trainer draws, not always as often.
        """
        if batch_idx == 0:
            origin = np.random.SeedSequence((self.seed, self.current_epoch, self.global_rank))
            torch.manual_seed(int(origin.generate_state(1)[0]))  # 32 bits: a CPU reads no more

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean loss and terms."""
        self.log_dict(self.epoch_means())

    def epoch_means(self) -> dict[str, float]:
        """Means of the loss and its terms over the steps of the epoch so far."""
        return {f"train/{name}": float(total) / self._steps for name, total in self._terms.items()}

    def on_validation_epoch_start(self) -> None:
        """Compute the item vectors once for all users."""
        self._ranked_items = self.item_vectors()
        self.ranks = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: RankingBatch) -> None:
        """Rank the validation items of a batch of users, as deep as the metrics look."""
        self._rank(batch, max(self.ks))

    def test_step(self, batch: RankingBatch) -> None:
        """Rank the test items of a batch of users."""
        self._rank(batch, None)

    def _rank(self, batch: RankingBatch, depth: int | None) -> None:
        ranks = rank_targets(
            self(batch.histories),
            self._ranked_items,
            batch.targets,
            batch.seen_rows,
            batch.seen_items,
            depth,
        )
        if batch.shares is not None:
            both = torch.stack([ranks.masked, ranks.unmasked], 1)  # (B, 2)
            ranks = Ranks(*gather_rows(both, batch.shares).unbind(1))
        self.ranks.append(ranks)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics."""
        self.log_dict(self.figures("val"))

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self.log_dict(self.figures("test"))

    @property
    def num_ranked(self) -> int:
        """Users ranked so far in this validation or test."""
        return sum(len(ranks.masked) for ranks in self.ranks)

    def figures(self, stage: str) -> dict[str, Tensor]:
        """Metrics of the users ranked so far, under ``val`` or ``test``.

        Each process knows the ranks of all users, in the order of the data set, and so computes
        the very figures of a single one.
        """
        figures = evaluate(join_ranks(self.ranks), self.metrics, self.ks, self.num_items)
        return {f"{stage}/{name}": value for name, value in figures.items()}

    def configure_optimizers(self) -> Any:
        """The optimizer over all parameters, with its schedule if there is one."""
        optimizer = self.make_optimizer(self.parameters())
        if self.make_scheduler is None:
            return optimizer
        every = self.trainer.check_val_every_n_epoch or 1
        schedule = lightning_schedule(self.make_scheduler(optimizer), self.watched, every)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

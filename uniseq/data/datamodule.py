"""One data module for every data set: the source is what differs."""

from collections.abc import Callable
from typing import Literal, TypeVar

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from uniseq.batch import RankingBatch, SequenceBatch
from uniseq.data.batches import EpochBatches, RankingBatches, TrainingBatches
from uniseq.data.negatives import UniformNegatives
from uniseq.data.samples import HELD_OUT, Prefixes, Samples, WholeSequences
from uniseq.data.sequences import Sequences, require_splittable
from uniseq.data.sources import Source
from uniseq.errors import ConfigError, DataError, require_positive

Batch = TypeVar("Batch")

SCHEMES: dict[str, Callable[[Sequences, int], Samples]] = {
    "prefixes": Prefixes,
    "sequences": WholeSequences,
}


class SequenceDataModule(LightningDataModule):
    """Histories split leave-one-out, as ragged batches of triplets and of users to rank for.

    Args:
        source: where the histories come from.
        batch_size: training triplets a batch. Sums over pairs make β depend on it; the paper's
            is 256.
        samples: ``prefixes``, the paper's scheme: every prefix of the training part is a sample
            and its last position the only one trained; or ``sequences``: every user is a sample
            and all positions are trained in one pass.
        max_length: most recent items that a history keeps.
        negatives: K, negatives drawn for each triplet, uniform over the items outside the user's
            whole history (validation and test items included, so that no positive is ever
            pushed away).
        eval_batch_size: users ranked at a time.
        seed: of the order of the samples and of the negatives.

    Raises:
        ConfigError: when a size is not positive or ``samples`` is none of the two.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int = 256,
        samples: Literal["prefixes", "sequences"] = "prefixes",
        max_length: int = 50,
        negatives: int = 1,
        eval_batch_size: int = 1024,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require_positive(
            batch_size=batch_size,
            max_length=max_length,
            negatives=negatives,
            eval_batch_size=eval_batch_size,
        )
        if samples not in SCHEMES:
            raise ConfigError("samples", f"must be one of {', '.join(SCHEMES)}, not {samples!r}")
        if seed < 0:
            raise ConfigError("seed", f"must be 0 or more, not {seed}")
        self.source = source
        self.batch_size = batch_size
        self.samples = samples
        self.max_length = max_length
        self.negatives = negatives
        self.eval_batch_size = eval_batch_size
        self.seed = seed
        self._sequences: Sequences | None = None

    @property
    def sequences(self) -> Sequences:
        """The histories, loaded on first use."""
        if self._sequences is None:
            self._sequences = self.source.load()
            require_splittable(self._sequences)
        return self._sequences

    def train_dataloader(self) -> DataLoader[SequenceBatch]:
        """Shuffled training batches.

        Raises:
            DataError: when there is no training sample, or no negative for some user.
        """
        samples = SCHEMES[self.samples](self.sequences, self.max_length)
        if not len(samples):
            raise DataError(
                self.sequences.name,
                f"no history leaves a training sample; it takes {HELD_OUT + 2} interactions: an "
                "item, the next one, and the two that are held out",
            )
        batches = TrainingBatches(
            self.sequences, samples, UniformNegatives(self.sequences), self.negatives
        )
        sampler = EpochBatches(samples, self.batch_size, self.seed)
        return DataLoader(batches, batch_size=None, sampler=sampler, collate_fn=_unchanged)

    def val_dataloader(self) -> DataLoader[RankingBatch]:
        """All users with their last item but one as target."""
        return self._ranking(held_out=2)

    def test_dataloader(self) -> DataLoader[RankingBatch]:
        """All users with their last item as target."""
        return self._ranking(held_out=1)

    def _ranking(self, held_out: int) -> DataLoader[RankingBatch]:
        count = self.sequences.num_users
        users = [
            range(start, min(start + self.eval_batch_size, count))
            for start in range(0, count, self.eval_batch_size)
        ]
        batches = RankingBatches(self.sequences, held_out, self.max_length)
        return DataLoader(batches, batch_size=None, sampler=users, collate_fn=_unchanged)


def _unchanged(batch: Batch) -> Batch:
    return batch

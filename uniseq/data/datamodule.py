"""Data module: one for every data set, as the source is what differs."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Literal, TypeVar

import numpy as np
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from uniseq.batch import RankingBatch, TrainingBatch
from uniseq.data.batches import EpochBatches, RankingBatches, TrainingBatches
from uniseq.data.negatives import Negatives
from uniseq.data.samples import Prefixes, Samples, WholeSequences
from uniseq.data.sequences import Sequences, take_parts, without_repeats, without_short
from uniseq.data.sources.base import Source
from uniseq.data.split import HeldOut, Split, by_time, leave_one_out, sample_users
from uniseq.distributed import Share
from uniseq.errors import ConfigError, DataError, require_positive

Choice = TypeVar("Choice")


class SequenceDataModule(LightningDataModule):
    """Histories, split, as ragged batches of triplets and of users to rank for.

    Each argument that papers differ on has the value of Chung & Kim as its default where they name
    one; where they do not, the choice is ours (docs/protocol.md).

    Args:
        source: where the histories come from.
        batch_size: training triplets a batch, of all processes together. Sums over pairs make β
            depend on it; the paper's is 256.
        samples: ``prefixes``: every prefix of the training part is a sample and its last position
            the only one trained; or ``sequences``: every user is a sample
            and all positions are trained in one pass.
        max_length: most recent items that a history keeps.
        negatives: K, negatives drawn for each triplet from the items outside the user's whole
            history (validation and test items included, so that no positive is ever pushed
            away).
        negatives_power: α; negatives are drawn in proportion to popularity^α, 0 for uniformly.
        empty_history: whether a user's first interaction is a sample too, whose history is a
            learnt start token alone.
        repeats: whether a user's later interactions with an item they have had are kept.
        short_histories: what becomes of users with fewer than three interactions, as
            ``repeats=drop`` may leave some: ``raise`` refuses the data, ``drop`` leaves them out.
        split: ``leave_one_out``: the last item of each user tests and the last but one validates;
            or ``time``: two moments cut the whole log (needs a source with times), see
            :mod:`uniseq.data.split`.
        held_out_share: of the interactions in each of the validation and the test period of
            ``split=time``.
        eval_batch_size: users ranked at a time, by all processes together.
        eval_users: how many users are ranked in validation and in test, at most: a sample of
            those held out, see :func:`uniseq.data.split.sample_users`. None ranks all of them.
        seed: of the order of the samples and of the negatives.

    Raises:
        ConfigError: when a size is not positive, a share or power out of range, or a choice none
            of those named.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int = 256,
        samples: Literal["prefixes", "sequences"] = "prefixes",
        max_length: int = 50,
        negatives: int = 1,
        negatives_power: float = 0.0,
        empty_history: bool = False,
        repeats: Literal["keep", "drop"] = "keep",
        split: Literal["leave_one_out", "time"] = "leave_one_out",
        held_out_share: float = 0.1,
        eval_batch_size: int = 1024,
        eval_users: int | None = None,
        seed: int = 0,
        short_histories: Literal["raise", "drop"] = "raise",
    ) -> None:
        super().__init__()
        require_positive(
            batch_size=batch_size,
            max_length=max_length,
            negatives=negatives,
            eval_batch_size=eval_batch_size,
            eval_users=1 if eval_users is None else eval_users,
        )
        schemes: dict[str, Callable[[Sequences, np.ndarray], Samples]] = {
            "prefixes": partial(Prefixes, max_length=max_length, empty_history=empty_history),
            "sequences": partial(WholeSequences, max_length=max_length),
        }
        splits: dict[str, Callable[[Sequences], Split]] = {
            "leave_one_out": leave_one_out,
            "time": partial(by_time, share=held_out_share),
        }
        self._make_samples = _choose("samples", samples, schemes)
        self._make_split = _choose("split", split, splits)
        self._drops_repeats = _choose("repeats", repeats, {"keep": False, "drop": True})
        self._drops_short = _choose(
            "short_histories", short_histories, {"raise": False, "drop": True}
        )
        if not 0 <= negatives_power < math.inf:
            raise ConfigError("negatives_power", f"must be 0 or more, not {negatives_power}")
        if empty_history and samples != "prefixes":
            raise ConfigError("empty_history", "needs samples=prefixes")
        if not 0 < held_out_share < 0.5:
            raise ConfigError(
                "held_out_share", f"must be above 0 and below .5, not {held_out_share}"
            )
        if seed < 0:
            raise ConfigError("seed", f"must be 0 or more, not {seed}")
        self.source = source
        self.batch_size = batch_size
        self.max_length = max_length
        self.negatives = negatives
        self.negatives_power = negatives_power
        self.empty_history = empty_history
        self.held_out_share = held_out_share
        self.eval_batch_size = eval_batch_size
        self.eval_users = eval_users
        self.seed = seed

    @cached_property
    def sequences(self) -> Sequences:
        """The histories, loaded on first use."""
        sequences = self.source.load()
        if self._drops_repeats:
            sequences = without_repeats(sequences)
        return without_short(sequences) if self._drops_short else sequences

    @cached_property
    def split(self) -> Split:
        """What trains, validates and tests, from the first use on."""
        split = self._make_split(self.sequences)
        if self.eval_users is None:
            return split
        return Split(
            split.train,
            sample_users(split.validation, self.eval_users),
            sample_users(split.test, self.eval_users),
        )

    @property
    def training_items(self) -> np.ndarray:
        """The items of all training interactions, one user after the other. Shape (≤ M,)."""
        return np.concatenate(list(self._training_parts()))

    def _training_parts(self) -> Iterator[np.ndarray]:
        return take_parts(self.sequences.items, self.sequences.offsets, self.split.train)

    def train_dataloader(
        self, *, owned: bool = False, share: Share | None = None
    ) -> DataLoader[TrainingBatch]:
        """Shuffled training batches.

        Args:
            owned: whether they tell which users have which targets, for a loss that asks for
                ``Triplets.owned``.
            share: what falls to this process of each batch; None where it is the only one.

        Raises:
            DataError: when there is no training sample, or no negative for some user.
        """
        sequences = self.sequences
        samples = self._make_samples(sequences, self.split.train)
        if not len(samples):
            raise DataError(
                sequences.name,
                "no history leaves a training sample; it takes an item, the next one, and those "
                "that are held out",
            )
        counts = np.zeros(sequences.num_items, dtype=np.int64)
        for items in self._training_parts():
            counts += np.bincount(items, minlength=sequences.num_items)
        negatives = Negatives(sequences, counts, self.negatives_power)
        batches = TrainingBatches(sequences, samples, negatives, self.negatives, owned, share)
        sampler = EpochBatches(samples, self.batch_size, self.seed)
        return DataLoader(batches, batch_size=None, sampler=sampler)

    def val_dataloader(self, share: Share | None = None) -> DataLoader[RankingBatch]:
        """The users of the validation part, each with their held-out item as target."""
        return self.ranking(self.split.validation, share)

    def test_dataloader(self, share: Share | None = None) -> DataLoader[RankingBatch]:
        """The users of the test part, each with their held-out item as target."""
        return self.ranking(self.split.test, share)

    def ranking(self, held_out: HeldOut, share: Share | None = None) -> DataLoader[RankingBatch]:
        """The users of a part, those of a share of each batch only where one is given."""
        count = len(held_out.users)
        rows = [
            range(start, min(start + self.eval_batch_size, count))
            for start in range(0, count, self.eval_batch_size)
        ]
        batches = RankingBatches(self.sequences, held_out, self.max_length, share)
        return DataLoader(batches, batch_size=None, sampler=rows)


def _choose(key: str, name: str, choices: Mapping[str, Choice]) -> Choice:
    """What a name of the config stands for."""
    if name not in choices:
        raise ConfigError(key, f"must be one of {', '.join(choices)}, not {name!r}")
    return choices[name]

"""Sources: what the data module asks of whatever loads a data set."""

from typing import Protocol, runtime_checkable

import numpy as np

from uniseq.data.sequences import Sequences


class Source(Protocol):
    """Anything that can load a data set."""

    def load(self) -> Sequences:
        """The data set's histories.

        Raises:
            DataError: when the data cannot be had or used.
        """
        ...


@runtime_checkable
class KnownTruth(Protocol):
    """A source that knows how its histories go on."""

    def probabilities(self, histories: list[np.ndarray]) -> np.ndarray:
        """Of each next item: shape (len(histories), N)."""
        ...

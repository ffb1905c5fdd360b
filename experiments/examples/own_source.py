"""One's own data without editing the library: any class with a ``load`` that gives sequences.

From the folder of this file::

    python -m uniseq.run dataset=custom dataset.source._target_=own_source.Walks
"""

import numpy as np

from uniseq.data.sequences import Sequences


class Walks:
    """Users who walk along a circle of items, one step at a time.

    Args:
        num_users: users.
        num_items: items on the circle.
    """

    def __init__(self, num_users: int = 500, num_items: int = 100) -> None:
        self.num_users = num_users
        self.num_items = num_items

    def load(self) -> Sequences:
        """All walks, ten steps long."""
        starts = np.random.default_rng(0).integers(self.num_items, size=self.num_users)
        walks = (starts[:, None] + np.arange(10)) % self.num_items  # (U, 10)
        return Sequences(
            name="walks",
            items=walks.ravel(),
            offsets=np.arange(0, walks.size + 1, 10),
            item_ids=np.arange(self.num_items),
            user_ids=np.arange(self.num_users),
            fingerprint=f"walks-{self.num_users}-{self.num_items}",
        )

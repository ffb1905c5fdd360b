"""RecTools' SASRec as a measurement worker, next to another framework; see protocol.py.

It drives RecTools' own components (Dataset, SASRecModel with its data preparator, negative
sampler, Lightning module and trainer, and `recommend`) on one interaction file. Run it in the
environment of rectools-requirements.txt:

    python rectools_peer.py --data FILE [--threads 2] [--batch-users 128]

FILE holds one user a line, `user item item item ...`, items in chronological order. The last item
of each user tests and the last but one validates.

Its layers are the ones of RecTools that have the sizes compared here, a feed-forward layer of 4·d
with GELU, `PreLNTransformerLayers`; those that SASRecModel takes by default have one of d with
ReLU. A training step is one of its trainer, from the batch that its loader collates to Adam.
Ranking is `recommend` for all users, with what they have had left out, as its examples do it:
from the data set to a table of the ten best items of each user. HR@10 and NDCG@10 are computed
from this table outside the measured time.
"""

import time
import warnings
from typing import TYPE_CHECKING, Any

from protocol import (
    BARE,
    Answer,
    Hold,
    hit_and_ndcg,
    holding,
    read_sequences,
    take_stdout,
    worker_options,
)

if TYPE_CHECKING:
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

TOP = 10


def training_part(users: list[int], histories: list[list[int]]) -> "Dataset":
    """All interactions but the last two of each user; the place in the line serves as the date."""
    import numpy as np
    import pandas as pd
    from rectools import Columns
    from rectools.dataset import Dataset

    lengths = np.array([len(items) - 2 for items in histories])
    table = pd.DataFrame(
        {
            Columns.User: np.repeat(users, lengths),
            Columns.Item: np.concatenate([items[:-2] for items in histories]),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(np.concatenate([np.arange(n) for n in lengths])),
        }
    )
    return Dataset.construct(table)


def ranking(model: "SASRecModel", dataset: "Dataset", targets: dict[int, int]) -> Answer:
    """Ask the model for every user's ten best items."""
    import numpy as np
    from rectools import Columns

    users = np.array(list(targets))
    # `recommend` asks for a finished fit; the trainer is held in the middle of it.
    model.is_fitted = True
    begin = time.perf_counter()
    table = model.recommend(users=users, dataset=dataset, k=TOP, filter_viewed=True)
    seconds = time.perf_counter() - begin
    model.lightning_model.train()
    top = table.groupby(Columns.User, sort=False)[Columns.Item].agg(list).to_dict()
    return {"seconds": seconds, "users": len(users), **hit_and_ndcg(top, targets)}


def main() -> None:
    """Prepare RecTools and train until told to quit."""
    parser = worker_options(__doc__)
    parser.add_argument("--batch-users", type=int, default=128, help="users a training batch")
    arguments = parser.parse_args()
    reply = take_stdout()

    import torch
    from pytorch_lightning import Callback, Trainer, seed_everything
    from rectools.models import SASRecModel
    from rectools.models.nn.transformers.net_blocks import PreLNTransformerLayers

    warnings.filterwarnings("ignore")
    torch.set_num_threads(arguments.threads)
    seed_everything(0)
    users, histories = read_sequences(arguments.data)
    dataset = training_part(users, histories)
    targets = {user: items[-2] for user, items in zip(users, histories, strict=True)}
    hold = Hold(reply, {"rank": lambda: ranking(model, dataset, targets)})

    def count(batch: dict[str, Any]) -> tuple[int, int]:
        return int((batch["y"] != 0).sum()), len(batch["y"])

    def trainer() -> Trainer:
        """As RecTools makes it, but for the callback and the end."""
        return Trainer(**BARE, max_epochs=-1, callbacks=[holding(Callback, hold, count)])

    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        dropout_rate=0.5,
        session_max_len=50,
        loss="BCE",
        n_negatives=1,
        lr=3e-4,
        batch_size=arguments.batch_users,
        transformer_layers_type=PreLNTransformerLayers,
        get_trainer_func=trainer,
    )
    model.fit(dataset)


if __name__ == "__main__":
    main()

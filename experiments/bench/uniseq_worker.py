"""uniseq's SASRec, GRU4Rec or Caser as a measurement worker, next to others; see protocol.py.

The trainer's own loop runs; a callback holds it after each measured stretch of steps and answers
the driver. Run in the project's environment:

    python uniseq_worker.py --data FILE [--model SASRec] [--threads 2] [--loss bpr]
                            [--similarity dot] [--batch-users 128]

Without --batch-users every prefix is a sample, 256 a batch. With it whole users are, and all
positions train in one pass: uniseq counts its batches in triplets, and their number is set so
that a batch has this many users in the mean.

It knows one command more, which runs the matrix products of its own training steps alone:

    {"do": "products", "steps": N}  -> {"seconds", "steps", "gflop"}
"""

import argparse
import time
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from protocol import BARE, Answer, Hold, holding, take_stdout, worker_options

if TYPE_CHECKING:
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.training.module import SequentialRecommender

# Caser with what RecBole's has: an embedding for each user of the file, and ReLU at the end.
MODELS = {
    "SASRec": ["backbone=sasrec"],
    "GRU4Rec": ["backbone=gru4rec"],
    "Caser": ["backbone=caser", "backbone.relu=true", "dataset.max_length=5"],
    "Caser50": ["backbone=caser", "backbone.relu=true", "backbone.length=50"],
}
CAUGHT = 24  # batches whose products are run, over and over


def prepare(arguments: argparse.Namespace) -> "tuple[SequentialRecommender, SequenceDataModule]":
    """The module and its data, built from the project's own configuration."""
    import numpy as np
    from compose import compose, recommender

    from uniseq.config.build import build

    overrides = [
        *MODELS[arguments.model],
        f"loss={arguments.loss}",
        f"similarity={arguments.similarity}",
        f"dataset.samples={'prefixes' if arguments.batch_users is None else 'sequences'}",
        "dataset=file",
        f"dataset.source.file={arguments.data.name}",
        f"data_dir={arguments.data.resolve().parent}",
    ]
    cfg = compose(overrides)
    data: SequenceDataModule = build(cfg.dataset)
    if arguments.batch_users is not None:
        positions = np.minimum(data.split.train - 1, data.max_length)
        data.batch_size = round(arguments.batch_users * positions[positions > 0].mean())
    if arguments.model.startswith("Caser"):
        cfg.backbone.users = data.sequences.num_users
    return recommender(cfg, data), data


def rank(module: "SequentialRecommender", data: "SequenceDataModule") -> Answer:
    """Rank the validation items of all users, as the validation loop does."""
    import torch

    module.eval()
    start, users = time.perf_counter(), 0
    with torch.inference_mode():
        module.on_validation_epoch_start()
        for batch in data.val_dataloader():
            module.validation_step(batch)
            users += len(batch.targets)
        figures = {name: float(value) for name, value in module.figures("val").items()}
    seconds = time.perf_counter() - start
    module.train()
    return {
        "seconds": seconds,
        "users": users,
        "hit@10": figures["val/unmasked/HR@10"],
        "ndcg@10": figures["val/unmasked/NDCG@10"],
    }


class ProductsAlone:
    """Runs the products of the module's training steps, caught when first asked for."""

    def __init__(self, module: "SequentialRecommender", data: "SequenceDataModule") -> None:
        self._module = module
        self._data = data
        self._caught: list[Any] = []

    def __call__(self, steps: int) -> Answer:
        """Time the products of so many steps."""
        import products

        if not self._caught:
            batches = islice(self._data.train_dataloader(), CAUGHT)
            module = self._module
            self._caught = products.catch(lambda b: module.loss(module.triplets(b))[0], batches)
            self._gflop = sum(map(products.flops, self._caught)) / len(self._caught) / 1e9
        start = time.perf_counter()
        for step in islice(cycle(self._caught), steps):
            products.run(step)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "steps": steps, "gflop": self._gflop}


def main() -> None:
    """Prepare everything, then train until told to quit."""
    parser = worker_options(__doc__)
    parser.add_argument("--model", choices=MODELS, default="SASRec")
    parser.add_argument("--loss", default="bpr")
    parser.add_argument("--similarity", default="dot")
    parser.add_argument("--batch-users", type=int, help="users a batch, all positions trained")
    arguments = parser.parse_args()
    reply = take_stdout()

    from uniseq.startup import load_trainer

    load_trainer()  # as the command line does
    import torch
    from lightning.pytorch import Callback, Trainer

    from uniseq.training.callbacks.memory_trim import HostMemoryTrim

    torch.set_num_threads(arguments.threads)
    module, data = prepare(arguments)
    commands = {"rank": lambda: rank(module, data), "products": ProductsAlone(module, data)}
    hold = Hold(reply, commands)

    def count(batch: Any) -> tuple[int, int]:
        return batch.num_triplets, len(batch.histories.lengths)

    trainer = Trainer(
        **BARE,
        max_epochs=-1,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=[HostMemoryTrim(), holding(Callback, hold, count)],
    )
    trainer.fit(module, datamodule=data)


if __name__ == "__main__":
    main()

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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol import Answer, Hold, take_stdout

if TYPE_CHECKING:
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.module import SequentialRecommender

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
    from hydra import compose, initialize_config_dir
    from lightning.pytorch import seed_everything

    from uniseq.config.check import build
    from uniseq.config.paths import conf_dir
    from uniseq.module import SequentialRecommender

    overrides = [
        *MODELS[arguments.model],
        f"loss={arguments.loss}",
        f"similarity={arguments.similarity}",
        f"dataset.samples={'prefixes' if arguments.batch_users is None else 'sequences'}",
        "dataset=file",
        f"dataset.source.file={arguments.data.name}",
        f"data_dir={arguments.data.resolve().parent}",
    ]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("config", overrides=overrides)
    seed_everything(0, verbose=False)
    data: SequenceDataModule = build(cfg.dataset)
    if arguments.batch_users is not None:
        positions = np.minimum(data.split.train - 1, data.max_length)
        data.batch_size = round(arguments.batch_users * positions[positions > 0].mean())
    if arguments.model.startswith("Caser"):
        cfg.backbone.users = data.sequences.num_users
    module = SequentialRecommender(
        build(cfg.backbone),
        build(cfg.similarity),
        build(cfg.loss),
        build(cfg.optimizer),
        data.sequences.num_items,
    )
    return module, data


def rank(module: "SequentialRecommender", data: "SequenceDataModule") -> Answer:
    """Rank the validation items of all users, as the validation loop does."""
    import torch

    module.eval()
    start, users = time.perf_counter(), 0
    with torch.inference_mode():
        module.on_validation_epoch_start()
        for batch in data.val_dataloader():
            module.validation_step(batch)
            users += len(batch.sequences.targets)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="file of user sequences")
    parser.add_argument("--model", choices=MODELS, default="SASRec")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--loss", default="bpr")
    parser.add_argument("--similarity", default="dot")
    parser.add_argument("--batch-users", type=int, help="users a batch, all positions trained")
    arguments = parser.parse_args()
    reply = take_stdout()

    from uniseq.lean import load_trainer

    load_trainer()  # as the command line does
    import torch
    from lightning.pytorch import Callback, LightningModule, Trainer

    from uniseq.memory import HostMemoryTrim

    torch.set_num_threads(arguments.threads)
    module, data = prepare(arguments)
    commands = {"rank": lambda: rank(module, data), "products": ProductsAlone(module, data)}
    hold = Hold(reply, commands)

    class Holding(Callback):
        """Lets the worker answer between steps."""

        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            hold.before_step()

        def on_train_batch_end(
            self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, _: int
        ) -> None:
            hold.after_step(batch.num_triplets, len(batch.lengths), outputs["loss"])

    trainer = Trainer(
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=[HostMemoryTrim(), Holding()],
    )
    trainer.fit(module, datamodule=data)


if __name__ == "__main__":
    main()

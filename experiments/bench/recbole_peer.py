"""RecBole's SASRec, GRU4Rec or Caser as a measurement worker, next to others; see protocol.py.

It drives RecBole's own components (Config, dataset with prefix augmentation, train loader with its
negative sampler, model, Trainer) on one interaction file and measures them on request, so that a
driver can alternate it with another process. Run it in the environment of recbole-requirements.txt:

    python recbole_peer.py --data FILE [--model SASRec] [--threads 2] [--eval-batch-size 128]
                           [--anomaly shipped|off]

FILE holds one user a line, `user item item item ...`, items in chronological order.

A training step is an iteration of Trainer._train_epoch: batch loading, negative sampling, forward,
backward, optimizer. Ranking is Trainer.evaluate over validation users: every item scored, top ten
collected, HR@10 and NDCG@10 computed; with {"do": "rank", "batches": M} over the first M batches
of them. RecBole masks no history for sequential models (it sets
`repeatable`), and a negative may be any item but the target; both are left as they are.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from protocol import Answer, read_sequences, serve, take_stdout, worker_options

if TYPE_CHECKING:
    import torch
    from recbole.data.interaction import Interaction

DATASET = "peer"
SETTINGS = """
load_col: {inter: [user_id, item_id, timestamp]}
eval_args: {split: {LS: valid_and_test}, order: TO, group_by: user, mode: full}
loss_type: BPR
train_neg_sample_args: {distribution: uniform, sample_num: 1, alpha: 1.0, dynamic: false}
train_batch_size: 256
learner: adam
learning_rate: 3e-4
metrics: [Hit, NDCG]
topk: [10]
valid_metric: NDCG@10
use_gpu: false
gpu_id: ""  # RecBole's way to ask for the CPU
"""

MODELS = {
    "SASRec": """
MAX_ITEM_LIST_LENGTH: 50
hidden_size: 64
inner_size: 256
n_layers: 2
n_heads: 2
hidden_dropout_prob: 0.5
attn_dropout_prob: 0.5
hidden_act: gelu
""",
    "GRU4Rec": """
MAX_ITEM_LIST_LENGTH: 50
embedding_size: 64
hidden_size: 64
num_layers: 2
dropout_prob: 0.5
""",
    # Caser's window is the list length here. Its own code looks at the last 5 items, RecBole's
    # setting is 50.
    **{
        name: f"""
MAX_ITEM_LIST_LENGTH: {length}
embedding_size: 64
nh: 16
nv: 4
dropout_prob: 0.5
"""
        for name, length in (("Caser", 5), ("Caser50", 50))
    },
}


def write_atomic(source: Path, folder: Path) -> None:
    """Write RecBole's atomic .inter file; the position in the line serves as the timestamp."""
    folder.mkdir()
    with (folder / f"{folder.name}.inter").open("w") as out:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in zip(*read_sequences(source), strict=True):
            out.writelines(f"{user}\t{item}\t{at}\n" for at, item in enumerate(items))


class Worker:
    """RecBole's trainer and loaders, and the measurements that can be asked of them."""

    def __init__(
        self,
        data: Path,
        scratch: Path,
        model: str,
        threads: int,
        eval_batch_size: int,
        anomaly: str,
    ) -> None:
        # Imported here, not at the top, so that start-up time counts them. recbole.quick_start is
        # avoided on purpose: it alone imports ray, which only hyper-parameter tuning needs.
        import torch
        from recbole.config import Config
        from recbole.data import create_dataset, data_preparation
        from recbole.utils import get_model, get_trainer, init_seed

        torch.set_num_threads(threads)
        write_atomic(data, scratch / DATASET)
        settings = scratch / "settings.yaml"
        settings.write_text(f"{SETTINGS}{MODELS[model]}eval_batch_size: {eval_batch_size}\n")
        here = {"data_path": str(scratch), "checkpoint_dir": str(scratch / "saved")}
        model = model.removesuffix("50")
        self.config = Config(model, DATASET, [settings], here)
        seed = self.config["seed"], self.config["reproducibility"]
        init_seed(*seed)
        loaders = data_preparation(self.config, create_dataset(self.config))
        self.train_data, self.valid_data, _ = loaders
        init_seed(*seed)  # once more before the model, as run_recbole does
        network = get_model(model)(self.config, self.train_data._dataset)
        self.trainer = get_trainer(self.config["MODEL_TYPE"], model)(self.config, network)
        self.trainer.eval_collector.data_collect(self.train_data)  # as Trainer.fit begins
        if anomaly == "off":
            # RecBole 1.2.1 loads every sequential model along with SASRec, and sine.py turns on
            # autograd's anomaly detection for the whole process while it is imported.
            torch.autograd.set_detect_anomaly(False)

        self.epoch = self.samples = 0
        self.stream = self._endless()

    def _endless(self) -> Iterator[Interaction]:
        """Batches of the real train loader, which reshuffles at each new epoch."""
        for self.epoch in itertools.count():
            for batch in self.train_data:
                self.samples += len(batch)
                yield batch

    def _loss(self, batch: Interaction) -> torch.Tensor:
        self.last_loss: torch.Tensor = self.trainer.model.calculate_loss(batch)
        return self.last_loss

    def train(self, steps: int) -> Answer:
        """Run `steps` iterations of Trainer._train_epoch, going on where the last call ended."""
        self.samples = 0
        begin = time.perf_counter()
        # In a single process _train_epoch only iterates over its first argument, so a slice of
        # the endless stream lets RecBole's own loop run for an exact number of steps.
        batches = itertools.islice(self.stream, steps)
        self.trainer._train_epoch(batches, self.epoch, loss_func=self._loss)
        seconds = time.perf_counter() - begin
        return {
            "seconds": seconds,
            "steps": steps,
            "samples": self.samples,
            "users": self.samples,  # each sample has a history of its own
            "loss": self.last_loss.item(),
        }

    def rank(self, batches: int | None = None) -> Answer:
        """Run Trainer.evaluate over the validation users, or the first batches of them."""
        loader = self.valid_data
        if batches is not None:
            # evaluate() picks full sorting by the loader's class, so a slice would not do.
            users = loader._dataset.inter_feat[: batches * loader.step]
            head = loader._dataset.copy(users)
            loader = type(loader)(self.config, head, loader._sampler)
        begin = time.perf_counter()
        metrics = self.trainer.evaluate(loader, load_best_model=False)
        return {
            "seconds": time.perf_counter() - begin,
            "users": loader.sample_size,
            **{name: float(value) for name, value in metrics.items()},
        }


def main() -> None:
    """Prepare RecBole, say so, and serve commands."""
    parser = worker_options(__doc__)
    parser.add_argument("--model", choices=MODELS, default="SASRec")
    parser.add_argument("--eval-batch-size", type=int, default=128, help="users ranked at once")
    parser.add_argument("--anomaly", choices=["shipped", "off"], default="shipped")
    args = parser.parse_args()
    # Config reads sys.argv as well and would take `--data=...` for a setting of its own.
    del sys.argv[1:]
    reply = take_stdout()

    options = vars(args)
    data = options.pop("data").resolve()
    with tempfile.TemporaryDirectory(prefix="recbole-") as scratch:
        os.chdir(scratch)  # RecBole writes log_tensorboard/ into the working directory
        worker = Worker(data, Path(scratch), **options)
        reply({"ready": True})
        command = serve(reply, {"train": worker.train, "rank": worker.rank})
        if command is not None and command["do"] != "quit":
            raise ValueError(f"unknown command {command}")


if __name__ == "__main__":
    main()

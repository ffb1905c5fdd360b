"""uniseq's SASRec, GRU4Rec or Caser as a measurement worker, with the commands of recbole_peer.py.

The trainer's own loop runs; a callback holds it after each measured stretch of steps and answers
the driver. Run in the project's environment:

    python uniseq_worker.py --data FILE [--model SASRec] [--threads 2] [--loss bpr]
                            [--similarity dot]
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

# Caser with what RecBole's has: an embedding for each user of the file, and ReLU at the end.
MODELS = {
    "SASRec": ["backbone=sasrec"],
    "GRU4Rec": ["backbone=gru4rec"],
    "Caser": ["backbone=caser", "backbone.relu=true", "dataset.max_length=5"],
}


def reply(content: dict[str, Any]) -> None:
    """One JSON line to the driver."""
    print(json.dumps(content), file=sys.__stdout__, flush=True)


def peak_rss_mb() -> float:
    """Highest resident memory of this process so far; what exec inherits is not counted."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Prepare everything, then obey."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=MODELS, default="SASRec")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--loss", default="bpr")
    parser.add_argument("--similarity", default="dot")
    arguments = parser.parse_args()

    import torch
    from hydra import compose, initialize_config_dir
    from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

    from uniseq.config.check import build
    from uniseq.config.paths import conf_dir
    from uniseq.memory import HostMemoryTrim
    from uniseq.module import SequentialRecommender
    from uniseq.run import _quiet

    _quiet()
    torch.set_num_threads(arguments.threads)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose(
            "config",
            overrides=[
                *MODELS[arguments.model],
                f"loss={arguments.loss}",
                f"similarity={arguments.similarity}",
                "dataset=file",
                f"dataset.source.file={arguments.data.name}",
                f"data_dir={arguments.data.resolve().parent}",
            ],
        )
    seed_everything(0, verbose=False)
    data = build(cfg.dataset)
    if arguments.model == "Caser":
        cfg.backbone.users = data.sequences.num_users
    module = SequentialRecommender(
        build(cfg.backbone),
        build(cfg.similarity),
        build(cfg.loss),
        build(cfg.optimizer),
        data.sequences.num_items,
    )

    class Worker(Callback):
        """Measures stretches of steps inside the trainer's loop."""

        def __init__(self) -> None:
            self.left = self.samples = 0
            self.loss = float("nan")

        def on_train_batch_end(
            self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, _: int
        ) -> None:
            """Count the step; when the stretch is over, answer and wait for the next command."""
            self.left -= 1
            self.samples += batch.num_triplets
            self.loss = outputs["loss"]
            if self.left <= 0:
                self.obey(trainer, pl_module)

        def obey(self, trainer: Trainer, pl_module: LightningModule) -> None:
            """Report the stretch, then serve commands until the next one that trains."""
            if self.left == 0 and self.samples:
                seconds = time.perf_counter() - self.began
                reply({"seconds": seconds, "samples": self.samples, "loss": float(self.loss)})
            for line in sys.stdin:
                command = json.loads(line)
                if command["do"] == "train":
                    self.left, self.samples = command["steps"], 0
                    self.began = time.perf_counter()
                    return
                if command["do"] == "rank":
                    reply(rank(pl_module))
                elif command["do"] == "memory":
                    reply({"peak_rss_mb": peak_rss_mb()})
                else:
                    break
            trainer.should_stop = True
            trainer.limit_train_batches = 0
            raise SystemExit

        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            """Before the first step: say that all is ready and wait."""
            if self.left == 0 and self.samples == 0:
                samples = len(trainer.train_dataloader.sampler._samples)
                startup = time.perf_counter() - began
                reply({"ready": True, "train_samples": samples, "startup_s": startup})
                self.obey(trainer, pl_module)

    def rank(pl_module: LightningModule) -> dict[str, float]:
        """Rank the validation items of all users, as the validation loop does."""
        pl_module.eval()
        start, users = time.perf_counter(), 0
        with torch.inference_mode():
            pl_module.on_validation_epoch_start()
            for batch in data.val_dataloader():
                pl_module.validation_step(batch)
                users += len(batch.sequences.targets)
            figures = {name: float(value) for name, value in pl_module.figures("val").items()}
        seconds = time.perf_counter() - start
        pl_module.train()
        return {
            "seconds": seconds,
            "users": users,
            "hit@10": figures["val/unmasked/HR@10"],
            "ndcg@10": figures["val/unmasked/NDCG@10"],
        }

    trainer = Trainer(
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=[HostMemoryTrim(), Worker()],
    )
    sys.stdout = sys.stderr
    trainer.fit(module, datamodule=data)


if __name__ == "__main__":
    main()

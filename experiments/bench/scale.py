"""Time and memory of growing data, up to 500 times Beauty: 100 million interactions.

    python experiments/bench/scale.py [--times 1 10 100 500] [--threads 1] [--folder FOLDER]

Synthetic data with Beauty's users, items and interactions times a factor (at most 5 million users
and a million items), and SASRec with its defaults. Each stage runs in a process of its own:

- *prepare*: draw all histories and hold them ready, from 10 million interactions on in a cache
  on disk, which the other stages map (``UNISEQ_CACHE_DIR``; 0.5 GB for the largest);
- *train*: a whole epoch up to 100 times Beauty, 1,000 steps beyond, in the trainer's own loop;
- *rank*: the test items of 20,000 users among all items, to the end of every rank;
- *yardsticks*: the rankings without training that stand in each record, of the same users.

Each finished stage is a line of scale.json in the folder, and those that are there are not run
again. Then draws scale.png from them: processor time, which a busy machine does not change.

Up to 100 times Beauty all is linear. Beyond, users and items reach their bounds and histories grow
from 9 to 20 items: a prefix holds 15 items instead of 5 in the mean and a user has three times as
many, so that 5 times the interactions make 6.4 times the steps, of 2.1 times the cost each.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compose import compose, recommender
from machine import describe
from omegaconf import DictConfig
from protocol import BARE, peak_rss_mb

if TYPE_CHECKING:
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.training.module import SequentialRecommender

Figures = dict[str, Any]

USERS, ITEMS, INTERACTIONS = 22_363, 12_101, 198_502  # of Beauty
MOST_USERS, MOST_ITEMS = 5_000_000, 1_000_000
CLUSTER = 500  # items, about
RANKED = 20_000
WHOLE_EPOCHS = 100  # times Beauty
STEPS = 1000  # beyond
WARM = 50  # first steps, not counted


class Watch:
    """Seconds on the clock and of the processor since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Both; the second tells of a busy machine."""
        wall, cpu = self._began
        return {"seconds": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def config(times: int) -> DictConfig:
    """The run's config at so many times Beauty."""
    users, items = min(times * USERS, MOST_USERS), min(times * ITEMS, MOST_ITEMS)
    return compose(
        [
            f"dataset.source.num_users={users}",
            f"dataset.source.num_items={items}",
            f"dataset.source.num_clusters={items // CLUSTER}",
            f"dataset.source.mean_length={times * INTERACTIONS / users:.4f}",
            f"dataset.eval_users={RANKED}",
        ]
    )


def both(times: int) -> "tuple[SequenceDataModule, SequentialRecommender]":
    """The data at so many times Beauty, and the model."""
    from uniseq.config.build import build

    cfg = config(times)
    data: SequenceDataModule = build(cfg.dataset)
    return data, recommender(cfg, data)


def prepare(times: int) -> Figures:
    """Draw the histories, as the first run does."""
    from uniseq.config.build import build

    data = build(config(times).dataset)
    watch = Watch()
    sequences = data.sequences
    return {
        **watch.read(),
        "users": sequences.num_users,
        "items": sequences.num_items,
        "interactions": len(sequences.items),
    }


def train(times: int) -> Figures:
    """Train for an epoch, or for some steps of one."""
    from lightning.pytorch import Callback, LightningModule, Trainer

    from uniseq.training.callbacks.memory_trim import HostMemoryTrim

    class Clock(Callback):
        """Counts steps and triplets once the first steps are over."""

        steps = triplets = 0

        def on_train_batch_end(
            self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, _: int
        ) -> None:
            if trainer.global_step == WARM:
                self.before = time.perf_counter() - BEGAN
                self.watch = Watch()
            elif trainer.global_step > WARM:
                self.steps += 1
                self.triplets += batch.num_triplets
                self.took = self.watch.read()

    clock = Clock()
    data, module = both(times)
    trainer = Trainer(
        max_epochs=1,
        limit_train_batches=1.0 if times <= WHOLE_EPOCHS else WARM + STEPS,
        num_sanity_val_steps=0,
        callbacks=[HostMemoryTrim(), clock],
        **BARE,
    )
    trainer.fit(module, train_dataloaders=(loader := data.train_dataloader()))
    return {
        **clock.took,
        "steps": clock.steps,
        "triplets": clock.triplets,
        "steps_an_epoch": len(loader),
        "before_s": clock.before,
    }


def rank(times: int) -> Figures:
    """Rank as the test does, with a model that has learnt nothing."""
    from lightning.pytorch import Trainer

    data, module = both(times)
    loader = data.test_dataloader()
    watch = Watch()
    Trainer(**BARE).test(module, loader, verbose=False)
    return {**watch.read(), "users": len(data.split.test.users)}


def yardsticks(times: int) -> Figures:
    """The rankings without training."""
    from uniseq.config.build import build
    from uniseq.training import yardsticks as implementation

    data = build(config(times).dataset)
    users = len(data.split.test.users)
    watch = Watch()
    figures = implementation.yardsticks(data, [10])
    took = watch.read()
    found = {name: of_one["masked/NDCG@10"] for name, of_one in figures.items()}
    return {**took, "users": users, "masked/NDCG@10": found}


STAGES: dict[str, Callable[[int], Figures]] = {
    "prepare": prepare,
    "train": train,
    "rank": rank,
    "yardsticks": yardsticks,
}
BEGAN = time.perf_counter()


def measure(stage: str, times: int, threads: int) -> Figures:
    """One stage in this process."""
    import torch

    from uniseq.startup import load_trainer

    load_trainer()
    torch.set_num_threads(threads)
    machine = describe(threads)
    figures = STAGES[stage](times)
    return {
        "stage": stage,
        "times": times,
        **figures,
        "wall_s": time.perf_counter() - BEGAN,
        "peak_rss_mb": peak_rss_mb(),
        "machine": machine,
    }


def read(path: Path) -> list[Figures]:
    """The stages measured so far."""
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def draw(found: list[Figures], path: Path) -> None:
    """Time and memory against interactions."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import NullFormatter

    interactions = {f["times"]: f["interactions"] for f in found if f["stage"] == "prepare"}
    labels = {
        "prepare": "draw the data",
        "train": "train an epoch (hollow: from 1,000 steps)",
        "rank": f"rank {RANKED:,} users",
        "yardsticks": f"untrained rankings of {RANKED:,} users",
    }
    figure, (time_panel, memory_panel) = pyplot.subplots(1, 2, figsize=(10, 4.2))
    for number, (stage, label) in enumerate(labels.items()):
        points = sorted((f for f in found if f["stage"] == stage), key=lambda f: f["times"])
        points = [f for f in points if f["times"] in interactions]
        x = [interactions[f["times"]] for f in points]
        whole = [
            f.get("steps_an_epoch", 0) / f.get("steps", 1) if stage == "train" else 1
            for f in points
        ]
        seconds = [f["cpu_s"] * share for f, share in zip(points, whole, strict=True)]
        memory = [f["peak_rss_mb"] / 1000 for f in points]
        for panel, y in ((time_panel, seconds), (memory_panel, memory)):
            panel.plot(x, y, "-", color=f"C{number}")
            for at, value, f in zip(x, y, points, strict=True):
                part = panel is time_panel and stage == "train" and f["times"] > WHOLE_EPOCHS
                panel.plot(at, value, "o", color=f"C{number}", fillstyle="none" if part else "full")
            panel.plot([], [], "o-", color=f"C{number}", label=label)
    for panel, unit, scale in (
        (time_panel, "processor time (s), one thread", "log"),
        (memory_panel, "peak resident memory (GB)", "linear"),
    ):
        panel.set(xscale="log", yscale=scale, xlabel="interactions", ylabel=unit)
        panel.grid(alpha=0.3, which="both")
        panel.xaxis.set_minor_formatter(NullFormatter())
    handles, names = time_panel.get_legend_handles_labels()
    figure.legend(handles, names, loc="upper center", ncols=len(names), fontsize=8)
    memory_panel.set_ylim(bottom=0)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure what is not measured yet, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 100, 500])
    parser.add_argument("--stages", choices=STAGES, nargs="+", default=list(STAGES))
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--folder", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        (stage,), (times,) = arguments.stages, arguments.times
        print(json.dumps(measure(stage, times, arguments.threads)))
        return
    path = arguments.folder / "scale.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {(figures["stage"], figures["times"]) for figures in read(path)}
    for times in arguments.times:
        for stage in arguments.stages:
            if (stage, times) in done:
                continue
            command = [sys.executable, __file__, "--here", "--stages", stage]
            command += ["--times", str(times), "--threads", str(arguments.threads)]
            line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            with path.open("a") as file:
                file.write(line.splitlines()[-1] + "\n")
            print(line.splitlines()[-1], flush=True)
    draw(read(path), path.with_suffix(".png"))


if __name__ == "__main__":
    main()

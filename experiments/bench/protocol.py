"""What every worker speaks: a command a line on stdin, an answer a line on stdout, both JSON.

    {"do": "train", "steps": N}  -> {"seconds", "steps", "samples", "users", "loss"}
    {"do": "rank"}               -> {"seconds", "users", "hit@10", "ndcg@10"}
    {"do": "memory"}             -> {"peak_rss_mb"}
    {"do": "quit"}               -> ends (so does the end of stdin)

A worker says {"ready": true} when its first training step is about to begin. Samples are the
targets that count in the loss. The standard library alone is imported here, so that this file
works in every peer's environment and start-up time counts nothing that is not theirs.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

# What Lightning's trainers leave out in every worker.
BARE: dict[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def worker_options(description: str) -> argparse.ArgumentParser:
    """The options that every worker has.

    Args:
        description: the worker's docstring, whose first line is shown.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="file of user sequences")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    return parser


def take_stdout() -> Callable[[Answer], None]:
    """Keep the real stdout for answers; whatever a library prints goes to stderr from now on."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(answer: Answer) -> None:
        print(json.dumps(answer), file=channel, flush=True)

    return reply


def peak_rss_mb() -> float:
    """Highest resident memory of this process so far; what exec inherits is not counted."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def serve(
    reply: Callable[[Answer], None], commands: dict[str, Callable[..., Answer]]
) -> Answer | None:
    """Answer commands until one that is not among ``commands``, which is returned; None at the end.

    The keys of a command, ``do`` aside, are the arguments of its function.
    """
    for line in sys.stdin:
        command: Answer = json.loads(line)
        name = command["do"]
        if name == "memory":
            reply({"peak_rss_mb": peak_rss_mb()})
        elif name in commands:
            reply(commands[name](**{key: command[key] for key in command.keys() - {"do"}}))
        else:
            return command
    return None


class Hold:
    """Holds a trainer's own loop between measured stretches of steps, and serves meanwhile.

    The trainer's callback calls :meth:`before_step` and :meth:`after_step`.

    Args:
        reply: sends an answer.
        commands: what can be asked besides training.
    """

    def __init__(
        self, reply: Callable[[Answer], None], commands: dict[str, Callable[..., Answer]]
    ) -> None:
        self._reply = reply
        self._commands = commands
        self._steps = self._left = self._samples = self._users = 0

    def before_step(self) -> None:
        """Before the first step: say that all is ready, and wait."""
        if not self._steps:
            self._reply({"ready": True})
            self._obey()

    def after_step(self, samples: int, users: int, loss: Any) -> None:
        """Count the step; when the stretch is over, answer and wait for the next command.

        Args:
            samples: targets that counted in the loss of the step.
            users: histories of the step.
            loss: of the step, a tensor of one element.
        """
        self._left -= 1
        self._samples += samples
        self._users += users
        if self._left:
            return
        seconds = time.perf_counter() - self._began
        self._reply(
            {
                "seconds": seconds,
                "steps": self._steps,
                "samples": self._samples,
                "users": self._users,
                "loss": float(loss),
            }
        )
        self._obey()

    def _obey(self) -> None:
        command = serve(self._reply, self._commands)
        if command is None or command["do"] == "quit":
            raise SystemExit
        if command["do"] != "train":
            raise ValueError(f"unknown command {command}")
        self._steps = self._left = command["steps"]
        self._samples = self._users = 0
        self._began = time.perf_counter()


def holding(callback: type, hold: Hold, count: Callable[[Any], tuple[int, int]]) -> Any:
    """A callback that lets a worker answer between the steps of a Lightning trainer.

    Args:
        callback: the class of callbacks of the Lightning that the framework uses.
        hold: what is told of the steps.
        count: targets that count in the loss of a batch, and its histories.
    """

    class Holding(callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
            hold.before_step()

        def on_train_batch_end(
            self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int
        ) -> None:
            hold.after_step(*count(batch), outputs["loss"])

    return Holding()


def read_sequences(path: Path) -> tuple[list[int], list[list[int]]]:
    """Users and their items, oldest first, of a file with ``user item item item …`` a line."""
    users, histories = [], []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            user, *items = map(int, line.split())
            users.append(user)
            histories.append(items)
    return users, histories


def hit_and_ndcg(top: dict[int, list[int]], targets: dict[int, int]) -> Answer:
    """HR@10 and NDCG@10 of top-10 lists; a user without a list has missed."""
    from math import log2

    places = [top[user].index(item) for user, item in targets.items() if item in top.get(user, [])]
    return {
        "hit@10": len(places) / len(targets),
        "ndcg@10": sum(1 / log2(place + 2) for place in places) / len(targets),
    }

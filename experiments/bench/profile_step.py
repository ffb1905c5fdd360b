"""Where a training step goes: batches, forward, backward, update; and by kind of operation.

The first table is timed without a profiler. The second is torch's profiler's time within each
operation, less what its callees take; what it cannot see, the interpreter between operations, is
the rest of the step. On an idle machine, from this folder:

    python profile_step.py --data FILE [--threads 2] [backbone=sasrec loss=uniform …]
"""

import argparse
import statistics
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from compose import compose, recommender
from machine import describe, sentence

PARTS = ("batch", "forward", "backward", "update")
KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm", "dot"),
    "normalisation, activation, softmax": (
        *("native_layer_norm", "native_layer_norm_backward", "gelu", "gelu_backward", "exp"),
        *("_softmax", "_softmax_backward_data", "softplus", "softplus_backward", "sigmoid"),
        *("linalg_vector_norm", "norm", "log_sigmoid_forward", "log_sigmoid_backward"),
    ),
    "gathering and scattering rows, copies": (
        *("index_select", "index", "index_put_", "index_add_", "_index_put_impl_", "gather"),
        *("embedding", "embedding_dense_backward", "cat", "copy_", "clone", "_to_copy"),
        *("scatter_add_", "slice_backward", "select_backward", "constant_pad_nd"),
    ),
    "sums, products and masks, elementwise": (
        *("add", "add_", "mul", "mul_", "sub", "sub_", "div", "div_", "sum", "neg", "addcmul_"),
        *("masked_fill", "masked_fill_", "where", "bitwise_and", "ge", "lt", "eq", "rsub"),
        *("random_", "bernoulli_", "clamp", "clamp_min", "pow", "addcmul"),
    ),
    "allocation": ("empty", "empty_strided", "empty_like", "zeros", "zero_", "fill_", "resize_"),
    "Adam": ("_fused_adam_",),
}


class Step:
    """A training step in its parts."""

    def __init__(self, data: Any, module: Any) -> None:
        self._batches = self._endless(data)
        self._module = module
        self._optimizer = module.configure_optimizers()

    @staticmethod
    def _endless(data: Any) -> Any:
        while True:
            yield from data.train_dataloader()

    def __call__(self) -> list[float]:
        """Take it; seconds of each part."""
        clock = [time.perf_counter()]
        batch = next(self._batches)
        clock.append(time.perf_counter())
        total = self._module.loss(self._module.triplets(batch))[0]
        clock.append(time.perf_counter())
        self._optimizer.zero_grad()
        total.backward()
        clock.append(time.perf_counter())
        self._optimizer.step()
        clock.append(time.perf_counter())
        return [after - before for before, after in pairwise(clock)]


def kinds(step: Step, steps: int) -> tuple[dict[str, float], Counter[str], float]:
    """Milliseconds and calls of each kind a step, and milliseconds of a profiled step."""
    from torch.profiler import ProfilerActivity, profile

    of = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names}
    began = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(steps):
            step()
    took = 1000 * (time.perf_counter() - began) / steps
    milliseconds: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    calls: Counter[str] = Counter()
    for event in profiler.key_averages():
        if event.key.startswith("aten::"):
            kind = of.get(event.key, "other operations")
            spent = event.self_cpu_time_total / 1000 / steps
            milliseconds[kind] = milliseconds.get(kind, 0.0) + spent
            calls[kind] += event.count
    return milliseconds, Counter({kind: n // steps for kind, n in calls.items()}), took


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Beauty.txt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    options, overrides = parser.parse_known_args()
    from uniseq.startup import load_trainer

    load_trainer()
    import torch

    from uniseq.config.build import build

    torch.set_num_threads(options.threads)
    machine = describe(options.threads)
    file = options.data.resolve()
    source = ["dataset=file", f"dataset.source.file={file.name}", f"data_dir={file.parent}"]
    cfg = compose([*source, *overrides])
    data = build(cfg.dataset)
    step = Step(data, recommender(cfg, data))
    for _ in range(30):
        step()
    taken = [step() for _ in range(options.steps)]
    whole = 1000 * statistics.median(map(sum, taken))
    print("| part | ms, median | share |", "| --- | --- | --- |", sep="\n")
    for name, seconds in zip(PARTS, zip(*taken, strict=True), strict=True):
        spent = 1000 * statistics.median(seconds)
        print(f"| {name} | {spent:.2f} | {spent / whole:.0%} |")
    print(f"| a step | {whole:.2f} | |\n")
    milliseconds, calls, took = kinds(step, 50)
    print("| kind | ms a step | calls a step |", "| --- | --- | --- |", sep="\n")
    for kind, spent in sorted(milliseconds.items(), key=lambda item: -item[1]):
        print(f"| {kind} | {spent:.2f} | {calls[kind]} |")
    print(f"| interpreter and autograd between them | {took - sum(milliseconds.values()):.2f} | |")
    print(f"| a step, under the profiler | {took:.2f} | {sum(calls.values())} |\n")
    print(sentence(machine), " ".join(overrides) or "defaults", sep=": ")


if __name__ == "__main__":
    main()

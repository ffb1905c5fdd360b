"""Schedules of the learning rate: their values, and how a run takes their steps."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tests.config_runs import run
from uniseq.errors import ConfigError
from uniseq.training.schedules import WarmupCosine, lightning_schedule


def optimizer(lr=0.5):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(schedule, steps):
    found = []
    for _ in range(steps):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return found


def test_warm_up_then_half_a_cosine_by_hand():
    found = rates(WarmupCosine(optimizer(1.0), epochs=6, warmup=2, floor=0.2), 8)
    half = [1, 1 - 0.4 * (1 - math.cos(math.pi / 4)), 0.6, 1 - 0.4 * (1 + math.cos(math.pi / 4))]
    assert found == pytest.approx([1 / 3, 2 / 3, *half, 0.2, 0.2])


BAD = [
    ({"epochs": 0}, "epochs"),
    ({"epochs": 3, "warmup": 3}, "warmup"),
    ({"epochs": 3, "floor": 1.5}, "floor"),
]


@pytest.mark.parametrize(("given", "key"), BAD)
def test_what_does_not_fit_together_is_refused_by_its_key(given, key):
    with pytest.raises(ConfigError, match=f"^{key}: "):
        WarmupCosine(optimizer(), **given)


def test_a_plateau_waits_for_the_watched_figure_to_rise():
    waits = lightning_schedule(ReduceLROnPlateau(optimizer(), mode="max"), "val/x", 5)
    assert (waits["monitor"], waits["frequency"], waits["interval"]) == ("val/x", 5, "epoch")
    with pytest.raises(ConfigError, match=r"^scheduler\.mode: must be max"):
        lightning_schedule(ReduceLROnPlateau(optimizer()), "val/x", 1)


class EachStep(torch.optim.lr_scheduler.ExponentialLR):
    interval = "step"


def test_one_of_ones_own_may_step_with_the_training_steps():
    found = lightning_schedule(EachStep(optimizer(), gamma=0.9), "val/x", 1)
    assert (found["interval"], found["frequency"]) == ("step", 1)


SHORT = ("trainer.max_epochs=4", "logger=csv", "callbacks=learning_rate")


def logged(folder):
    lines = (folder / "metrics.csv").read_text().splitlines()
    column = next(n for n, name in enumerate(lines[0].split(",")) if name.startswith("lr-"))
    return [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]


def test_a_run_follows_its_schedule_and_counts_as_another_run(tmp_path):
    steady = run(tmp_path / "steady", *SHORT)
    stepped = run(tmp_path / "step", *SHORT, "scheduler=step", "scheduler.step_size=2")
    assert logged(tmp_path / "steady") == [3e-4] * 4
    assert logged(tmp_path / "step") == pytest.approx([3e-4, 3e-4, 1.5e-4, 1.5e-4])
    assert stepped.epochs[:2] == steady.epochs[:2]
    assert stepped.epochs[3] != steady.epochs[3]
    assert stepped.config["scheduler"]["step_size"] == 2
    assert stepped.config_hash != steady.config_hash


def test_a_run_lowers_its_rate_on_a_plateau(tmp_path):
    never_better = "+scheduler.threshold=1e9"
    run(tmp_path, *SHORT, "scheduler=plateau", "scheduler.patience=0", never_better)
    assert logged(tmp_path) == pytest.approx([3e-4, 3e-4, 1.5e-4, 7.5e-5])

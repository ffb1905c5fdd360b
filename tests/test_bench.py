"""The benchmark's own counting: protocol, products of a step, table."""

import io
import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from uniseq.backbones import Caser, GRU4Rec, SASRec
from uniseq.backbones.kernels.packing import pack
from uniseq.batch import Histories, TrainingBatch
from uniseq.losses import BCELoss, UniformityLoss
from uniseq.similarity import Cosine
from uniseq.training.module import SequentialRecommender

BENCH = Path(__file__).parents[1] / "experiments" / "bench"
HISTORIES = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10], [2, 3]]


@pytest.fixture(autouse=True)
def bench_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def a_step(backbone):
    """A training step's loss as a function, and a batch."""
    module = SequentialRecommender(
        backbone, Cosine(), UniformityLoss(BCELoss()), torch.optim.Adam, num_items=20
    )
    targets = torch.tensor([11, 12, 13, 14])
    batch = TrainingBatch(Histories.from_histories(HISTORIES), targets, targets[:, None] + 4)
    return lambda each: module.loss(module.triplets(each))[0], batch


@pytest.mark.parametrize("backbone", [SASRec, GRU4Rec, Caser])
def test_the_caught_products_take_all_flops_of_a_step(backbone):
    from products import catch, flops

    step, batch = a_step(backbone(dim=8))
    with FlopCounterMode(display=False) as counter:
        step(batch).backward()
    (caught,) = catch(step, [batch])
    # The counter overlooks products in place: L_het's gradient has two of (4, 4) by (4, 8).
    assert flops(caught) == counter.get_total_flops() + 2 * 2 * 4 * 4 * 8


def test_the_products_have_the_shapes_of_the_packing():
    from products import catch

    step, batch = a_step(SASRec(dim=8))
    (caught,) = catch(step, [batch])
    packed = len(pack(batch.histories.lengths, torch.empty(0)).row)
    plain = [
        tuple(operand.shape)
        for each in caught
        if isinstance(each, partial) and each.func is torch.mm
        for operand in each.args
    ]
    assert (packed, 8) in plain and (8, 24) in plain and (packed, 32) in plain


def test_a_hold_reports_stretches_and_ends_with_its_input(monkeypatch):
    from protocol import Hold

    commands = [{"do": "train", "steps": 2}, {"do": "double", "value": 4}, {"do": "quit"}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(json.dumps, commands))))
    answers = []
    hold = Hold(answers.append, {"double": lambda value: {"value": 2 * value}})
    hold.before_step()
    hold.after_step(5, 2, torch.tensor(1.0))
    hold.before_step()
    with pytest.raises(SystemExit):
        hold.after_step(7, 3, torch.tensor(0.5))
    assert answers[0] == {"ready": True}
    assert answers[2] == {"value": 8}
    del answers[1]["seconds"]
    assert answers[1] == {"steps": 2, "samples": 12, "users": 5, "loss": 0.5}


def test_hits_and_ndcg_of_lists():
    from protocol import hit_and_ndcg

    top = {1: [7, 8, 9], 2: [5, 6]}
    figures = hit_and_ndcg(top, {1: 9, 2: 5, 3: 5, 4: 6})
    assert figures == {"hit@10": 0.5, "ndcg@10": pytest.approx((0.5 + 1) / 4)}


def test_the_table_compares_paired_rounds():
    from table import markdown

    ours = {
        "name": "uniseq",
        "setup": "sequences",
        "samples/s": [100.0, 300.0],
        "users/s": [10.0, 30.0],
        "ranked/s": [8.0],
        "start s": [2.0],
        "peak MB": 50.0,
        "floor": {"step s": [0.2, 0.2], "products s": [0.1, 0.05], "gflop": 1.0},
    }
    theirs = {**ours, "name": "RePlay", "samples/s": [50.0, 50.0], "peak MB": 200.0}
    machine = {"processor": "P", "cores": 2, "memory GB": 4, "threads": 2}
    text = markdown(
        {
            "model": "SASRec",
            "machine": {**machine, "torch": "t", "python": "p", "date": "d"},
            "setups": {"sequences": "whole users"},
            "versions": {"uniseq": {"uniseq": "1"}, "RePlay": {"replay-rec": "2"}},
            "contenders": [ours, theirs],
        }
    )
    rows = text.splitlines()
    assert rows[2] == "| sequences | uniseq | 200 | 20 | 8 | 2.0 | 50 |"
    assert rows[3].startswith("| sequences | RePlay 2 | 50 (4.0 ×, 2.0 – 6.0) | 20 (1.0 ×")
    assert rows[3].endswith("| 200 (0.25 ×) |")
    assert (
        rows[4] == "| sequences | *uniseq's products alone* | 600 (0.38 ×, 0.25 – 0.50) | | | | |"
    )

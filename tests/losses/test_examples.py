"""The objectives in anyone's loop, as their docstrings show it."""

import doctest
import importlib
import pkgutil

import pytest
import torch

import uniseq.losses
from uniseq.losses import BCELoss, Triplets, UniformityLoss

MODULES = [
    f"uniseq.losses.{module.name}" for module in pkgutil.iter_modules(uniseq.losses.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_uniformity_objective_has_an_example():
    (example,) = doctest.DocTestFinder(recurse=False).find(UniformityLoss)
    assert any(part.want for part in example.examples)


def test_a_plain_loop_spreads_the_items_and_keeps_the_pairs_together():
    torch.manual_seed(0)
    table = torch.nn.Embedding(8, 6)
    torch.nn.init.normal_(table.weight, mean=1.0, std=0.1)  # all on one side of the sphere
    optimizer = torch.optim.Adam(table.parameters(), lr=0.05)
    loss = UniformityLoss(BCELoss(), beta=0.5)
    users = torch.arange(4)

    def terms(step):
        positive = users + 4
        negatives = (users[:, None] + 1 + step % 3) % 4 + 4
        vectors = torch.nn.functional.normalize(table.weight, dim=-1)
        return loss(
            Triplets(
                vectors[users], vectors[positive], vectors[negatives], table.weight, positive, True
            )
        )

    first = terms(0)
    for step in range(60):
        optimizer.zero_grad()
        terms(step)[0].backward()
        optimizer.step()
    last = terms(60)
    assert last[0].item() < first[0].item()
    for name in ("rec", "hom", "het"):
        assert last[1][name].item() < 0.8 * first[1][name].item()

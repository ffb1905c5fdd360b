"""What every backbone of the configuration must keep to, with every objective and similarity."""

from copy import deepcopy
from functools import cache, partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.backbones.cases import encode, randomised
from tests.config_runs import composed
from uniseq.batch import Histories, TrainingBatch
from uniseq.config.build import build
from uniseq.config.check import check_config
from uniseq.config.paths import conf_dir
from uniseq.training.module import SequentialRecommender

DIM = 16
NUM_ITEMS = 12


def choices(group):
    found = sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
    return [name for name in found if name != "custom"]


BACKBONES = choices("backbone")
BACKBONE = pytest.mark.parametrize("name", BACKBONES)
ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])
EXAMPLES = settings(max_examples=12)
HISTORY = st.lists(st.integers(0, 8), min_size=1, max_size=20)
OTHERS = st.lists(HISTORY, max_size=5)
TABLE = torch.randn(9, DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@cache
def composed_choice(group, name):
    cfg = composed([f"{group}={name}", f"backbone.dim={DIM}"])
    check_config(cfg)
    return cfg


def made(group, name):
    """A fresh part as a run makes it."""
    torch.manual_seed(0)
    return build(composed_choice(group, name)[group])


@cache
def encoder(name):
    """With parameters that all matter, in float64."""
    return randomised(made("backbone", name)).double()


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


def test_the_configuration_has_the_backbones_and_losses_that_are_tested_here():
    assert {"caser", "gru4rec", "sasrec"} <= set(BACKBONES)
    assert {"bce", "bpr", "infonce", "uniform"} <= set(choices("loss"))
    assert {"cosine", "dot"} <= set(choices("similarity"))


@BACKBONE
@given(HISTORY, OTHERS, OTHERS)
@EXAMPLES
def test_a_history_does_not_depend_on_its_batch(name, history, before, after):
    module, together, begin = encoder(name), [*before, history, *after], sum(map(len, before))
    close(
        encode(module, together, table=TABLE)[len(before)],
        encode(module, [history], table=TABLE)[0],
    )
    every = encode(module, together, table=TABLE, all_positions=True)
    alone = encode(module, [history], table=TABLE, all_positions=True)
    close(every[begin : begin + len(history)], alone)


@BACKBONE
@given(st.data(), st.lists(HISTORY, min_size=2, max_size=7))
@EXAMPLES
def test_reordered_histories_give_reordered_vectors(name, data, histories):
    order = data.draw(st.permutations(range(len(histories))))
    module = encoder(name)
    expected = encode(module, histories, table=TABLE)
    close(encode(module, [histories[b] for b in order], table=TABLE), expected[order])


@BACKBONE
@given(st.lists(HISTORY, min_size=1, max_size=5))
@EXAMPLES
def test_each_position_is_the_vector_of_the_prefix_that_ends_there(name, histories):
    module = encoder(name)
    prefixes = [history[: end + 1] for history in histories for end in range(len(history))]
    close(
        encode(module, histories, table=TABLE, all_positions=True),
        encode(module, prefixes, table=TABLE),
    )


@BACKBONE
@ALL_POSITIONS
def test_the_embeddings_and_the_batch_are_left_as_they_were(name, all_positions):
    batch = Histories.from_histories([[1, 2, 3], [4]])
    module, embedded = deepcopy(encoder(name)).train(), TABLE[batch.items]
    kept, lengths = embedded.clone(), batch.lengths.copy()
    vectors = module(batch, embedded, all_positions=all_positions)
    assert vectors.shape == (4 if all_positions else 2, DIM)
    assert vectors.dtype == torch.float64
    assert torch.equal(embedded, kept)
    assert (batch.lengths == lengths).all()
    assert batch.items.tolist() == [1, 2, 3, 4]


def training_batch(all_positions):
    plain = Histories.from_histories([[3, 1, 4], [5], [9, 2, 6, 5, 3, 8, 7], [0, 11]])
    count = len(plain.items) if all_positions else len(plain.lengths)
    generator = torch.Generator().manual_seed(0)
    return TrainingBatch(
        plain,
        targets=torch.randint(NUM_ITEMS, (count,), generator=generator),
        negatives=torch.randint(NUM_ITEMS, (count, 2), generator=generator),
        all_positions=all_positions,
    )


def recommender(backbone, similarity, loss):
    module = SequentialRecommender(
        backbone=made("backbone", backbone),
        similarity=made("similarity", similarity),
        loss=made("loss", loss),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        num_items=NUM_ITEMS,
    )
    nn.init.normal_(module.items.weight)
    return module


COMBINATIONS = pytest.mark.parametrize(
    ("name", "loss", "similarity"),
    [
        (name, loss, similarity)
        for name in BACKBONES
        for loss in choices("loss")
        for similarity in choices("similarity")
    ],
)


@COMBINATIONS
@ALL_POSITIONS
def test_one_step_moves_every_parameter(name, loss, similarity, all_positions):
    module, batch = recommender(name, similarity, loss).train(), training_batch(all_positions)
    before = {key: value.detach().clone() for key, value in module.named_parameters()}
    optimizer = module.configure_optimizers()
    torch.manual_seed(0)
    total = module.training_step(batch)
    total.backward()
    optimizer.step()
    assert total.isfinite()
    still = [key for key, value in module.named_parameters() if torch.equal(value, before[key])]
    assert still == []
    assert all(value.isfinite().all() for value in module.parameters())


@COMBINATIONS
def test_a_step_against_the_gradient_lowers_the_loss_by_as_much(name, loss, similarity):
    module = recommender(name, similarity, loss).double().eval()
    batch, parameters = training_batch(True), list(module.parameters())
    before = module.training_step(batch)
    grads = torch.autograd.grad(before, parameters)
    before = before.detach()
    norm = float(sum(grad.square().sum() for grad in grads)) ** 0.5
    step = 1e-6
    with torch.no_grad():
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter -= step / norm * grad
        after = module.training_step(batch)
    assert float(before - after) == pytest.approx(step * norm, rel=1e-3)

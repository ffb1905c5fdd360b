"""What a history's vector must and must not depend on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.cases import DIM, batch_of, embeddings, sasrec
from uniseq.batch import Histories

EXAMPLES = settings(max_examples=20, deadline=None, derandomize=True)
LENGTHS = st.lists(st.integers(1, 20), max_size=6)
TABLE = torch.randn(9, DIM, generator=torch.Generator().manual_seed(0))
MODULES = {positions: sasrec(max_length=20, positions=positions) for positions in ("start", "end")}
POSITIONS = pytest.mark.parametrize("positions", ["start", "end"])


def encode(module, histories, *, all_positions=False):
    batch = Histories.from_histories(histories)
    with torch.no_grad():
        return module(batch, TABLE[batch.items], all_positions=all_positions)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


HISTORY = st.lists(st.integers(0, 8), min_size=1, max_size=20)


@POSITIONS
@given(HISTORY, st.lists(HISTORY, max_size=5), st.lists(HISTORY, max_size=5))
@EXAMPLES
def test_a_history_does_not_depend_on_its_batch(positions, history, before, after):
    module = MODULES[positions]
    alone = encode(module, [history])[0]
    close(encode(module, [*before, history, *after])[len(before)], alone)


@given(HISTORY, st.lists(HISTORY, max_size=5), st.lists(HISTORY, max_size=5))
@EXAMPLES
def test_nor_do_the_vectors_of_its_positions(history, before, after):
    module, begin = MODULES["start"], sum(map(len, before))
    alone = encode(module, [history], all_positions=True)
    together = encode(module, [*before, history, *after], all_positions=True)
    close(together[begin : begin + len(history)], alone)


@POSITIONS
@given(st.data(), st.lists(HISTORY, min_size=2, max_size=7))
@EXAMPLES
def test_reordered_histories_give_reordered_vectors(positions, data, histories):
    order = data.draw(st.permutations(range(len(histories))))
    module = MODULES[positions]
    close(encode(module, [histories[b] for b in order]), encode(module, histories)[order])


@given(LENGTHS.filter(len), st.integers(1, 3))
@EXAMPLES
def test_last_positions_are_those_of_all_positions(lengths, layers):
    module = sasrec(layers=layers, max_length=20)
    batch = batch_of(lengths)
    embedded = embeddings(batch)
    with torch.no_grad():
        every = module(batch, embedded, all_positions=True)
        close(module(batch, embedded), every[batch.offsets[1:] - 1])


@given(HISTORY)
@EXAMPLES
def test_each_position_is_the_vector_of_the_prefix_that_ends_there(history):
    module = MODULES["start"]
    prefixes = [history[: end + 1] for end in range(len(history))]
    close(encode(module, [history], all_positions=True), encode(module, prefixes))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_later_item_changes_no_earlier_position_and_an_earlier_one_all_later(layers):
    module = sasrec(layers=layers)
    batch = batch_of([2, 6, 3])
    embedded = embeddings(batch)
    changed = embedded.clone()
    changed[5] *= -1  # the fourth item of the second history
    with torch.no_grad():
        difference = module(batch, changed, all_positions=True)
        difference = difference - module(batch, embedded, all_positions=True)
    affected = difference.abs().amax(-1) > 1e-3
    assert affected.nonzero().flatten().tolist() == [5, 6, 7]
    assert difference[~affected].abs().max() < 1e-5


def test_gradients_stay_within_a_history_and_its_past():
    module, batch = sasrec(), batch_of([2, 6, 3])
    embedded = embeddings(batch).requires_grad_()
    module(batch, embedded, all_positions=True)[5].sum().backward()
    reached = (embedded.grad.abs().amax(-1) > 0).nonzero().flatten().tolist()
    assert reached == [2, 3, 4, 5]


@POSITIONS
def test_the_order_of_items_matters(positions):
    module = MODULES[positions]
    forward, swapped = encode(module, [[1, 2, 3], [2, 1, 3]])
    assert (forward - swapped).norm() > 1e-2


@POSITIONS
def test_where_positions_are_counted_from(positions):
    module, batch = sasrec(positions=positions), batch_of([3])
    embedded = embeddings(batch)
    with torch.no_grad():
        plain = module(batch, embedded)
        # What the embedding of the most recent item gains, the position of that item loses.
        shift = torch.randn(DIM, generator=torch.Generator().manual_seed(1))
        embedded[2] += shift
        assert (module(batch, embedded) - plain).norm() > 0.1
        module.position.weight[2 if positions == "start" else 0] -= shift
        close(module(batch, embedded), plain)


@POSITIONS
def test_only_the_positions_of_the_longest_history_are_used(positions):
    module, batch = sasrec(positions=positions), batch_of([3, 1])
    module(batch, embeddings(batch)).square().sum().backward()
    used = module.position.weight.grad.abs().amax(-1) > 0
    assert used.nonzero().flatten().tolist() == [0, 1, 2]

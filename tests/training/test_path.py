"""How far a batch travels through the package, from the sampler to the scalar loss."""

import sys
from functools import partial
from itertools import groupby

import pytest

from uniseq.backbones import SASRec
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources.synthetic import Synthetic
from uniseq.embedding.rowwise_adam import RowwiseAdam
from uniseq.losses import BCELoss, UniformityLoss
from uniseq.similarity import Cosine
from uniseq.training.module import SequentialRecommender

FILES, CHANGES = 17, 40


def files_called(work):
    """The package's module of each Python call that ``work`` makes, in order."""
    called = []

    def note(frame, event, _):
        # By the globals and not by the code's file: a dataclass writes its own ``__init__``.
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("uniseq."):
            called.append(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return called


@pytest.fixture(scope="module")
def paths():
    """Those of the first three batches, the default model and loss in one process."""
    data = SequenceDataModule(Synthetic())
    module = SequentialRecommender(
        backbone=SASRec(),
        similarity=Cosine(),
        loss=UniformityLoss(BCELoss()),
        optimizer=partial(RowwiseAdam, lr=1e-3),
        num_items=data.sequences.num_items,
    ).train()
    batches = iter(data.train_dataloader())
    losses = []

    def step():
        batch = next(batches).to(module.device)
        module.on_train_batch_start(batch, 1)
        losses.append(module.training_step(batch))

    found = [files_called(step) for _ in range(3)]
    assert all(loss.shape == () for loss in losses)
    return found


def test_a_batch_passes_few_files(paths):
    for path in paths:
        assert {"uniseq.data.batches", "uniseq.batch", "uniseq.losses.gaussian"} <= {*path}
        assert len({*path}) <= FILES


def test_a_batch_changes_file_seldom(paths):
    for path in paths:
        assert len([*groupby(path)]) - 1 <= CHANGES


def test_one_process_shares_with_nobody(paths):
    assert all("uniseq.distributed" not in path for path in paths)

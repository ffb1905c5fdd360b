"""The LightningModule: composition, training on made-up data, and the metrics it fills."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.backbones.cases import DIM, sasrec
from tests.losses.cases import relative_error
from tests.reference_models import ReferenceSASRec, ReferenceUniformity, unit
from uniseq.backbones import SASRec
from uniseq.batch import Histories, RankingBatch, TrainingBatch
from uniseq.losses import BCELoss, UniformityLoss
from uniseq.similarity import Cosine, Dot
from uniseq.training.module import SequentialRecommender

NUM_ITEMS = 12
HISTORIES = [[3, 1, 4], [5], [9, 2, 6, 5, 3]]
ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])


def recommender(similarity=None, backbone=None, loss=None, num_items=NUM_ITEMS, lr=1e-3, seed=0):
    torch.manual_seed(0)
    module = SequentialRecommender(
        backbone=backbone or sasrec(dropout=0.0, attention_dropout=0.0),
        similarity=similarity or Cosine(),
        loss=loss or UniformityLoss(BCELoss(), beta=0.1),
        optimizer=partial(torch.optim.Adam, lr=lr),
        num_items=num_items,
        ks=(1, 2),
        seed=seed,
    )
    torch.nn.init.normal_(module.items.weight)
    return module


def training_batch(all_positions, num_negatives=2):
    plain = Histories.from_histories(HISTORIES)
    count = len(plain.items) if all_positions else len(HISTORIES)
    generator = torch.Generator().manual_seed(0)
    return TrainingBatch(
        plain,
        targets=torch.randint(NUM_ITEMS, (count,), generator=generator),
        negatives=torch.randint(NUM_ITEMS, (count, num_negatives), generator=generator),
        all_positions=all_positions,
    )


def slow_triplets(module, batch, mapped):
    """Histories, positives and negatives one by one, in float64."""
    table = module.items.weight.detach().double()
    twin = ReferenceSASRec(module.backbone)
    histories = []
    for history in HISTORIES:
        encoded = twin(torch.stack([table[item] for item in history])).detach()
        histories += [mapped(x) for x in (encoded if batch.all_positions else encoded[-1:])]
    positives = [mapped(table[item]) for item in batch.targets]
    negatives = [torch.stack([mapped(table[j]) for j in js]) for js in batch.negatives]
    return torch.stack(histories), torch.stack(positives), torch.stack(negatives)


@ALL_POSITIONS
@pytest.mark.parametrize(
    ("similarity", "mapped"), [(Cosine(), unit), (Dot(), lambda x: x)], ids=["cosine", "dot"]
)
def test_triplets_are_the_slow_composition(similarity, mapped, all_positions):
    module, batch = recommender(similarity), training_batch(all_positions)
    triplets = module.triplets(batch)
    expected = slow_triplets(module, batch, mapped)
    for actual, slow in zip(
        (triplets.history, triplets.positive, triplets.negatives), expected, strict=True
    ):
        assert actual.shape == slow.shape
        assert relative_error(actual.detach(), slow) < 1e-5
    assert triplets.unit is similarity.unit
    assert torch.equal(triplets.items, module.items.weight)
    assert torch.equal(triplets.targets, batch.targets)
    assert len(triplets.history) == batch.num_triplets


def test_cosine_triplets_and_items_have_unit_norm_and_dot_ones_their_own():
    batch = training_batch(False)
    for similarity in (Cosine(), Dot()):
        module = recommender(similarity)
        triplets = module.triplets(batch)
        norms = torch.cat(
            [
                x.norm(dim=-1).flatten()
                for x in (
                    triplets.history,
                    triplets.positive,
                    triplets.negatives,
                    module.item_vectors(),
                )
            ]
        )
        is_one = (norms - 1).abs() < 1e-5
        assert is_one.all() if similarity.unit else not is_one.any()


@ALL_POSITIONS
def test_a_backbone_is_handed_the_histories_and_nothing_else_of_the_batch(all_positions):
    given = []

    class Own(torch.nn.Module):
        dim = DIM

        def forward(self, histories, embedded, all_positions):
            given.append((histories, all_positions))
            return embedded if all_positions else embedded[histories.offsets[1:] - 1]

    module, batch = recommender(backbone=Own()), training_batch(all_positions)
    module.triplets(batch)
    module(batch.histories)
    assert given == [(batch.histories, all_positions), (batch.histories, False)]


@pytest.mark.parametrize("similarity", [Cosine(), Dot()], ids=["cosine", "dot"])
def test_inference_gives_the_vectors_that_are_trained(similarity):
    module = recommender(similarity)
    for all_positions in (False, True):
        batch = training_batch(all_positions)
        vectors = module.triplets(batch).history
        last = vectors[batch.histories.offsets[1:] - 1] if all_positions else vectors
        torch.testing.assert_close(
            module(Histories.from_histories(HISTORIES)), last, rtol=1e-4, atol=1e-5
        )


@ALL_POSITIONS
def test_the_training_loss_is_the_slow_objective(all_positions):
    module, batch = recommender(), training_batch(all_positions)
    expected = ReferenceUniformity(0.1, 0.1)(*slow_triplets(module, batch, unit))
    assert module.training_step(batch).item() == pytest.approx(expected.item(), rel=1e-5)


@ALL_POSITIONS
@pytest.mark.parametrize("similarity", [Cosine(), Dot()], ids=["cosine", "dot"])
def test_gradients_reach_every_parameter(similarity, all_positions):
    module, batch = recommender(similarity), training_batch(all_positions)
    module.training_step(batch).backward()
    silent = [
        name for name, p in module.named_parameters() if p.grad is None or not p.grad.norm() > 0
    ]
    assert silent == []
    touched = torch.cat([batch.histories.items, batch.targets, batch.negatives.flatten()])
    rows = module.items.weight.grad.abs().amax(-1) > 0
    assert rows.nonzero().flatten().tolist() == touched.unique().tolist()


@ALL_POSITIONS
def test_a_training_step_never_waits_for_the_device(all_positions):
    # The meta device has no values: to ask for one is an error.
    backbone = sasrec(dropout=0.5, attention_dropout=0.5)
    module = recommender(backbone=backbone).to("meta").train()
    loss = module.training_step(training_batch(all_positions).to("meta"))
    loss.backward()
    assert loss.shape == ()
    assert loss.device.type == "meta"
    assert module.items.weight.grad.shape == (NUM_ITEMS, DIM)


def test_epoch_means_are_over_the_steps_and_start_anew():
    module = recommender()
    module.on_train_epoch_start()
    batches = [training_batch(False), training_batch(True)]
    losses = [module.training_step(batch).item() for batch in batches]
    terms = [module.loss(module.triplets(batch))[1] for batch in batches]
    means = module.epoch_means()
    assert set(means) == {"train/loss", "train/rec", "train/hom", "train/het"}
    assert means["train/loss"] == pytest.approx(sum(losses) / 2, rel=1e-6)
    for name in ("rec", "hom", "het"):
        expected = sum(t[name].item() for t in terms) / 2
        assert means[f"train/{name}"] == pytest.approx(expected, rel=1e-6)
    module.on_train_epoch_start()
    module.training_step(batches[0])
    assert module.epoch_means()["train/loss"] == pytest.approx(losses[0], rel=1e-6)


def test_dropout_is_a_function_of_seed_and_epoch(monkeypatch):
    def first_loss(seed, epoch):
        monkeypatch.setattr(SequentialRecommender, "current_epoch", epoch)
        module = recommender(backbone=sasrec(dropout=0.5), seed=seed).train()
        batch = training_batch(True)
        torch.manual_seed(99)
        module.on_train_epoch_start()
        module.on_train_batch_start(batch, 0)
        return module.training_step(batch).item()

    assert first_loss(1, 0) == first_loss(1, 0)
    others = [first_loss(seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1)]
    assert len(set(others)) == len(others)


def test_items_are_drawn_small():
    module = SequentialRecommender(sasrec(), Dot(), BCELoss(), torch.optim.Adam, num_items=5000)
    assert module.items.weight.shape == (5000, DIM)
    assert module.items.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_validation_and_test_rank_the_targets_against_all_items():
    module = recommender(Dot())
    plain = Histories.from_histories(HISTORIES)
    with torch.no_grad():
        scores = module(plain) @ module.item_vectors().T
    order = scores.argsort(dim=-1, descending=True)
    # The best, second and third item of three users. The second user has had the best one: it
    # is masked and their target moves up.
    targets = torch.stack([order[0, 0], order[1, 1], order[2, 2]])
    batch = RankingBatch(plain, targets, torch.tensor([1]), order[1, :1])
    for stage, step, start in (
        ("val", module.validation_step, module.on_validation_epoch_start),
        ("test", module.test_step, module.on_test_epoch_start),
    ):
        start()
        step(batch)
        figures = module.figures(stage)
        assert figures[f"{stage}/unmasked/HR@1"].item() == pytest.approx(1 / 3)
        assert figures[f"{stage}/unmasked/HR@2"].item() == pytest.approx(2 / 3)
        assert figures[f"{stage}/masked/HR@1"].item() == pytest.approx(2 / 3)
    (ranks,) = module.ranks
    assert ranks.unmasked.tolist() == [1, 2, 3]
    assert ranks.masked.tolist() == [1, 1, 3]


def successor_batch(generator, successor, size=64):
    """Histories under the rule that each item has one successor, and a random negative."""
    lengths = torch.randint(1, 6, (size,), generator=generator).tolist()
    starts = torch.randint(len(successor), (size,), generator=generator).tolist()
    histories = []
    for start, length in zip(starts, lengths, strict=True):
        history = [start]
        while len(history) < length:
            history.append(int(successor[history[-1]]))
        histories.append(history)
    plain = Histories.from_histories(histories)
    targets = torch.tensor([int(successor[history[-1]]) for history in histories])
    shift = torch.randint(1, len(successor), (size, 3), generator=generator)
    return TrainingBatch(plain, targets, (targets[:, None] + shift) % len(successor))


@pytest.mark.parametrize("similarity", [Cosine(), Dot()], ids=["cosine", "dot"])
def test_training_learns_which_item_follows_which(similarity):
    generator = torch.Generator().manual_seed(0)
    successor = torch.randperm(20, generator=generator)
    torch.manual_seed(0)
    backbone = SASRec(dim=16, layers=1, dropout=0.1, attention_dropout=0.1, max_length=5)
    module = recommender(similarity, backbone, num_items=20, lr=0.03)
    optimizer = module.configure_optimizers()
    losses = []
    module.train().on_train_epoch_start()
    for _ in range(60):
        optimizer.zero_grad()
        loss = module.training_step(successor_batch(generator, successor))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:3])
    held_out = successor_batch(generator, successor, size=200)
    with torch.no_grad():
        scores = module.eval()(held_out.histories) @ module.item_vectors().T
    assert (scores.argmax(-1) == held_out.targets).double().mean() > 0.95

"""The same steps in one process and in several; ``python -m tests.distributed.cases`` is one."""

import itertools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tests.data.cases import ListSource
from uniseq.backbones import SASRec
from uniseq.data.datamodule import SequenceDataModule
from uniseq.distributed import Share
from uniseq.losses import BCELoss, InfoNCELoss, Triplets, UniformityLoss
from uniseq.losses.base import reads_owned
from uniseq.similarity import Cosine, Dot
from uniseq.training.module import SequentialRecommender

STEPS, WORLD = 5, 2
NUM_ITEMS = 30


class FullSoftmax(nn.Module):
    """Cross-entropy over all items under a temperature that is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(0.5))

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        logits = triplets.history @ triplets.items.T / self.temperature
        loss = F.cross_entropy(logits, triplets.targets)
        return loss, {"softmax": loss}


def uniform(rec=BCELoss, **options):
    return lambda: UniformityLoss(rec(), beta=0.05, **options)


def infonce(mask):
    return partial(InfoNCELoss, in_batch=True, mask=mask)


# Loss, similarity and options of the data. There are 57 triplets: of 14 a batch the fifth and last
# batch has one, which leaves a process without any.
CASES = {
    "separate": (uniform(), Cosine, {}),
    "literal": (uniform(pairs="literal"), Cosine, {"negatives": 2}),
    "dot": (uniform(), Dot, {}),
    "infonce": (uniform(infonce("item")), Cosine, {"negatives": 3}),
    "infonce_of_users": (uniform(infonce("user"), pairs="literal"), Cosine, {}),
    "softmax": (FullSoftmax, Dot, {}),
    "sequences": (uniform(), Cosine, {"samples": "sequences", "batch_size": 11}),
    "single_sequences": (
        uniform(infonce("user")),
        Cosine,
        {"samples": "sequences", "batch_size": 3},
    ),
    "start_token": (uniform(), Cosine, {"empty_history": True, "batch_size": 18}),
}


def histories() -> list[list[int]]:
    """16 users whose training parts leave 57 prefixes."""
    rng = np.random.default_rng(0)
    lengths = [4, 5, 6, 7, 8, 4, 5, 6, 7, 8, 9, 4, 5, 6, 12, 9]
    assert sum(length - 3 for length in lengths) == 57
    return [rng.integers(NUM_ITEMS - 2, size=length).tolist() for length in lengths]


class Step(nn.Module):
    """What DistributedDataParallel wraps: its forward is the training step."""

    def __init__(self, module: SequentialRecommender) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch) -> Tensor:
        return self.module.training_step(batch)


def results(case: str, share: Share | None, wrap: Callable[[nn.Module], nn.Module]) -> dict:
    """Losses, terms and gradients of the first steps, and the ranks after them."""
    make_loss, similarity, options = CASES[case]
    loss = make_loss()
    data = SequenceDataModule(
        ListSource(histories(), NUM_ITEMS),
        **{"batch_size": 14, "eval_batch_size": 5, "max_length": 6, **options},
    )
    torch.manual_seed(0)
    module = SequentialRecommender(
        backbone=SASRec(dim=8, heads=2, layers=1, max_length=6, dropout=0, attention_dropout=0),
        similarity=similarity(),
        loss=loss,
        optimizer=partial(torch.optim.Adam, lr=0.01),
        num_items=NUM_ITEMS,
        start_token=data.empty_history,
        ks=(3,),
    )
    torch.nn.init.normal_(module.items.weight, std=0.3)
    model, optimizer = wrap(Step(module)), module.configure_optimizers()
    found = {"losses": [], "gradients": [], "sizes": []}
    batches = data.train_dataloader(owned=reads_owned(loss), share=share)
    for batch in itertools.islice(batches, STEPS):
        value = model(batch)
        optimizer.zero_grad()
        value.backward()
        found["gradients"].append({n: p.grad.clone() for n, p in module.named_parameters()})
        found["losses"].append(value.detach())
        found["sizes"].append(batch.shares)
        optimizer.step()
    found["terms"] = module.epoch_means()
    module.eval().on_validation_epoch_start()
    with torch.no_grad():
        for batch in data.val_dataloader(share):
            module.validation_step(batch)
    found["ranks"] = torch.cat([torch.stack([r.masked, r.unmasked], 1) for r in module.ranks])
    found["figures"] = module.figures("val")
    return found


def main(rank: int, folder: Path) -> None:
    """One process of several: writes its results of all cases."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=WORLD
    )
    found = {case: results(case, Share(rank, WORLD), DistributedDataParallel) for case in CASES}
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

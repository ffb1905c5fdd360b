"""Table of embeddings, of which a training step may touch only some rows."""

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from uniseq.embedding.rowwise_adam import RowwiseAdam

# Rows from which on a step over the rows touched is cheaper than one over all: measured on a CPU
# with 2,500 ids a batch, d = 64.
LARGE_TABLE = 50_000


class RowKeeper(Protocol):
    """An optimizer that may leave rows of a table behind until they are read."""

    def catch_up(self, table: nn.Parameter, rows: Tensor | None) -> None:
        """Bring rows to where they belong; None for all. Rows are distinct: shape (n,)."""
        ...


class Table(nn.Embedding):
    """Embeddings by row, like ``nn.Embedding``, for optimizers that pay for the rows touched.

    Without :meth:`follow` it is an ``nn.Embedding``. Following an optimizer, ``table(ids)`` has
    the rows that it reads brought up to date, and its gradient is a sparse one over these rows.
    Any other look at ``table.weight``, or at the state dict, brings all rows up to date first; only
    ``parameters()`` gives them as they are stored.

    Args:
        rows: N.
        dim: d.
        std: of the normal distribution that the embeddings are drawn from.
    """

    def __init__(self, rows: int, dim: int, std: float) -> None:
        self._keeper: RowKeeper | None = None
        super().__init__(rows, dim)
        nn.init.normal_(self.weight, std=std)
        for hook in (self.register_state_dict_pre_hook, self.register_load_state_dict_pre_hook):
            hook(_bring_up_to_date)  # type: ignore[no-untyped-call, operator]

    def follow(self, keeper: RowKeeper | None) -> None:
        """From now on ``keeper`` updates the rows and may leave some behind; None: nobody may."""
        self.catch_up()
        self._keeper = keeper
        self._first = torch.empty(0 if keeper is None else self.num_embeddings, dtype=torch.long)

    @property
    def stored(self) -> nn.Parameter:
        """The rows as they are stored, some of them perhaps behind. Shape (N, d)."""
        return self._parameters["weight"]  # type: ignore[return-value]

    @property
    def weight(self) -> nn.Parameter:  # type: ignore[override]
        """All rows, up to date. Shape (N, d)."""
        if "weight" not in self._parameters:
            raise AttributeError("weight")  # while it is made
        self.catch_up()
        return self.stored

    def catch_up(self) -> None:
        """Bring all rows up to date."""
        if self._keeper is not None:
            self._keeper.catch_up(self.stored, None)

    def forward(self, ids: Tensor) -> Tensor:
        """The rows ``ids``, up to date. Shape (n,) to (n, d)."""
        if self._keeper is None or not torch.is_grad_enabled():
            return F.embedding(ids, self.weight)
        rows, places = self._distinct(ids)
        self._keeper.catch_up(self.stored, rows)
        read: Tensor = _Read.apply(self.stored, rows, places)  # type: ignore[no-untyped-call]
        return read

    def _distinct(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The rows read, each once, (r,), and where among them each id is, (n,); no sorting."""
        order = torch.arange(len(ids))
        self._first.index_copy_(0, ids, order)
        chosen = self._first.index_select(0, ids)  # of equal ids one: (n,)
        kept = chosen == order
        numbers = kept.cumsum(0) - 1
        return ids[kept], numbers.index_select(0, chosen)


def follow(module: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
    """Let an optimizer leave rows of a module's large tables behind, if it is one that may.

    It is to be the only one that reads gradients or writes rows until ``follow(module, None)``,
    which brings all rows up to date.

    Args:
        module: whose tables follow. They stay as they are on an accelerator, where a step over
            all rows is cheap.
        optimizer: tables follow a :class:`RowwiseAdam` without weight decay, no other.
    """
    tables = [part for part in module.modules() if isinstance(part, Table)]
    if optimizer is None:
        for table in tables:
            table.follow(None)
    elif isinstance(optimizer, RowwiseAdam) and not any(
        group["weight_decay"] for group in optimizer.param_groups
    ):
        for table in tables:
            if table.num_embeddings >= LARGE_TABLE and table.stored.device.type == "cpu":
                table.follow(optimizer)


class _Read(torch.autograd.Function):
    """``stored[rows][places]`` with a gradient that holds these rows alone."""

    @staticmethod
    def forward(ctx: Any, stored: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(rows, places)
        ctx.size = stored.shape
        return stored.index_select(0, rows).index_select(0, places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        rows, places = ctx.saved_tensors
        sums = torch.ops.aten.embedding_dense_backward(grad, places, len(rows), -1, False)
        sparse = torch.sparse_coo_tensor(
            rows[None], sums, ctx.size, check_invariants=False, is_coalesced=True
        )
        return sparse, None, None


def _bring_up_to_date(table: nn.Module, *_: Any) -> None:
    """Before the state dict is read or others are loaded, which have missed nothing."""
    assert isinstance(table, Table)
    table.catch_up()

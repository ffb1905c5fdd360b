"""Row-wise Adam, whose look-up tables cost the rows touched, not the rows held."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class RowwiseAdam(torch.optim.Adam):
    """Adam (Kingma & Ba, ICLR 2015), exact for rows without a gradient, at their next reading.

    A row of an embedding table that no sample of a batch reads has a gradient of zero, but Adam
    still moves it by its momentum: the library's dense Adam walks over the whole table at every
    step, and its ``SparseAdam`` is another algorithm that leaves such rows alone. Here the steps
    a row has missed are made up for when it is read, all in one closed form. After step s with
    moments m and v, the k steps that follow without a gradient move a parameter by

        ``- m · Σ_n w_n / (√v + e_n)``,  n = s + 1 … s + k,

    with ``w_n = lr_n · (β1 / √β2)^(n - s) · √(1 - β2^n) / (1 - β1^n)`` and ``e_n = ε · √(1 - β2^n)
    / √β2^(n - s)``. Where √v is far above ε the e_n do not matter; elsewhere the sum is expanded
    about their w-weighted mean to the second order, which is exact to rounding but for elements
    whose √v is as small as ε in the first few hundred steps: these deviate by up to a hundredth
    of the learning rate. The learning rate may change from step to step.

    Only tables that follow this optimizer (:class:`uniseq.embedding.table.Table`) are treated so;
    all else, and a table whose gradient is dense, is the library's Adam. The state dict is that of
    the library's Adam with every row up to date.

    Args:
        params: the parameters.
        lr: learning rate.
        betas: β1 and β2, the decay of the moments.
        eps: ε.
        weight_decay: weight of an L2 penalty, which gives every row a gradient: tables that
            follow this optimizer need 0.
        fused: whether the library's fused kernel updates the dense parameters.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=(betas[0], betas[1]),
            eps=eps,
            weight_decay=weight_decay,
            fused=fused,
        )
        self._behind: dict[nn.Parameter, _Behind] = {}

    @torch.no_grad()
    def catch_up(self, table: nn.Parameter, rows: Tensor | None = None) -> None:
        """Make up for the steps that rows have missed.

        Args:
            table: a parameter of this optimizer. Shape (N, d).
            rows: distinct ones, shape (n,); None for all.
        """
        behind = self._behind.get(table)
        if behind is None:
            return
        if rows is None:
            behind.catch_up_all()
        else:
            behind.catch_up(rows)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step; rows without a gradient are left behind."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        sparse = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.grad.is_sparse:
                    sparse.append((group, parameter, parameter.grad))
                    parameter.grad = None
                elif parameter in self._behind:
                    self.catch_up(parameter)
                    del self._behind[parameter]
        super().step()
        for group, parameter, grad in sparse:
            self._step_rows(group, parameter, grad)
            parameter.grad = grad
        return loss

    def _step_rows(self, group: dict[str, Any], table: nn.Parameter, grad: Tensor) -> None:
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = torch.zeros_like(table)
        if table not in self._behind:
            self._behind[table] = _Behind(table, state, group["betas"])
        state["step"] += 1
        behind = self._behind[table]
        if not behind.holds(grad._indices()[0]):
            grad = grad.coalesce()
            behind.catch_up(grad._indices()[0])
        behind.step(grad._values(), float(group["lr"]), group["eps"])

    def state_dict(self) -> dict[str, Any]:
        """The state of the library's Adam, every row up to date."""
        for table in self._behind:
            self.catch_up(table)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of this optimizer or of the library's Adam."""
        super().load_state_dict(state_dict)
        self._behind = {}


class _Behind:
    """Which rows of one table are how far behind, and what the steps they missed add up to.

    ``_sums[j, s - base]`` is Σ_n w_n · e_n^j over the steps n from s + 1 to the current one. Rows
    that were caught up most often take part in the next step: until then their moments stay in
    buffers, which spares memory traffic and, at this size, the page faults of fresh tensors.
    """

    BLOCK = 1 << 13  # rows brought up to date at a time, so that the buffers stay small
    NEGLIGIBLE = 1e-12  # of a moment, after which a row has come to rest

    def __init__(self, table: Tensor, state: dict[str, Tensor], betas: tuple[float, float]) -> None:
        self._beta1, self._beta2 = betas
        self._table, self._moment, self._square = table, state["exp_avg"], state["exp_avg_sq"]
        self._now = self._base = int(state["step"])
        self._last = torch.full((len(table),), self._now)  # step each row has seen
        self._sums = np.zeros((3, 1024))
        decay = self._beta1 / self._beta2**0.5
        reach = int(np.ceil(np.log(self.NEGLIGIBLE) / np.log(decay))) if decay else 1
        lag = np.arange(reach, 0, -1)
        self._lagged = decay**lag * self._beta2 ** (-lag / 2 * np.arange(3)[:, None])  # (3, reach)
        self._held: Tensor | None = None  # the rows whose moments are in the buffers
        self._buffers = table.new_empty(5, 0, table.shape[1])

    def catch_up(self, rows: Tensor) -> None:
        """Bring some rows up to date, and hold their moments."""
        self.release()
        if len(rows) > self._buffers.shape[1]:
            self._buffers = self._table.new_empty(5, len(rows), self._table.shape[1])
        values, moment, square, below, scratch = self._buffers[:, : len(rows)]  # (n, d) each
        torch.index_select(self._table, 0, rows, out=values)
        torch.index_select(self._moment, 0, rows, out=moment)
        torch.index_select(self._square, 0, rows, out=square)
        total, mean, variance, decay1, decay2 = self._factors(rows)  # (n, 1) each
        torch.sqrt(square, out=below).add_(mean)
        torch.mul(moment, total, out=scratch).div_(below)
        values.sub_(scratch)
        below.square_()
        values.addcdiv_(scratch.mul_(variance), below, value=-1)
        moment.mul_(decay1)
        square.mul_(decay2)
        self._table.index_copy_(0, rows, values)
        self._last.index_fill_(0, rows, self._now)
        self._held = rows

    def _factors(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Sum, mean and variance of the missed steps, and the decay of both moments."""
        last = self._last.index_select(0, rows).numpy()
        missed = self._now - last
        sums = self._sums[:, np.where(missed == 0, self._now, last) - self._base]  # (3, n)
        still = sums[0] == 0  # what missed nothing, or only steps that would not have moved it
        total = np.where(still, 1, sums[0])
        mean = np.where(still, 1, sums[1] / total)
        variance = np.where(still, 0, sums[2] / total - mean**2)
        columns = (sums[0], mean, variance, self._beta1**missed, self._beta2**missed)
        return torch.from_numpy(np.stack(columns)).to(self._table.dtype)[..., None].unbind()

    def catch_up_all(self) -> None:
        """Bring all rows up to date."""
        self.release()
        if self._base == self._now:  # no step since they were
            return
        for begin in range(0, len(self._last), self.BLOCK):
            behind = self._last[begin : begin + self.BLOCK] < self._now
            self.catch_up(behind.nonzero().flatten() + begin)
        self.release()
        self._base = self._now
        self._sums[:] = 0

    def holds(self, rows: Tensor) -> bool:
        """Whether these are the rows, each once, that were caught up last."""
        return self._held is not None and torch.equal(self._held, rows)

    def release(self) -> None:
        """Put the moments held in the buffers back into their place."""
        if self._held is not None:
            _, moment, square, *_ = self._buffers[:, : len(self._held)]
            self._moment.index_copy_(0, self._held, moment)
            self._square.index_copy_(0, self._held, square)
            self._held = None

    def step(self, grad: Tensor, lr: float, eps: float) -> None:
        """Adam's step for the rows held, by their gradient (n, d); the others fall behind."""
        rows = self._held
        assert rows is not None
        self._now += 1
        root = (1 - self._beta2**self._now) ** 0.5
        weight = lr * root / (1 - self._beta1**self._now)
        self._add(weight, eps * root)
        values, moment, square, below, _ = self._buffers[:, : len(rows)]
        moment.lerp_(grad, 1 - self._beta1)
        square.mul_(self._beta2).addcmul_(grad, grad, value=1 - self._beta2)
        torch.sqrt(square, out=below).add_(eps * root)
        values.addcdiv_(moment, below, value=-weight)
        self._table.index_copy_(0, rows, values)
        self.release()
        self._last.index_fill_(0, rows, self._now)

    def _add(self, weight: float, epsilon: float) -> None:
        """The current step, to the sums of all rows that may miss it."""
        count = self._now - self._base
        if count >= self._sums.shape[1]:
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)], 1)
        reach = min(count, self._lagged.shape[1])
        scale = weight * epsilon ** np.arange(3)[:, None]
        self._sums[:, count - reach : count] += scale * self._lagged[:, -reach:]

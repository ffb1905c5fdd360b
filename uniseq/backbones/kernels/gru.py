"""GRU layer over ragged histories, with hand-written gradients.

The library's own GRU takes, on a CPU, dozens of small operations a step and three times as many
for the gradient. Written out, a step is six operations forward and four backward, on the
histories that are that long; all that does not depend on the step before is done for all tokens
at once. Gradients are checked numerically in the tests, and values against the library's.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from uniseq.precision import at_least_float32, without_autocast


class GRULayer(torch.autograd.Function):
    """Gated recurrent unit (Cho et al. 2014) in the form of the library's ``nn.GRU``.

    ``r = σ(W_ir·x + b_ir + W_hr·h + b_hr)``, likewise z, ``n = tanh(W_in·x + b_in + r ∘ (W_hn·h +
    b_hn))``, ``h ← (1 - z) ∘ n + z ∘ h``, from h = 0.

    ``apply(x, weight_x, bias_x, weight_h, bias_h, previous, sizes)``: tokens by their place in
    the history, longest history first, shape (T, d); weights (3H, d) and (3H, H) and biases
    (3H,), gates in the order r, z, n; the token before each of those that have one, shape
    (T - sizes[0],); and how many histories have a first, second, … token. Gives the states,
    shape (T, H).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_x: Tensor,
        bias_x: Tensor,
        weight_h: Tensor,
        bias_h: Tensor,
        previous: Tensor,
        sizes: list[int],
    ) -> Tensor:
        """One step for all histories at a time, in place on the inputs' share of the gates."""
        given, size = (x, weight_x, bias_x, weight_h, bias_h), weight_h.shape[1]
        ctx.given = [tensor.dtype for tensor in given]
        x, weight_x, bias_x, weight_h, bias_h = map(at_least_float32, given)
        with without_autocast(x):
            gates = torch.addmm(bias_x, x, weight_x.mT)  # (T, 3H)
            states = x.new_empty(len(x), size)
            weight = weight_h.mT.contiguous()
            h = x.new_zeros(sizes[0], size)
            for both, new, out in zip(
                gates[:, : 2 * size].split(sizes),
                gates[:, 2 * size :].split(sizes),
                states.split(sizes),
                strict=True,
            ):
                h = h[: len(out)]
                share = torch.addmm(bias_h, h, weight)  # (n, 3H)
                reset, update = both.add_(share[:, : 2 * size]).sigmoid_().chunk(2, 1)
                new.addcmul_(reset, share[:, 2 * size :]).tanh_()
                h = torch.lerp(new, h, update, out=out)
        ctx.save_for_backward(x, weight_x, weight_h, bias_h, previous, gates, states)
        ctx.sizes = sizes
        return states.to(ctx.given[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Back through time; ``factors`` is what each gate's gradient is of the state's."""
        x, weight_x, weight_h, bias_h, previous, gates, states = ctx.saved_tensors
        sizes, size = ctx.sizes, weight_h.shape[1]
        before = torch.cat([states.new_zeros(sizes[0], size), states.index_select(0, previous)])
        reset, update, new = (gate.contiguous() for gate in gates.chunk(3, 1))
        through_new = (1 - update).mul_(1 - new.square())  # of n before tanh: (T, H)
        share = torch.addmm(bias_h[2 * size :], before, weight_h[2 * size :].mT)  # (T, H)
        factors = torch.stack(
            [
                through_new * share * reset * (1 - reset),
                (before - new) * update * (1 - update),
                through_new * reset,
            ],
            1,
        )  # (T, 3, H)
        grad_states = grad.to(states.dtype, copy=True)
        grad_share = torch.empty_like(factors)  # of W_h·h + b_h, by gate
        steps = zip(
            grad_states.split(sizes),
            grad_share.split(sizes),
            factors.split(sizes),
            update.split(sizes),
            strict=True,
        )
        carried: Tensor | None = None
        for total, out, factor, kept in reversed(list(steps)):
            if carried is not None:
                total[: len(carried)].add_(carried)
            torch.mul(total[:, None], factor, out=out)
            carried = torch.addmm(total * kept, out.flatten(1), weight_h)
        grad_share = grad_share.flatten(1)  # (T, 3H)
        grad_gates = torch.cat([grad_share[:, : 2 * size], grad_states * through_new], 1)
        grads = (
            grad_gates @ weight_x,
            grad_gates.mT @ x,
            grad_gates.sum(0),
            grad_share.mT @ before,
            grad_share.sum(0),
        )
        given = (tensor.to(dtype) for tensor, dtype in zip(grads, ctx.given, strict=True))
        return *given, None, None

"""The matrix products of training steps, alone: a floor that no faster code around them gets below.

They are caught while real steps run, with the shapes and strides that the packing of real batches
gave them, and then run again back to back on operands of the same shapes, with nothing between
them: no look-up, activation, normalisation, dropout, softmax or optimizer, and no added bias.
Operands of one shape share their memory and results have theirs already, so that what is read is
as likely in the cache as it can be.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
# Each product in the variant that adds nothing, and how many arguments stand before its factors.
PLAIN: dict[Any, tuple[Callable[..., Tensor], int]] = {
    aten.mm: (torch.mm, 0),
    aten.addmm: (torch.mm, 1),
    aten.addmm_: (torch.mm, 1),
    aten.bmm: (torch.bmm, 0),
    aten.baddbmm: (torch.bmm, 1),
    aten.baddbmm_: (torch.bmm, 1),
}
CONVOLUTIONS = (aten.convolution, aten.convolution_backward)

Product = Callable[[], object]


class CatchProducts(TorchDispatchMode):
    """Within it every product that runs, forward and backward, is noted in ``products``.

    Args:
        operands: memory by shape, shared with the products of other steps.
    """

    def __init__(self, operands: "Operands") -> None:
        super().__init__()
        self.products: list[Product] = []
        self._operands = operands

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run the operation as it is, after a look at it."""
        packet = func.overloadpacket
        if packet in PLAIN:
            plain, skipped = PLAIN[packet]
            left, right = args[skipped : skipped + 2]
            size = (*left.shape[:-1], right.shape[-1])
            self.products.append(
                partial(
                    plain,
                    self._operands.like(left, "left"),
                    self._operands.like(right, "right"),
                    out=self._operands.like(left.new_empty(size, device="meta"), "out"),
                )
            )
        elif packet in CONVOLUTIONS:
            places = (
                self._operands.like(value, str(place)) if isinstance(value, Tensor) else value
                for place, value in enumerate(args)
            )
            self.products.append(partial(func, *places, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


class Operands:
    """Tensors of random numbers, one for each shape, strides and role."""

    def __init__(self) -> None:
        self._tensors: dict[tuple[Any, ...], Tensor] = {}

    def like(self, tensor: Tensor, role: str) -> Tensor:
        """The one that is laid out as ``tensor``."""
        key = (tuple(tensor.shape), tensor.stride(), tensor.dtype, role)
        if key not in self._tensors:
            strides = zip(tensor.shape, tensor.stride(), strict=True)
            entries = 1 + sum((size - 1) * stride for size, stride in strides)
            # No mode may see this, and nothing may be learnt from it.
            memory = torch.randn(max(entries, 1), dtype=tensor.dtype)
            self._tensors[key] = memory.as_strided(tensor.shape, tensor.stride())
        return self._tensors[key]


def catch(step: Callable[[Any], Tensor], batches: Iterable[Any]) -> list[list[Product]]:
    """The products of one training step a batch.

    Args:
        step: gives the loss of a batch, whose gradients are then taken.
        batches: what is trained on.
    """
    operands, steps = Operands(), []
    for batch in batches:
        with CatchProducts(operands) as caught:
            step(batch).backward()
        steps.append(caught.products)
    return steps


@torch.inference_mode()
def run(products: Iterable[Product]) -> None:
    """One product after the other."""
    for product in products:
        product()


def flops(products: Iterable[Product]) -> int:
    """Multiplications and additions that the products take."""
    with FlopCounterMode(display=False) as counter:
        run(products)
    return int(counter.get_total_flops())

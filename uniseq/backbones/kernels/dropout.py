"""Dropout masks at a fraction of the library's cost on a CPU, one draw for a whole forward pass."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_BITS = 16  # the rate is met to the nearest 1/65536
_WORD = 32


def dropout_masks(shapes: Sequence[Sequence[int]], rate: float, like: Tensor) -> list[Tensor]:
    """Masks of 0 and 1 / (1 - rate), to be multiplied with activations (Srivastava et al. 2014).

    Random bits are combined 32 elements at a time: from a mask that drops with probability q,
    ``random & mask`` drops with (1 + q) / 2 and ``random | mask`` with q / 2, so the binary
    digits of the rate, last one first, lead to it exactly. A rate of 1/2 costs one random bit an
    element. Draws from torch's default generator of the device.

    Args:
        shapes: of the masks.
        rate: probability of a 0, below 1 and met to the nearest 1/65536; the scale is that of the
            rate met, so that the expectation is exact.
        like: gives the device.

    Returns:
        Masks of float32, one a shape.
    """
    sizes = [math.prod(shape) for shape in shapes]
    numerator = min(round(rate * 2**_BITS), 2**_BITS - 1)
    digits = [numerator >> bit & 1 for bit in range(_BITS)]
    first = digits.index(1) if numerator else _BITS
    words = -(-sum(sizes) // _WORD)
    kept = torch.full((words,), -1, dtype=torch.int32, device=like.device)
    for digit in digits[first:]:
        random = _random_words(words, like.device)
        kept = random & kept if digit else random | kept
    scale = torch.tensor(2**_BITS / (2**_BITS - numerator), dtype=torch.float32)
    shifts = torch.arange(_WORD, dtype=torch.int32, device=like.device)
    # Each bit of a word in turn becomes the sign, the sign all bits, and these the scale or 0.
    masks = (kept << shifts[:, None]).bitwise_right_shift_(_WORD - 1)  # (32, words)
    flat = masks.bitwise_and_(int(scale.view(torch.int32))).view(torch.float32).flatten()
    parts = flat[: sum(sizes)].split(sizes)
    return [part.view(*shape) for part, shape in zip(parts, shapes, strict=True)]


def _random_words(count: int, device: torch.device) -> Tensor:
    """Independent random bits. Shape (count,), int32."""
    draws = torch.empty((count + 1) // 2, dtype=torch.int64, device=device)
    return draws.random_(-(2**63), None).view(torch.int32)[:count]

"""Numbers and settings as the report writes them."""

from collections.abc import Mapping
from math import isnan
from typing import Any


def metric(value: float) -> str:
    """A metric with four decimals and no leading zero: ``.0795``."""
    text = f"{value:.4f}"
    return text.removeprefix("0") if text.startswith("0.") else text.replace("-0.", "-.")


def signed(value: float) -> str:
    """A difference of metrics with its sign: ``+.0021``, ``−.0003``; ``–`` where none is known."""
    if isnan(value):
        return "–"
    return f"{'−' if value < 0 else '+'}{metric(abs(value))}"


def change(ours: float, theirs: float) -> str:
    """A relative difference: ``+12 %``, from eleven times on ``×12``; none to a zero."""
    if theirs == 0:
        return "from 0"
    if ours > 11 * theirs:
        return f"×{ours / theirs:.0f}"
    percent = 100 * (ours / theirs - 1)
    digits = 1 if abs(percent) < 10 else 0
    return f"{'−' if percent < 0 else '+'}{abs(percent):.{digits}f} %"


def probability(p: float) -> str:
    """A p-value; below a millionth no more is said, as no such model is that exact.

    ``–`` where there is none.
    """
    if isnan(p):
        return "–"
    if p < 1e-6:
        return "< 10⁻⁶"
    if p < 1e-3:
        mantissa, exponent = f"{p:.0e}".split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa}·10{raised}"
    return f"{p:.2g}" if p < 0.045 else f"{p:.3g}" if p < 0.1 else f"{p:.2f}"


def setting(values: Mapping[str, Any]) -> str:
    """Keys and values as on a command line: ``loss.beta=0.05 optimizer.lr=0.001``."""
    shown = {None: "null", True: "true", False: "false"}
    return " ".join(
        f"{key}={shown[value] if value is None or isinstance(value, bool) else value}"
        for key, value in values.items()
    )


def sentence(line: str) -> str:
    """The line with a capital and a full stop."""
    return f"{line[0].upper()}{line[1:]}."


def so_many_epochs(count: int) -> str:
    """``1 epoch``, ``2 epochs``: said so it is plain whether they are counted from 0."""
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def duration(seconds: float) -> str:
    """``48 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"

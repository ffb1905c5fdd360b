"""SVG line charts, inline, coloured by the page's style sheet so that dark pages work too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from uniseq.errors import printable

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 10, 34
LEAST = 1e-12  # that an axis is made for; one's own metrics may be negative
COLOURS = 8  # that the style sheet has


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart.

    Args:
        label: shown when it is pointed at.
        x: of its points.
        y: of its points.
        colour: number of the colour; None for the reference line.
        dot: index of a point that stands out.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int | None
    dot: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its words.

    Args:
        title: above it.
        x: name of the horizontal axis.
        y: name of the vertical axis, which begins at 0.
        lines: what is drawn.
        low: where the horizontal axis begins.
        high: where it ends.
        ticks: on the horizontal axis; None for round ones.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    low: float
    high: float
    ticks: Sequence[float] | None = None

    def svg(self) -> Markup:
        """The picture; the title is its description."""
        top = max((max(line.y, default=0.0) for line in self.lines), default=0.0)
        top = top if top > LEAST else 1.0
        steps = _round_steps(top)
        top = max(top * 1.02, steps[-1])
        span = (self.high - self.low) or 1.0

        def across(x: float) -> float:
            return LEFT + (x - self.low) / span * (WIDTH - LEFT - RIGHT)

        def up(y: float) -> float:
            return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

        parts = [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{_words(f"{self.title}: {self.y} by {self.x}")}">'
        ]
        for step in steps:
            y = up(step)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(
                f'<text class="tick end" x="{LEFT - 5}" y="{y + 3.5:.1f}">{_tick(step)}</text>'
            )
        for tick in self.ticks if self.ticks is not None else _whole_steps(self.low, self.high):
            parts.append(
                f'<text class="tick middle" x="{across(tick):.1f}" y="{HEIGHT - BOTTOM + 14}">'
                f"{_tick(tick)}</text>"
            )
        parts.append(
            f'<text class="axis middle" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 4}">'
            f"{_words(self.x)}</text>"
        )
        for line in self.lines:
            points = [f"{across(x):.1f} {up(y):.1f}" for x, y in zip(line.x, line.y, strict=True)]
            style = "reference" if line.colour is None else f"line c{line.colour % COLOURS}"
            title = f"<title>{_words(line.label)}</title>"
            parts.append(f'<path class="{style}" d="M{"L".join(points)}">{title}</path>')
            if line.dot is not None:
                left, height = points[line.dot].split()
                dot = f'cx="{left}" cy="{height}" r="3"'
                parts.append(f'<circle class="{style}" {dot}>{title}</circle>')
        return Markup("".join([*parts, "</svg>"]))  # its words are escaped


def _words(text: str) -> Markup:
    return escape(printable(text))


def _round_steps(top: float, count: int = 4) -> list[float]:
    """From 0 to at most ``top``, in steps of 1, 2 or 5 times a power of ten."""
    raw = top / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return [step * i for i in range(int(top / step + 1e-9) + 1)]


def _whole_steps(low: float, high: float) -> list[float]:
    step = max(1.0, _round_steps(max(high - low, 1.0), 5)[1])
    inner = [step * i for i in range(1, int(high / step + 1e-9) + 1) if step * i > low + step / 2]
    return [low, *inner]


def _tick(value: float) -> str:
    text = f"{value:.10g}"
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    return sign + (digits[1:] if digits.startswith("0.") else digits)

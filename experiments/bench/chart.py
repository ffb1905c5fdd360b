"""The results of versus.py as a picture: four panels of horizontal bars."""

from pathlib import Path
from statistics import median
from typing import Any

from contenders import FLOOR, OURS
from machine import sentence
from table import floor_rate, titled

OUR_COLOUR, PEER_COLOUR, FLOOR_COLOUR = "#1f77b4", "#9aa0a6", "#cfe3f3"
PANELS = [
    ("samples/s", "Training samples a second", ",.0f", True),
    ("ranked/s", "Users ranked a second, over all items", ",.0f", True),
    ("start s", "Seconds from start to first step", ".1f", False),
    ("peak MB", "Peak memory, MB", ",.0f", False),
]

Bar = tuple[str, float, str]  # label, value, colour


def bars(results: dict[str, Any], key: str) -> list[Bar]:
    """The bars of one panel, from the top: setup by setup, and in each uniseq first."""
    found: list[Bar] = []
    for each in results["contenders"]:
        name = each["name"]
        label = f"{titled(name, results)}, {each['setup']}"
        value = each[key] if isinstance(each[key], float) else median(each[key])
        if name == OURS and key == "samples/s":
            found.append((f"{FLOOR}, {each['setup']}", median(floor_rate(each)), FLOOR_COLOUR))
        found.append((label, value, OUR_COLOUR if name == OURS else PEER_COLOUR))
    return found


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture; rates are on a logarithmic scale."""
    from matplotlib.figure import Figure  # a figure without pyplot needs no display

    figure = Figure(figsize=(12, 6), layout="constrained")
    for axes, (key, title, form, logarithmic) in zip(
        figure.subplots(2, 2).flat, PANELS, strict=True
    ):
        drawn = bars(results, key)
        values = [value for _, value, _ in drawn]
        held = axes.barh(range(len(drawn)), values, color=[colour for *_, colour in drawn])
        axes.bar_label(held, labels=[format(value, form) for value in values], padding=3)
        axes.set_yticks(range(len(drawn)), [label for label, *_ in drawn])
        axes.invert_yaxis()
        axes.set_title(title, loc="left")
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xlim(min(values) / 2, max(values) * 4)
            axes.set_xlabel("logarithmic scale; longer is better")
        else:
            axes.set_xlim(0, max(values) * 1.18)
            axes.set_xlabel("shorter is better")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{results['model']} on the same data, sizes and cores", fontsize=14)
    figure.supxlabel(sentence(results["machine"]), fontsize=8, color="#555555")
    figure.savefig(path, dpi=120)

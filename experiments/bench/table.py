"""The results of versus.py as one Markdown table."""

from statistics import median
from typing import Any

from contenders import DIFFERENCES, FLOOR, OURS, PACKAGES, SETUPS
from machine import sentence

HEADER = [
    "| trains | framework | training samples/s | training users/s | ranked users/s "
    "| start to first step s | peak memory MB |",
    "| --- | --- | --- | --- | --- | --- | --- |",
]
RATES = ("samples/s", "users/s", "ranked/s")


def ratio(value: float) -> str:
    """Two significant digits below ten, whole numbers above a hundred."""
    return f"{value:.{2 if value < 1 else 1 if value < 100 else 0}f}"


def titled(name: str, results: dict[str, Any]) -> str:
    """A peer with its version."""
    return name if name == OURS else f"{name} {results['versions'][name][PACKAGES[name]]}"


def against(ours: list[float], theirs: list[float]) -> str:
    """The median of the paired ratios ours / theirs, and their range."""
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    spread = f", {ratio(ratios[0])} – {ratio(ratios[-1])}" if len(ratios) > 1 else ""
    return f" ({ratio(median(ratios))} ×{spread})"


def floor_rate(ours: dict[str, Any]) -> list[float]:
    """Samples a second if a step were nothing but its products, by round.

    The samples of a step are those of the steps that were measured beside the products.
    """
    per_step = median(ours["samples/s"]) * median(ours["floor"]["step s"])
    return [per_step / seconds for seconds in ours["floor"]["products s"]]


def row(name: str, figures: dict[str, Any], ours: dict[str, Any], prefixes: bool) -> str:
    """One framework on one setup; beside uniseq's figures where it is another."""

    def cell(key: str, form: str) -> str:
        text = format(median(figures[key]), form)
        return text if figures is ours else text + against(ours[key], figures[key])

    rates = [cell(key, ",.0f") for key in RATES]
    if prefixes:
        rates[1] = ""  # each sample is a history of its own
    memory = f"{figures['peak MB']:,.0f}"
    if figures is not ours:
        memory += against([ours["peak MB"]], [figures["peak MB"]])
    return f"| {' | '.join([name, *rates, cell('start s', '.1f'), memory])} |"


def markdown(results: dict[str, Any]) -> str:
    """The table, and below it what was compared and where."""
    lines = list(HEADER)
    for setup in SETUPS:
        those = [each for each in results["contenders"] if each["setup"] == setup]
        ours = next((each for each in those if each["name"] == OURS), None)
        if ours is None:
            continue
        for each in those:
            name = f"{setup} | {titled(each['name'], results)}"
            lines.append(row(name, each, ours, setup == "prefixes"))
        rate = floor_rate(ours)
        share = against(ours["floor"]["products s"], ours["floor"]["step s"])
        lines.append(f"| {setup} | *{FLOOR}* | {median(rate):,.0f}{share} | | | | |")
    lines += [
        "",
        "In brackets uniseq's figure over that of the row: the median of paired rounds and their "
        "range; below 1 is better for seconds and memory. Training samples are the targets that "
        f"count in the loss. *{FLOOR}*: the rate at which uniseq would train if its steps were "
        "nothing but their matrix products.",
        "",
        *(f"- {setup}: {meaning}." for setup, meaning in results["setups"].items()),
        *(f"- {name}: {DIFFERENCES[name]}." for name in results["versions"]),
    ]
    if "RecBole" in results["versions"]:
        anomaly = results["recbole's anomaly detection"]
        lines.append(f"- RecBole's anomaly detection, which importing it turns on: {anomaly}.")
    lines += ["", f"{results['model']}; {sentence(results['machine'])}."]
    return "\n".join(lines)

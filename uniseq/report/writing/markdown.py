"""Markdown of the report, in one file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from uniseq.errors import printable
from uniseq.formatting import (
    duration,
    metric,
    probability,
    sentence,
    setting,
    signed,
)
from uniseq.report.cells import Mean
from uniseq.report.contents import MARKS, Report, Section, marks
from uniseq.report.convention import told
from uniseq.report.entries import Entry
from uniseq.report.judging.comparisons import Comparison
from uniseq.report.judging.verdicts import MEANING, NOT_RUN, SYMBOLS, Verdict, by_claim
from uniseq.report.tables import CONVENTIONS
from uniseq.report.writing.columns import Printed, Records, State, Value
from uniseq.report.writing.costs import by_part, versions
from uniseq.report.writing.layout import Panel, lay_out, plain
from uniseq.report.writing.wording import (
    BEATEN,
    BOLD,
    CLAIMED,
    CLAIMS,
    HOW,
    REPEAT,
    SHARED,
    TESTS,
    TRIED,
    VARIED,
    summary,
)

SPECIAL = "\\|*_`<["
# At the start of a line they begin a heading, a quotation or a list.
BLOCKS = ("#", ">", "+", "-", "=", "~")


def markdown(report: Report, pictures: Sequence[str]) -> str:
    """All of it, with links to the records.

    Args:
        report: what is shown.
        pictures: files beside it.
    """
    parts = ["# Report", summary(report), *_unreadable(report), *_claims(report), *HOW]
    for section in report.sections:
        parts += _section(report, section)
    parts += [f"![{_alternative(name)}]({quote(name)})" for name in pictures]
    parts += ["## Time", *_costs(report)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that neither ends a table's cell nor marks anything up."""
    text = printable(text)
    for character in SPECIAL:
        text = text.replace(character, f"\\{character}")
    return f"\\{text}" if text.startswith(BLOCKS) else text


def code(text: str) -> str:
    """Text in a code span, which nothing in it can end."""
    text = printable(text)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", text))))
    return f"{fence} {text} {fence}"


def _alternative(name: str) -> str:
    return re.sub(r"([\\\[\]])", r"\\\1", printable(name))


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; columns after the first ``left`` are aligned to the right."""
    rule = ["---" if i < left else "---:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _unreadable(report: Report) -> list[str]:
    if not report.unreadable:
        return []
    faults = [f"- {escape(report.shorten_paths(str(error)))}" for error in report.unreadable]
    return ["**Records that could not be read:**", "\n".join(faults)]


def _section(report: Report, section: Section) -> list[str]:
    table = section.table
    printed = [f"Printed: {escape(table.source)}"] if table.source else []
    likeness = told(section)
    printed += [escape(likeness)] if likeness else []
    parts = [f"## {escape(table.title)}", *printed, BOLD]
    for panel in lay_out(section):
        sizes = section.data_sizes(panel.key)
        parts += [f"**{escape(panel.label)}**: {sizes}."] if sizes else []
        parts.append(_panel(report, panel))
        parts += [escape(sentence(line)) for line in section.untrained_above(panel.key)]
    used = "".join(marks(cell) for cell in section.cells.values())
    parts += [f"{mark} {words}." for mark, words in MARKS.items() if mark in used]
    if section.notes:
        parts.append("\n".join(f"- {escape(report.shorten_paths(note))}" for note in section.notes))
    if section.verdicts:
        parts += ["### Claims", *_evidence(report, section)]
    if section.comparisons:
        parts += [f"### {BEATEN}", TESTS, _comparisons(report, section)]
        parts += [f"Not run: {escape('; '.join(section.untested))}."] if section.untested else []
    parts += _settings(report, section)
    commands = [report.command(cell) for cell in section.cells.values() if cell.runs]
    if commands:
        text = "\n".join(f"    {printable(command)}" for command in commands)
        parts += ["### Repeat a cell", REPEAT, text]
    return parts


def _panel(report: Report, panel: Panel) -> str:
    places = panel.places("markdown")
    head = [panel.label, *(f"{place.side} {place.heading}".strip() for place in places)]
    head = [escape(word) for word in head]
    rows = [
        (escape(f"{group.label} · {row.label}") + row.marks, row)
        for group in panel.groups
        for row in group.rows
    ]
    untrained = panel.untrained
    rows += [(f"*{escape(f'{row.label}, {untrained.label}')}*", row) for row in untrained.rows]
    return grid(
        head,
        [[label, *(_value(report, row.values.get(p)) for p in places)] for label, row in rows],
    )


def _value(report: Report, value: Value) -> str:
    match value:
        case Mean():
            text = f"**{metric(value.mean)}**" if value.best else metric(value.mean)
            text = f"*{text}*" if value.capped else text
            text += "" if value.std is None else f" ± {metric(value.std)}"
            return text if value.ratio is None else f"{text} (×{value.ratio:.2f})"
        case Printed():
            return plain(value.number)
        case State():
            return value.words
        case Records():
            best_of = f", best of {value.settings} settings: {setting(value.chosen)}"
            return _links(report, value.runs) + (escape(best_of) if value.settings > 1 else "")
    return escape(plain(value))


def _links(report: Report, runs: Iterable[Entry]) -> str:
    return " ".join(f"[seed {run.record.seed}]({report.link_to(run)})" for run in runs)


def _claims(report: Report) -> list[str]:
    """The verdicts at a glance: a table for each table of the paper."""
    sections = [section for section in report.sections if section.verdicts]
    if not sections:
        return []
    key = "; ".join(f"{SYMBOLS[state]} {state}: {words}" for state, words in MEANING.items())
    parts = [f"## {CLAIMED}", CLAIMS, f"Each masked, then unmasked. {key}."]
    for section in sections:
        table = section.table
        rows = []
        for claim, group, panels in by_claim(table, section.verdicts):
            named = group and len(table.groups) > 1
            backbone = f" ({table.groups[group].label})" if named else ""
            states = [", ".join(_state(verdict) for verdict in each) for each in panels]
            rows.append([escape(claim.text + backbone), *states])
        head = [table.title.partition(":")[0], *(part.label for part in table.panels.values())]
        parts.append(grid([escape(word) for word in head], rows, left=len(head)))
    return parts


def _state(verdict: Verdict) -> str:
    shown = f"{SYMBOLS[verdict.state]} {verdict.state}{verdict.mark}"
    return SYMBOLS[NOT_RUN] if verdict.state == NOT_RUN else shown


def _evidence(report: Report, section: Section) -> list[str]:
    """The figures behind the verdicts."""
    rows = [
        [
            escape(verdict.claim.text),
            escape(section.group_label(verdict.panel, verdict.group)),
            verdict.history,
            f"**{verdict.state}**{verdict.mark}",
            escape(report.shorten_paths(verdict.evidence)),
        ]
        for verdict in section.verdicts
        if verdict.state != NOT_RUN
    ]
    head = ["claim", "where", "history", "", "figures"]
    return [grid(head, rows, left=5) if rows else "Nothing was run that they could be judged by."]


def _settings(report: Report, section: Section) -> list[str]:
    """What all runs have in common, and what was tried where more than one setting was."""
    shared = [
        f"- {escape(name)}: {code(setting(values))}"
        for name, values in section.common_settings.items()
    ]
    parts = [f"### {SHARED}", "\n".join(shared)] if shared else []
    varied = [
        f"- {escape(label)}: " + "; ".join(_may_vary(chosen, free))
        for label, chosen, free in section.table.varied()
    ]
    parts += [f"### {VARIED}", "\n".join(varied)] if varied else []
    rows = [
        [
            escape(section.table.label(cell.key)) if number == 0 else "",
            escape(setting(tried.values)),
            metric(tried.validation),
            _links(report, tried.runs),
        ]
        for cell in section.cells.values()
        if cell.settings > 1
        for number, tried in enumerate(cell.tried)
    ]
    if rows:
        head = ["cell", "setting", escape(section.table.watched), "records by seed"]
        parts += [f"### {TRIED}", grid(head, rows, left=2)]
    gave_up = sum(cell.pruned for cell in section.cells.values())
    return [*parts, f"A search gave up {gave_up} more settings early."] if gave_up else parts


def _may_vary(chosen: Mapping[str, Sequence[Any]], free: Sequence[str]) -> Iterator[str]:
    for key, values in chosen.items():
        yield f"{code(key)} of {escape(', '.join(map(str, values)))}"
    if free:
        yield ", ".join(f"any {code(key)}" for key in free)


def _comparisons(report: Report, section: Section) -> str:
    metrics = section.table.metrics
    head = ["", "history", "best trained baseline", "seeds", "settings"]
    head += [
        word for metric in metrics for word in (escape(f"Δ {metric}"), "95 %", "p, Holm", "test")
    ]
    rows = [
        _comparison(report, section, comparison, history)
        for comparison in section.comparisons
        if comparison.ours.runs
        for history in CONVENTIONS
    ]
    return grid(head, rows, left=5)


def _comparison(
    report: Report, section: Section, comparison: Comparison, history: str
) -> list[str]:
    table = section.table
    ours, other = comparison.ours, comparison.baseline
    where = section.group_label(*ours.key[:2])
    named = table.rows[other.key[2]].label if other else ""
    row = [escape(where), history, escape(named + comparison.gap)]
    row += [f"{len(ours.runs)}, {len(other.runs)}" if other else str(len(ours.runs))]
    row += [f"{ours.settings}, {other.settings}" if other else str(ours.settings)]
    if comparison.problem is not None:
        problem = escape(report.shorten_paths(comparison.problem))
        return [*row, problem, *[""] * (4 * len(table.metrics) - 1)]
    for name in table.metrics:
        figure = f"{history}/{name}"
        found = comparison.differences[figure]
        row += [
            signed(found.mean),
            f"{signed(found.low)} to {signed(found.high)}",
            probability(comparison.corrected[figure]),
            found.test,
        ]
    return row


def _costs(report: Report) -> list[str]:
    head = ["data set · backbone · samples", "runs", "epochs"]
    head += ["training", "validation", "in all", "memory"]
    rows = [
        [
            escape(" · ".join(part)),
            str(cost.runs),
            str(cost.epochs),
            duration(cost.train),
            duration(cost.validation),
            duration(cost.wall),
            f"{cost.peak:.0f} MiB",
        ]
        for part, cost in by_part(report.runs).items()
    ]
    made = [f"- {count} runs: {escape(words)}" for words, count in versions(report.runs)]
    return [grid(head, rows), "\n".join(made)]

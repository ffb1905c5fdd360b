"""Tables as data: rows, groups, panels, conditions, printed numbers and claims."""

from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from uniseq.records.identity import current_config, first_name
from uniseq.records.names import single_part
from uniseq.report.claims import Claim, GroupOrder

CONVENTIONS = ("masked", "unmasked")
WATCHED = ("ranking.history", "ranking.monitor")

Key = tuple[str, str, str]


def _only_not(conditions: dict[str, Any]) -> dict[str, Any]:
    for key, wanted in conditions.items():
        held = wanted["not"] if isinstance(wanted, dict) and set(wanted) == {"not"} else wanted
        values = held if isinstance(held, list) else [held]
        # Of a key whose value is a list itself, a list of lists.
        each = [
            item for value in values for item in (value if isinstance(value, list) else [value])
        ]
        if any(isinstance(item, dict | list) for item in each):
            raise ValueError(f"{key}: a value, a list of values or {{not: …}}, not {wanted!r:.200}")
    return conditions


Conditions = Annotated[dict[str, Any], AfterValidator(_only_not)]
# Of files, too: a key that climbs would lead out of the report's folder.
Name = Annotated[str, AfterValidator(single_part)]
Metric = Annotated[str, Field(pattern=r"^[\w-]+@[1-9][0-9]{0,8}$")]
Printed = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """A panel, a group or a row of a table.

    Args:
        label: for people.
        conditions: that its records meet, see :func:`matches`.
        free: keys that its records may have any value of, see :meth:`Table.unlisted`.
        optional: whether a row is left out where it was not run, and a panel where nothing was
            run that bears on a claim.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    conditions: Conditions
    free: list[str] = []
    optional: bool = False


class Paper(BaseModel):
    """The paper that a table repeats."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authors: str
    title: str


class Table(BaseModel):
    """One table: a cell for each panel, group and row.

    Args:
        name: of the files it becomes: the stem of the file it was read from.
        title: for people.
        paper: that it repeats; None for a table of one's own.
        source: where the printed numbers are from, and what is known of them; empty for a table
            of one's own.
        metrics: such as ``NDCG@10``; each is shown with the history masked and not.
        conditions: that all its records meet. ``ranking.history`` and ``ranking.monitor`` are
            among them, as settings are compared by what they watched.
        free: keys that its records may have any value of, see :meth:`unlisted`; None where that is
            every key that no condition names.
        panels: the data sets.
        groups: of rows that are compared with each other: the backbones.
        rows: the objectives, variants or values.
        printed: the paper's numbers by panel, group and row, in the order of ``metrics``; null
            where they are not at hand.
        printed_history: the convention that the printed numbers are compared with, and have a ratio
            in; None for both.
        ours: the row that is tested against the best of the baselines; None for no test.
        baselines: the rows that it is tested against; None for all others.
        figure1: the rows whose cosines are drawn, where they were measured.
        claims: what the paper says about the table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: str
    paper: Paper | None = None
    source: str = ""
    metrics: list[Metric] = Field(min_length=1)
    conditions: Conditions
    free: list[str] | None = None
    panels: dict[Name, Part] = Field(min_length=1)
    groups: dict[Name, Part] = Field(min_length=1)
    rows: dict[Name, Part] = Field(min_length=1)
    printed: dict[str, dict[str, dict[str, list[Printed] | None]]] = {}
    printed_history: Literal["masked", "unmasked"] | None = None
    ours: str | None = None
    baselines: list[str] | None = None
    figure1: list[str] = []
    claims: list[Claim] = []

    @property
    def watched(self) -> str:
        """The validation figure that settings are chosen by."""
        history, monitor = (self.conditions[key] for key in WATCHED)
        return f"val/{history}/{monitor}"

    @property
    def columns(self) -> list[str]:
        """The test figures of a cell, such as ``masked/HR@10``."""
        return [f"{history}/{metric}" for history in CONVENTIONS for metric in self.metrics]

    def condition_keys(self) -> set[str]:
        """The config keys that a record of it must have: not those of optional rows alone."""
        parts = [*self.panels.values(), *self.groups.values(), *self.rows.values()]
        owed = [part.conditions for part in parts if not part.optional]
        everywhere = [self.conditions, *owed]
        return {
            key
            for each in everywhere
            for key, wanted in each.items()
            if wanted is not None and not (isinstance(wanted, list) and None in wanted)
        }

    def parts(self, key: Key) -> tuple[Part, Part, Part]:
        """The panel, group and row of a cell."""
        panel, group, row = key
        return self.panels[panel], self.groups[group], self.rows[row]

    def unlisted(self, key: Key, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What a record has set that the table neither fixes nor leaves free.

        A key that is left free leaves free all that lies below it.

        Args:
            key: of the cell.
            settings: of the record, by dotted key.
        """
        if self.free is None:
            return {}
        parts = self.parts(key)
        fixed = set(self.conditions).union(*(part.conditions for part in parts))
        free = [*self.free, *(name for part in parts for name in part.free)]
        return {
            name: value
            for name, value in settings.items()
            if value is not None
            and name not in fixed
            and not any(name == each or name.startswith(f"{each}.") for each in free)
        }

    def varied(self) -> Iterator[tuple[str, dict[str, list[Any]], list[str]]]:
        """What the cells of the table, of a group and of a row may vary, where that is anything.

        Whose they are, the keys with the values to choose from, and the keys that are left free.
        """
        parts = [*self.groups.values(), *self.rows.values()]
        named = [("all", self.conditions, self.free or [])]
        named += [(part.label, part.conditions, part.free) for part in parts]
        for label, conditions, free in named:
            # Null is the value of records that are older than the key.
            chosen = {
                key: [value for value in wanted if value is not None]
                for key, wanted in conditions.items()
                if isinstance(wanted, list) and len(wanted) - (None in wanted) > 1
            }
            if self.free is not None and (chosen or free):
                yield label, chosen, list(free)

    def keys(self) -> Iterator[Key]:
        """Panel, group and row of each cell, in order."""
        return product(self.panels, self.groups, self.rows)

    def label(self, key: Key) -> str:
        """A cell's place in words."""
        return " · ".join(part.label for part in self.parts(key))

    def within(self, key: Key) -> str:
        """A cell's place within its panel in words; a group that is the only one goes unsaid."""
        _, group, row = key
        of_group = f"{self.groups[group].label} · " if len(self.groups) > 1 else ""
        return of_group + self.rows[row].label

    def without(self, panels: Collection[str]) -> Self:
        """The table without some of its panels."""
        left = {name: part for name, part in self.panels.items() if name not in panels}
        return self.model_copy(update={"panels": left})

    def printed_at(self, key: Key) -> dict[str, float]:
        """The paper's numbers of a cell by metric; empty where they are not at hand."""
        panel, group, row = key
        values = self.printed.get(panel, {}).get(group, {}).get(row)
        return {} if values is None else dict(zip(self.metrics, values, strict=True))

    def is_like_printed(self, figure: str) -> bool:
        """Whether a figure such as ``masked/HR@10`` is of the convention of the printed numbers."""
        return self.printed_history in (None, history_and_metric(figure)[0])

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for key in WATCHED:
            if not isinstance(self.conditions.get(key), str):
                raise ValueError(f"conditions must fix {key}: settings are compared by it")
        named = [*self.figure1, *(self.baselines or []), *([self.ours] if self.ours else [])]
        for claim in self.claims:
            named += [*claim.needed, *claim.against(list(self.rows))]
        for claim in self.claims:
            for group in claim.groups if isinstance(claim, GroupOrder) else ():
                if group not in self.groups:
                    known = ", ".join(self.groups)
                    raise ValueError(f"there is no group {group!r}: choose from {known}")
        for row in named:
            if row not in self.rows:
                raise ValueError(f"there is no row {row!r}: choose from {', '.join(self.rows)}")
        for panel, groups in self.printed.items():
            for group, rows in groups.items():
                for row, values in rows.items():
                    if (panel, group, row) not in set(self.keys()):
                        raise ValueError(
                            f"printed.{panel}.{group}.{row} is no cell of the table; it has "
                            f"{', '.join(self.panels)}, {', '.join(self.groups)} and "
                            f"{', '.join(self.rows)}"
                        )
                    if values is not None and len(values) != len(self.metrics):
                        raise ValueError(
                            f"printed.{panel}.{group}.{row} must have {len(self.metrics)} numbers"
                        )
        return self


def history_and_metric(figure: str) -> tuple[str, str]:
    """The convention and the metric of a figure such as ``masked/HR@10``."""
    history, _, metric = figure.partition("/")
    return history, metric


def matches(config: Mapping[str, Any], *conditions: Mapping[str, Any]) -> bool:
    """Whether a config meets all conditions.

    Args:
        config: resolved, of a record.
        conditions: by dotted key: a value; a list of values, one of which it must be, a list
            of lists where it is a list itself; or ``{not: value or list}``. A key that the config
            has not is null, one that came after the record as it was before.
    """
    config = current_config(config)
    return all(
        _holds(_known(key, value_at(config, key)), _known(key, wanted))
        for each in conditions
        for key, wanted in each.items()
    )


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    value: Any = config
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _known(key: str, value: Any) -> Any:
    """Classes by the name that records have for them, whichever the condition was written with."""
    if not key.endswith("_target_"):
        return value
    if isinstance(value, list):
        return [_known(key, each) for each in value]
    if isinstance(value, Mapping):
        return {name: _known(key, each) for name, each in value.items()}
    return first_name(value) if isinstance(value, str) else value


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return not _holds(value, wanted["not"])
    if isinstance(wanted, list):
        return bool(value == wanted) or any(_holds(value, each) for each in wanted)
    # In Python False equals 0, in a config it does not.
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)

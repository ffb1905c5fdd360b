"""Readers of raw interaction logs: each gives a lazy frame of ``user``, ``item``, ``timestamp``.

A reader is a frozen dataclass whose fields are its settings; with the class's name they tell one
prepared log from another. One's own is named in the config like these, by ``_target_``.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl
from polars.io.plugins import register_io_source

from uniseq.data.sources.lines import BadLines, LineFormat, frames
from uniseq.errors import ConfigError

LOG = pl.Schema({"user": pl.String, "item": pl.String, "timestamp": pl.Int64})
DATE = "%Y-%m-%d %H:%M:%S"
DIGITS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"  # Polars takes a year 19 too
LATEST = 4_102_444_800  # the year 2100 in seconds; in milliseconds 1970 has not yet two months then


class Reader(Protocol):
    """Anything that can read a raw log."""

    def scan(self, path: Path, bad: BadLines) -> pl.LazyFrame:
        """The file's interactions, a row each, in any order; nothing is read before it is asked.

        Args:
            path: the raw file.
            bad: told of each line that cannot be used, while the frame is collected.

        Returns:
            A frame with the schema LOG: original ids, and whole seconds since 1970. No null, no
            empty id.
        """
        ...


@dataclass(frozen=True, slots=True)
class AmazonReviews:
    """``reviews_<Category>_5.json.gz`` or ``reviews_<Category>.json.gz`` of Amazon 2014.

    One JSON object a line; its fields ``reviewerID``, ``asin`` and ``unixReviewTime`` are read.
    """

    def scan(self, path: Path, bad: BadLines) -> pl.LazyFrame:
        """See :class:`Reader`."""
        names = {"reviewerID": "user", "asin": "item", "unixReviewTime": "timestamp"}
        schema = dict(zip(names, LOG.values(), strict=True))

        def parse(lines: bytes) -> pl.DataFrame:
            _refuse_doubled(lines, list(names))
            return _dated(pl.read_ndjson(lines, schema=schema).rename(names))

        def explain(line: bytes) -> str:
            return _explain_json(line, list(names), _seconds)

        return _lazy(path, LineFormat(parse, explain), bad)


@dataclass(frozen=True, slots=True)
class AmazonRatings:
    """``ratings_<Category>.csv`` of Amazon 2014: ``user,item,rating,unix time``, without header.

    Fields are not quoted. The last line must end in a line break, as a time that is cut short is
    still a number.
    """

    def scan(self, path: Path, bad: BadLines) -> pl.LazyFrame:
        """See :class:`Reader`."""
        schema = {"user": pl.String, "item": pl.String, "rating": pl.String, "timestamp": pl.Int64}

        def parse(lines: bytes) -> pl.DataFrame:
            if not lines.endswith(b"\n"):
                raise pl.exceptions.ComputeError("the last line is not whole")
            frame = pl.read_csv(lines, has_header=False, schema=schema, quote_char=None)
            quoted = pl.col("user", "item").str.starts_with('"')
            frame = frame.with_columns(pl.when(~quoted).then(pl.col("user", "item")))
            return _dated(frame.select(*LOG))

        return _lazy(path, LineFormat(parse, _explain_rating), bad)


@dataclass(frozen=True, slots=True)
class YelpReviews:
    """``yelp_academic_dataset_review.json``: one JSON object a line.

    Its fields ``user_id``, ``business_id`` and ``date`` (``2019-03-01 12:30:00``, taken as UTC)
    are read. Yelp adds to the file each year, so a range of dates belongs to a data set; the
    default is S3-Rec's, whose last day is its first second alone.

    Args:
        since: the first date kept.
        until: the last date kept, itself included.

    Raises:
        ConfigError: when one is no date of that form, or the range is empty.
    """

    since: str = "2019-01-01 00:00:00"
    until: str = "2019-12-31 00:00:00"

    def __post_init__(self) -> None:
        if _date("since", self.since) > _date("until", self.until):
            raise ConfigError("until", f"{self.until} is before since={self.since}")

    def scan(self, path: Path, bad: BadLines) -> pl.LazyFrame:
        """See :class:`Reader`."""
        names = {"user_id": "user", "business_id": "item", "date": "timestamp"}
        schema = dict.fromkeys(names, pl.String())
        written = pl.when(pl.col("timestamp").str.contains(DIGITS)).then(pl.col("timestamp"))
        seconds = written.str.to_datetime(DATE, time_unit="ms", strict=False)

        def parse(lines: bytes) -> pl.DataFrame:
            _refuse_doubled(lines, list(names))
            frame = pl.read_ndjson(lines, schema=schema).rename(names)
            return frame.with_columns(seconds.dt.epoch("s"))

        def explain(line: bytes) -> str:
            return _explain_json(line, list(names), _written_date)

        first, last = _date("since", self.since), _date("until", self.until)
        log = _lazy(path, LineFormat(parse, explain), bad)
        return log.filter(pl.col("timestamp").is_between(first, last))


def _dated(frame: pl.DataFrame) -> pl.DataFrame:
    """The same, without times that cannot be seconds."""
    time = pl.col("timestamp")
    return frame.with_columns(pl.when(time < LATEST).then(time))


def _refuse_doubled(lines: bytes, fields: list[str]) -> None:
    """Raise where a line has a field twice, of which Polars would take one."""
    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
    if all(lines.count(b'"%s"' % field.encode()) == count for field in fields):
        return  # by far the fastest: else a name stands in a value too, or something is amiss
    for line in lines.splitlines():
        if _doubled(line, fields) is not None:
            raise pl.exceptions.ComputeError("a field stands twice in a line")


def _doubled(line: bytes, fields: list[str]) -> str | None:
    """The first of the fields that the object in a line has twice."""
    names: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names[:] = [name for name, _ in pairs]  # in the end those of the outermost object

    try:
        json.loads(line, object_pairs_hook=note)
    except ValueError:  # said by whoever parses it
        return None
    return next((field for field in fields if names.count(field) > 1), None)


def _lazy(path: Path, format: LineFormat, bad: BadLines) -> pl.LazyFrame:
    """The file as a frame that Polars' streaming engine draws a block at a time."""

    def draw(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for frame in frames(path, format, bad):
            kept = frame if predicate is None else frame.filter(predicate)
            kept = kept if columns is None else kept.select(columns)
            kept = kept if rows is None else kept.head(rows)
            yield kept
            if rows is not None and (rows := rows - kept.height) <= 0:
                return

    return register_io_source(draw, schema=LOG)


def _date(key: str, text: str) -> int:
    try:
        return int(datetime.strptime(text, DATE).replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise ConfigError(key, f"{text!r} is no date such as '2019-01-01 00:00:00'") from error


def _explain_json(line: bytes, fields: list[str], time: Callable[[Any], str]) -> str:
    if not line.strip():
        return "is blank"
    try:
        content = json.loads(line.decode(), parse_constant=_refuse_constant)
    except _NotJson as error:
        return f"is not JSON: it holds {error}"
    except UnicodeDecodeError:
        return "holds bytes that are not UTF-8"
    except ValueError:
        return f"is not JSON: {_short(line)}"
    if not isinstance(content, dict):
        return f"is no JSON object: {_short(line)}"
    if (twice := _doubled(line, fields)) is not None:
        return f"holds the field {twice!r} twice"
    for name in fields:
        if content.get(name) in (None, ""):
            return f"lacks the field {name!r}"
    return f"{fields[-1]!r} is {str(content[fields[-1]])[:40]!r}, {time(content[fields[-1]])}"


class _NotJson(Exception):
    """A word that Python reads as a number and JSON does not have."""


def _refuse_constant(word: str) -> Any:
    raise _NotJson(word)


def _seconds(value: Any) -> str:
    text = str(value)
    if text.isascii() and text.isdigit() and int(text) >= LATEST:
        return "after the year 2100; milliseconds? It must be whole seconds since 1970"
    if isinstance(value, str) and text.removeprefix("-").isdigit():
        return "a text; write the number without quotes"
    return "no whole number of seconds since 1970"


def _written_date(_: Any) -> str:
    return "no date such as '2019-01-01 00:00:00'"


def _explain_rating(line: bytes) -> str:
    if not line.strip():
        return "is blank"
    try:
        fields = line.decode().rstrip("\r\n").split(",")
    except UnicodeDecodeError:
        return "holds bytes that are not UTF-8"
    if len(fields) != 4:
        return f"has {len(fields)} field(s), not the four of user,item,rating,time"
    if not line.endswith(b"\n"):
        return "does not end in a line break: the file is truncated, fetch it again"
    for name, text in zip(("user", "item", "time"), (*fields[:2], fields[3]), strict=True):
        if not text:
            return f"has no {name}"
        if text.startswith('"'):
            return (
                f"has the {name} {text[:40]} in quotes, which would be part of it; leave them out"
            )
    time = fields[3]
    whole = time.isascii() and time.isdigit()
    return f"has the time {time[:40]!r}, {_seconds(int(time) if whole else time)}"


def _short(line: bytes) -> str:
    text = line.decode().strip()
    return repr(text if len(text) <= 40 else text[:40] + "…")

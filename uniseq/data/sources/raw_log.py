"""Raw interaction log: sequences from it, by way of the cache."""

import hashlib
import json
import logging
from dataclasses import asdict, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from uniseq.data.sequences import Sequences
from uniseq.data.sources.cache import Preparation, prepared_once
from uniseq.data.sources.k_core import k_core
from uniseq.data.sources.lines import BadLines
from uniseq.data.sources.readers import LATEST, Reader
from uniseq.errors import ConfigError, DataError, require_positive
from uniseq.records.identity import first_name
from uniseq.records.own_code import version_of

LAYOUT = 1  # goes up when the same raw file gives other sequences than before
PARTS = 8  # of the users, sorted one after the other

logger = logging.getLogger(__name__)


class RawLog:
    """A raw log on disk: read, freed of exact duplicates, reduced to its k-core, put in order.

    The rules, none of which looks at the order of the file:

    - *Duplicates*: of interactions that agree in user, item and time one is kept, whatever else
      (a rating, a text) tells them apart.
    - *k-core*: counted after that, see :func:`uniseq.data.sources.k_core.k_core`.
    - *Order*: a user's history goes by time, and by the original item id, ascending as text, where
      times are equal. Days are the finest that Amazon's times are, so this is no rare case.
    - *Rows*: of users and items follow their original ids, ascending as text (``10`` before ``9``).

    The outcome is kept in ``UNISEQ_CACHE_DIR`` under the raw file's sha256, these settings, and the
    version or source of a reader of one's own; a second load reads no line. The ids are held as
    codes from the first block on, so memory grows with the interactions and ids of the file but not
    with its texts.

    Args:
        reader: of the file's format, one of :mod:`uniseq.data.sources.readers` or one's own; a
            dataclass, whose fields are its settings.
        file: the raw file's name.
        data_dir: the folder that holds it.
        core: k of the k-core; 1 keeps everything.
        on_bad_line: ``raise`` on the first line that cannot be used, or ``skip`` such lines and
            report how many there were.
        keep_repeats: whether a user's later interactions with an item they have had count and are
            kept. ``dataset.repeats=drop`` leaves them out too, but after the k-core.

    Raises:
        ConfigError: when ``core`` is not positive, ``on_bad_line`` is neither, or the reader is
            no dataclass.
    """

    def __init__(
        self,
        reader: Reader,
        file: str,
        data_dir: str | None = None,
        core: int = 5,
        on_bad_line: Literal["raise", "skip"] = "raise",
        keep_repeats: bool = True,
    ) -> None:
        require_positive(core=core)
        if on_bad_line not in ("raise", "skip"):
            raise ConfigError("on_bad_line", f"must be raise or skip, not {on_bad_line!r}")
        if not _has_fields(reader):
            raise ConfigError(
                "reader", "must be a dataclass, whose fields tell one prepared log from another"
            )
        self.reader = reader
        self.file = file
        self.data_dir = data_dir
        self.core = core
        self.on_bad_line = on_bad_line
        self.keep_repeats = keep_repeats

    def load(self) -> Sequences:
        """The histories, with times, memory-mapped.

        Raises:
            DataError: when the file is missing or empty, a line of it cannot be used (the message
                names file and line), or the k-core is empty.
        """
        path = self._locate()
        sequences, preparation = prepared_once(self._key(path), lambda: self._prepare(path))
        if preparation.bad_lines:
            logger.warning(
                "%s: %d bad line(s) skipped, the first: %s",
                path,
                preparation.bad_lines,
                preparation.first_bad_line,
            )
        return replace(sequences, name=_name(path))

    def _locate(self) -> Path:
        if self.data_dir is None:
            raise DataError(
                self.file,
                "is a raw log, which is not downloaded: set data_dir or UNISEQ_DATA_DIR to the "
                "folder that holds it",
            )
        path = Path(self.data_dir).expanduser() / self.file
        if not path.is_file():
            raise DataError(
                path,
                "no such file; point data_dir or UNISEQ_DATA_DIR at the folder that holds "
                f"{self.file}",
            )
        return path

    def _key(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(path, f"cannot be read: {error.strerror}") from error
        kind = type(self.reader)
        settings = {
            "layout": LAYOUT,
            "content": content,
            "reader": first_name(f"{kind.__module__}.{kind.__qualname__}"),
            "reader_settings": asdict(self.reader),  # type: ignore[call-overload]
            "core": self.core,
            "on_bad_line": self.on_bad_line,
            "keep_repeats": self.keep_repeats,
        }
        if (code := version_of(kind)) is not None:  # of one's own: it may be edited
            settings["reader_code"] = code
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def _prepare(self, path: Path) -> tuple[Sequences, Preparation]:
        if (code := version_of(type(self.reader))) is not None:
            logger.warning(
                "%s: prepared by %s as it is now (%s); once it is edited, it is prepared anew",
                path,
                type(self.reader).__qualname__,
                code,
            )
        bad = BadLines(path, skip=self.on_bad_line == "skip")
        log, ids = _coded(self.reader.scan(path, bad))
        lines = log.height
        if not lines:
            skipped = f": {bad.count} bad line(s) skipped, the first: {bad.first}"
            raise DataError(path, f"holds no interaction{skipped if bad.count else ''}")
        times = log["timestamp"].to_numpy()
        first, last = int(times.min()), int(times.max())
        if 0 < first < LATEST <= last:
            raise DataError(
                path,
                f"has times in seconds and in milliseconds, from {first} to {last}; let the reader "
                "give whole seconds since 1970",
            )
        log = _ordered(log, len(ids["user"]))
        duplicates = lines - log.height
        if not self.keep_repeats:
            log = log.unique(["user", "item"], keep="first", maintain_order=True)
        log = _core(log, self.core, path)
        sequences = _sequences(log, ids, _name(path))
        return sequences, Preparation(lines, duplicates, bad.count, bad.first)


def _has_fields(reader: object) -> bool:
    return is_dataclass(reader) and not isinstance(reader, type)


def _name(path: Path) -> str:
    return path.name.partition(".")[0]


def _coded(log: pl.LazyFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Ids replaced by their rank among the ids in ascending order, and those ids."""
    coded = log.with_columns(pl.col("user", "item").cast(pl.Categorical)).collect(
        engine="streaming"
    )
    ids = {}
    for column in ("user", "item"):
        ids[column] = coded[column].unique().cast(pl.String).sort()
        codes = ids[column].cast(pl.Categorical).to_physical().to_numpy()
        ranks = np.zeros(codes.max(initial=0) + 1, np.uint32)
        ranks[codes] = np.arange(len(codes), dtype=np.uint32)
        coded = coded.with_columns(pl.Series(column, ranks[coded[column].to_physical().to_numpy()]))
    return coded, ids


def _ordered(log: pl.DataFrame, num_users: int) -> pl.DataFrame:
    """By user, time and item, exact duplicates left out.

    A range of users at a time, as a sort takes several times the memory of what it sorts.
    """
    bounds = np.linspace(0, num_users, PARTS + 1).astype(int)
    parts = []
    for first, end in pairwise(bounds):
        part = log.filter(pl.col("user").is_between(first, end, closed="left"))
        part = part.sort("user", "timestamp", "item")
        changes = [pl.col(name).ne_missing(pl.col(name).shift()) for name in log.columns]
        parts.append(part.filter(pl.any_horizontal(changes)))
    return pl.concat(parts)


def _core(log: pl.DataFrame, core: int, path: Path) -> pl.DataFrame:
    kept = k_core(log, core)
    if kept.height:
        return kept
    users, items = (log[name].value_counts()["count"].to_numpy() for name in ("user", "item"))
    raise DataError(
        path,
        f"the {core}-core is empty. Of {log.height} interactions of {len(users)} user(s) with "
        f"{len(items)} item(s), {(users >= core).sum()} user(s) and {(items >= core).sum()} "
        f"item(s) had {core} or more (at most {users.max()} and {items.max()}), "
        "and leaving out the others in turn left nothing; lower dataset.source.core",
    )


def _sequences(log: pl.DataFrame, ids: dict[str, pl.Series], name: str) -> Sequences:
    users = log["user"].to_numpy()  # ascending
    starts = np.flatnonzero(np.append(True, users[1:] != users[:-1]))
    items = log["item"].to_numpy()
    kept = np.bincount(items, minlength=len(ids["item"])) > 0
    rows = np.cumsum(kept, dtype=np.int32) - np.int32(1)
    return Sequences(
        name=name,
        items=rows[items],
        offsets=np.append(starts, len(items)).astype(np.int64),
        item_ids=_texts(ids["item"].filter(pl.Series(kept))),
        user_ids=_texts(ids["user"].gather(users[starts])),
        fingerprint="",  # the cache's to give
        times=log["timestamp"].to_numpy(),
    )


def _texts(ids: pl.Series) -> np.ndarray:
    """As fixed-width text, which can be memory-mapped. Shape (len(ids),)."""
    return ids.to_numpy().astype(np.str_)

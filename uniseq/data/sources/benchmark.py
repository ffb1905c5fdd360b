"""Benchmark files: text, one user a line, on disk or downloaded."""

import hashlib
import re
from pathlib import Path

import numpy as np

from uniseq.data.sequences import MIN_LENGTH, Sequences
from uniseq.data.sources.download import download
from uniseq.errors import DataError


class BenchmarkFile:
    """A text file with one user a line: ``user item item item …``, oldest first.

    Ids are positive integers without leading zeros, separated by blanks or tabs. Where ``data_dir``
    is given the file must lie there; otherwise it is downloaded once into the cache folder
    (``UNISEQ_CACHE_DIR``, or the system's cache), safely when many processes start at once.

    Args:
        file: the file's name.
        url: where it is published; None for a file that is only on disk.
        sha256: checksum of the published file; None to accept any content.
        data_dir: folder to read the file from instead of downloading.
    """

    def __init__(
        self,
        file: str,
        url: str | None = None,
        sha256: str | None = None,
        data_dir: str | None = None,
    ) -> None:
        self.file = file
        self.url = url
        self.sha256 = sha256
        self.data_dir = data_dir

    def load(self) -> Sequences:
        """Read, verify and parse the file.

        Raises:
            DataError: when the file is missing, cannot be downloaded, is not the published one,
                or has a line that cannot be used; the message names file and line.
        """
        path = self._locate()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(path, f"cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(content).hexdigest()
        if content and self.sha256 is not None and digest != self.sha256:
            raise DataError(
                path,
                f"is not the published file, or is truncated: its sha256 is {digest}, expected "
                f"{self.sha256}. Remove it and fetch it again"
                + (f" from {self.url}" if self.url else "")
                + "; to use your own version set dataset.source.sha256=null",
            )
        return parse_sequences(content, path, name=path.stem, fingerprint=digest)

    def _locate(self) -> Path:
        if self.data_dir is not None:
            path = Path(self.data_dir).expanduser() / self.file
            if not path.is_file():
                raise DataError(
                    path,
                    "no such file; point data_dir or UNISEQ_DATA_DIR at the folder that holds "
                    f"{self.file}"
                    + ("" if self.url is None else f", or unset it to download {self.url}"),
                )
            return path
        if self.url is None:
            raise DataError(
                self.file, "is not published anywhere: point data_dir at the folder that holds it"
            )
        return download(self.url, self.file, self.sha256)


MAX_DIGITS = 18  # what fits in 64 bits
# A line as nearly all are: looked at whole, it spares a look at each field.
PLAIN = re.compile(rf"[1-9][0-9]{{0,{MAX_DIGITS - 1}}}(?: [1-9][0-9]{{0,{MAX_DIGITS - 1}}})*")


def _is_id(field: str) -> bool:
    digits = field.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS


def _fields(line: str, where: str | Path, number: int) -> list[str]:
    """The ids of a line that is not written as nearly all are, or its fault."""
    if "\r" in line[:-1]:
        raise DataError(where, "holds a carriage return; end lines with a line feed", line=number)
    # Not at whatever Unicode takes for white space, which may stand in an id by mistake.
    fields = [*filter(None, line.removesuffix("\r").replace("\t", " ").split(" "))]
    if not fields:
        raise DataError(where, "is blank; remove the line", line=number)
    for field in fields:
        if not _is_id(field):
            raise DataError(
                where,
                f"{field[:40]!r} is not an integer of up to {MAX_DIGITS} digits; ids are "
                "positive integers",
                line=number,
            )
        if field[0] == "0" and len(field) > 1:
            raise DataError(
                where,
                f"{field!r} has a leading zero: as a number it is {int(field)}, which may be "
                "another id; write ids without",
                line=number,
            )
    return fields


def parse_sequences(content: bytes, where: str | Path, *, name: str, fingerprint: str) -> Sequences:
    """Histories from the lines of a benchmark file; item rows follow the ascending item ids.

    Raises:
        DataError: naming file and line, when the content is empty or truncated, is not UTF-8,
            holds anything but positive integers, names a user twice or has a history that is too
            short to split.
    """
    if not content.strip():
        raise DataError(where, "is empty; fetch it again")
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            where,
            "holds bytes that are not UTF-8; expected plain text `user item item …`",
            line=content.count(b"\n", 0, error.start) + 1,
        ) from error
    if lines[-1].strip():
        raise DataError(
            where,
            "the last line does not end in a line break: the file is truncated; fetch it again",
            line=len(lines),
        )
    flat: list[int] = []
    counts: list[int] = []
    users: dict[int, int] = {}
    for number, line in enumerate(lines[:-1], start=1):
        plain = PLAIN.fullmatch(line)
        fields = line.split(" ") if plain else _fields(line, where, number)
        ids = list(map(int, fields))
        if len(ids) == 2 and all(len(each.split()) in (0, 2) for each in lines):
            raise DataError(
                where,
                "holds one item, as every line does: these are pairs `user item`; write each "
                "user's items in one line, `user item item …`, oldest first",
                line=number,
            )
        if len(ids) < MIN_LENGTH + 1:
            raise DataError(
                where,
                f"{max(len(ids) - 1, 0)} item(s) are too few to split into training, validation "
                f"and test; a user needs at least {MIN_LENGTH}: remove the line",
                line=number,
            )
        if min(ids) < 1:
            kind = "user" if ids[0] < 1 else "item"
            raise DataError(
                where, f"{kind} id {min(ids)}; ids start at 1 (0 is padding elsewhere)", line=number
            )
        if ids[0] in users:
            raise DataError(
                where,
                f"user {ids[0]} stands in line {users[ids[0]]} already; join the two histories in "
                "order of time",
                line=number,
            )
        users[ids[0]] = number
        counts.append(len(ids) - 1)
        flat.extend(ids[1:])
    item_ids, items = np.unique(np.array(flat, dtype=np.int64), return_inverse=True)
    return Sequences(
        name=name,
        items=items.astype(np.int32),
        offsets=np.concatenate(([0], np.cumsum(counts))),
        item_ids=item_ids,
        user_ids=np.array(list(users), dtype=np.int64),
        fingerprint=fingerprint,
    )

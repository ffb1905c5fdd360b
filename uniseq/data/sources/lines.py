"""Lines of a raw text file, in blocks of whole ones, and those that cannot be used."""

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from uniseq.errors import DataError

BLOCK = 2**22  # bytes parsed at a time: many lines for the parser, little memory
PIECE = 2**18  # bytes read at a time; a gzip blows them up by 5 to 10 in such logs
GZIP = b"\x1f\x8b"

MOST = 2**22  # bytes unpacked at a time
LONGEST = 2**26  # bytes of a line: no review is so long, but a gzip of 64 KiB may be

Block = tuple[int, int, bytes]  # number of its first line, lines, content


@dataclass(slots=True)
class BadLines:
    """What becomes of lines that cannot be used, and how many there were.

    Args:
        path: the file, for messages.
        skip: count them and go on, instead of raising.
        count: bad lines so far.
        first: the first of them in the file, in words; empty while there is none.
    """

    path: Path
    skip: bool
    count: int = field(default=0, init=False)
    first: str = field(default="", init=False)
    _first_line: int = field(default=0, init=False)

    def add(self, line: int, problem: str) -> None:
        """Count a bad line.

        Raises:
            DataError: naming file and line, unless bad lines are skipped.
        """
        if not self.skip:
            remedy = "mend it, or skip and count such lines with on_bad_line=skip"
            raise DataError(self.path, f"{problem}; {remedy}", line=line)
        if not self.count or line < self._first_line:
            self._first_line, self.first = line, f"line {line} {problem}"
        self.count += 1


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How the lines of a file are read.

    Args:
        parse: the frame of some lines, one row a line; raises an error of Polars' where it cannot.
        explain: what is wrong with a line that ``parse`` refuses, in words.
    """

    parse: Callable[[bytes], pl.DataFrame]
    explain: Callable[[bytes], str]


def frames(path: Path, format: LineFormat, bad: BadLines) -> Iterator[pl.DataFrame]:
    """The file's lines as frames without nulls or empty texts, a block at a time.

    Memory does not grow with the file. A block that holds a bad line is halved until the line
    stands alone, so that good lines are read by the same parser whether a neighbour is bad or not.

    Args:
        path: plain text or gzip; the content tells, not the name.
        format: how its lines are read.
        bad: told of each line that cannot be used.

    Raises:
        DataError: when the file cannot be read, or ``bad`` refuses a line.
    """
    for line, lines, block in _ahead(_blocks(path, bad)):
        yield from _parse(block, line, lines, format, bad)


def _parse(
    block: bytes, line: int, lines: int, format: LineFormat, bad: BadLines
) -> Iterator[pl.DataFrame]:
    try:
        frame = format.parse(block)
    except pl.exceptions.PolarsError:
        frame = None
    if frame is not None and frame.height == lines and _complete(frame):
        yield frame
    elif lines == 1:
        bad.add(line, format.explain(block))
    else:
        half = block.find(b"\n", len(block) // 2) + 1
        if half in (0, len(block)):  # the second half is one line
            half = block.rfind(b"\n", 0, -1) + 1
        before = block.count(b"\n", 0, half)
        yield from _parse(block[:half], line, before, format, bad)
        yield from _parse(block[half:], line + before, lines - before, format, bad)


def _complete(frame: pl.DataFrame) -> bool:
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    empty = any((frame[name] == "").any() for name in texts)
    return not empty and not any(column.null_count() for column in frame)


def _ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same, each read and unzipped while the one before it is parsed."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = thread.submit(next, blocks, None)
            yield block


def _blocks(path: Path, bad: BadLines) -> Iterator[Block]:
    """About BLOCK bytes of whole lines each; the last line may lack its line break."""
    pieces: list[bytes] = []
    size, line = 0, 1
    ending = None
    try:
        with path.open("rb") as file:
            for piece in _content(file):
                if size + len(piece) > BLOCK and (cut := piece.rfind(b"\n") + 1):
                    block = b"".join([*pieces, piece[:cut]])
                    pieces, size = [piece[cut:]], len(piece) - cut
                    lines = block.count(b"\n")
                    yield line, lines, block
                    line += lines
                elif size + len(piece) > LONGEST:
                    line += sum(each.count(b"\n") for each in pieces)
                    problem = f"has more than {LONGEST:,} bytes: it is no line of such a log"
                    raise DataError(path, f"{problem}; fetch the file again", line=line)
                else:
                    pieces.append(piece)
                    size += len(piece)
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    except EOFError:
        ending = "is where the gzip ends early: the file is truncated, fetch it again"
    except zlib.error:
        ending = "is near where the gzip is damaged: fetch the file again"
    block = b"".join(pieces)
    if ending is not None:  # the line that it broke off in is that bad line
        block = block[: block.rfind(b"\n") + 1]
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if block:
        yield line, lines, block
        line += lines
    if ending is not None:
        bad.add(line, ending)


def _content(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes, unzipped if they are zipped.

    Raises:
        EOFError: when a gzip ends early.
        zlib.error: when it is damaged.
    """
    piece = file.read(PIECE)
    if not piece.startswith(GZIP):
        while piece:
            yield piece
            piece = file.read(PIECE)
        return
    member = zlib.decompressobj(wbits=31)  # 31: with the header and the checksum of gzip
    while piece:
        unpacked = member.decompress(piece, MOST)
        yield unpacked
        while len(unpacked) == MOST:  # more lies in it: it may be a thousand times its size
            unpacked = member.decompress(member.unconsumed_tail, MOST)
            yield unpacked
        piece = member.unused_data or file.read(PIECE)
        if member.eof and piece:
            # A gzip may hold several members, one after the other, and zeros at its end.
            piece = piece.lstrip(b"\0") or file.read(PIECE).lstrip(b"\0")
            member = zlib.decompressobj(wbits=31) if piece else member
    if not member.eof:
        raise EOFError

"""What a W&B run without a network leaves, read back."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class OfflineRun:
    """Settings, config, history and summary from a .wandb file; ``finished`` is its exit code."""

    def __init__(self, file: Path) -> None:
        from google.protobuf.json_format import MessageToDict
        from wandb.proto.wandb_internal_pb2 import Record

        self.settings: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.axes: dict[str, str] = {}
        self.finished: int | None = None
        for data in _entries(file.read_bytes()):
            entry = Record()
            entry.ParseFromString(data)
            kind = entry.WhichOneof("record_type")
            if kind == "history":
                self.history.append(_nested(entry.history.item))
            elif kind == "config":
                self.config |= _nested(entry.config.update)
            elif kind == "summary":
                self.summary |= _nested(entry.summary.update)
            elif kind == "metric" and entry.metric.glob_name:
                self.axes[entry.metric.glob_name] = entry.metric.step_metric
            elif kind == "exit":
                self.finished = entry.exit.exit_code
            elif kind == "run":
                self.settings |= MessageToDict(entry.run, preserving_proto_field_name=True)
                self.config |= _nested(entry.run.config.update)


def offline_run(folder: Path) -> OfflineRun:
    """The only one that a run left in its folder."""
    (only,) = offline_runs(folder)
    return only


def offline_runs(folder: Path) -> list[OfflineRun]:
    """Those that the processes of a run left in its folder, in order."""
    return [OfflineRun(file) for file in sorted((folder / "wandb").glob("offline-run-*/*.wandb"))]


def _entries(content: bytes) -> Iterator[bytes]:
    """The entries of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    assert content[:4] == b":W&B"
    at, whole = 7, b""
    while at < len(content):
        left = 32768 - at % 32768
        if left < 7:  # the rest of a block that no entry fits in
            at += left
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole entry, or the last part of one
            yield whole
            whole = b""


def _nested(items: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in items:
        *path, name = item.nested_key or [item.key]
        inner = values
        for part in path:
            inner = inner.setdefault(part, {})
        inner[name] = json.loads(item.value_json)
    return values

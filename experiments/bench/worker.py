"""A measurement worker, seen from the driver; protocol.py is the other side."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WARM_UP = 10  # steps of the first training stretch, which is left out


class Worker:
    """A process that measures itself on request and otherwise waits.

    Args:
        name: for messages.
        command: starts it.
    """

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._command = command
        begin = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=HERE,
            )
        except FileNotFoundError:
            sys.exit(f"error: {command[0]} does not exist; `make peers` makes it")
        self._answer()
        self.start_seconds = time.perf_counter() - begin

    def ask(self, do: str, **options: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **options}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._ended()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> None:
        command = " ".join(self._command)
        sys.exit(f"error: the {self.name} worker ended; run it by hand to see why: {command}")

    def steps_in(self, seconds: float) -> int:
        """How many training steps fill this time, by the warm-up that this runs; at least 5."""
        answer = self.ask("train", steps=WARM_UP)
        return max(5, round(seconds * WARM_UP / answer["seconds"]))

    def quit(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

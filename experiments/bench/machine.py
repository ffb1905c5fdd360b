"""What a measurement was made on."""

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any


def describe(threads: int) -> dict[str, Any]:
    """Processor, cores, memory, versions, date, and how busy the machine is at this moment."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    total = Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory GB": round(int(total) / 2**20),
        "threads": threads,
        "python": platform.python_version(),
        "torch": version("torch"),
        "date": date.today().isoformat(),
        "load at start": round(os.getloadavg()[0], 2),
    }


def sentence(machine: dict[str, Any]) -> str:
    """The description in one line."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory GB']} GB, "
        f"torch threads: {machine['threads']}, torch {machine['torch']}, "
        f"Python {machine['python']}, {machine['date']}"
    )

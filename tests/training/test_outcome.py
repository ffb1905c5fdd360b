"""Faults of the machine: what they are told from, and the line that says what to do."""

import errno

import numpy as np
import pytest
import torch

from uniseq.errors import DataError
from uniseq.training.outcome import cuts_off, lacks_memory, machines_fault


def test_what_the_cpus_allocator_says_is_a_lack_of_memory():
    with pytest.raises(RuntimeError) as stopped:
        torch.empty(10**15)
    assert cuts_off(stopped.value)
    assert machines_fault(stopped.value).startswith("out of memory: lower dataset.batch_size")
    with pytest.raises(MemoryError) as stopped:
        np.empty(10**17)
    assert lacks_memory(stopped.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), DataError("x", "no"), KeyError()]
)
def test_other_faults_are_failures(error):
    assert not cuts_off(error)
    assert machines_fault(error) is None


def test_a_full_disk_names_the_file():
    error = OSError(errno.ENOSPC, "No space left on device", "runs/record.json")
    assert cuts_off(error)
    assert machines_fault(error) == (
        "runs/record.json cannot be written: no space is left on the disk; make room"
    )
    assert machines_fault(FileNotFoundError(errno.ENOENT, "no", "x")) is None

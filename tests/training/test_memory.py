import ctypes
import sys
from types import SimpleNamespace

import pytest

from uniseq.training.callbacks.memory_trim import HostMemoryTrim
from uniseq.training.environment import forget_peak, peak_memory_mb


def steps_that_trim(callback, steps):
    trimmed = []
    callback._trim = lambda pad: trimmed.append(step)
    for step in range(1, steps + 1):
        callback.on_train_batch_end(SimpleNamespace(global_step=step), None, None, None, 0)
    return trimmed


def test_trims_every_so_many_steps():
    assert steps_that_trim(HostMemoryTrim(every=3), 10) == [3, 6, 9]


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    callback = HostMemoryTrim(every=1)
    assert callback._trim is None
    callback.on_train_batch_end(SimpleNamespace(global_step=1), None, None, None, 0)


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_a_system_without_its_own_symbols_is_no_fault(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert HostMemoryTrim()._trim is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_is_that_of_one_run():
    before = peak_memory_mb()
    block = bytearray(256 * 2**20)
    high = peak_memory_mb()
    assert high >= before
    del block
    forget_peak()
    assert peak_memory_mb() < high - 200

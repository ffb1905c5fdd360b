import ctypes
from types import SimpleNamespace

import pytest

from uniseq.memory import HostMemoryTrim


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

"""Synthetic histories in blocks, and those that are too many for memory."""

import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.cases import tiny_synthetic
from uniseq.data.sources import synthetic
from uniseq.data.sources.chain import Chain
from uniseq.data.sources.synthetic import Synthetic
from uniseq.errors import DataError


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(0, 40))
def test_blocks_do_not_depend_on_how_many_follow(users, more):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "CELLS", 20 * 10)  # ten users a block
        few, many = (tiny_synthetic(num_users=count).load() for count in (users, users + more))
    whole = users // 10 * 10
    assert many.offsets[: users + 1].tolist() == few.offsets.tolist()
    end = few.offsets[whole]
    assert many.items[:end].tolist() == few.items[:end].tolist()
    assert few.items.tolist() != tiny_synthetic(num_users=users, seed=7).load().items.tolist()


def test_blocks_differ_from_one_another(monkeypatch):
    monkeypatch.setattr(synthetic, "CELLS", 20)  # one user a block
    sequences = tiny_synthetic(mean_length=5).load()
    assert len({tuple(sequences.history(user)) for user in range(50)}) == 50


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """All sets go to the disk, in blocks of ten users; gives the cache's folder."""
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(synthetic, "MAPPED", 0)
    monkeypatch.setattr(synthetic, "CELLS", 20 * 10)
    return tmp_path / "generated"


def test_what_is_mapped_is_what_is_drawn_in_memory(mapped, monkeypatch):
    on_disk = tiny_synthetic().load()
    monkeypatch.setattr(synthetic, "MAPPED", 10**7)
    in_memory = tiny_synthetic().load()
    for name in ("items", "offsets", "item_ids", "user_ids"):
        assert getattr(on_disk, name).tolist() == getattr(in_memory, name).tolist()
        assert getattr(on_disk, name).dtype == getattr(in_memory, name).dtype
    assert on_disk.fingerprint == in_memory.fingerprint
    assert isinstance(on_disk.items.base, np.memmap)
    assert not isinstance(in_memory.items.base, np.memmap)


def test_the_second_load_draws_nothing(mapped, monkeypatch):
    first = tiny_synthetic().load().items.tolist()
    monkeypatch.setattr(Chain, "histories", None)
    assert tiny_synthetic().load().items.tolist() == first
    with pytest.raises(TypeError):
        tiny_synthetic(seed=1).load()


KILLED = """
import os, signal
from uniseq.data.sources import synthetic
from uniseq.data.sources.chain import Chain

synthetic.MAPPED, synthetic.CELLS, drawn = 0, 20 * 10, Chain.histories
blocks = []

def histories(*given):
    blocks.append(1)
    if len(blocks) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return drawn(*given)

Chain.histories = histories
synthetic.Synthetic(num_users=50, num_items=60, num_clusters=6, max_length=20).load()
"""


def test_a_generation_that_was_killed_is_begun_anew(mapped, monkeypatch):
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    (unfinished,) = mapped.glob("*.part")
    assert (unfinished / "offsets.npy").is_file()
    sequences = tiny_synthetic().load()
    assert {path.name for path in mapped.iterdir() if path.is_dir()} == {
        sequences.fingerprint.removeprefix("synthetic-")
    }
    monkeypatch.setattr(synthetic, "MAPPED", 10**7)
    assert sequences.items.tolist() == tiny_synthetic().load().items.tolist()


@pytest.mark.parametrize(
    ("error", "seen", "words"),
    [
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
        (OSError(28, "No space left on device"), DataError, "No space left on device; set UNISEQ"),
    ],
)
def test_a_generation_that_fails_leaves_nothing(mapped, monkeypatch, error, seen, words):
    def stop(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Chain, "histories", stop)
        with pytest.raises(seen, match=words):
            tiny_synthetic().load()
    assert not [path for path in mapped.iterdir() if path.is_dir()]
    assert tiny_synthetic().load().num_users == 50


def test_more_than_the_disk_holds_is_refused_at_once(mapped):
    with pytest.raises(DataError, match=r"GB free, and .* 440000\.0 GB; ask for fewer users, or"):
        tiny_synthetic(num_users=10**13).load()
    assert not [path for path in mapped.iterdir() if path.is_dir()]


def test_memory_does_not_grow_with_the_interactions(mapped, monkeypatch):
    monkeypatch.setattr(synthetic, "CELLS", 2**16)
    source = Synthetic(num_users=20_000, num_items=500, mean_length=6.0, max_length=250)
    assert source.chain.cluster.size == 500
    tracemalloc.start()
    sequences = source.load()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sequences.items) > 115_000
    # The offsets and their making take 0.8 MB; users × max_length would be 20 MB at 4 bytes.
    assert peak < 2e6

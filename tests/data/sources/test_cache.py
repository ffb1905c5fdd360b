import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.data.cases import make_sequences
from uniseq.data.sources.cache import (
    ARRAYS,
    Preparation,
    fingerprint_of,
    generated_once,
    prepared_once,
    save_in_parts,
)
from uniseq.errors import DataError

MET = Preparation(lines=9, duplicates=1, bad_lines=2, first_bad_line="line 3 is blank")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path))
    return tmp_path / "logs"


def timed(histories=((0, 1, 2), (3, 1, 0))):
    sequences = make_sequences([list(history) for history in histories], num_items=4)
    return replace(
        sequences,
        times=np.arange(len(sequences.items)),
        item_ids=np.array(["a", "b", "c", "é"]),
        user_ids=np.array([f"user {n}" for n in range(len(histories))]),
    )


def never():
    raise AssertionError("it was prepared already")


def test_the_second_time_comes_from_disk(root):
    first, met = prepared_once("key", lambda: (timed(), MET))
    second, met_again = prepared_once("key", never)
    assert met == met_again == MET
    for sequences in (first, second):
        assert sequences.items.tolist() == [0, 1, 2, 3, 1, 0]
        assert sequences.times.tolist() == [0, 1, 2, 3, 4, 5]
        assert sequences.item_ids.tolist() == ["a", "b", "c", "é"]
        assert sequences.user_ids.tolist() == ["user 0", "user 1"]
        assert sequences.fingerprint == fingerprint_of(timed())


def test_arrays_are_mapped_not_read(root):
    sequences, _ = prepared_once("key", lambda: (timed(), MET))
    assert isinstance(sequences.items.base, np.memmap)
    assert type(sequences.items) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        sequences.items[0] = 1


def test_equal_content_of_two_keys_shares_a_folder(root):
    prepared_once("one", lambda: (timed(), MET))
    prepared_once("two", lambda: (timed(), MET))
    prepared_once("three", lambda: (timed([[0, 1, 2]]), MET))
    names = {path.name for path in root.iterdir()} - {"keys"}
    assert names == {fingerprint_of(timed()), fingerprint_of(timed([[0, 1, 2]]))}


@pytest.mark.parametrize("name", ARRAYS)
def test_each_array_is_part_of_the_fingerprint(name):
    changed = getattr(timed(), name).copy()
    changed[-1] = changed[-2]
    assert fingerprint_of(replace(timed(), **{name: changed})) != fingerprint_of(timed())


def test_what_fails_leaves_nothing_behind(root, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", full)
        with pytest.raises(DataError, match="No space left on device; set UNISEQ_CACHE_DIR"):
            prepared_once("key", lambda: (timed(), MET))
    assert [path.name for path in root.iterdir()] == ["keys"]
    assert prepared_once("key", lambda: (timed(), MET))[1] == MET


def test_a_removed_folder_is_made_again_and_a_damaged_one_named(root):
    sequences, _ = prepared_once("key", lambda: (timed(), MET))
    folder = root / sequences.fingerprint
    (folder / "items.npy").write_bytes(b"")
    with pytest.raises(DataError, match=f"{sequences.fingerprint}: is damaged .*remove the folder"):
        prepared_once("key", never)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert prepared_once("key", lambda: (timed(), MET))[0].items.tolist() == [0, 1, 2, 3, 1, 0]


CALL = """
import sys
from pathlib import Path
import numpy as np
from uniseq.data.sources.cache import Preparation, prepared_once
from uniseq.data.sequences import Sequences

def prepare():
    with Path(sys.argv[1]).open("a") as file:
        file.write("prepared\\n")
    one = np.ones(3, np.int64)
    return Sequences("log", one, np.array([0, 3]), one, one, "", one), Preparation(3, 0, 0, "")

print(prepared_once("key", prepare)[0].items.sum())
"""


def test_processes_that_start_at_once_prepare_once(root, tmp_path):
    called = tmp_path / "called"
    command = [sys.executable, "-c", CALL, str(called)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in started] == ["3"] * 3
    assert called.read_text() == "prepared\n"


def save(folder):
    np.save(folder / "squares.npy", np.arange(4) ** 2)


def test_what_is_generated_comes_from_disk_the_second_time(root):
    for write in (save, never):
        arrays = generated_once("key", 32, write, ("squares",))
        assert arrays["squares"].tolist() == [0, 1, 4, 9]
        assert isinstance(arrays["squares"].base, np.memmap)


def test_a_generated_array_that_is_damaged_is_named(root):
    generated_once("key", 32, save, ("squares",))
    path = root.parent / "generated" / "key" / "squares.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"generated/key: is damaged .*remove the folder"):
        generated_once("key", 32, never, ("squares",))


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file/generated: cannot be used as a cache: Not a dir"):
        generated_once("key", 32, save, ("squares",))


@pytest.mark.parametrize("parts", [[], [3], [0, 2, 5, 0, 1]])
def test_an_array_saved_in_parts_reads_like_one(tmp_path, parts):
    arrays = [np.arange(10 * n, 10 * n + size, dtype=np.int32) for n, size in enumerate(parts)]
    save_in_parts(tmp_path / "a.npy", np.dtype(np.int32), sum(parts), iter(arrays))
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == np.int32
    assert found.tolist() == [value for array in arrays for value in array.tolist()]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_flipped_bit_is_found_on_reading(root, name):
    sequences, _ = prepared_once("key", lambda: (timed(), MET))
    path = root / sequences.fingerprint / f"{name}.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{sequences.fingerprint}: is damaged: .*; remove it"):
        prepared_once("key", never)


@pytest.mark.parametrize("former", [False, True])
def test_a_flipped_bit_of_a_generated_array_is_found(root, former):
    generated_once("key", 32, save, ("squares",))
    folder = root.parent / "generated" / "key"
    if former:  # a version that kept no checksums
        (folder / "checksums.json").unlink()
        assert generated_once("key", 32, never, ("squares",))["squares"].tolist() == [0, 1, 4, 9]
        return
    content = bytearray((folder / "squares.npy").read_bytes())
    content[-8] ^= 1
    (folder / "squares.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"key: is damaged \(squares\.npy\); remove the folder"):
        generated_once("key", 32, never, ("squares",))
    (folder / "checksums.json").write_text("{")
    with pytest.raises(DataError, match=r"key: is damaged \(checksums\.json\); remove"):
        generated_once("key", 32, never, ("squares",))

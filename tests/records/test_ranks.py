"""Ranks are read by their headers: what else a file may hold is refused, and nothing of it runs."""

import io
import zipfile

import numpy as np
import pytest

from uniseq.errors import DataError
from uniseq.records.ranks import read_ranks, write_ranks

USERS = 4


def test_ranks_are_kept_small_and_whole(tmp_path):
    masked, unmasked = np.arange(1, 5), np.array([4, 3, 2, 12_102])
    kept = np.load(write_ranks(tmp_path, masked, unmasked))
    assert kept["masked"].tolist() == [1, 2, 3, 4]
    assert kept["unmasked"].tolist() == [4, 3, 2, 12_102]
    assert kept["unmasked"].dtype == np.int32


def test_ranks_are_read_back(tmp_path):
    path = write_ranks(tmp_path, np.arange(1, 5), np.array([4, 3, 2, 12_102]))
    assert read_ranks(path, "unmasked", USERS).tolist() == [4, 3, 2, 12_102]


class Hostile:
    """Makes a file of whoever unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def zipped(path, content, name="masked.npy"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return path


def array(values, dtype=np.int32):
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values, dtype), allow_pickle=True)
    return buffer.getvalue()


def test_a_pickle_in_it_is_not_read(tmp_path):
    proof = tmp_path / "proof"
    content = array([Hostile(proof)] * USERS, object)
    path = zipped(tmp_path / "ranks.npz", content)
    with pytest.raises(DataError, match="are no ranks"):
        read_ranks(path, "masked", USERS)
    assert not proof.exists()
    path.write_bytes(content)  # no zip: NumPy would read it as one array
    with pytest.raises(DataError, match="no readable ranks"):
        read_ranks(path, "masked", USERS)
    assert not proof.exists()


def test_what_unpacks_to_more_than_its_users_is_refused_before_it_is_unpacked(
    tmp_path, monkeypatch
):
    path = zipped(tmp_path / "ranks.npz", bytes(10_000_000))
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    with pytest.raises(DataError, match="unpacks to 10000000 bytes, too many for 4 users"):
        read_ranks(path, "masked", USERS)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (array([1, 2, 3]), "has 3 ranks, its record 4 ranked users"),
        (array([1, 2, 3, 0]), "has the rank 0; ranks are counted from 1"),
        (array([1, 2, 3, 4], float), "are no ranks"),
        (array([[1, 2], [3, 4]]), "are no ranks"),
        (array([1, 2, 3, 4])[:-4], "the header says 4 ranks, there are 3"),
        (b"", "no readable ranks"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "no readable ranks"),
        (b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, "no readable ranks"),
        (b"\x93NUMPY\x09\x00", "no readable ranks"),
    ],
)
def test_other_content_is_one_line_with_the_file(content, fault, tmp_path):
    path = zipped(tmp_path / "ranks.npz", content)
    with pytest.raises(DataError, match=fault) as raised:
        read_ranks(path, "masked", USERS)
    assert str(path) in str(raised.value)


def test_a_file_without_the_convention_is_named(tmp_path):
    path = zipped(tmp_path / "ranks.npz", array([1, 2, 3, 4]), "other.npy")
    with pytest.raises(DataError, match="no readable ranks"):
        read_ranks(path, "masked", USERS)
    with pytest.raises(DataError, match="no readable ranks"):
        read_ranks(tmp_path / "gone.npz", "masked", USERS)

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uniseq.data.sources.benchmark import BenchmarkFile, parse_sequences
from uniseq.errors import DataError

LOG = b"7 30 10 20\n3 10 40 30 10\n"


def parse(content):
    return parse_sequences(content, "log.txt", name="log", fingerprint="none")


def load(folder, content, **arguments):
    (folder / "log.txt").write_bytes(content)
    return BenchmarkFile("log.txt", data_dir=str(folder), **arguments).load()


def test_item_rows_follow_ascending_ids_and_users_their_lines(tmp_path):
    sequences = load(tmp_path, LOG)
    assert sequences.name == "log"
    assert sequences.item_ids.tolist() == [10, 20, 30, 40]
    assert sequences.user_ids.tolist() == [7, 3]
    assert sequences.offsets.tolist() == [0, 3, 7]
    assert sequences.items.tolist() == [2, 0, 1, 0, 3, 2, 0]
    assert sequences.num_users == 2
    assert sequences.num_items == 4
    assert sequences.lengths.tolist() == [3, 4]
    assert sequences.history(1).tolist() == [0, 3, 2, 0]


def test_the_fingerprint_is_the_sha256_of_the_content(tmp_path):
    assert load(tmp_path, LOG).fingerprint == hashlib.sha256(LOG).hexdigest()
    assert load(tmp_path, LOG, sha256=hashlib.sha256(LOG).hexdigest()).num_users == 2


def test_the_folder_may_be_written_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log.txt").write_bytes(LOG)
    assert BenchmarkFile("log.txt", data_dir="~/logs").load().num_items == 4


logs = st.dictionaries(
    st.integers(1, 10**9),
    st.lists(st.integers(1, 10**12), min_size=3, max_size=8),
    min_size=1,
    max_size=8,
)


@given(logs, st.sampled_from(["\n", "\r\n", " \n", "  \r\n"]), st.sampled_from([" ", "\t"]))
def test_original_ids_are_recovered_from_rows(log, line_end, separator):
    text = "".join(
        separator.join(map(str, [user, *items])) + line_end for user, items in log.items()
    )
    sequences = parse(text.encode())
    assert sequences.user_ids.tolist() == list(log)
    for row, items in enumerate(log.values()):
        assert sequences.item_ids[sequences.history(row)].tolist() == items
    assert (np.diff(sequences.item_ids) > 0).all()
    assert set(sequences.items.tolist()) == set(range(sequences.num_items))


BAD_LINES = {
    "word": (b"1 2 3 4\n2 3 four 5\n", 2, "'four' is not an integer"),
    "decimal point": (b"1 2 3 4\n2 3 4.0 5\n", 2, "'4.0' is not an integer"),
    "superscript digit": ("1 2 3 ²\n".encode(), 1, "'²' is not an integer"),
    "zero byte": (b"1 2 3 4\n2 3 4 5\0\n", 2, "is not an integer"),
    "item 0": (b"1 2 3 4\n2 3 0 5\n", 2, "item id 0; ids start at 1"),
    "negative item": (b"1 2 3 4\n2 3 4 -5\n", 2, "item id -5; ids start at 1"),
    "user 0": (b"0 2 3 4\n", 1, "user id 0; ids start at 1"),
    "negative user": (b"1 2 3 4\n-2 3 4 5\n", 2, "user id -2; ids start at 1"),
    "user twice": (b"8 1 2 3\n9 1 2 3\n8 4 5 6\n", 3, "user 8 stands in line 1 already; join"),
    "two items": (b"1 2 3 4\n2 3 4\n", 2, "2 item(s) are too few"),
    "no item": (b"1\n2 3 4 5\n", 1, "0 item(s) are too few"),
    "blank line": (b"1 2 3 4\n\n2 3 4 5\n", 2, "is blank; remove the line"),
    "blank last line": (b"1 2 3 4\n\n", 2, "is blank; remove the line"),
    "leading zero": (b"1 2 3 4\n2 3 04 5\n", 2, "'04' has a leading zero: as a number it is 4"),
    "zeros": (b"1 2 3 4\n2 3 00 5\n", 2, "'00' has a leading zero"),
    "user with a leading zero": (b"1 2 3 4\n01 3 4 5\n", 2, "'01' has a leading zero"),
    "vertical tab": (b"1 2 3 4\n2 3\x0b4 5 6\n", 2, r"'3\x0b4' is not an integer"),
    "file separator": (b"1 2 3 4\n2 3\x1c4 5 6\n", 2, r"'3\x1c4' is not an integer"),
    "no-break space": ("1 2 3 4\n2 3\u00a04 5 6\n".encode(), 2, "is not an integer"),
    "pairs": (b"1 4\n1 5\n2 6\n", 1, "these are pairs `user item`; write each user's items in"),
    "Latin-1": (b"1 2 3 4\n2 3 4 5\n3 4 \xe9 5\n4 5 6 7\n", 3, "not UTF-8"),
    "UTF-16": ("1 2 3 4\n".encode("utf-16"), 1, "not UTF-8"),
    "truncated": (b"1 2 3 4\n2 3 4 5", 2, "truncated; fetch it again"),
    "truncated first line": (b"1 2 3 4", 1, "truncated; fetch it again"),
    "old Mac line ends": (b"1 2 3 4\r2 3 4 5\r", 1, "truncated"),
    "item beyond 64 bits": (b"1 2 3 4\n2 3 4 99999999999999999999\n", 2, "9999"),
    "user beyond 64 bits": (b"1 2 3 4\n99999999999999999999 2 3 4\n", 2, "9999"),
    "digits beyond Python's limit": (b"1 2 3 " + b"9" * 5000 + b"\n", 1, "9999"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_named_with_its_file_and_remedy(tmp_path, case):
    content, line, words = BAD_LINES[case]
    with pytest.raises(DataError) as caught:
        load(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'log.txt'}, line {line}: ")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.line == line


def test_the_field_named_is_the_one_that_is_no_integer():
    with pytest.raises(DataError, match="'x' is not an integer"):
        parse(b"1 2 -3 x\n")


@pytest.mark.parametrize(
    ("content", "sha256"), [(b"", None), (b"", "0" * 64), (b"\n", None), (b" \r\n\t\n", None)]
)
def test_an_empty_file_says_so(tmp_path, content, sha256):
    with pytest.raises(DataError, match=r"log\.txt: is empty; fetch it again"):
        load(tmp_path, content, sha256=sha256)


def test_another_checksum_names_both_and_the_way_out(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path, LOG, sha256="0" * 64, url="http://example.org/log.txt")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'log.txt'}: ")
    assert hashlib.sha256(LOG).hexdigest() in message
    assert "0" * 64 in message
    assert "http://example.org/log.txt" in message
    assert "dataset.source.sha256=null" in message


def test_a_missing_file_names_the_path_and_where_to_point(tmp_path):
    source = BenchmarkFile("log.txt", url="http://example.org/log.txt", data_dir=str(tmp_path))
    with pytest.raises(DataError) as caught:
        source.load()
    assert str(caught.value).startswith(f"{tmp_path / 'log.txt'}: no such file")
    assert "UNISEQ_DATA_DIR" in str(caught.value)
    assert "unset it to download http://example.org/log.txt" in str(caught.value)


def test_a_folder_in_the_files_place_is_an_error_with_its_path(tmp_path):
    (tmp_path / "log.txt").mkdir()
    with pytest.raises(DataError, match=r"log\.txt: "):
        BenchmarkFile("log.txt", data_dir=str(tmp_path)).load()


def test_an_unreadable_file_tells_the_systems_reason(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (tmp_path / "log.txt").write_text("1 2 3 4\n")
    with pytest.raises(DataError, match=r"log\.txt: cannot be read: Permission denied"):
        BenchmarkFile("log.txt", data_dir=str(tmp_path)).load()


def test_a_file_that_is_neither_on_disk_nor_published():
    with pytest.raises(DataError, match=r"mine\.txt: .*point data_dir at the folder"):
        BenchmarkFile("mine.txt").load()

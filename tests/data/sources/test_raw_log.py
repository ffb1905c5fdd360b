import gzip
import json
import logging
import random
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uniseq.data.sequences import require_splittable
from uniseq.data.sources.raw_log import RawLog
from uniseq.data.sources.readers import LOG, AmazonRatings, AmazonReviews, YelpReviews
from uniseq.errors import ConfigError, DataError

# Five users who each had five items, at times that put them in another order for each user.
CORE = {
    "ann": [("i1", 10), ("i2", 20), ("i3", 30), ("i4", 40), ("i5", 50)],
    "bob": [("i1", 50), ("i2", 40), ("i3", 30), ("i4", 20), ("i5", 10)],
    "cat": [("i5", 7), ("i3", 7), ("i1", 7), ("i4", 7), ("i2", 7)],  # all at once: by id
    "dan": [("i4", 9), ("i2", 9), ("i1", 3), ("i3", 11), ("i5", 9)],
    "eve": [("i1", 1), ("i2", 2), ("i1", 3), ("i3", 4), ("i4", 5), ("i5", 6)],  # i1 again
}
# To be left out: zoe's fifth interaction is an exact duplicate; of yan's five items `rare` has no
# other user, and without it yan has four; `i6` is had five times, but by users who go.
FRINGE = {
    "zoe": [("i1", 1), ("i2", 2), ("i6", 3), ("i6", 4), ("i6", 4)],
    "yan": [("i1", 1), ("i2", 2), ("i6", 3), ("i6", 4), ("rare", 5)],
    "xia": [("i6", 1)],
}
DUPLICATES = [("ann", "i1", 10), ("eve", "i5", 6)]
BAD = [b"{'reviewerID': 'ann'}", b'{"reviewerID": "ann", "asin": "i1"}', b"", b"[]"]

EXPECTED = {
    "ann": ["i1", "i2", "i3", "i4", "i5"],
    "bob": ["i5", "i4", "i3", "i2", "i1"],
    "cat": ["i1", "i2", "i3", "i4", "i5"],
    "dan": ["i1", "i2", "i4", "i5", "i3"],
    "eve": ["i1", "i2", "i1", "i3", "i4", "i5"],
}


def rows(*logs):
    return [(user, item, time) for log in logs for user in log for item, time in log[user]]


PLANTED = [*rows(CORE, FRINGE), *DUPLICATES]


def line(user, item, time):
    return json.dumps({"asin": item, "text": "…", "unixReviewTime": time, "reviewerID": user})


def reviews(interactions, bad=()):
    return [*(line(*row).encode() for row in interactions), *bad]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(folder, lines, **settings):
    (folder / "log.json.gz").write_bytes(gzip.compress(b"".join(each + b"\n" for each in lines)))
    return RawLog(AmazonReviews(), "log.json.gz", data_dir=str(folder), **settings).load()


def histories(sequences):
    return {
        str(user): sequences.item_ids[sequences.history(row)].tolist()
        for row, user in enumerate(sequences.user_ids)
    }


def test_the_planted_core_comes_out(tmp_path, caplog):
    lines = reviews(PLANTED, BAD)
    random.Random(0).shuffle(lines)
    first_bad = next(n for n, each in enumerate(lines, start=1) if each in BAD)
    with caplog.at_level(logging.WARNING):
        sequences = load(tmp_path, lines, on_bad_line="skip")
    assert histories(sequences) == EXPECTED
    assert sequences.name == "log"
    assert sequences.user_ids.tolist() == sorted(CORE)
    assert sequences.item_ids.tolist() == ["i1", "i2", "i3", "i4", "i5"]
    assert sequences.items[:20].reshape(4, 5).tolist() == [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [0, 1, 2, 3, 4],
        [0, 1, 3, 4, 2],
    ]
    assert sequences.items[20:].tolist() == [0, 1, 0, 2, 3, 4]
    assert sequences.offsets.tolist() == [0, 5, 10, 15, 20, 26]
    assert sequences.times[:20].reshape(4, 5).tolist() == [
        [10, 20, 30, 40, 50],
        [10, 20, 30, 40, 50],
        [7, 7, 7, 7, 7],
        [3, 9, 9, 9, 11],
    ]
    assert sequences.times[20:].tolist() == [1, 2, 3, 4, 5, 6]
    assert f"log.json.gz: 4 bad line(s) skipped, the first: line {first_bad} " in caplog.text
    require_splittable(sequences)


def test_the_first_bad_line_stops_unless_skipped(tmp_path):
    with pytest.raises(DataError, match=r"log\.json\.gz, line 40: is not JSON") as caught:
        load(tmp_path, reviews(PLANTED, BAD))
    assert caught.value.line == len(PLANTED) + 1


def tree(folder):
    """The content of every folder of arrays, keys aside."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "keys" not in path.parts
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_same_log_shuffled_gives_the_same_cache(tmp_path, monkeypatch, seed):
    lines = reviews(PLANTED)
    written = []
    for name in ("straight", "shuffled"):
        monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / name))
        load(tmp_path, lines)
        written.append(tree(tmp_path / name))
        random.Random(seed).shuffle(lines)
    assert len(written[0]) == 6  # five arrays and the statistics
    assert written[0] == written[1]


interactions = st.tuples(
    st.sampled_from("abcde"), st.sampled_from(["10", "9", "é", "i"]), st.integers(0, 3)
)


@given(st.lists(interactions, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_no_order_of_the_file_changes_the_identity(tmp_path_factory, log, shuffle):
    folder = tmp_path_factory.mktemp("log")
    first = load(folder, reviews(log), core=1)
    shuffle.shuffle(log)
    second = load(folder, reviews(log), core=1)
    assert first.fingerprint == second.fingerprint
    expected = {}
    for user, item, _ in sorted(set(log), key=lambda row: (row[0], row[2], row[1])):
        expected.setdefault(user, []).append(item)
    assert histories(first) == histories(second) == expected
    assert sorted(set(first.item_ids.tolist())) == first.item_ids.tolist()
    assert (np.diff(first.times)[np.diff(_owners(first)) == 0] >= 0).all()


def _owners(sequences):
    return np.repeat(np.arange(sequences.num_users), sequences.lengths)


def test_a_second_load_reads_no_line(tmp_path, monkeypatch, caplog):
    lines = reviews(PLANTED, BAD)
    first = load(tmp_path, lines, on_bad_line="skip")
    monkeypatch.setattr(AmazonReviews, "scan", None)
    caplog.clear()
    second = load(tmp_path, lines, on_bad_line="skip")
    assert second.fingerprint == first.fingerprint
    assert histories(second) == EXPECTED
    assert "4 bad line(s) skipped" in caplog.text  # told each time, not only the first
    with pytest.raises(TypeError):  # other settings are another key
        load(tmp_path, lines, on_bad_line="skip", core=4)
    with pytest.raises(TypeError):  # and so is other content
        load(tmp_path, lines[1:], on_bad_line="skip")


def test_repeats_may_be_left_out_before_the_core(tmp_path):
    sequences = load(tmp_path, reviews(PLANTED), keep_repeats=False)
    assert histories(sequences) == {**EXPECTED, "eve": ["i1", "i2", "i3", "i4", "i5"]}
    assert sequences.times[-5:].tolist() == [1, 2, 4, 5, 6]  # the first of the two remains


def test_an_empty_core_tells_the_counts(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path, reviews(rows(FRINGE)))
    assert str(caught.value) == (
        f"{tmp_path / 'log.json.gz'}: the 5-core is empty. Of 10 interactions of 3 user(s) with 4 "
        "item(s), 1 user(s) and 1 item(s) had 5 or more (at most 5 and 5), and leaving out the "
        "others in turn left nothing; lower dataset.source.core"
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], r"log\.json\.gz: holds no interaction$"),
        (
            [b"a", b"b"],
            "holds no interaction: 2 bad line.s. skipped, the first: line 1 is not JSON",
        ),
    ],
)
def test_a_file_without_interactions(tmp_path, lines, words):
    with pytest.raises(DataError, match=words):
        load(tmp_path, lines, on_bad_line="skip")


def test_ratings_and_yelp_give_the_same_sequences(tmp_path):
    (tmp_path / "ratings.csv").write_text(
        "".join(f"{user},{item},4.0,{1546300800 + time}\n" for user, item, time in PLANTED)
    )
    (tmp_path / "yelp.json").write_text(
        "".join(
            json.dumps(
                {"user_id": user, "business_id": item, "date": f"2019-01-01 00:00:{time:02d}"}
            )
            + "\n"
            for user, item, time in PLANTED
        )
    )
    ratings = RawLog(AmazonRatings(), "ratings.csv", data_dir=str(tmp_path)).load()
    yelp = RawLog(YelpReviews(), "yelp.json", data_dir=str(tmp_path)).load()
    assert histories(ratings) == histories(yelp) == EXPECTED
    assert ratings.fingerprint == yelp.fingerprint
    assert (ratings.name, yelp.name) == ("ratings", "yelp")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.csv: no such file; point data_dir"):
        RawLog(AmazonRatings(), "nothing.csv", data_dir=str(tmp_path)).load()
    with pytest.raises(DataError, match=r"nothing\.csv: is a raw log, .* set data_dir"):
        RawLog(AmazonRatings(), "nothing.csv").load()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"core": 0}, "core: must be at least 1, not 0"),
        ({"on_bad_line": "ignore"}, "on_bad_line: must be raise or skip, not 'ignore'"),
        ({"reader": object()}, "reader: must be a dataclass"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ConfigError, match=words):
        RawLog(**{"reader": AmazonReviews(), "file": "log", **settings})


@dataclass(frozen=True)
class Unchecked:
    """A reader of one's own that looks at nothing."""

    times: tuple[int, ...]
    version = 1

    def scan(self, path, bad):
        ids = [f"{n}" for n in range(len(self.times))]
        frame = pl.DataFrame({"user": ids, "item": ids, "timestamp": self.times}, schema=LOG)
        return frame.lazy()


def test_seconds_and_milliseconds_in_one_log_are_refused(tmp_path):
    (tmp_path / "log").write_text("read by nobody")
    seconds, milliseconds = (1400000000, 1400086401), (1400000000000, 1400086401000)
    for times in (seconds, milliseconds):
        assert RawLog(Unchecked(times), "log", str(tmp_path), core=1).load().times.tolist() == [
            *times
        ]
    mixed = RawLog(Unchecked((*seconds, *milliseconds)), "log", str(tmp_path), core=1)
    with pytest.raises(DataError, match="seconds and in milliseconds, from 1400000000 to 14000864"):
        mixed.load()

import hashlib
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from uniseq.data.sources.benchmark import BenchmarkFile
from uniseq.errors import DataError

LOG = b"1 2 3 4\n2 3 4 5\n"
DIGEST = hashlib.sha256(LOG).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one content under every path and counts how often it is asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = 0
        self.content = LOG
        self.promised = None  # length in the header, when not the content's
        self.status = 200
        self.delay = 0.0
        self.url = f"http://127.0.0.1:{self.server_port}/log.txt"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.promised or len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *message):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def kept(cache):
    """What lies in the cache, locks aside."""
    return sorted(path.name for path in cache.glob("*") if path.suffix != ".lock")


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_a_file_is_fetched_once_into_the_cache_folder(server, cache, sha256):
    source = BenchmarkFile("log.txt", url=server.url, sha256=sha256)
    first = source.load()
    assert kept(cache) == ["log.txt"]
    assert (cache / "log.txt").read_bytes() == LOG
    assert first.fingerprint == DIGEST
    assert source.load().items.tolist() == first.items.tolist() == [0, 1, 2, 1, 2, 3]
    assert server.asked == 1


def test_a_file_in_the_data_folder_is_not_fetched(server, cache, tmp_path):
    (tmp_path / "log.txt").write_bytes(LOG)
    source = BenchmarkFile("log.txt", url=server.url, sha256=DIGEST, data_dir=str(tmp_path))
    assert source.load().fingerprint == DIGEST
    assert server.asked == 0
    assert not cache.exists()


def test_a_wrong_checksum_names_the_url_and_leaves_nothing(server, cache):
    with pytest.raises(DataError) as caught:
        BenchmarkFile("log.txt", url=server.url, sha256="0" * 64).load()
    assert str(caught.value).startswith(f"{server.url}: ")
    assert DIGEST in str(caught.value)
    assert kept(cache) == []


def test_a_spoiled_file_in_the_cache_is_fetched_again(server, cache):
    cache.mkdir()
    (cache / "log.txt").write_bytes(LOG[:5])
    assert BenchmarkFile("log.txt", url=server.url, sha256=DIGEST).load().fingerprint == DIGEST
    assert (cache / "log.txt").read_bytes() == LOG
    assert server.asked == 1


def fails_in_one_line(url, cache, **arguments):
    with pytest.raises(DataError) as caught:
        BenchmarkFile("log.txt", url=url, **arguments).load()
    message = str(caught.value)
    assert message.startswith(f"{url}: could not be downloaded to {cache} (")
    assert "set data_dir or UNISEQ_DATA_DIR" in message
    assert len(message.splitlines()) == 1
    return message


def test_a_server_that_is_gone(cache):
    with Server() as server:
        url = server.url
    fails_in_one_line(url, cache, sha256=DIGEST)
    assert kept(cache) == []


def test_a_page_that_is_not_there(server, cache):
    server.status = 404
    assert "404" in fails_in_one_line(server.url, cache)
    assert kept(cache) == []


def test_a_connection_that_breaks_off_leaves_nothing_even_without_a_checksum(server, cache):
    server.promised = 2 * len(LOG)
    fails_in_one_line(server.url, cache)
    assert kept(cache) == []
    server.promised = None
    assert BenchmarkFile("log.txt", url=server.url).load().fingerprint == DIGEST


def test_a_cache_folder_that_cannot_be_made(server, cache):
    cache.write_text("in the way")
    assert "File exists" in fails_in_one_line(server.url, cache)
    assert server.asked == 0


AT_ONCE = """
import multiprocessing, sys
import filelock, pooch, requests  # before the processes part, to pay for it once
from uniseq.data.sources.benchmark import BenchmarkFile

def read(start, answers):
    start.wait()
    sequences = BenchmarkFile("log.txt", url=sys.argv[1], sha256=sys.argv[2] or None).load()
    answers.put((sequences.fingerprint, sequences.items.tolist()))

fork = multiprocessing.get_context("fork")
start, answers = fork.Barrier(10), fork.Queue()
processes = [fork.Process(target=read, args=(start, answers), daemon=True) for _ in range(10)]
for process in processes:
    process.start()
for _ in processes:
    print(*answers.get(timeout=60))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("sha256", [DIGEST, ""])
def test_ten_processes_that_start_at_once_fetch_once_and_all_read_the_same(server, cache, sha256):
    server.delay = 0.05
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, server.url, sha256], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"{DIGEST} [0, 1, 2, 1, 2, 3]"] * 10, done.stderr
    assert server.asked == 1
    assert kept(cache) == ["log.txt"]


@pytest.mark.parametrize("file", ["../log.txt", "/tmp/log.txt", "..", "a/log.txt"])
def test_what_is_downloaded_stays_in_the_cache_folder(file, tmp_path, monkeypatch):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="must be one part of a path"):
        BenchmarkFile(file, url="http://127.0.0.1:9/log.txt").load()
    assert list(tmp_path.iterdir()) == []

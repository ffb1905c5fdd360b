"""Who is compared, and on what work."""

import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass

from worker import HERE

OURS = "uniseq"
FLOOR = "uniseq's products alone"
SETUPS = {
    "prefixes": "one sample a prefix, BPR with one sampled negative, 256 samples a batch",
    "sequences": "all positions of 128 users a batch, BCE with one sampled negative",
}
BATCH_USERS = "128"
# What is not alike, by framework, printed below the table.
DIFFERENCES = {
    "uniseq": "trains 256 prefixes, or as many triplets as 128 users have in the mean; a negative "
    "is no item of the user; ranking counts the items above each target, down to rank 10, with "
    "the history masked and not, and gives HR@10 and NDCG@10",
    "RecBole": "a negative is any item but the target; ranking collects the ten best items and "
    "gives HR@10 and NDCG@10; it masks no history",
    "RecTools": "LayerNorm before the branches, two dropouts more a block; a negative is any item; "
    "all rows padded to 50; ranks the items of the training part; ranking makes a table of each "
    "user's ten best items, those of the history left out, and no metric",
    "RePlay": "LayerNorm on queries and before the feed-forward layer; a negative is any item; "
    "rows padded by buckets of 32; the first item of a history is trained and counted too, so "
    "compare users; ranking makes tensors of each user's ten best items, those of the history "
    "left out, and no metric",
}
PACKAGES = {"RecBole": "recbole", "RecTools": "rectools", "RePlay": "replay-rec"}


@dataclass(frozen=True, slots=True)
class Contender:
    """A framework on one setup.

    Args:
        name: of the framework.
        setup: one of ``SETUPS``; those of one setup are compared.
        command: starts its worker.
    """

    name: str
    setup: str
    command: list[str]


def python_of(name: str, given: str | None) -> str:
    """The interpreter of a framework's own environment."""
    return given or str(HERE / f".{name.lower()}" / "bin" / "python")


def contenders(options: Namespace) -> list[Contender]:
    """The project itself and the chosen peers that have the model; those of a setup together.

    Args:
        options: ``data``, ``threads``, ``model``, ``anomaly``, ``peers`` and, for each peer, the
            path of its interpreter or None.
    """
    common = ["--data", str(options.data.resolve()), "--threads", str(options.threads)]
    model = ["--model", options.model]
    pythons = {name: python_of(name, getattr(options, name.lower())) for name in PACKAGES}
    users = ["--batch-users", BATCH_USERS]
    ours = [sys.executable, "uniseq_worker.py", *common, *model]
    recbole = [pythons["RecBole"], "recbole_peer.py", *common, *model]
    peers = [Contender("RecBole", "prefixes", [*recbole, "--anomaly", options.anomaly])]
    if options.model == "SASRec":  # the only one of the three models that these have
        for name in ("RecTools", "RePlay"):
            command = [pythons[name], f"{name.lower()}_peer.py", *common, *users]
            peers.append(Contender(name, "sequences", command))
    chosen = [peer for peer in peers if peer.name in options.peers]
    objective = {"prefixes": ["--loss", "bpr"], "sequences": ["--loss", "bce", *users]}
    both = []
    for setup in SETUPS:
        against = [peer for peer in chosen if peer.setup == setup]
        if against:
            both += [Contender(OURS, setup, [*ours, *objective[setup]]), *against]
    return both


def versions(contender: Contender) -> dict[str, str]:
    """Of the peer's own package and of its torch, as its environment has them."""
    wanted = [PACKAGES.get(contender.name, OURS), "torch"]
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [contender.command[0], "-c", code, *wanted]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"error: {command[0]} has not {' and '.join(wanted)}; `make peers` makes it")
    return dict(zip(wanted, found, strict=True))

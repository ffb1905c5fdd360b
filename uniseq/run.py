"""Train, rank and record one run: ``python -m uniseq.run backbone=sasrec loss=uniform``."""

import os
import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from uniseq.cli import complain, own_classes, plain_output
from uniseq.config.compose import explained
from uniseq.config.help import ASKED, config_help
from uniseq.config.paths import conf_dir, require_own_conf
from uniseq.config.recipes import recipe
from uniseq.config.releases import MAIN
from uniseq.errors import UniseqError
from uniseq.records.folders import LAST
from uniseq.records.store import RECORD
from uniseq.startup import load_trainer
from uniseq.sweep.processes import end_with_parent, starts_processes
from uniseq.training.outcome import cuts_off, machines_fault
from uniseq.training.signals import Terminated, sigterm_raises
from uniseq.training.train import train

WHAT = (
    "Trains, ranks and records one run, or with --multirun every combination of values separated "
    "by commas. --cfg job prints the config, --hydra-help says what else Hydra takes."
)
_MULTIRUN = frozenset({"--multirun", "-m"})
FULL_ERROR = "HYDRA_FULL_ERROR"
GO_ON = "the same command goes on where each run was"


def _job(cfg: DictConfig) -> float | None:
    """One run, or one of a sweep; returns the best watched figure, None when there is none."""
    load_trainer()
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        if starts_processes(hydra_config.launcher):
            end_with_parent()
        root = Path(hydra_config.sweep.dir)
        if cfg.study is not None:
            from uniseq.sweep.search.trial import run_trial

            return run_trial(cfg, root)
        from uniseq.sweep.worker import run_once

        return run_once(recipe(cfg), root)
    from uniseq.training.processes import leads
    from uniseq.training.summary import print_summary

    folder = Path(hydra_config.runtime.output_dir)
    try:
        record = train(recipe(cfg), folder)
    except BaseException as error:
        if cuts_off(error):
            error.add_note(_how_to_go_on(folder))
        raise
    if leads():
        print_summary(record, folder / RECORD, folder / "curve.png")
    return record.best


def _how_to_go_on(folder: Path) -> str:
    """What continues a single run that was cut off."""
    last = folder / LAST
    if last.is_file():
        return f"the same command with ckpt_path={last} goes on where it was"
    return f"{folder} has no whole epoch yet: the same command begins it anew"


def _noted(error: BaseException) -> str:
    """How to go on after an error, as far as it is known: of a sweep, or of a run."""
    notes = getattr(error, "__notes__", ())
    if notes:
        return str(notes[-1])
    return GO_ON if _MULTIRUN & set(sys.argv) else "nothing was trained yet"


def main() -> None:
    """The command line. Exit status 1, and one line a fault, on input that cannot be used."""
    rank = int(os.environ.get("LOCAL_RANK", 0))
    # Another rank inherits from rank 0 what follows, whoever asked for it.
    asked = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"  # so that Hydra hands its errors to us instead of exiting
    plain_output()
    own_classes()
    try:
        with sigterm_raises():
            if ASKED & set(sys.argv):
                print(config_help("uniseq.run", WHAT, sys.argv[1:]))
                return
            require_own_conf(sys.argv[1:])
            hydra.main(**MAIN, config_path=str(conf_dir()), config_name="config")(_job)()
    except Exception as error:
        if asked == "1" and not rank:
            raise
        known: object = error if isinstance(error, UniseqError) else explained(error)
        if known is None and (lack := machines_fault(error)) is not None:
            known = f"{lack}; then {_noted(error)}"
        if known is None:
            raise
        complain(known, f"error in process {rank}: " if rank else "error: ")
        sys.exit(1)
    except Terminated as error:
        complain(f"ended by SIGTERM; {_noted(error)}")
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt as error:
        complain(f"interrupted; {_noted(error)}")
        sys.exit(128 + signal.SIGINT)
    finally:
        os.environ[FULL_ERROR] = asked or "0"


if __name__ == "__main__":
    # By this name, not as __main__, another process finds the job that a launcher hands it.
    from uniseq import run

    run.main()

"""Train, rank and record one run: ``python -m uniseq.run backbone=sasrec loss=uniform``."""

import os
import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from uniseq.config.explain import explain_command
from uniseq.config.launching import BASIC
from uniseq.config.paths import conf_dir, own_conf
from uniseq.errors import ConfigError, UniseqError
from uniseq.records.store import RECORD
from uniseq.startup import load_trainer
from uniseq.training.train import train

FULL_ERROR = "HYDRA_FULL_ERROR"
GO_ON = (
    "the same --multirun goes on where it was, one run with ckpt_path=FOLDER/checkpoints/last.ckpt"
)


def _job(cfg: DictConfig) -> float | None:
    """One run, or one of a sweep; returns the best watched figure, None when there is none."""
    load_trainer()
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        if hydra_config.launcher._target_ != BASIC:
            from uniseq.sweep.processes import end_with_parent

            end_with_parent()
        root = Path(hydra_config.sweep.dir)
        if cfg.trial is not None:
            from uniseq.sweep.search.trial import run_trial

            return run_trial(cfg, root)
        from uniseq.sweep.worker import run_once

        return run_once(cfg, root)
    from uniseq.training.processes import leads
    from uniseq.training.summary import print_summary

    folder = Path(hydra_config.runtime.output_dir)
    record = train(cfg, folder)
    if leads():
        print_summary(record, folder / RECORD, folder / "curve.png")
    return record.best


def main() -> None:
    """The command line. Exit status 1, and one line a fault, on input that cannot be used."""
    rank = int(os.environ.get("LOCAL_RANK", 0))
    # Another rank inherits from rank 0 what follows, whoever asked for it.
    asked = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"  # so that Hydra hands its errors to us instead of exiting
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # one's own classes, also for the console script
    folder = conf_dir()
    try:
        hydra.main(version_base="1.3", config_path=str(folder), config_name="config")(_job)()
    except Exception as error:
        if asked == "1" and not rank:
            raise
        known = error if isinstance(error, UniseqError) else _explain(error, folder)
        if known is None:
            raise
        mark = f"error in process {rank}: " if rank else "error: "
        print(f"{mark}{known}".replace("\n", f"\n{mark}"), file=sys.stderr)
        sys.exit(1)
    except SystemExit as error:
        if type(error).__name__ != "SIGTERMException":  # Lightning's, which would end in status 0
            raise
        print(f"error: ended by SIGTERM; {GO_ON}", file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        print(f"error: interrupted; {GO_ON}", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    finally:
        os.environ[FULL_ERROR] = asked or "0"


def _explain(error: Exception, folder: Path) -> ConfigError | None:
    """A composition error in the user's terms; None for any other."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    overrides = [argument for argument in sys.argv[1:] if argument[:1] != "-"]
    with initialize_config_dir(str(folder), version_base="1.3"):
        return explain_command(error, overrides, folder, own_conf(sys.argv[1:]))


if __name__ == "__main__":
    # By this name, not as __main__, another process finds the job that a launcher hands it.
    from uniseq import run

    run.main()

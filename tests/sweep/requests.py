"""Requests for the tests, as a command line makes them."""

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode

from uniseq.config.paths import conf_dir
from uniseq.config.releases import INITIALIZE
from uniseq.sweep.request import SweepRequest, sweep_request


def requested(*arguments) -> SweepRequest:
    """What ``python -m uniseq.run --multirun`` asks for with these arguments."""
    with initialize_config_dir(str(conf_dir()), **INITIALIZE):
        hydra = GlobalHydra.instance().hydra
        config = hydra.compose_config("config", list(arguments), run_mode=RunMode.MULTIRUN)
    options = {key: value for key, value in config.hydra.sweeper.items() if key != "_target_"}
    context = HydraContext(hydra.config_loader, None)
    task = list(config.hydra.overrides.task)
    return sweep_request(task, config, context, lambda cfg: None, options)

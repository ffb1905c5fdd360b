"""Both supported releases of Hydra take what they are told, and find nothing to warn of."""

import inspect
import warnings

import hydra
import pytest
from hydra import compose, initialize_config_dir

from uniseq.config.paths import conf_dir
from uniseq.config.releases import INITIALIZE, MAIN


@pytest.mark.parametrize(
    ("function", "told"),
    [(hydra.main, MAIN), (initialize_config_dir, INITIALIZE)],
    ids=["main", "initialize_config_dir"],
)
def test_hydra_s_functions_take_what_they_are_told(function, told):
    assert told.keys() <= inspect.signature(function).parameters.keys()


def test_a_config_is_composed_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with initialize_config_dir(str(conf_dir()), **INITIALIZE):
            cfg = compose("config", overrides=["seed=3"])
        hydra.main(**MAIN, config_path=str(conf_dir()), config_name="config")
    assert cfg.seed == 3

"""Both supported releases of Hydra take what they are told and warn of none of it."""

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


def test_neither_warns_of_what_it_is_told():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with initialize_config_dir(str(conf_dir()), **INITIALIZE):
            assert compose("config", overrides=["seed=3"]).seed == 3
        hydra.main(**MAIN, config_path=str(conf_dir()), config_name="config")
    assert [each for each in seen if "version_base" in str(each.message)] == []

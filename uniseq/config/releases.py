"""Releases of Hydra: what its functions are told differs between 1.3 and those that follow."""

from typing import Any

import hydra

_BEFORE_1_4 = tuple(map(int, hydra.__version__.split(".")[:2])) < (1, 4)

# For hydra.initialize_config_dir: 1.3 asks for its own defaults, later releases have no others.
INITIALIZE: dict[str, Any] = {"version_base": "1.3"} if _BEFORE_1_4 else {}

# For hydra.main, which later releases ask what a config may have Hydra build: our callbacks. What a
# run is made of Hydra does not build, and its plugins it knows.
MAIN: dict[str, Any] = INITIALIZE if _BEFORE_1_4 else {"execution_whitelist": ["uniseq.*"]}

"""Build: a config node's object."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from uniseq.config.check import first_line
from uniseq.errors import ConfigError


def build(node: Any, **extra: Any) -> Any:
    """Instantiate a config node; what its class refuses is named from the root of the config.

    Raises:
        ConfigError: when a constructor raised one.
    """
    try:
        return instantiate(node, **extra)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ConfigError):
            cause = cause.__cause__
        if cause is None:
            path = str(node._get_full_key(None))
            raise ConfigError(path, str(error.__cause__ or first_line(error))) from error
        path = str(error).rpartition("full_key: ")[2].strip() or str(node._get_full_key(None))
        raise cause.under(path) from error

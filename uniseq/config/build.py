"""Build: the object that a node of the config stands for."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from uniseq.config.kinds import SPECIAL, admitted, as_floats, element, kind_at
from uniseq.config.protocols import parameter_hints
from uniseq.errors import ConfigError


def build(node: Any, key: str | None = None, /, **extra: Any) -> Any:
    """Call what a node names with what it holds, the nodes in it first.

    What may be called is said in :mod:`uniseq.config.kinds`. A list or a mapping without a
    ``_target_`` is gone through; any other value stands for itself.

    Args:
        node: of a config, or in plain containers.
        key: where in the config it stands, such as ``loss`` or ``callbacks.mine``; a node that is
            still part of its config knows.
        extra: arguments that come from elsewhere and outrank those in the node.

    Returns:
        The object; with ``_partial_: true`` what is called with the arguments that are missing.

    Raises:
        ConfigError: named from the root of the config, when the node may not stand there or its
            target refuses what it is given.
    """
    if isinstance(node, DictConfig | ListConfig):
        key = str(node._get_full_key(None)) if key is None else key
        node = OmegaConf.to_container(node, resolve=True)
    if not isinstance(node, dict | list):
        return node
    if not key:
        raise ValueError("say at which key of the config the node stands: it decides what is built")
    return _built(node, key, kind_at(key), extra)


def _built(node: Any, path: str, annotation: Any, extra: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        of_each = element(annotation)
        return [_built(each, f"{path}[{index}]", of_each, {}) for index, each in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if "_target_" not in node:
        of_each = element(annotation)
        return {key: _built(each, f"{path}.{key}", of_each, {}) for key, each in node.items()}
    try:
        target = admitted(node, annotation)
    except ConfigError as fault:
        raise fault.under(path) from fault.__cause__
    hints, is_partial = parameter_hints(target), node.get("_partial_", False)
    arguments = {}
    for key, each in node.items():
        if key in SPECIAL or key in extra or (each == "???" and is_partial):
            continue
        if each == "???":
            raise ConfigError(f"{path}.{key}", "is not set; give it a value")
        made = _built(each, f"{path}.{key}", hints.get(key), {})
        arguments[key] = as_floats(made, hints.get(key)) if isinstance(made, list) else made
    arguments.update(extra)
    if is_partial:
        return partial(target, **arguments)
    try:
        return target(**arguments)
    except ConfigError as fault:
        raise fault.under(path) from fault
    except Exception as error:  # its class's own words for what it cannot take
        raise ConfigError(path, str(error) or type(error).__name__) from error

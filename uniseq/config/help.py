"""Help of the commands that take a config: its groups, and each key with its value and meaning."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig, OmegaConf

from uniseq.config.compose import compose_config
from uniseq.config.meanings import SCHEMAS, comments_in, meanings
from uniseq.config.paths import conf_dir

ASKED = frozenset({"--help", "-h"})


def config_help(command: str, what: str, arguments: Sequence[str], only: Sequence[str] = ()) -> str:
    """The help text; the keys are those of the components that the arguments choose.

    Args:
        command: such as ``uniseq.run``.
        what: it does, one line.
        arguments: the command line.
        only: groups whose keys are shown; all unless given.

    Raises:
        ConfigError: when the arguments cannot be composed.
    """
    given = [each for each in arguments if not each.startswith("-")]
    cfg = compose_config(given)
    width = min(shutil.get_terminal_size().columns, 120)
    shown = [str(key) for key in cfg if not only or key in only]
    lines = [
        f"python -m {command} GROUP=CHOICE KEY=VALUE …",
        "",
        *textwrap.wrap(what, width),
        "",
        "Groups and their choices (one's own with --config-dir FOLDER):",
        *(_wrapped(f"  {group}=", ", ".join(choices), width) for group, choices in _groups(only)),
        "",
        "Keys, their values here, and what they mean; other choices have other keys, such as",
        f"`python -m {command} {_other(only)} --help`:",
    ]
    comments = comments_in(conf_dir() / "config.yaml")
    top = meanings(SCHEMAS[""])
    for key in shown:
        node = cfg._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            lines += ["", *_node_lines(key, node, width)]
        else:
            lines.append(_key_line(key, cfg, key, comments.get(key) or top.get(key, ""), width))
    return "\n".join(lines)


def _other(only: Sequence[str]) -> str:
    return "dataset=amazon" if only else "backbone=caser loss=infonce"


def _groups(only: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    folder = conf_dir()
    for each in sorted(path for path in folder.rglob("*") if path.is_dir()):
        group = each.relative_to(folder).as_posix()
        choices = sorted(path.stem for path in each.glob("[!_]*.yaml"))
        top = group.partition("/")[0]
        if choices and top != "hydra" and (not only or top in only):
            yield group, choices


def _node_lines(path: str, node: DictConfig, width: int) -> Iterator[str]:
    target = OmegaConf.to_container(node).get("_target_")  # type: ignore[union-attr, call-overload]
    known = meanings(target or SCHEMAS.get(path, ""))
    if target is not None:
        yield f"{path}: {target}"
    nodes = []
    for key in map(str, node):
        child = node._get_node(key)
        if key in ("_target_", "_partial_"):
            continue
        if isinstance(child, DictConfig) and not child._is_none():
            nodes.append((f"{path}.{key}", child))
        else:
            yield _key_line(f"{path}.{key}", node, key, known.get(key, ""), width)
    for where, child in nodes:
        yield from _node_lines(where, child, width)


def _key_line(where: str, node: DictConfig, key: str, meaning: str, width: int) -> str:
    raw = OmegaConf.to_container(node)[key]  # type: ignore[index, call-overload]
    value = "null" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)
    return _wrapped(f"  {where}={value}  ", meaning, width)


def _wrapped(head: str, text: str, width: int) -> str:
    indent = " " * 8
    return textwrap.fill(head + text, width, subsequent_indent=indent, break_on_hyphens=False)

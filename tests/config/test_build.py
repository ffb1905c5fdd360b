"""What a node of the config may name, and what is built from it."""

import functools
import json
import sys

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn, optim

from tests.config.parts import Annotated, Several, Unannotated, margin_loss
from tests.config_runs import TINY, composed
from uniseq.config.build import build
from uniseq.config.check import check_config
from uniseq.data.sources.raw_log import RawLog
from uniseq.data.sources.readers import AmazonReviews
from uniseq.embedding.rowwise_adam import RowwiseAdam
from uniseq.errors import ConfigError, UniseqError
from uniseq.losses.bce import BCELoss
from uniseq.losses.uniform import UniformityLoss

PARTS = "tests.config.parts"
DATA = "uniseq.data.datamodule.SequenceDataModule"
BCE = {"_target_": "uniseq.losses.bce.BCELoss"}


def _node(target, **arguments):
    return {"_target_": target, **arguments}


@pytest.mark.parametrize(
    ("key", "node"),
    [
        ("loss", _node("os.system", command="false")),
        ("loss", _node("posix.system", command="false")),
        ("loss", _node("subprocess.Popen", args="false")),
        ("loss", _node("builtins.eval", source="1")),
        ("loss", _node("builtins.print")),
        ("loss", _node("importlib.import_module", name="antigravity")),
        ("loss", _node("functools.partial", func="os.system")),
        ("loss", _node("unittest.mock.MagicMock")),
        ("dataset", _node("pickle.Unpickler", file="x")),
        ("trainer", _node("code.InteractiveInterpreter")),
        # Through modules that have them as attributes.
        ("loss", _node("uniseq.training.environment.subprocess.run", args="false")),
        ("loss", _node("uniseq.training.environment.subprocess.Popen", args="false")),
        ("loss", _node("torch.hub.load", repo_or_dir="x", model="y")),
        ("loss", _node("torch.load", f="x")),
        ("loss", _node("torch.utils.cpp_extension.load", name="x", sources="x")),
        ("loss", _node("hydra.utils.instantiate", config=_node("os.system"))),
        ("loss", _node("uniseq.config.build.build", node=_node("os.system"))),
        # Of another kind than the key's.
        ("loss", _node("uniseq.similarity.Cosine.forward")),
        ("loss", _node("lightning.pytorch.Trainer")),
        ("backbone", BCE),
        ("trainer", BCE),
        ("dataset", _node("uniseq.data.sources.synthetic.Synthetic")),
        ("similarity", _node("lightning.pytorch.Trainer")),
        ("optimizer", _node("subprocess.Popen", _partial_=True)),
        ("optimizer", _node(f"{PARTS}.any_loss", _partial_=True)),
        ("sphere", _node("lightning.pytorch.loggers.CSVLogger", save_dir="x")),
        ("callbacks.mine", _node("uniseq.loggers.csv.CSVLogger")),
        ("logger", _node("lightning.pytorch.callbacks.Timer")),
        ("scheduler", _node("torch.optim.Adam", _partial_=True)),
        # What has the right method by chance, or promises nothing.
        ("loss", _node(f"{PARTS}.Command")),
        ("loss", _node(f"{PARTS}.Function")),
        ("loss", _node("sympy.Lambda", signature="x", expr="1")),
        ("loss", _node("subprocess.call", args="false", _partial_=True)),
        ("loss", _node(f"{PARTS}.called_with_anything", _partial_=True)),
        ("similarity", _node(f"{PARTS}.margin_loss", margin=0.1, _partial_=True)),
        ("loss", _node(f"{PARTS}.no_annotation")),
        ("loss", _node(f"{PARTS}.any_module")),
        ("loss", _node(f"{PARTS}.Several.forward")),
        ("dataset", _node(DATA, source=_node(f"{PARTS}.Loader"))),
        ("dataset.source.reader", _node(f"{PARTS}.Lines")),
        # Where nothing is to be built.
        ("seed", _node("uniseq.losses.bce.BCELoss")),
        ("tags", [BCE]),
        ("loss", _node(f"{PARTS}.Several", losses=[BCE], anything=BCE)),
        ("loss", _node("uniseq.losses.uniform.UniformityLoss", rec=None, beta=_node("os.getpid"))),
        ("loss", _node("uniseq.losses.uniform.UniformityLoss", rec=_node("os.system"))),
        ("loss", {"rec": _node("os.system")}),
    ],
)  # fmt: skip
def test_what_is_not_of_the_key_s_kind_is_refused_before_it_is_called(key, node, monkeypatch):
    def called(*arguments, **named):
        raise AssertionError("was called")

    for place in ("os.system", "posix.system", "subprocess.Popen", "subprocess.run", "torch.load"):
        monkeypatch.setattr(place, called)
    if key == "dataset.source.reader":
        log = _node("uniseq.data.sources.raw_log.RawLog", reader=node, file="x")
        key, node = "dataset", _node(DATA, source=log)
    with pytest.raises(ConfigError) as refused:
        build(node, key)
    assert len(str(refused.value).splitlines()) == 1
    assert refused.value.key.startswith(key)
    assert refused.value.key.endswith("_target_")
    assert " is no " in refused.value.problem or "nothing is built here" in refused.value.problem


def test_a_refusal_says_what_may_stand_there():
    with pytest.raises(ConfigError) as refused:
        build(_node("os.system", command="false"), "loss")
    assert str(refused.value) == (
        "loss._target_: os.system is no uniseq.losses.base.Loss; name a class that inherits "
        "from it, a torch.nn.Module with forward(triplets) or a function whose return annotation "
        "is one"
    )


@pytest.mark.parametrize("name", ["antigravity", "this", "idlelib.idle", "turtledemo.clock"])
def test_python_s_own_library_is_refused_before_it_is_imported(name):
    before = set(sys.modules)
    with pytest.raises(ConfigError, match="is no uniseq"):
        build(_node(f"{name}.Loss"), "loss")
    assert name not in set(sys.modules) - before


@pytest.mark.parametrize(
    "target",
    [
        *("", ".", "Loss", "nowhere..Loss", 5, None),
        *("uniseq.losses.bce.__builtins__", "uniseq.__main__.main"),
    ],
)
def test_what_is_no_dotted_name_is_refused(target):
    with pytest.raises(ConfigError, match=r"^loss\._target_: (cannot be imported|is not set)"):
        build(_node(target), "loss")


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_hydra_s_other_keys_are_refused_in_one_line(key):
    with pytest.raises(ConfigError, match=rf"^loss\.{key}: is not supported; "):
        build({**BCE, key: []}, "loss")


@pytest.mark.parametrize(
    ("key", "node", "expected"),
    [
        ("loss", {**BCE, "_partial_": True}, "loss._partial_: must be false, not True"),
        ("loss", {**BCE, "_partial_": "yes"}, "loss._partial_: must be false, not yes"),
        ("optimizer", _node("torch.optim.Adam", lr=0.1), "optimizer._partial_: must be true"),
    ],
)
def test_what_is_called_later_is_for_the_key_to_say(key, node, expected):
    with pytest.raises(ConfigError) as refused:
        build(node, key)
    assert str(refused.value).startswith(expected)


def test_a_faulty_config_says_all_at_once_and_calls_nothing(monkeypatch):
    cfg = composed(["loss=custom", f"loss._target_={PARTS}.any_module", "backbone.dim=wide"])
    OmegaConf.update(cfg, "dataset.source", _node("os.system"), merge=False)
    OmegaConf.update(cfg, "trainer.profiler", _node("subprocess.Popen"), force_add=True)
    OmegaConf.update(cfg, "tags", [_node("builtins.exec")])
    with pytest.raises(UniseqError) as refused:
        check_config(cfg)
    keys = [line.split(": ")[0] for line in str(refused.value).splitlines()]
    assert sorted(keys) == [
        "backbone.dim",
        "dataset.source._target_",
        "loss._target_",
        "tags[0]._target_",
        "trainer.profiler._target_",
    ]


def test_a_composed_node_is_built_with_its_interpolations():
    cfg = composed([*TINY, "backbone.dim=8"])
    backbone = build(cfg.backbone)
    assert (backbone.dim, backbone.max_length) == (8, 50)
    assert build(cfg.dataset).sequences.num_users == 120


def test_nested_nodes_are_built_first_and_containers_are_python_s_own():
    node = _node(
        f"{PARTS}.Several",
        losses=[BCE, _node(f"{PARTS}.any_loss", weight=2.0)],
        named={"rec": _node("uniseq.losses.bpr.BPRLoss")},
        later={**BCE, "_partial_": True},
        anything={"a": [1, {"b": 2}]},
    )
    for given in (node, OmegaConf.create({"loss": node}).loss):
        built = build(given, "loss")
        assert isinstance(built, Several)
        assert [type(each) for each in built.losses] == [BCELoss, BCELoss]
        assert type(built.named["rec"]).__name__ == "BPRLoss"
        assert isinstance(built.later, functools.partial)
        assert built.later.func is BCELoss
        assert built.anything == {"a": [1, {"b": 2}]}
        assert type(built.anything["a"]) is list


def test_a_class_method_is_a_factory_of_its_class():
    built = build(_node(f"{PARTS}.Several.of_two", first=BCE, second=BCE), "loss")
    assert isinstance(built, Several)
    assert len(built.losses) == 2


def test_one_s_own_classes_and_factories_of_a_kind_are_built():
    assert isinstance(build(_node(f"{PARTS}.Annotated"), "loss"), Annotated)
    assert isinstance(build(_node(f"{PARTS}.Unannotated"), "loss"), Unannotated)
    assert isinstance(build(_node(f"{PARTS}.any_loss"), "loss"), BCELoss)
    loss = build(_node(f"{PARTS}.margin_loss", margin=0.5, _partial_=True), "loss")
    assert (loss.func, loss.keywords) == (margin_loss, {"margin": 0.5})
    slow = build(_node(f"{PARTS}.slow_adam", lr=1.0, _partial_=True), "optimizer")
    optimizer = slow([nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, optim.Adam)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_mapping_of_nodes_is_built_name_by_name(tmp_path):
    timer = _node("lightning.pytorch.callbacks.Timer")
    assert list(build({"mine": timer}, "callbacks")) == ["mine"]
    logger = build(_node("uniseq.loggers.csv.CSVLogger"), "logger.csv", save_dir=str(tmp_path))
    assert logger.save_dir == str(tmp_path)
    assert build({}, "callbacks") == {}
    assert build(None, "sphere") is None


def test_an_argument_from_elsewhere_outranks_the_node(tmp_path):
    node = _node("uniseq.loggers.csv.CSVLogger", save_dir="???")
    assert build(node, "logger", save_dir=str(tmp_path)).save_dir == str(tmp_path)
    with pytest.raises(ConfigError, match=r"^logger\.save_dir: is not set"):
        build(node, "logger")


def test_the_first_names_of_classes_are_known():
    source = _node(
        "uniseq.data.raw.RawLog", file="x", reader=_node("uniseq.data.log.AmazonReviews")
    )
    data = build(_node(DATA, source=source), "dataset")
    assert isinstance(data.source, RawLog)
    assert isinstance(data.source.reader, AmazonReviews)
    made = build(_node("uniseq.adam.RowwiseAdam", lr=0.1, _partial_=True), "optimizer")
    assert made.func is RowwiseAdam


def test_a_yaml_may_name_a_class_by_its_first_name():
    first = "dataset.source._target_=uniseq.data.raw.RawLog"
    cfg = composed(["dataset=amazon", first, "optimizer._target_=uniseq.adam.RowwiseAdam"])
    assert check_config(cfg)["dataset"]["source"]["core"] == 5
    assert isinstance(build(cfg.dataset).source, RawLog)


def test_what_a_class_refuses_is_named_from_the_root_of_the_config():
    def particular(margin):
        return _node(f"{PARTS}.Particular", margin=margin)

    with pytest.raises(ConfigError, match=r"^loss\.margin: must be 0 or more$"):
        build(particular(-1.0), "loss")
    whole = _node(f"{PARTS}.Several", losses=[BCE, particular(-1.0)])
    with pytest.raises(ConfigError, match=r"^loss\.losses\[1\]\.margin: must be 0 or more$"):
        build(whole, "loss")
    with pytest.raises(ConfigError, match=r"^loss: too wide a margin$"):
        build(particular(2.0), "loss")
    with pytest.raises(ConfigError, match=r"^loss: .*unexpected keyword argument 'bta'$"):
        build({**BCE, "bta": 1}, "loss")
    rec = {"_target_": "uniseq.losses.uniform.UniformityLoss", "rec": particular(-1.0)}
    with pytest.raises(ConfigError, match=r"^loss\.rec\.margin: "):
        build(rec, "loss")
    assert isinstance(build({**rec, "rec": BCE}, "loss"), UniformityLoss)


def test_a_node_out_of_its_config_needs_its_key():
    with pytest.raises(ValueError, match="at which key"):
        build(BCE)


def test_a_list_stands_for_a_tuple_and_its_whole_numbers_for_floats():
    for target in ("uniseq.embedding.rowwise_adam.RowwiseAdam", "torch.optim.Adam"):
        cfg = composed([*TINY, f"optimizer._target_={target}", "+optimizer.betas=[0,.98]"])
        plain = check_config(cfg)
        assert json.dumps(plain["optimizer"]["betas"]) == "[0.0, 0.98]"
        optimizer = build(cfg.optimizer)([nn.Parameter(torch.zeros(1))])
        assert tuple(optimizer.defaults["betas"]) == (0, 0.98)

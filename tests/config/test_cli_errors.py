"""What a user sees for a faulty command line: one line a fault, status 1, nothing written."""

import sys

import pytest

from tests.config_runs import TINY
from uniseq.run import main


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs a command line in an empty folder; gives status, error lines and what was written."""

    def run(*arguments, flags=()):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        monkeypatch.delenv("UNISEQ_DATA_DIR", raising=False)
        chosen = any(argument.startswith("dataset=") for argument in arguments)
        tiny = [o for o in TINY if not (chosen and o.startswith("dataset."))]
        monkeypatch.setattr(sys, "argv", ["uniseq", *flags, *tiny, *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        lines = capsys.readouterr().err.splitlines()
        return stopped.value.code, lines, list(tmp_path.rglob("*"))

    return run


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("loss.bta=.1", "error: loss.bta: there is no such key; did you mean loss.beta?"),
        (
            "backbone.head=2",
            "error: backbone.head: there is no such key; did you mean backbone.heads?",
        ),
        ("sed=1", "error: sed: there is no such key; did you mean seed?"),
        ("backbone=sasrex", "error: backbone: there is no 'sasrex'; did you mean sasrec?"),
        ("loss/rec=bce2", "error: loss/rec: there is no 'bce2'; did you mean bce?"),
        ("bakbone=sasrec", "error: bakbone: there is no such key; did you mean backbone?"),
        ("+backbone.depth=2", "error: backbone.depth: there is no such key; choose from"),
        ("backbone.dim=wide", "error: backbone.dim: must be an integer, not 'wide'"),
        ("backbone.dim=64.5", "error: backbone.dim: must be an integer, not 64.5"),
        ("loss.beta=true", "error: loss.beta: must be a number, not True"),
        ("loss.pairs=all", "error: loss.pairs: must be one of literal, separate, not 'all'"),
        ("dataset.samples=prefix", "error: dataset.samples: must be one of prefixes, sequences"),
        (
            "hydra.sweeper.max_batch=2",
            "error: hydra.sweeper.max_batch: there is no such key; did you mean hydra.sweeper.max",
        ),
        ("hydra.rum.dir=x", "error: hydra.rum.dir: there is no such key; did you mean hydra.run.d"),
        ("loss.beta={", "error: loss.beta={: cannot be read: "),
        ("name=../../x", "error: name: '../../x' must be one part of a path, without / and"),
        ("name=..", "error: name: '..' must be one part of a path"),
        (r"name='a\\b'", "error: name: 'a"),
        (f"name={'a' * 300}", "error: name: 'aaaa"),
        (
            "+optimizer.betas=[.9]",
            "error: optimizer.betas: must be a list of 2: a number, a number, not [0.9]",
        ),
        ("+optimizer.betas=[.9,x]", "error: optimizer.betas: must be a list of 2: a number, a"),
        ("+optimizer.betas=[.9,1]", "error: optimizer: Invalid beta parameter at index 1: 1"),
        ("seed=one", "error: seed: must be an integer, not 'one'"),
        ("backbone.heads=3", "error: backbone.heads: must divide dim: 16 is not divisible by 3"),
        ("loss.beta=-1", "error: loss.beta: must be 0 or more, not -1"),
        ("loss.t=0", "error: loss.t: must be positive"),
        ("backbone.dropout=1", "error: backbone.dropout: must be at least 0 and below 1"),
        (
            "ranking.monitor=NDCG@5",
            "error: ranking.monitor: 'NDCG@5' is not measured; did you mean",
        ),
        (
            "ranking.monitor=MAP@10",
            "error: ranking.monitor: 'MAP@10' is not measured; did you mean MRR@10?",
        ),
        ("ranking.ks=[]", "error: ranking.ks: is empty"),
        ("ranking.ks=[10,0]", "error: ranking.ks: must be at least 1, not 0"),
        (
            "ranking.metrics=[HR,NDGC]",
            "error: ranking.metrics[1]: there is no metric 'NDGC'; did you mean NDCG?",
        ),
        (
            "ranking.metrics=[RBP]",
            "error: ranking.metrics[0]: there is no metric 'RBP'; choose from HR, NDCG, MRR, Rec",
        ),
        ("ranking.metrics=[]", "error: ranking.metrics: is empty; choose from HR"),
        ("ranking.metrics=HR", "error: ranking.metrics: must be a list, such as [HR]"),
        ("ranking.metrics=[NDCG,HR,HR]", "error: ranking.metrics[2]: HR is measured twice"),
        ("ranking.metrics=[HR]", "error: ranking.monitor: 'NDCG@10' is not measured; choose"),
        (
            "ranking.metrics=[NDCG,{_target_: uniseq.losses.BCELoss}]",
            "error: ranking.metrics[1]._target_: uniseq.losses.BCELoss is no uniseq.ranking.gains.",
        ),
        (
            "ranking.metrics=[NDCG,{_target_: os.system, _partial_: true}]",
            "error: ranking.metrics[1]._target_: os.system is no uniseq.ranking.gains.Gain",
        ),
        (
            "ranking.metrics=[NDCG,{_target_: own_metric.RBP}]",
            "error: ranking.metrics[1]._target_: cannot be imported: No module named 'own_metric'",
        ),
        ("ranking.patience=0", "error: ranking.patience: must be at least 1, not 0"),
        ("loss=custom", "error: loss._target_: is not set"),
        ("optimizer.lr=fast", "error: optimizer.lr: must be a number, not 'fast'"),
        ("optimizer.lr=-1", "error: optimizer: Invalid learning rate: -1"),
        ("threads=0", "error: threads: must be at least 1, not 0"),
        (
            "optimizer.eps=1e-6",
            "error: optimizer.eps: is not in the file; write +optimizer",
        ),
        (
            "trainer.max_epoch=3",
            "error: trainer.max_epoch: there is no such key; did you mean trainer.max_epochs?",
        ),
        ("trainer.max_epochs=0", "error: trainer.max_epochs: must be at least 1"),
        ("trainer.check_val_every_n_epoch=0", "error: trainer.check_val_every_n_epoch: must be 1"),
        ("+trainer.limit_val_batches=0", "error: trainer.limit_val_batches: must not be 0"),
        ("dataset.batch_size=0", "error: dataset.batch_size: must be at least 1, not 0"),
        ("dataset.source.num_clusters=50", "error: dataset.source.num_clusters:"),
        ("ckpt_path=nowhere.ckpt", "error: ckpt_path: there is no file nowhere.ckpt"),
        ("dataset=file", "error: dataset.source.file: is not set"),
        ("sphere=null", "error: sphere: must name a file of the group, not null; choose from none"),
        ("logger=null", "error: logger: must name a file of the group, not null; choose from csv"),
        ("loss=1", "error: loss: must name a file of the group, not 1; choose from bce, bpr"),
        ("GROUP=1", "error: GROUP: there is no such key"),
        ("loss._target_=[]", "error: loss._target_: is not set; name a class"),
        (
            "loss.rec=bpr",
            "error: loss.rec: must be a group of keys with a _target_, not 'bpr'; choose loss/rec=",
        ),
        (
            "dataset.source=beauty",
            "error: dataset.source: must be a group of keys with a _target_, not 'beauty'; choose",
        ),
        ("optimizer.lr=inf", "error: optimizer.lr: must be a finite number, not inf"),
        ("loss.beta=nan", "error: loss.beta: must be a finite number, not nan"),
        ("+callbacks.x=1", "error: callbacks.x._target_: is missing; name a class"),
        ("backbone.layers=${name}", "error: backbone.layers: must be an integer, not 'synthetic_"),
        ("backbone.dim=${loss.beta}", "error: backbone.dim: must be an integer, not 0.05"),
        ("+trainer.fast_dev_run=true", "error: trainer.fast_dev_run: is not for a run that leav"),
        ("+trainer.overfit_batches=1", "error: trainer.overfit_batches: is not for a run that l"),
        ("+trainer.barebones=true", "error: trainer.barebones: is not for a run that leaves a r"),
        ("+trainer.precision=64-true", "error: trainer.precision: must be 32-true, bf16-mixed"),
        ("+trainer.precision=bf16-true", "error: trainer.precision: must be 32-true, bf16-mixed"),
        ("+trainer.precision=16-true", "error: trainer.precision: must be 32-true, bf16-mixed"),
        ("+trainer.limit_train_batches=0", "error: trainer.limit_train_batches: must not be 0"),
        ("+trainer.limit_test_batches=0.0", "error: trainer.limit_test_batches: must not be 0"),
        ("+trainer.max_steps=0", "error: trainer.max_steps: "),
        (
            "+trainer.enable_checkpointing=false",
            "error: trainer.enable_checkpointing: must be true",
        ),
    ],
)
def test_a_faulty_argument_is_one_line_and_leaves_nothing(command, argument, expected):
    status, lines, written = command(argument)
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith(expected)
    assert written == []


def test_an_unknown_class_is_named_with_its_reason(command):
    status, lines, written = command("loss=custom", "loss._target_=nowhere.Loss")
    assert status == 1
    assert lines[0].startswith("error: loss._target_: cannot be imported:")
    assert "No module named 'nowhere'; run where its file lies, or name that folder" in lines[0]
    assert len(lines) == 1
    assert written == []
    _, lines, _ = command("loss=custom", "loss._target_=uniseq.losses.bce.Nothing")
    assert lines[0].endswith("; check its name")


@pytest.mark.parametrize("mode", ["RUN", "MULTIRUN"])
def test_a_results_folder_that_cannot_be_is_one_line(mode, command, tmp_path):
    (tmp_path / "afile").touch()
    status, lines, _ = command(f"hydra.mode={mode}", "results_dir=afile")
    assert (status, len(lines)) == (1, 1), lines
    assert lines[0].startswith("error: results_dir: afile")
    assert "cannot be made: " in lines[0]


def test_the_nearest_key_of_ones_own_config_is_named(command, tmp_path):
    (tmp_path / "mine" / "loss").mkdir(parents=True)
    (tmp_path / "mine" / "loss" / "wide.yaml").write_text(
        "_target_: uniseq.losses.infonce.InfoNCELoss\ntemperature: 0.3\n"
    )
    status, lines, _ = command("loss=wide", "loss.temprature=.4", flags=("--config-dir", "mine"))
    assert (status, len(lines)) == (1, 1), lines
    expected = "error: loss.temprature: there is no such key; did you mean loss.temperature?"
    assert lines[0] == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("backbone=sasrec,caser", "backbone.heads=2"),
            "error: backbone.heads: there is no such key; did you mean backbone.dim?; in the run ",
        ),
        (
            ("experiment=table2", "dataset=synthetic", "loss.beta=.1"),
            "error: loss.beta: there is no such key",
        ),
        (("loss.beta=[.1",), "error: loss.beta=[.1: cannot be read: "),
        (("hydra.sweeper.max_batch_size=0",), "error: hydra.sweeper.max_batch_size: must be"),
        (("+hydra.launcher.n_jobs=0",), "error: hydra.launcher.n_jobs: must be the number of"),
        (
            ("+hydra.sweeper.serach={}",),
            "error: hydra.sweeper.serach: there is no such key; did you mean search?",
        ),
        (("+hydra.sweeper.search={loss.beta:[]}",), "error: hydra.sweeper: loss.beta: has no val"),
        (
            ("+hydra.sweeper.search={loss.beta:null}",),
            "error: hydra.sweeper: loss.beta: has no val",
        ),
        (("+hydra.sweeper.search={loss:[bce,bpr]}",), "error: hydra.sweeper.search: loss: is a g"),
    ],
)
def test_a_faulty_sweep_is_one_line_and_starts_nothing(command, arguments, expected, tmp_path):
    status, lines, written = command("hydra.mode=MULTIRUN", *arguments, f"results_dir={tmp_path}")
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith(expected)
    assert written == []


def test_a_sweep_by_several_processes_is_refused(command, monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, lines, _ = command("hydra.mode=MULTIRUN", f"results_dir={tmp_path}")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("error: --multirun: was started by 2 processes at once")


def test_all_faults_are_reported_at_once(command):
    status, lines, _ = command("backbone.dim=wide", "loss.beta=big", "+backbone.depth=2")
    assert status == 1
    assert [line.split(":")[1].strip() for line in lines] == [
        "backbone.dim",
        "backbone.depth",
        "loss.beta",
    ]


def test_a_missing_data_file_is_one_line(command, tmp_path):
    status, lines, _ = command("dataset=beauty", f"data_dir={tmp_path}")
    assert status == 1
    assert lines[-1].startswith(f"error: {tmp_path}/Beauty.txt: no such file; point data_dir")


def test_the_traceback_is_there_when_asked_for(tmp_path, monkeypatch):
    from uniseq.errors import DataError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(sys, "argv", ["uniseq", "dataset=beauty", f"data_dir={tmp_path}"])
    with pytest.raises(DataError, match=r"Beauty\.txt: no such file"):
        main()


@pytest.mark.parametrize("flags", [(), ("--multirun",)], ids=["run", "sweep"])
def test_another_working_folder_is_refused_before_anything_is_written(command, flags):
    status, lines, written = command("hydra.job.chdir=true", "results_dir=m", flags=flags)
    assert status == 1
    assert lines[-1].startswith("error: hydra.job.chdir: must be false: results_dir, data_dir and")
    assert not written


OWN_FILES = {
    "experiment/nopackage.yaml": b"trainer:\n  max_epochs: 2\n",
    "experiment/bom.yaml": b"\xef\xbb\xbf# @package _global_\nseed: 3\n",
    "experiment/twice.yaml": b"# @package _global_\nseed: 1\nseed: 2\n",
    "experiment/tab.yaml": b"# @package _global_\ntrainer:\n\tmax_epochs: 2\n",
    "optimizer/mine.yaml": b"lr: 1e-4\n",
}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("experiment=nopackage", "experiment: there is no such key; the file chosen in this group"),
        (
            "experiment=bom",
            "experiment: there is no such key; the file chosen in this group must b",
        ),
        ("experiment=twice", "twice.yaml, line 3: is no YAML: found duplicate key seed"),
        ("experiment=tab", "tab.yaml, line 3: is no YAML: found character '\\t' that cannot start"),
        ("optimizer=mine", "optimizer._target_: is missing; name a class"),
    ],
)
def test_a_slip_in_ones_own_file_is_one_line(command, tmp_path_factory, choice, said):
    own = tmp_path_factory.mktemp("own")
    for name, content in OWN_FILES.items():
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_bytes(content)
    status, lines, written = command(choice, flags=("--config-dir", str(own)))
    assert (status, len(lines), written) == (1, 1, []), lines
    assert said in lines[0]


def test_a_folder_of_ones_own_that_is_not_there_is_one_line(command):
    status, lines, _ = command(flags=("--config-dir", "nowhere"))
    assert (status, lines) == (1, ["error: --config-dir: there is no folder nowhere"])


def test_a_fused_optimizer_does_not_clip_what_is_cast(command):
    clip = ("+trainer.precision=bf16-mixed", "+trainer.gradient_clip_val=1")
    status, lines, _ = command(*clip)
    assert status == 1
    assert lines == [
        "error: trainer.gradient_clip_val: is not for a fused optimizer at precision bf16-mixed; "
        "set optimizer.fused=false"
    ]

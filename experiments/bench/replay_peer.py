"""RePlay's SASRec as a measurement worker, next to another framework; see protocol.py.

It drives RePlay's own components (ParquetModule with its transforms, SasRec with the parts that
it is built from, the Lightning module, the callback that collects the best items) on one
interaction file. Run it in the environment of replay-requirements.txt:

    python replay_peer.py --data FILE [--threads 2] [--batch-users 128] [--bucket 32]

FILE holds one user a line, `user item item item ...`, items in chronological order. The last item
of each user tests and the last but one validates.

Of RePlay's two SASRecs this is the newer, `replay.nn`, with what it has against padding: batches
trimmed to their longest history, and in training the encoder run over buckets of similar length.
Its own samplers draw one set of negatives for all histories of a batch; its loss takes one a
position as well, which is what the others train, and `PositionNegatives` draws these.

With RePlay's transforms the first item of a history is a target too, of the padding before it.
Samples count it; it has no counterpart in the others.

A training step is one of the Lightning trainer over its data module. Ranking is `predict` for all
users, with what they have had left out, into tensors of the ten best items of each user. HR@10
and NDCG@10 are computed from these outside the measured time.
"""

import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol import (
    BARE,
    Answer,
    Hold,
    hit_and_ndcg,
    holding,
    read_sequences,
    take_stdout,
    worker_options,
)

if TYPE_CHECKING:
    from replay.data.nn import ParquetModule, TensorSchema
    from replay.nn.sequential import SasRec

TOP = 10
LENGTH = 50
DIM = 64
HEADS = 2
PREDICT_BATCH = 512  # users ranked at once


def describe(num_items: int) -> "TensorSchema":
    """The one feature: the item, whose number after the last is padding."""
    from replay.data import FeatureHint, FeatureSource, FeatureType
    from replay.data.nn import TensorFeatureInfo, TensorFeatureSource, TensorSchema

    return TensorSchema(
        [
            TensorFeatureInfo(
                "item_id",
                is_seq=True,
                feature_type=FeatureType.CATEGORICAL,
                embedding_dim=DIM,
                padding_value=num_items,
                cardinality=num_items,
                feature_hint=FeatureHint.ITEM_ID,
                feature_sources=[TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")],
            )
        ]
    )


def data_module(
    folder: Path, parts: list[list[int]], schema: "TensorSchema", num_items: int, batch_users: int
) -> "ParquetModule":
    """The histories in a Parquet file, and its batches of left-padded rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from replay.data.nn import ParquetModule
    from replay.nn.transform import GroupTransform, RenameTransform
    from replay.nn.transform.template.sasrec import make_default_sasrec_transforms
    from replay.nn.transform.trim import AdaptiveTrimTransform, TargetAwareAdaptiveTrimTransform

    class PositionNegatives(torch.nn.Module):
        """One uniform negative for each position."""

        def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            drawn = torch.randint(num_items, batch["positive_labels"].shape)
            return {**batch, "negative_labels": drawn}

    path = folder / "histories.parquet"
    pq.write_table(
        pa.table({"user_id": range(len(parts)), "item_id": parts, "seen_ids": parts}), path
    )
    group = GroupTransform({"feature_tensors": schema.names})
    train = make_default_sasrec_transforms(schema)["train"][:-1]
    longest = max(map(len, parts))
    padded = {"shape": LENGTH, "padding": num_items}
    return ParquetModule(
        batch_size={"train": batch_users, "predict": PREDICT_BATCH},
        metadata={
            "train": {"item_id": {**padded, "shape": LENGTH + 1}},
            "predict": {
                "user_id": {},
                "item_id": padded,
                "seen_ids": {**padded, "shape": longest},
            },
        },
        transforms={
            "train": [
                *train[:2],  # targets and their mask, before they get a dimension of their own
                TargetAwareAdaptiveTrimTransform(["item_id", "positive_labels"]),
                *train[2:],
                PositionNegatives(),
                group,
            ],
            "predict": [
                RenameTransform({"item_id_mask": "padding_mask"}),
                AdaptiveTrimTransform("item_id"),
                group,
            ],
        },
        train_path=str(path),
        predict_path=str(path),
    )


def sasrec(schema: "TensorSchema", bucket: int) -> "SasRec":
    """SasRec with a feed-forward layer of 4·d and GELU, and sampled binary cross-entropy."""
    import torch
    from replay.nn.agg import SumAggregator
    from replay.nn.embedding import SequenceEmbedding
    from replay.nn.loss import BCESampled
    from replay.nn.mask import DefaultAttentionMask
    from replay.nn.sequential import (
        LengthBucketedQueryEncoder,
        PositionAwareAggregator,
        SasRec,
        SasRecBody,
        SasRecTransformerLayer,
    )

    encoder = SasRecTransformerLayer(
        embedding_dim=DIM,
        num_heads=HEADS,
        num_blocks=2,
        dropout=0.5,
        activation="gelu",
        hidden_dim=4 * DIM,
    )
    body = SasRecBody(
        embedder=SequenceEmbedding(schema=schema),
        embedding_aggregator=PositionAwareAggregator(
            SumAggregator(embedding_dim=DIM), max_sequence_length=LENGTH, dropout=0.5
        ),
        attn_mask_builder=DefaultAttentionMask(schema.item_id_feature_name, num_heads=HEADS),
        encoder=LengthBucketedQueryEncoder(encoder, bucket) if bucket else encoder,
        output_normalization=torch.nn.LayerNorm(DIM),
    )
    return SasRec(body=body, loss=BCESampled())


def main() -> None:
    """Prepare RePlay and train until told to quit."""
    parser = worker_options(__doc__)
    parser.add_argument("--batch-users", type=int, default=128, help="users a training batch")
    parser.add_argument("--bucket", type=int, default=32, help="histories a bucket; 0 for none")
    arguments = parser.parse_args()
    reply = take_stdout()

    import numpy as np
    import torch
    from lightning import Callback, Trainer, seed_everything
    from replay.nn.lightning import LightningModule as ReplayModule
    from replay.nn.lightning.callback import TorchTopItemsCallback
    from replay.nn.lightning.optimizer import OptimizerFactory
    from replay.nn.lightning.postprocessor import SeenItemsFilter

    warnings.filterwarnings("ignore")
    torch.set_num_threads(arguments.threads)
    seed_everything(0)
    _, histories = read_sequences(arguments.data)
    catalogue = np.unique(np.concatenate(histories))
    numbers = {int(item): number for number, item in enumerate(catalogue)}
    encoded = [[numbers[item] for item in items] for items in histories]
    targets = {user: items[-2] for user, items in enumerate(encoded)}
    schema = describe(len(catalogue))

    def module() -> ReplayModule:
        return ReplayModule(model, optimizer_factory=OptimizerFactory(learning_rate=3e-4))

    def rank() -> Answer:
        """Predict with a trainer of its own: the other one is held in the middle of its loop."""
        best = TorchTopItemsCallback(
            top_k=TOP, query_column="user_id", postprocessors=[SeenItemsFilter(len(catalogue))]
        )
        begin = time.perf_counter()
        trainer = Trainer(**BARE, callbacks=[best])
        trainer.predict(module(), datamodule=predicted, return_predictions=False)
        users, items, _ = best.get_result()
        seconds = time.perf_counter() - begin
        model.train()
        top = dict(zip(users.tolist(), items.tolist(), strict=True))
        return {"seconds": seconds, "users": len(users), **hit_and_ndcg(top, targets)}

    hold = Hold(reply, {"rank": rank})

    def count(batch: dict[str, Any]) -> tuple[int, int]:
        counted = batch["target_padding_mask"]
        return int(counted.sum()), len(counted)

    with tempfile.TemporaryDirectory(prefix="replay-") as scratch:
        parts = [items[:-2] for items in encoded]
        trained, predicted = (
            data_module(Path(scratch), parts, schema, len(catalogue), arguments.batch_users)
            for _ in range(2)
        )
        model = sasrec(schema, arguments.bucket)
        trainer = Trainer(
            **BARE, max_epochs=-1, limit_val_batches=0, callbacks=[holding(Callback, hold, count)]
        )
        trainer.fit(module(), datamodule=trained)


if __name__ == "__main__":
    main()

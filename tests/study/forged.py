"""Shards with another content under a record that fits it: only keys, counts or a re-run can tell."""

from collections.abc import Callable

import pyarrow as pa
from balance_sim.study.digest import sha256_of
from balance_sim.study.shards import Shard, encode, read_record


def forge(shard: Shard, table: str, content: bytes) -> None:
    """Put these bytes in the place of a table's, and seal them."""
    record = read_record(shard.record_path)
    files = record.files | {table: sha256_of(content)}
    record = record.model_copy(update={"files": files})
    Shard(shard.folder, shard.number, record).write({table: content})


def forge_table(shard: Shard, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put a changed table in the place of one, and seal it."""
    forge(shard, table, encode(change(shard.table(table))))

"""Work for shards that processes other than the test's own can import."""

from __future__ import annotations

import os
from pathlib import Path

from core.audit.shards import Document, Shard


def length_of(shard: Shard) -> Document:
    """How long each file is, and who looked."""
    return {"rows": [Path(image.path).stat().st_size for image in shard.images], "process": os.getpid()}


def threads_of(shard: Shard) -> Document:
    """How many threads a worker computes with."""
    import torch

    return {"rows": [torch.get_num_threads()]}


def dies_once(shard: Shard) -> Document:
    """As `length_of`; the process that first meets a file beside which no mark lies makes one and ends."""
    mark = Path(shard.images[0].path).with_suffix(".mark")
    if shard.images[0].row == 2 and not mark.exists():
        mark.touch()
        os._exit(9)
    return length_of(shard)


def dies_always(shard: Shard) -> Document:
    """No answer from the third image's part."""
    if shard.images[0].row == 2:
        os._exit(9)
    return length_of(shard)

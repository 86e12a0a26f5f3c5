"""Work in parts: kept, gone on with, handed to processes and to a cluster, and not lost with a worker."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from distributed import LocalCluster

from core.audit import shards as sharding
from core.audit.shards import Document, Shard, ShardImage, Workers, run_shards
from core.errors import InputError
from tests.support.shard_work import dies_always, dies_once, length_of, threads_of


@pytest.fixture(autouse=True)
def plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's test leaves its script as the main module, which new processes would run."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    """Five parts of one file each, 1 to 5 bytes long."""
    made = []
    for number in range(5):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(b"x" * (number + 1))
        made.append(Shard("looks", "", "", (ShardImage(str(path), "", "basophil", number),)))
    return made


def run(shards: list[Shard], tmp_path: Path, workers: Workers = Workers(), work=length_of) -> list[Document]:  # type: ignore[no-untyped-def] # noqa: B008
    return run_shards(shards, work, tmp_path / "kept", workers, lambda line: None)


def sizes(documents: list[Document]) -> list[int]:
    return [document["rows"][0] for document in documents]


def test_results_come_in_order_and_are_kept(shards: list[Shard], tmp_path: Path) -> None:
    assert sizes(run(shards, tmp_path)) == [1, 2, 3, 4, 5]

    def nothing_to_do(shard: Shard) -> Document:
        raise AssertionError(shard.name)

    assert sizes(run(shards, tmp_path, work=nothing_to_do)) == [1, 2, 3, 4, 5]


def test_a_result_belongs_to_the_file_the_seed_and_the_model(shards: list[Shard], tmp_path: Path) -> None:
    one = shards[0]
    before = one.name
    assert {replace(one, seed=1).name, replace(one, identity="other").name, replace(one, step="shift").name} & {
        before
    } == set()
    (tmp_path / "0.bin").write_bytes(b"changed")
    assert one.name != before


def test_a_damaged_result_is_made_anew(shards: list[Shard], tmp_path: Path) -> None:
    run(shards, tmp_path)
    (tmp_path / "kept" / shards[1].name).write_text('{"rows": [')
    assert sizes(run(shards, tmp_path)) == [1, 2, 3, 4, 5]


def test_processes_share_the_work(shards: list[Shard], tmp_path: Path) -> None:
    documents = run(shards, tmp_path, Workers(2))
    assert sizes(documents) == [1, 2, 3, 4, 5]
    assert os.getpid() not in {document["process"] for document in documents}


def test_processes_share_the_cores(shards: list[Shard], tmp_path: Path) -> None:
    own = max(1, (os.cpu_count() or 1) // 2)
    assert set(sizes(run(shards[:2], tmp_path, Workers(2), threads_of))) == {own}


def test_a_lost_worker_costs_its_part_alone(shards: list[Shard], tmp_path: Path) -> None:
    assert sizes(run(shards, tmp_path, Workers(2), dies_once)) == [1, 2, 3, 4, 5]


def test_a_part_that_always_loses_its_worker_is_told(
    shards: list[Shard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "TRIES", 1)
    with pytest.raises(InputError, match=r"1 times without an answer.*2\.bin"):
        run(shards[2:3] + shards[4:], tmp_path, Workers(2), dies_always)


def test_a_cluster_of_two_workers_gives_the_same(shards: list[Shard], tmp_path: Path) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        documents = run(shards, tmp_path, Workers(cluster=cluster.scheduler_address))
        lost = run_shards(
            shards, dies_once, tmp_path / "again", Workers(cluster=cluster.scheduler_address), lambda line: None
        )
    assert sizes(documents) == sizes(lost) == [1, 2, 3, 4, 5]


def test_a_cluster_that_is_not_there_is_told(
    shards: list[Shard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "CONNECTING", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run(shards, tmp_path, Workers(cluster="tcp://127.0.0.1:9"))


def test_a_folder_that_takes_nothing_is_told(shards: list[Shard], tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(InputError, match="cannot be kept"):
        run(shards, tmp_path)

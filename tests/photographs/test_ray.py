"""Indexing on a Ray cluster of two nodes on this machine, of which one is killed midway. `make test-ray` runs it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.config import Config
from smiledet.photographs import ray_cluster
from smiledet.photographs.discover import discover
from smiledet.photographs.index import Indexer
from smiledet.photographs.ray_cluster import RayCluster
from smiledet.sources.demo import scene

CONFIG = replace(Config(), tasks=("smile",))
MEMORY = 100_000_000


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with a processor each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    import ray

    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def folder(tmp_path):
    """Sixty photographs, some with faces, no two alike, and what is none."""
    for number in range(60):
        picture = scene(number) if number % 6 == 0 else np.full((120, 160, 3), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    (tmp_path / "broken.jpg").write_text("no picture")
    return tmp_path


@pytest.mark.slow
def test_every_photograph_is_accounted_for_once_though_a_node_is_killed(cluster, folder, monkeypatch, tmp_path_factory):
    monkeypatch.setattr(ray_cluster, "PARCEL_FILES", 4)
    node = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    files = discover([folder]).files
    store = tmp_path_factory.mktemp("store") / "store.sqlite"
    seen: Counter[Path] = Counter()
    workers = RayCluster(cluster.address, CONFIG, 400, 1.0)
    with Indexer(CONFIG, store, cluster=workers, clock=iter(range(10**6)).__next__) as indexer:
        for file in indexer.each(files):
            if not seen:
                cluster.remove_node(node, allow_graceful=False)
            seen[file.path] += 1
        assert seen == Counter(files)
        assert len(indexer.store.photographs()) == 60
        assert indexer.store.recall(folder / "broken.jpg")[0].row.failed == "it is no image, or a damaged one"
        assert sum(row.face_count for row in indexer.store.photographs()) == 20
        assert {each.known for each in indexer.each(files)} == {True}


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "here", "127.0.0.1:99999999", ":80"])
def test_no_cluster_is_said_in_one_line(complaint, address):
    pytest.importorskip("ray")
    with complaint(f"--ray {address}" if address.startswith("127") else repr(address)):
        RayCluster(address, CONFIG, 400, 1.0)


def test_parcels_are_bounded_by_bytes_and_hold_every_file_once(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "PARCEL_BYTES", 100)
    files = [tmp_path / f"{number}.jpg" for number in range(10)]
    for number, file in enumerate(files):
        file.write_bytes(b"x" * (30 if number < 8 else 500))
    parcels = list(ray_cluster.parcels_of(files))
    assert [len(parcel) for parcel in parcels] == [3, 3, 2, 1, 1]
    assert [file for parcel in parcels for file in parcel] == files

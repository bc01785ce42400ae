"""Indexing on a Ray cluster of two nodes on this machine, of which one is killed midway. `make test-ray` runs it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
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


@pytest.fixture
def bucket(monkeypatch, folder):
    """The photographs in a bucket of moto's S3 server, which SMILEDET_MOTO names; `make test-ray` installs it."""
    pytest.importorskip("fsspec")
    fs = pytest.importorskip("pyarrow.fs")
    moto = os.environ.get("SMILEDET_MOTO") or shutil.which("moto_server")
    if moto is None:
        pytest.skip("moto_server is not installed; `make test-ray` does that")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([moto, "-p", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        while "Running on" not in server.stderr.readline():
            assert server.poll() is None
        threading.Thread(target=server.stderr.read, daemon=True).start()
        for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        store = fs.S3FileSystem(endpoint_override=f"127.0.0.1:{port}", scheme="http", allow_bucket_creation=True)
        store.create_dir("bucket")
        for file in folder.iterdir():
            with store.open_output_stream(f"bucket/2024/{file.name}") as stream:
                stream.write(file.read_bytes())
        yield store
    finally:
        server.terminate()
        server.wait()


@pytest.mark.slow
def test_a_bucket_is_read_on_a_cluster_and_only_what_is_new_the_next_time(bucket, tmp_path):
    pytest.importorskip("ray")
    pq = pytest.importorskip("pyarrow.parquet")
    command = [sys.executable, "-m", "smiledet", "images", "s3://bucket/2024", "--ray", "local", "--tasks", "smile"]
    command += ["--store", str(tmp_path / "store.sqlite"), "--output", str(tmp_path / "faces.parquet")]
    said = []
    for name in ("61.png", "62.png"):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rows = pq.read_table(tmp_path / "faces.parquet").to_pylist()
        said.append((len({row["file"] for row in rows}), sum(row["track"] is not None for row in rows)))
        assert rows[0]["file"].startswith("s3://bucket/2024/")
        assert "not read: s3://bucket/2024/broken.jpg: it is no image, or a damaged one" in done.stderr
        with bucket.open_output_stream(f"bucket/2024/{name}") as stream:
            stream.write(cv2.imencode(".png", scene(40))[1].tobytes() + name.encode())
    assert said == [(60, 20), (61, 22)]


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

"""README and the guide from the wheel alone: in an empty environment, in another folder, every example as printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from page_blocks import blocks

ROOT = Path(__file__).parents[2]
# own-models.md reads files that a user has made; a test of its own makes them.
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "own-models")]

pytestmark = pytest.mark.slow

EXAMPLES = [
    pytest.param(block, id=f"{page.name}: {block.heading}: {block.kind} {number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8")))
    if block.kind in ("bash", "python") and not block.reason
]
WITHOUT_EXTRAS = [param for param in EXAMPLES if not param.values[0].needs]
TRAINING = [param for param in EXAMPLES if param.values[0].needs == "train"]

FACES = """
import cv2, pathlib
from smiledet.sources.demo import scene
for number in range(24):
    halves = scene(12 * number)[:, :320], scene(12 * number)[:, 320:]
    for label, picture in zip(("none", "some"), halves):
        folder = pathlib.Path("faces", label)
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.convertScaleAbs(picture, alpha=0.7 + 0.02 * number))
"""
"""Forty-eight photographs of the demo's faces in folders by label."""

NOTEBOOK = """
import nbclient, nbformat
notebook = nbformat.read("first-look.ipynb", as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print([output for cell in notebook.cells for output in cell.get("outputs", [])])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An empty folder outside of the checkout with a user's files: a portrait, a folder of photographs and a clip."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "photos").mkdir()
    for place in (folder, folder / "photos"):
        shutil.copy(ROOT / "smiledet" / "sources" / "portraits" / "hopper.jpg", place / "portrait.jpg")
    return folder


@pytest.fixture(scope="module")
def clip(clean_python, run, folder) -> Path:
    """The clip, recorded by the program itself."""
    words = ["run", "demo", "--no-show", "--record", "clip.mp4", "--max-frames", 40]
    done = run([clean_python, "-m", "smiledet", *words], folder)
    assert done.returncode == 0, done.stderr
    return folder / "clip.mp4"


def type_in(block, python: Path, folder: Path, run):
    """Run an example as its reader does: a shell or Python whose PATH begins with the environment."""
    program = ["bash", "-e", "-c", block.text] if block.kind == "bash" else [python, "-c", block.text]
    done = run(program, folder, PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, f"{block.text}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def test_the_examples_are_found():
    """Or nothing would be tested below."""
    pages = {param.id.partition(":")[0] for param in WITHOUT_EXTRAS}
    assert {"README.md", "quickstart.md", "photographs.md", "python.md"} <= pages
    assert "README.md" in {param.id.partition(":")[0] for param in TRAINING}


@pytest.mark.parametrize("block", WITHOUT_EXTRAS)
def test_an_example_runs_from_the_wheel_alone(block, clean_python, clip, run, tmp_path):
    shutil.copytree(clip.parent, tmp_path, dirs_exist_ok=True)
    type_in(block, clean_python, tmp_path, run)


def test_nothing_of_the_extras_is_installed(clean_python, run, tmp_path):
    """Or the examples would not show what the wheel alone can do."""
    names = ["tensorflow", "pandas", "matplotlib", "fastapi"]
    code = f"from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
    assert run([clean_python, "-c", code], tmp_path).stdout == "[]\n"


@pytest.mark.train
@pytest.mark.parametrize("block", TRAINING)
def test_a_new_task_is_trained_evaluated_and_run(block, full_python, run, folder, tmp_path):
    pytest.importorskip("tensorflow")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    words = ["run", "demo", "--no-show", "--record", "clip.mp4", "--max-frames", 20]
    for command in (["-c", FACES], ["-m", "smiledet", *words]):
        done = run([full_python, *command], tmp_path)
        assert done.returncode == 0, done.stderr
    done = type_in(block, full_python, tmp_path, run)
    right = float(re.search(r"test: .*?([\d.]+) % right of \d+ held-out faces", done.stdout)[1])
    assert right > 80  # the two faces are two people
    assert re.search(r"on folders:faces \(all but 40 that a model was trained on\): accuracy [\d.]+ %", done.stdout)
    assert "8 photographs" in done.stdout
    assert re.search(r"^face 1: presents (none|some) \d+ %", done.stdout, re.MULTILINE)
    assert (tmp_path / "smiledet-models" / "index.json").is_file()


def test_the_service_answers(full_python, folder, tmp_path):
    httpx, *_ = [pytest.importorskip(name) for name in ("httpx", "fastapi", "python_multipart", "uvicorn")]
    (service,) = [param.values[0] for param in EXAMPLES if param.values[0].needs == "fastapi"]
    assert service.lines <= 20
    (tmp_path / "service.py").write_text(service.text)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    server = subprocess.Popen(
        [full_python, "-m", "uvicorn", "service:app", "--port", "0"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, server.kill)
    watchdog.start()
    try:
        address = next(found[1] for line in server.stderr if (found := re.search(r"running on (http://\S+)", line)))
        with (folder / "portrait.jpg").open("rb") as file:
            (face,) = httpx.post(f"{address}/faces", files={"photo": file}, timeout=60).json()
        refused = httpx.post(f"{address}/faces", files={"photo": b"no picture"}, timeout=60)
    finally:
        watchdog.cancel()
        server.terminate()
        server.communicate()
    assert face["smile"] == "not smiling" and face["width"] > 100
    assert refused.status_code == 422 and "picture" in refused.json()["detail"]


def test_the_notebook_runs(full_python, run, tmp_path):
    for name in ("nbclient", "ipykernel"):
        pytest.importorskip(name)
    shutil.copy(ROOT / "docs" / "first-look.ipynb", tmp_path)
    done = run([full_python, "-c", NOTEBOOK], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "image/png" in done.stdout and "smiling" in done.stdout

"""The peers that smiledet is measured against, and what has to be installed for each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import smiledet
from smiledet.errors import UsageError
from smiledet.lab.benchmark.peers.worker import SCRIPTS
from smiledet.model_index import find_model

OPENCV = ("opencv-python>=4.10,<5", "opencv-contrib-python-headless>=4.10,<5")
"""OpenCV 5, which a fresh install would take, has no Viola-Jones; deepface asks for the second."""

KERAS = ("tensorflow>=2.19,<3", "keras>=3.15,<4", OPENCV[0])
"""The second as the one that wrote our files; the newest of TensorFlow brings it along."""

FER = (
    # Without what it asks for: facenet-pytorch brings PyTorch with CUDA, several GB that Viola-Jones does without.
    ("--no-deps", "fer==25.10.3"),
    # It imports pkg_resources, which setuptools 81 and later lack.
    (*KERAS, "setuptools<81", "pandas", "pillow", "requests", "matplotlib", "tqdm", "moviepy<2", "ffmpeg-python"),
)

DEEPFACE = (
    ("--no-deps", "deepface==0.0.103"),
    # It imports werkzeug, which comes with flask, without asking for it.
    (*KERAS, OPENCV[1], "tf-keras", "retina-face", "mtcnn", "gdown", "flask", "onnxruntime", "pandas", "requests"),
)

MEDIAPIPE = (("mediapipe==0.10.14", "numpy<3", "opencv-contrib-python>=4.10,<5"),)
"""The last release with face_mesh; it needs protobuf 4, TensorFlow a later one."""

TORCH = (*FER, ("--no-deps", "facenet-pytorch==2.5.3"), ("torch", "torchvision"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that reads faces.

    Attributes:
        name: What it is called on the command line.
        about: What it does, in words.
        loop: Its file; see `smiledet.lab.benchmark.peers.loops.serve`.
        options: Makes what is handed to the loop, from the clip's pictures a second.
        packages: What pip is asked to install, one call after the other; empty for smiledet itself.
        apart: Whether it has an environment of its own, because it needs older packages than the others.
        large: Whether that is so much that it is left out unless it is asked for by name.
        variables: Set in its process's environment.
    """

    name: str
    about: str
    loop: Path
    options: Callable[[float], Mapping[str, Any]] = lambda _fps: {}
    packages: tuple[tuple[str, ...], ...] = ()
    apart: bool = False
    large: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment_in(self, folder: Path) -> Path:
        """The folder of its virtual environment, where `folder` is that of the peers which share one."""
        return folder.with_name(f"{folder.name}-{self.packages[0][0].partition('=')[0]}") if self.apart else folder


def _networks(*tasks: str) -> Mapping[str, Any]:
    models = [find_model(task, "mini-xception") for task in tasks]
    return {
        "networks": [
            (str(model.file("keras").resolve()), model.labels, [*(model.outputs or range(len(model.labels)))])
            for model in models
        ]
    }


def _landmarker(fps: float) -> Mapping[str, Any]:
    folder = Path(os.environ.get("SMILEDET_DATA") or "../shared/data")
    return {"landmarker": str((folder / "teachers" / "face_landmarker.task").resolve()), "fps": fps}


SMILEDET = Peer(
    "smiledet",
    "this package: smile and emotion, aligned, drawn",
    SCRIPTS / "loop_smiledet.py",
    lambda fps: {"fps": fps},
    variables={"PYTHONPATH": str(Path(smiledet.__file__).parents[1])},
)

UNDRAWN = replace(
    SMILEDET,
    name="smiledet-undrawn",
    about="this package with outputs that need no picture, events say: nothing is drawn",
    options=lambda fps: {"fps": fps, "uses_drawing": False},
)

PEERS = (
    UNDRAWN,
    Peer("fer", "fer as it comes: Haar, its quantised network", SCRIPTS / "loop_fer.py", packages=FER),
    Peer(
        "fer-keras",
        "fer with its Keras network",
        SCRIPTS / "loop_fer.py",
        lambda _fps: {"use_tflite": False},
        packages=FER,
    ),
    Peer(
        "papers-emotion",
        "the papers' loop: Haar on every frame, predict() of emotion a face",
        SCRIPTS / "loop_papers.py",
        lambda _fps: _networks("emotion"),
        packages=(KERAS,),
    ),
    Peer(
        "papers",
        "the papers' loop with two networks: emotion and gender",
        SCRIPTS / "loop_papers.py",
        lambda _fps: _networks("emotion", "gender"),
        packages=(KERAS,),
    ),
    Peer(
        "mediapipe-mesh",
        "MediaPipe's face mesh of up to four faces; no expression, nothing drawn",
        SCRIPTS / "loop_mediapipe.py",
        packages=MEDIAPIPE,
        apart=True,
    ),
    Peer(
        "mediapipe-smile",
        "MediaPipe's face landmarker, up to four faces, smile from its blendshapes, drawn",
        SCRIPTS / "loop_mediapipe.py",
        _landmarker,
        packages=MEDIAPIPE,
        apart=True,
    ),
    Peer("deepface", "deepface, emotion alone, its OpenCV detector", SCRIPTS / "loop_deepface.py", packages=DEEPFACE),
    Peer(
        "fer-mtcnn",
        "fer with MTCNN in PyTorch",
        SCRIPTS / "loop_fer.py",
        lambda _fps: {"mtcnn": True},
        packages=TORCH,
        large=True,
    ),
)

NOT_MEASURED = {
    "py-feat": "needs PyTorch, and fetches every network from Hugging Face when it is first used",
}
"""What one would look for in the table, and why it is not there."""


def peers_named(names: str | None) -> list[Peer]:
    """The peers of a list separated by commas; None for all that are not too large, `all` for those as well.

    Raises:
        UsageError: One is unknown, or there is none.
    """
    if names is None:
        return [peer for peer in PEERS if not peer.large]
    known = {peer.name: peer for peer in PEERS}
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if wanted == ["all"]:
        return list(PEERS)
    for name in wanted:
        if name not in known:
            raise UsageError(f"--peers: no peer {name!r}; there are {', '.join(known)}, or all")
    if not wanted:
        raise UsageError(f"--peers {names!r}: expected names separated by commas, of {', '.join(known)}, or all")
    return [known[name] for name in wanted]


def own_python() -> Path:
    """The interpreter that smiledet itself is measured under: this one."""
    return Path(sys.executable)

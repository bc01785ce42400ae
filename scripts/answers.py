"""What smiledet answers on this machine, as JSON, and whether two machines answer alike.

The demo's first 30 frames, a photograph, and every shipped network of a task in every format that LiteRT and ONNX
Runtime read here. `make test-arm64` writes it on this machine and in an emulated one, and compares.

Example:
  python scripts/answers.py here.json
  python scripts/answers.py --compare here.json there.json
"""

import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import smiledet
from smiledet.cli import main as command
from smiledet.model_index import read_index
from smiledet.tasks.base import is_shipped

FRAMES = 30

NEAR = 0.05
"""How far scores may lie apart: kernels of another processor round otherwise, most of all in int8."""

ENGINES = {"litert": "litert", "onnx": "onnx"}
"""Engine by the start of the files' keys that it reads."""


def answers() -> dict[str, Any]:
    """Everything."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        if code := command(["run", "demo", "--no-show", "--max-frames", str(FRAMES), "--events", str(events)]):
            raise SystemExit(code)
        demo = [_row(json.loads(line)) for line in events.read_text().splitlines()]
        photographs = Path(folder) / "photographs"
        if code := command(["demo-photos", str(photographs)]):
            raise SystemExit(code)
        portrait = min(photographs.glob("*.jpg"))
        rows = Path(folder) / "rows.jsonl"
        if code := command(["images", str(portrait), "--output", str(rows)]):
            raise SystemExit(code)
        photograph = [_row(json.loads(line)) for line in rows.read_text().splitlines()]
        return {"demo": demo, "photograph": photograph, "networks": networks(portrait)}


def networks(portrait: Path) -> dict[str, Any]:
    """What every network says of the photograph's largest face, by TASK/NAME and engine."""
    said = {}
    for model in read_index():
        if not is_shipped(model.task):
            continue
        for engine in sorted({name for start, name in ENGINES.items() for key in model.files if key.startswith(start)}):
            with smiledet.FaceReader(tasks=[model.task], model={model.task: model.name}, engine=engine) as reader:
                face = reader.read(portrait).faces[0]
            reading = getattr(face, model.task)
            said[f"{model.task}/{model.name}, {engine}"] = {"label": reading.label, "score": reading.score}
            print(f"{model.task}/{model.name}, {engine}: {reading.label}", flush=True)
    return said


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """What is compared of a row: who is where, and what was read."""
    faces = row.get("faces", [row])
    kept = ("track", "x", "y", "width", "height", "smile", "smile_score", "emotion", "emotion_score")
    return {"frame": row.get("frame"), "faces": [{key: face.get(key) for key in kept} for face in faces]}


def differences(here: Any, there: Any, where: str = "") -> list[str]:
    """Where two answers differ: numbers by more than `NEAR` (pixels by more than 3), else at all."""
    if isinstance(here, dict) and isinstance(there, dict) and here.keys() == there.keys():
        return [text for key in here for text in differences(here[key], there[key], f"{where} {key}")]
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        pairs = enumerate(zip(here, there, strict=True))
        return [text for place, pair in pairs for text in differences(*pair, f"{where} {place}")]
    if isinstance(here, float) or isinstance(there, float):
        near = here is not None and there is not None and abs(here - there) <= NEAR
    elif isinstance(here, int) and isinstance(there, int):
        near = abs(here - there) <= 3
    else:
        near = here == there
    return [] if near else [f"{where.strip()}: {here!r} here, {there!r} there"]


def main() -> int:
    """Write or compare."""
    if len(sys.argv) == 4 and sys.argv[1] == "--compare":
        here, there = (json.loads(Path(name).read_text()) for name in sys.argv[2:])
        found = differences(here["answers"], there["answers"])
        print("\n".join(found))
        frames = len({row["frame"] for row in here["answers"]["demo"]})
        print(
            f"{there['machine']} beside {here['machine']}: {frames} frames, a photograph and"
            f" {len(here['answers']['networks'])} networks' answers, {len(found)} differences"
        )
        return 1 if found else 0
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    Path(sys.argv[1]).write_text(json.dumps({"machine": platform.machine(), "answers": answers()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

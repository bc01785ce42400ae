"""Writing photographs, their files, faces and readings into the tables of the store."""

from __future__ import annotations

import os
import re
import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from typing import Any

from smiledet.frame import Box
from smiledet.photographs.records import FACE_COUNTS, FACES, STILL, NewFace, NewPhotograph, StoredFile, decade
from smiledet.system.cells import NOTHING, NUMBER, TEXT, WHOLE, content_of, rows
from smiledet.system.text import valid_text

SAME_FACE = 0.5
"""Overlap of two boxes (intersection over union) from which a correction of one is of the other."""

StoredCorrection = tuple[int, Box, str, str]
"""Number of the row, face, task, label."""


def put_file(connection: sqlite3.Connection, file: StoredFile) -> int:
    """Note what a file holds, in the place of what it held.

    Returns:
        The number of the content.
    """
    connection.execute("INSERT INTO contents (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING", [file.hash])
    (content,) = connection.execute("SELECT id FROM contents WHERE hash = ?", [file.hash]).fetchone()
    row = {
        "path": os.fsencode(file.path),
        "position": file.position,
        "folder": os.fsencode(file.path.parent),
        "name": valid_text(str(file.path)).casefold(),
        "natural": natural_text(file.path) + (f"@{file.position:020.3f}" if file.position != STILL else ""),
        "mtime_ns": file.mtime_ns,
        "bytes": file.bytes,
        "content": content,
    }
    newer = "content = excluded.content, mtime_ns = excluded.mtime_ns, bytes = excluded.bytes"
    _insert(connection, "files", row, f" ON CONFLICT (path, position) DO UPDATE SET {newer}")
    return int(content)


def put_photograph(connection: sqlite3.Connection, edition: int, content: int, photograph: NewPhotograph) -> None:
    """Store a photograph whose file is there, in the place of what was stored of the same content and edition."""
    faces, file = photograph.faces, photograph.file
    connection.execute("DELETE FROM photographs WHERE edition = ? AND content = ?", [edition, content])
    smiles = [face.smile_intensity for face in faces if face.smile_intensity is not None]
    eyes = [face.eyes_open for face in faces if face.eyes_open is not None]
    scores = [reading.score for face in faces for reading in face.readings.values()]
    changed = datetime.fromtimestamp(file.mtime_ns / 1e9).isoformat(timespec="seconds")
    row = {
        "edition": edition,
        "content": content,
        "width": photograph.width,
        "height": photograph.height,
        "taken": photograph.taken,
        "dated": photograph.taken or changed,
        "sharpness": photograph.sharpness,
        "phash": photograph.phash,
        "detector": photograph.detector,
        "turned": photograph.turned,
        "failed": photograph.failed,
        "indexed_at": now(),
        "face_count": len(faces),
        "smile": fmean(smiles) if smiles else None,
        "least_smile": min(smiles, default=None),
        "least_eyes_open": min(eyes, default=None),
        "doubt": 1 - min(scores) if scores else None,
    }
    number = _insert(connection, "photographs", row)
    corrections = corrections_of(connection, content)
    for rank, face in enumerate(faces, 1):
        _put_face(connection, number, rank, face, corrections)
    if photograph.failed is None:
        classify(connection, edition, number)


def classify(connection: sqlite3.Connection, edition: int, photograph: int) -> None:
    """Note under which labels a photograph is found."""
    connection.execute("DELETE FROM classes WHERE photograph = ?", [photograph])
    query = (
        "SELECT r.task, COALESCE(r.corrected, r.label), r.number FROM faces f "
        "JOIN readings r ON r.face = f.id WHERE f.photograph = ?"
    )
    found = rows(connection, query, [photograph], TEXT, TEXT, NUMBER | NOTHING)
    classes = {(task, label if number is None else decade(number)) for task, label, number in found}
    query = "SELECT face_count FROM photographs WHERE id = ?"
    ((count,),) = rows(connection, query, [photograph], WHOLE)
    classes.add((FACES, FACE_COUNTS[max(0, min(count, 2))]))
    added = [(edition, task, label, photograph) for task, label in classes]
    connection.executemany("INSERT INTO classes (edition, task, label, photograph) VALUES (?, ?, ?, ?)", added)


def corrections_of(connection: sqlite3.Connection, content: int) -> list[StoredCorrection]:
    """What a person said of a content, the last at the end."""
    query = "SELECT id, x, y, width, height, task, label FROM corrections WHERE content = ? ORDER BY id"
    kinds = (WHOLE, NUMBER, NUMBER, NUMBER, NUMBER, TEXT, TEXT)
    found = rows(connection, query, [content], *kinds)
    return [(row, Box(*place), task, label) for row, *place, task, label in found]


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def natural_text(path: Path) -> str:
    """A text that sorts as people sort paths: folder by folder, 2.jpg before 10.jpg.

    >>> natural_text(Path("/a/IMG 2.jpg")) < natural_text(Path("/a/img 10.jpg")) < natural_text(Path("/b/1.jpg"))
    True
    """
    text = "\x01".join(valid_text(part).lower() for part in path.parts)
    return re.sub(r"[0-9]+", lambda digits: digits[0].zfill(20), text)


def _put_face(
    connection: sqlite3.Connection,
    photograph: int,
    rank: int,
    face: NewFace,
    corrections: Sequence[StoredCorrection],
) -> None:
    box, pose = face.box, face.pose
    row = {
        "photograph": photograph,
        "number": rank,
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "detection_score": face.detection_score,
        "yaw": pose.yaw if pose else None,
        "pitch": pose.pitch if pose else None,
        "roll": pose.roll if pose else None,
        "eyes_open": face.eyes_open,
        "mouth_open": face.mouth_open,
        "smile_intensity": face.smile_intensity,
        "sharpness": face.sharpness,
    }
    number = _insert(connection, "faces", row)
    corrected = {task: label for _, place, task, label in corrections if place.iou(box) > SAME_FACE}
    for task, reading in face.readings.items():
        given = corrected.get(task)
        values: dict[str, Any] = {
            "face": number,
            "task": task,
            "label": reading.label,
            "score": reading.score,
            "number": reading.number if given is None or reading.number is None else _number(given),
            "scores": array("f", reading.scores).tobytes(),
            "corrected": given,
        }
        _insert(connection, "readings", values)


def _number(label: str) -> float:
    with content_of("label"):
        return float(label)


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any], otherwise: str = "") -> int:
    marks = ", ".join("?" * len(row))
    query = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}){otherwise}"
    return int(connection.execute(query, list(row.values())).lastrowid or 0)

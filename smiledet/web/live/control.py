"""What the page changes of a run: tasks, models, detector, thresholds, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from smiledet.config import Config, TaskSettings
from smiledet.detection.detectors.choose import installed_detectors
from smiledet.errors import UsageError
from smiledet.model_index import all_models
from smiledet.pipeline import Pipeline
from smiledet.sinks.recorder import Recorder
from smiledet.system.redaction import redact
from smiledet.tasks.base import is_shipped, shipped_tasks
from smiledet.web.live.sink import PageSink


class Changes(BaseModel):
    """What is to be changed; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    tasks: Annotated[list[str], Field(min_length=1, description="What is read from each face.")] | None = None
    models: dict[str, str] | None = Field(None, description="The name of a shipped model by task; empty for the usual.")
    detector: str | None = Field(None, description="The face detector.")
    unsure_below: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="By task: the lead of the first label below which the answer is `unsure`."
    )
    min_face: Annotated[float, Field(ge=0.02, le=1)] | None = Field(
        None, description="Smallest face of a video, as a share of the picture's shorter side."
    )


class Recording(BaseModel):
    """Which source is recorded; all of them where none is named."""

    model_config = ConfigDict(extra="forbid")

    source: str = ""


class Choice(BaseModel):
    """Of which face it is shown what the network looks at."""

    model_config = ConfigDict(extra="forbid")

    source: str = ""
    track: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="None for the largest face.")


def add_control(
    app: FastAPI, pipeline: Pipeline, page: PageSink, recorder: Recorder | None, sources: Sequence[str]
) -> None:
    """Add the routes."""
    detectors = installed_detectors()

    @app.get("/api/settings")
    def settings() -> dict[str, Any]:
        """What runs now, and what there is to choose from."""
        return _told(pipeline, detectors)

    @app.patch("/api/settings")
    def change(changes: Changes) -> dict[str, Any]:
        """Go on with other tasks, models, thresholds or another detector, for all sources; without a restart.

        400 where that cannot be: everything then stays as it was.
        """
        try:
            pipeline.switch(_changed(pipeline.config, changes, detectors))
        except UsageError as problem:
            raise HTTPException(400, redact(str(problem))) from problem
        page.tasks = pipeline.tasks
        return _told(pipeline, detectors)

    @app.put("/api/explained")
    def choose(choice: Choice) -> dict[str, int | None]:
        """Explain another face of a source from now on; while it is not there, the largest. The faces, by source."""
        source = choice.source or sources[0]
        try:
            pipeline.choose(source, choice.track)
        except UsageError as problem:
            raise HTTPException(404, redact(str(problem))) from problem
        return pipeline.chosen

    @app.post("/api/recordings", status_code=201)
    def record(wanted: Recording) -> dict[str, Any]:
        """Write the annotated video of a source from now on: the files, by source."""
        return _recorded(wanted, start=True)

    @app.delete("/api/recordings")
    def stop(wanted: Recording) -> dict[str, Any]:
        """End the recording of a source: the files, by source."""
        return _recorded(wanted, start=False)

    def _recorded(wanted: Recording, start: bool) -> dict[str, Any]:
        if recorder is None:
            raise HTTPException(403, "no picture is to leave (privacy.images)")
        names = [name for name in sources if wanted.source in ("", name)]
        if not names:
            raise HTTPException(404, f"there is no source {wanted.source!r}")
        try:
            found = {name: recorder.start(name) if start else recorder.stop(name) for name in names}
        except UsageError as problem:
            raise HTTPException(400, redact(str(problem))) from problem
        return {name: path.name for name, path in found.items() if path is not None}


def _told(pipeline: Pipeline, detectors: Sequence[str]) -> dict[str, Any]:
    config = pipeline.config
    known = list(dict.fromkeys([*shipped_tasks(), *config.tasks]))
    return {
        "tasks": list(config.tasks),
        "models": pipeline.models,
        "detector": config.detector,
        "unsure_below": {task.name: task.unsure_below for task in pipeline.tasks if task.numbers is None},
        "min_face": config.locator.min_face,
        "choices": {
            "tasks": known,
            "models": {task: [model.name for model in all_models() if model.task == task] for task in known},
            "detectors": list(dict.fromkeys([*detectors, config.detector])),
        },
    }


def _changed(config: Config, changes: Changes, detectors: Sequence[str]) -> Config:
    """The configuration with the changes.

    Raises:
        UsageError: A task, model or detector is none that may be chosen here.
    """
    tasks = config.tasks if changes.tasks is None else tuple(dict.fromkeys(changes.tasks))
    models, doubts = changes.models or {}, changes.unsure_below or {}
    for task in (*tasks, *models, *doubts):
        if not is_shipped(task) and task not in config.tasks:
            raise UsageError(f"unknown task {task!r}; there are {', '.join(shipped_tasks())}")
    settings = dict(config.task)
    for task, name in models.items():
        names = [model.name for model in all_models() if model.task == task]
        if name and name not in names:  # a path from a browser would open any file of this machine
            raise UsageError(f"no model {task}={name}; there are {', '.join(names)}")
        settings[task] = replace(settings.get(task, TaskSettings()), model=name)
    for task, lead in doubts.items():
        settings[task] = replace(settings.get(task, TaskSettings()), unsure_below=lead)
    locator = config.locator if changes.min_face is None else replace(config.locator, min_face=changes.min_face)
    config = replace(config, tasks=tasks, task=settings, locator=locator)
    if changes.detector is None or changes.detector == config.detector:
        return config
    if changes.detector not in detectors:
        raise UsageError(f"no detector {changes.detector!r} here; there are {', '.join(detectors)}")
    photographs = replace(config.photographs, detector=changes.detector)
    return replace(config, detector=changes.detector, photographs=photographs)

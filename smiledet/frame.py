"""What travels through the pipeline: a frame, the faces in it, and what was read from them.

Results are frozen and slotted, so that threads share them without a lock. `Frame` alone is mutable: stages attach their
results to it, and `FrameBuffer` is the only one who lets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""BGR, uint8, of shape (height, width, 3), as in OpenCV."""

GreyImage = npt.NDArray[np.uint8]
"""Grey, uint8, of shape (height, width)."""

Points = npt.NDArray[np.float64]
"""Points (x, y) in pixels, of shape (n, 2)."""

Matrix = npt.NDArray[np.float64]
"""A 2x3 affine map, applied as `points @ matrix[:, :2].T + matrix[:, 2]`."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels of the full frame; it unpacks in the order of its fields.

    Attributes:
        x: Its left side.
        y: Its upper side.
        width: From there to the right.
        height: From there down.

    Examples:
        >>> x, y, width, height = Box(10, 20, 30, 40)
        >>> x + width
        40
    """

    x: float
    y: float
    width: float
    height: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.x, self.y, self.width, self.height))

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, (x, y) in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        """Width times height, in square pixels."""
        return self.width * self.height

    def holds(self, x: float, y: float) -> bool:
        """Whether a place lies in it.

        Args:
            x: In pixels, to the right.
            y: Down.

        >>> Box(10, 20, 30, 40).holds(10, 59), Box(10, 20, 30, 40).holds(40, 30)
        (True, False)
        """
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 to 1.

        Args:
            other: The other box, in pixels of the same picture.

        Examples:
            >>> Box(0, 0, 2, 2).iou(Box(1, 0, 2, 2))
            0.3333333333333333
        """
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        return across * down / (self.area + other.area - across * down)

    def scaled(self, factor: float) -> Box:
        """The box grown (or shrunk) about its centre; may leave the picture.

        Args:
            factor: By which width and height are multiplied.

        Examples:
            >>> Box(10, 30, 20, 40).scaled(2)
            Box(x=0.0, y=10.0, width=40, height=80)
        """
        width, height = self.width * factor, self.height * factor
        cx, cy = self.centre
        return Box(cx - width / 2, cy - height / 2, width, height)

    def times(self, factor: float) -> Box:
        """The box in a picture that is so many times larger.

        Args:
            factor: Side of that picture, in sides of this one.

        Examples:
            >>> Box(10, 10, 20, 30).times(2)
            Box(x=20, y=20, width=40, height=60)
        """
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    def clipped(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Whole-pixel corners (left, top, right, bottom) inside a picture of that size; right and bottom exclusive.

        Args:
            width: Of the picture, in pixels.
            height: Of the picture, in pixels.

        Examples:
            >>> Box(-3.2, 4.6, 10, 10).clipped(100, 12)
            (0, 5, 7, 12)
        """
        left, top = max(0, round(self.x)), max(0, round(self.y))
        return left, top, min(width, round(self.x + self.width)), min(height, round(self.y + self.height))


@dataclass(frozen=True, slots=True)
class Detection:
    """What a face detector reports.

    Attributes:
        box: Where, in pixels of the picture that was searched.
        score: The detector's own confidence, higher is surer; Viola-Jones' is the number of
            overlapping windows that it merged into the box.

    Examples:
        >>> Detection(Box(10, 20, 30, 40), score=12.0).box.area
        1200
    """

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a classifier reads from one face.

    Attributes:
        label: The most probable class, or `unsure` where no class leads clearly (`smiledet.tasks.base.Task`).
        score: Its probability, 0 to 1; of `unsure` that of the most probable class.
        scores: The probability of every class, in the task's order; sums to 1.
        intensity: How much there is of what the task measures the strength of (a smile), 0 to 1; None for other tasks.

    Examples:
        >>> answer = Prediction("smiling", 0.75, {"not smiling": 0.25, "smiling": 0.75})
        >>> answer.scores[answer.label] == answer.score
        True
    """

    label: str
    score: float
    scores: Mapping[str, float]
    intensity: float | None = None

    @classmethod
    def of(cls, labels: Sequence[str], scores: Sequence[float] | npt.NDArray[Any]) -> Prediction:
        """The prediction that a row of class probabilities stands for.

        Args:
            labels: The classes.
            scores: The probability of each, 0 to 1, in the order of the labels.

        Examples:
            >>> Prediction.of(["not smiling", "smiling"], [0.25, 0.75]).label
            'smiling'

        Raises:
            ValueError: `labels` and `scores` differ in length.
        """
        named = {label: float(score) for label, score in zip(labels, scores, strict=True)}
        best = max(named, key=named.__getitem__)
        return cls(best, named[best], named)


@dataclass(frozen=True, slots=True)
class ChipSpec:
    """The geometry of the picture that a network takes.

    Attributes:
        size: Side of the square chip, in pixels.
        margin: Side of what the chip shows, in sides of a face box; 1 frames a face as Viola-Jones does.
        channels: 1 for grey, 3 for BGR.

    Examples:
        >>> ChipSpec(64, margin=0.8)
        ChipSpec(size=64, margin=0.8, channels=1)
    """

    size: int
    margin: float = 1.0
    channels: int = 1


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """A face brought into the template's pose.

    Attributes:
        landmarks: The 68 iBUG points, (68, 2) float64, pixels of the full frame; None where none were sought.
        aligned: True where the similarity was applied; False where the fitted affine map was too skewed (or there were
            no landmarks) and the chip was cut from the upright box.
        chips: The cut-outs, uint8 (size, size) or (size, size, 3), one for each geometry that a network asked for.
        to_template: 2x3, from the pixels of the picture that it was cut from to face-box coordinates (0 … 1); None of
            a face that came cut out.
    """

    landmarks: Points | None
    aligned: bool
    chips: Mapping[ChipSpec, npt.NDArray[np.uint8]]
    to_template: Matrix | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A located face.

    Attributes:
        box: Where it is, pixels of the full frame, smoothed over its track.
        score: The detector's confidence in it, last time that it was seen.
        track: Identity that lasts while the face is followed; 1, 2, 3 … in order of appearance.
        search_box: The detector's own box on this frame, unsmoothed, or the smoothed one while the face is only
            guessed at.

    Examples:
        >>> box = Box(10, 20, 30, 40)
        >>> Face(box, score=12.0, track=1, search_box=box).box.centre
        (25.0, 40.0)
    """

    box: Box
    score: float
    track: int
    search_box: Box


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Which way a head faces, in degrees; all three are 0 where it looks straight at the camera, upright.

    A rough estimate from a generic face. Against the poses that GENKI-4K is labelled with it errs by 4.6 degrees in
    yaw, 8.6 in pitch and 1.7 in roll (mean of 228 photographs): it tells a turned head or a nod, and measures nothing.
    Of heads rendered at known angles (`scripts/head_checks.py`) it errs by 3 to 5 degrees in yaw up to 30, by 5 to 7 in
    pitch up to 20 and by 1 in roll.

    Attributes:
        yaw: Positive where the face is turned to the right side of the picture (to the person's own left).
        pitch: Positive where it looks up.
        roll: Positive where it is tilted clockwise, as seen in the picture.

    Examples:
        >>> pose = HeadPose(yaw=20.0, pitch=-5.0, roll=0.0)
        >>> "to the right of the picture" if pose.yaw > 0 else "to the left"
        'to the right of the picture'
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class FaceReading:
    """A face, and what was read from it.

    A task's answer is an attribute of the task's name, too: `face.smile` is `face.predictions["smile"]`.

    Attributes:
        face: Where it is, and which one.
        predictions: The answer of each task, by the task's name. In a video they are smoothed over the face's track.
        landmarks: The 68 iBUG points, (68, 2) float64, pixels of the full frame; None where none were sought in this
            picture, and in what a pipeline's sinks are handed.
        pose: Which way the head faces, estimated from the landmarks; None without them.
        eyes_open: How far the eyes are open: 0 closed, 1 open; None without landmarks. From the picture around them,
            and rough: laughing or shaded eyes and blurred ones come out lower.
        mouth_open: How far the lips are apart: 0 closed, 1 wide open; None without landmarks. A smile that shows teeth
            counts as partly open.

    Examples:
        >>> box = Box(10, 20, 30, 40)
        >>> smile = Prediction.of(("not smiling", "smiling"), (0.25, 0.75))
        >>> face = FaceReading(Face(box, 12.0, 1, box), {"smile": smile})
        >>> face.box.x, face.smile.label, face.smile.score
        (10, 'smiling', 0.75)
    """

    face: Face
    predictions: Mapping[str, Prediction]
    landmarks: Points | None = field(default=None, repr=False, compare=False)
    pose: HeadPose | None = field(default=None, compare=False)
    eyes_open: float | None = field(default=None, compare=False)
    mouth_open: float | None = field(default=None, compare=False)

    @property
    def box(self) -> Box:
        """Where the face is, in pixels of the full frame."""
        return self.face.box

    def times(self, factor: float) -> FaceReading:
        """The same face in a picture that is so many times larger.

        Args:
            factor: Side of that picture, in sides of this one.
        """
        if factor == 1:
            return self
        face = replace(self.face, box=self.face.box.times(factor), search_box=self.face.search_box.times(factor))
        return replace(self, face=face, landmarks=None if self.landmarks is None else self.landmarks * factor)

    @property
    def score(self) -> float:
        """The detector's confidence; its scale is the detector's own, higher is surer."""
        return self.face.score

    @property
    def track(self) -> int:
        """In a video the identity that lasts while the face is followed; in a photograph the face's rank by size."""
        return self.face.track

    @property
    def smile_intensity(self) -> float | None:
        """How much of a smile there is, 0 to 1: it rises with a slow smile. None where `smile` was not read."""
        smile = self.predictions.get("smile")
        return smile.intensity if smile is not None else None

    def __getattr__(self, name: str) -> Prediction:
        # Called for what is no attribute. Copying and pickling ask before the fields are there.
        if not name.startswith("_") and name not in FaceReading.__slots__:
            if name in self.predictions:
                return self.predictions[name]
            raise AttributeError(f"no task {name!r} was read from this face; there are {', '.join(self.predictions)}")
        raise AttributeError(name)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the drawer made of a frame.

    Attributes:
        image: The annotated copy, BGR uint8.
        readings: The faces in it with their labels, ordered by track.
        clean: The frame without the drawing where faces are hidden in it; None where the frame itself may be shown.
        drawn: Whether `image` bears the drawing; not where no sink said that it uses it.

    Examples:
        >>> nobody = Annotation(np.zeros((480, 640, 3), np.uint8), ())
        >>> [reading.smile.label for reading in nobody.readings]
        []
    """

    image: Image
    readings: tuple[FaceReading, ...]
    clean: Image | None = None
    drawn: bool = True


@dataclass(slots=True)
class Frame:
    """One picture on its way through the stages.

    Attributes:
        id: 0, 1, 2 … in order of capture.
        captured_ns: `time.monotonic_ns()` at capture; latencies are measured from it.
        timestamp: Seconds on the source's own time line: position in a clip, Unix time of a live capture. Labels are
            smoothed along it, so that a clip read at full speed is smoothed as one watched.
        image: BGR uint8 (height, width, 3); never written to after capture.
        independent: True where the picture has nothing to do with the one before it (a folder of photographs).
        file: The photograph's file; None where the pictures come from a video.
        scale: Pixels of the photograph for one of `image`, along each side; above 1 where it was decoded smaller.
        full_size: (width, height) of the photograph in pixels where it was decoded smaller; None where `image` has it.
        results: By stage. A stage that failed on the frame leaves None.
        source: The name of its source in a run of several; otherwise as the run was told, empty by default.

    Examples:
        >>> frame = Frame(id=0, captured_ns=0, timestamp=0.0, image=np.zeros((480, 640, 3), np.uint8))
        >>> frame.size
        (640, 480)
    """

    id: int
    captured_ns: int
    timestamp: float
    image: Image
    independent: bool = False
    file: str | None = None
    scale: int = 1
    full_size: tuple[int, int] | None = None
    results: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the full frame in pixels."""
        return self.full_size or (self.image.shape[1], self.image.shape[0])

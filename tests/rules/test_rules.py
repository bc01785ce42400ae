"""Rules: when they fire, and what their actions do."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.client import InvalidURL
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.errors import ConfigError, UsageError
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame, Prediction
from smiledet.pipeline import Pipeline
from smiledet.rules.actions import ActionRunner, Event, post_to, run_program, save_into
from smiledet.rules.conditions import Trigger
from smiledet.rules.settings import RuleSettings
from smiledet.rules.sink import RuleSink
from smiledet.sources.demo import DemoSource
from smiledet.tasks.base import get_task

SMILE, EMOTION = get_task("smile"), get_task("emotion")


def face(track: int = 1, smiling: float = 0.1, emotion: str = "neutral", x: float = 100) -> FaceReading:
    box = Box(x, 100, 50, 50)
    scores = [float(label == emotion) for label in EMOTION.labels]
    predictions = {
        "smile": Prediction.of(SMILE.labels, [1 - smiling, smiling]),
        "emotion": Prediction.of(EMOTION.labels, scores),
    }
    return FaceReading(Face(box, 1.0, track, box), predictions)


def fires(rule: RuleSettings, frames: list[tuple[float, list[FaceReading]]]) -> list[float]:
    """The times at which a rule acts."""
    seen: list[float] = []

    class Runner(ActionRunner):
        def start(self, name: str, action: Any, event: Event) -> None:
            seen.append(event.told["timestamp"])

    sink = RuleSink([rule], [SMILE, EMOTION], "demo", Runner())
    image = np.zeros((400, 640, 3), np.uint8)
    for number, (now, faces) in enumerate(frames):
        sink.write(Frame(number, 0, now, image), Annotation(image, tuple(faces)))
    sink.close()
    return seen


def rule(when: str, **settings: Any) -> RuleSettings:
    return RuleSettings(when, run=("true",), **{"hold": 0.0, "cooldown": 0.0, **settings})


class TestConditions:
    @pytest.mark.parametrize(
        ("when", "faces", "expected"),
        [
            ("face", [face()], True),
            ("face", [], False),
            ("no-face", [], True),
            ("no-face", [face()], False),
            ("smile", [face(smiling=0.9), face(2)], True),
            ("smile", [face()], False),
            ("everyone-smiles", [face(smiling=0.9), face(2, 0.8)], True),
            ("everyone-smiles", [face(smiling=0.9), face(2)], False),
            ("everyone-smiles", [], False),
            ("emotion=happy", [face(emotion="happy")], True),
            ("emotion=happy", [face(emotion="sad")], False),
            ("smile=not smiling", [face()], True),
        ],
    )
    def test_each(self, when: str, faces: list[FaceReading], expected: bool) -> None:
        assert bool(fires(rule(when), [(1.0, faces)])) == expected

    def test_only_faces_in_the_zone_count(self) -> None:
        right = rule("face", zone=(0.5, 0.0, 0.5, 1.0))
        assert fires(right, [(1.0, [face(x=100)])]) == []
        assert fires(right, [(1.0, [face(x=500)])]) == [1.0]
        middles = (294.9, 295, 615, 615.1)  # by the face's middle, the zone's edges included
        assert [bool(fires(right, [(1.0, [face(x=x)])])) for x in middles] == [False, True, True, False]

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (
                RuleSettings("grin", run=("true",)),
                "expected one of face, no-face, smile, everyone-smiles, or TASK=LABEL",
            ),
            (RuleSettings("emotion=bored", run=("true",)), "emotion has no label 'bored'"),
            (RuleSettings("age=30", run=("true",)), "age is not read; tasks are smile, emotion"),
            (RuleSettings("face"), "does nothing"),
            (RuleSettings("face", zone=(0.1,), run=("true",)), "zone has 1 numbers"),
            (RuleSettings("face", run=("no-such-program-here",)), "cannot run 'no-such-program-here'"),
            (RuleSettings("face", post="ftp://x"), "expected http"),
            (RuleSettings("face", post="http://x/", secret="NOT_THERE_AT_ALL"), "NOT_THERE_AT_ALL is not set"),
        ],
    )
    def test_a_rule_that_cannot_be_followed_is_told(self, settings: RuleSettings, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            RuleSink([settings], [SMILE, EMOTION], "demo")


class TestTrigger:
    def times(self, trigger: Trigger, holds: Callable[[float], bool], until: float) -> list[float]:
        steps = [number / 10 for number in range(round(10 * until))]
        return [now for now in steps if trigger.take(holds(now), now)]

    def test_it_must_hold_for_a_while(self) -> None:
        assert self.times(Trigger(0.5, 0), lambda now: 1 <= now < 1.4, 5) == []
        assert self.times(Trigger(0.5, 0), lambda now: now >= 1, 5) == [1.5]

    def test_it_fires_once_while_it_holds(self) -> None:
        assert self.times(Trigger(0.0, 1.0), lambda now: now >= 1, 20) == [1.0]

    def test_a_missed_frame_is_no_end(self) -> None:
        assert self.times(Trigger(0.5, 0), lambda now: now >= 1 and round(now * 10) % 3 != 0, 5) == pytest.approx([1.6])

    def test_it_cools_down(self) -> None:
        every_second = lambda now: now % 1 < 0.5  # noqa: E731
        assert self.times(Trigger(0.0, 2.5), every_second, 10) == [0.0, 3.0, 6.0, 9.0]


class _Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(self.server.answers.pop(0))  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Any]:
    """A web service that answers with the codes of `answers` in turn."""
    server: Any = HTTPServer(("127.0.0.1", 0), _Service)
    server.taken, server.answers = [], []
    server.address = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def event() -> Event:
    told = {"rule": "emotion=happy", "time": "2026-05-01T10:00:00.000+00:00", "frame": 7, "faces": []}
    return Event(told, np.full((40, 60, 3), 200, np.uint8), np.zeros((40, 60, 3), np.uint8))


class TestActions:
    def test_a_photograph_is_saved_with_or_without_the_drawing(self, tmp_path: Path) -> None:
        for annotated, value in ((True, 200), (False, 0)):
            folder = tmp_path / str(annotated)
            runner = ActionRunner()
            settings = RuleSettings("face", save=str(folder), annotated=annotated, hold=0)
            sink = RuleSink([settings], [SMILE], "demo", runner)
            clean, drawn = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
            sink.write(Frame(3, 0, 1.0, clean), Annotation(drawn, (face(),)))
            sink.close()
            (saved,) = folder.iterdir()
            assert abs(int(cv2.imread(str(saved)).mean()) - value) < 3

    def test_no_photograph_takes_the_place_of_another(self, tmp_path: Path) -> None:
        save = save_into(tmp_path, annotated=True)
        for _ in range(3):  # of as many sources, in one moment
            save(event())
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_program_gets_what_was_seen_and_no_shell(self, tmp_path: Path) -> None:
        program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
        target = tmp_path / "$(touch pwned); a b"
        run_program((sys.executable, "-c", program, str(target)))(event())
        assert json.loads(target.read_bytes())["rule"] == "emotion=happy"
        assert [path.name for path in tmp_path.iterdir()] == [target.name]

    def test_a_program_that_fails_is_told_with_its_last_line(self) -> None:
        program = (sys.executable, "-c", "import sys; print('no light', file=sys.stderr); sys.exit(3)")
        with pytest.raises(OSError, match="ended with 3: no light"):
            run_program(program)(event())

    def test_a_post_is_signed(self, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOOK_SECRET", "s3cret")
        service.answers = [200]
        post_to(service.address, "HOOK_SECRET")(event())
        headers, body = service.taken[0]
        expected = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert {name.lower(): value for name, value in headers.items()}["x-smiledet-signature"] == expected
        assert json.loads(body)["frame"] == 7

    def test_a_post_is_tried_again_after_a_fault_of_the_service(self, service: Any) -> None:
        waits: list[float] = []
        service.answers = [503, 500, 200]
        post_to(service.address, pause=waits.append)(event())
        assert (len(service.taken), waits) == (3, [1.0, 2.0])

    def test_a_post_that_is_refused_is_not(self, service: Any) -> None:
        service.answers = [403]
        with pytest.raises(OSError, match="403"):
            post_to(service.address, pause=lambda _: None)(event())

    def test_secrets_of_an_address_are_not_told(self) -> None:
        with pytest.raises(OSError) as told:
            post_to("http://me:s3cret@127.0.0.1:9/?token=abc", pause=lambda _: None)(event())
        assert "s3cret" not in str(told.value)
        assert "abc" not in str(told.value)

    @pytest.mark.parametrize(
        "address",
        [
            "https://hooks.example/services/T0/s3cret",
            "http://me:pa#s3cret@host/x",
            "http://me:pa?s3cret@host/x",
            "http://me:pa/s3cret@host/x",
            "http://me:8@s3cret:x@host/x",
            "http://me:8/s3cret@host/x",
            "http://me:8#s3cret@host/x",
            "http://host/s3cret x",
            "hooks.example/services/s3cret",
        ],
    )
    def test_no_part_of_a_secret_is_told_of_a_service_that_cannot_be_reached(
        self, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(request: Any, **_: Any) -> None:
            raise InvalidURL(f"not allowed: {request.full_url}")

        monkeypatch.setattr("urllib.request.urlopen", unreachable)
        try:
            action = post_to(address, pause=lambda _: None)
        except UsageError as problem:
            told = str(problem)
        else:
            runner = ActionRunner()
            runner.start("post", action, event())
            runner.close()
            (told,) = caplog.messages
        assert "s3cret" not in told
        assert "cannot post" in told or told.endswith(("://hooks.example: InvalidURL", "://host: InvalidURL"))

    def test_a_user_of_an_address_is_sent_as_http_asks_for_it(self, service: Any) -> None:
        service.answers = [200]
        post_to(service.address.replace("://", "://me:p%40ss@"))(event())
        headers, _ = service.taken[0]
        assert headers["Authorization"] == "Basic " + b64encode(b"me:p@ss").decode()

    def test_arguments_of_a_program_that_hangs_are_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smiledet.rules.actions.PROGRAM_SECONDS", 0.2)
        with pytest.raises(OSError, match=r"did not end within 0\.2 s") as told:
            run_program((sys.executable, "-c", "input(); import time; time.sleep(60)", "s3cret"))(event())
        assert "s3cret" not in str(told.value)


class TestRunner:
    def test_it_never_waits_and_counts_what_it_leaves_out(self) -> None:
        runner, go = ActionRunner(at_once=1, waiting=2), threading.Event()

        def wait(_: Event) -> None:
            go.wait(10)

        for _ in range(5):
            runner.start("save", wait, event())
        go.set()
        runner.close()
        assert runner.left_out == {"save": 2}

    def test_a_failing_action_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        runner = ActionRunner()

        def fail(_: Event) -> None:
            raise ValueError("no paper")

        for _ in range(3):
            runner.start("print", fail, event())
        runner._threads.shutdown()
        assert runner.failed == {"print": 3}
        assert [record.getMessage() for record in caplog.records] == ["rule emotion=happy: print failed: no paper"]


def test_what_a_rule_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment at which the frame was taken, where the faces are in shares of the picture, and no secret."""
    monkeypatch.setattr("smiledet.rules.sink.time.time_ns", lambda: 1_000_000_100 * 10**9)
    monkeypatch.setattr("smiledet.rules.sink.time.monotonic_ns", lambda: 60 * 10**9)
    events: list[tuple[str, Event]] = []

    class Runner(ActionRunner):
        def start(self, name: str, action: Any, event: Event) -> None:
            events.append((name, event))

    sink = RuleSink([rule("smile")], [SMILE], "rtsp://me:s3cret@host/x", Runner(), name="hall")
    clean, drawn = (np.full((400, 640, 3), level, np.uint8) for level in (10, 20))
    sink.write(Frame(7, 58 * 10**9, 2.1234567, clean), Annotation(drawn, (face(4, 0.9), face(5, 0.1, x=320))))
    ((name, event),) = events
    told = event.told
    assert (name, sink.of_source, event.annotated is drawn, event.clean is clean) == ("run", "hall", True, True)
    assert told["time"].startswith("2001-09-09T01:48:18")  # two seconds before 01:48:20
    assert (told["rule"], told["timestamp"], told["frame"]) == ("smile", 2.123457, 7)
    assert "s3cret" not in told["source"] and "host" in told["source"]
    assert [each["track"] for each in told["faces"]] == [4, 5]


def test_heads_are_among_what_a_rule_tells() -> None:
    events: list[Event] = []

    class Runner(ActionRunner):
        def start(self, name: str, action: Any, event: Event) -> None:
            events.append(event)

    source = DemoSource(4 / 30)
    source.open()
    Pipeline(load_config("desktop-cpu").config, source, [RuleSink([rule("face")], [SMILE], "demo", Runner())]).run()
    assert events and all(face["yaw"] is not None for face in events[0].told["faces"])


def test_pictures_are_kept_as_long_as_the_clips_need_them(tmp_path: Path) -> None:
    """Apart for those with and without the drawing; what rules without clips say counts for nothing."""
    clip = str(tmp_path)
    rules = [
        RuleSettings("face", clip=clip, before=2.0),
        RuleSettings("smile", clip=clip, before=3.0),
        RuleSettings("face", clip=clip, before=1.0, annotated=False),
        RuleSettings("face", save=clip, before=9.0),
    ]
    sink = RuleSink(rules, [SMILE], "demo")
    assert {annotated: ring._seconds for annotated, ring in sink._rings.items()} == {True: 3.0, False: 1.0}
    sink.close()


def test_which_rules_use_the_drawing(tmp_path: Path) -> None:
    where = str(tmp_path)
    for settings, expected in (
        ({"run": ("true",)}, False),
        ({"save": where}, True),
        ({"clip": where}, True),
        ({"save": where, "annotated": False}, False),
        ({"clip": where, "annotated": False}, False),
    ):
        sink = RuleSink([RuleSettings("face", **settings)], [SMILE], "demo")
        assert sink.uses_drawing == expected, settings
        sink.close()


def test_at_the_end_what_failed_and_what_was_left_out_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    sink = RuleSink([rule("face")], [SMILE], "demo", runner := ActionRunner())
    runner.failed["run"], runner.left_out["save"] = 3, 2
    sink.close()
    sink.close()
    assert [each.getMessage() for each in caplog.records] == ["rules: run failed: 3", "rules: save left out: 2"]


class TestCommandLine:
    """The demo shows a face that smiles and one that does not."""

    RUN = ("run", "demo", "--no-show", "--max-frames", "20", "-q")

    def test_a_rule_of_the_command_line(self, tmp_path: Path) -> None:
        assert main([*self.RUN, "--on", f"smile:save={tmp_path / 'smiles'}"]) == 0
        (saved,) = (tmp_path / "smiles").iterdir()
        assert cv2.imread(str(saved)).shape == (480, 640, 3)

    def test_a_rule_of_the_configuration(self, tmp_path: Path) -> None:
        settings = tmp_path / "rules.toml"
        rules = f'[[rule]]\nwhen = "face"\nhold = 0\nzone = [0.0, 0.0, 0.5, 1.0]\nsave = "{tmp_path / "left"}"\n'
        rules += f'[[rule]]\nwhen = "no-face"\nsave = "{tmp_path / "empty"}"\n'
        settings.write_text(rules)
        assert main([*self.RUN, "--config", str(settings)]) == 0
        assert len(list((tmp_path / "left").iterdir())) == 1
        assert list((tmp_path / "empty").iterdir()) == []

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("smile", "expected CONDITION:ACTION"),
            ("smile:dance=now", "expected CONDITION:ACTION"),
            ("smile:run='unclosed", "No closing quotation"),
            ("grin:run=true", "expected one of face, no-face"),
            ("smile:psot=https://hooks.example/services/s3cret", "--on 'smile:psot=https://hooks.example/…'"),
        ],
    )
    def test_a_mistake_is_told_in_a_line(self, given: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*self.RUN, "--on", given]) == 2
        said = capsys.readouterr().err
        assert told in said
        assert said.count("\n") == 1

    def test_a_mistake_is_told_before_a_camera_is_opened(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["run", "63", "--no-show", "--on", "emotion=glad:run=true"]) == 2
        assert "emotion has no label 'glad'" in capsys.readouterr().err

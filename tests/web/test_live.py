"""The live page: `smiledet run --serve` as a process, and what no process can show."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.buffer import FrameBuffer, Policy, StageSpec
from smiledet.buffer_group import BufferGroup
from smiledet.drawing.annotate import annotate
from smiledet.errors import UsageError
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame, Prediction
from smiledet.tasks.base import get_task
from smiledet.web.address import split_address
from smiledet.web.live.hub import ALL, Hub, Hubs, Newest, Shown
from smiledet.web.live.sink import History, PageSink
from smiledet.web.live.status import Status

httpx = pytest.importorskip("httpx")

LABELS = ("not smiling", "smiling")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`smiledet run … --serve` on a free port: its address, and the process."""
    command = [sys.executable, "-m", "smiledet", "run", *arguments, "--no-show"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"the page is at (\S+)", line):
                yield found[1], process
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.kill()
        process.wait()


@contextmanager
def websocket(address: Any, headers: Mapping[str, str] | None = None) -> Iterator[tuple[int, Any]]:
    """A WebSocket's handshake (RFC 6455): the status, and what receives the next message."""
    host = f"{address.host}:{address.port}"
    named = {"Host": host, "Origin": f"http://{host}", "Upgrade": "websocket", "Connection": "Upgrade"}
    named |= {"Sec-WebSocket-Key": "c21pbGVkZXQtc21pbGVkZQ==", "Sec-WebSocket-Version": "13"} | dict(headers or {})
    with (
        socket.create_connection((address.host, address.port), timeout=30) as connected,
        connected.makefile("rb") as file,
    ):
        lines = ["GET /api/faces HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
        connected.sendall("\r\n".join(lines).encode())
        status = int(file.readline().split()[1])
        while file.readline().strip():
            pass

        def receive() -> Any:
            head = file.read(2)
            assert head[0] == 0x81, "one whole text"
            length = head[1]
            if length >= 126:
                length = int.from_bytes(file.read(2 if length == 126 else 8), "big")
            return json.loads(file.read(length))

        yield status, receive


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("booth")
    with (
        running("demo", "--loop", "--realtime", "--serve", "127.0.0.1:0", "--shutter", str(folder)) as (address, _),
        httpx.Client(base_url=address.removesuffix("shutter"), timeout=30) as client,
    ):
        with client.stream("GET", "/api/faces") as events:  # there is a frame by then
            next(line for line in events.iter_lines() if line.startswith("data:"))
        yield client


def test_a_quiet_run_tells_the_address_that_holds_the_token() -> None:
    with running("demo", "--serve", "0.0.0.0:0", "-q") as (address, _):
        assert "token=" in address


class TestPage:
    @pytest.mark.parametrize("path", ["/", "/shutter", "/api"])
    def test_the_page_and_its_files_are_there(self, live: Any, path: str) -> None:
        page = live.get(path)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
            assert live.get(name).status_code == 200, name

    def test_the_video_is_jpegs_of_frames(self, live: Any) -> None:
        for kind in ("annotated", "clean"):
            data = b""
            with live.stream("GET", f"/video/{kind}.mjpeg") as video:
                boundary = video.headers["content-type"].partition("boundary=")[2].encode()
                for piece in video.iter_bytes():
                    data += piece
                    if data.count(b"--" + boundary) > 2:
                        break
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
            image = cv2.imdecode(np.frombuffer(rest[:length], np.uint8), cv2.IMREAD_COLOR)
            assert image.shape == (480, 640, 3)

    def test_faces_come_as_events(self, live: Any) -> None:
        numbers = []
        with live.stream("GET", "/api/faces") as events:
            for line in events.iter_lines():
                if line.startswith("data:"):
                    told = json.loads(line.removeprefix("data:"))
                    numbers.append(told["frame"])
                    if len(numbers) > 2 and told["faces"]:
                        break
        assert numbers == sorted(set(numbers))
        assert (told["width"], told["height"]) == (640, 480)
        face = told["faces"][0]
        assert {"track", "x", "y", "width", "height", "smile", "smile_scores", "emotion"} <= set(face)

    def test_a_snapshot_is_the_newest_frame(self, live: Any) -> None:
        annotated, clean = (live.get(f"/snapshot.jpg?kind={kind}").content for kind in ("annotated", "clean"))
        assert all(data.startswith(b"\xff\xd8") for data in (annotated, clean))

    def test_stages_are_healthy_and_counted(self, live: Any) -> None:
        health = live.get("/healthz")
        assert (health.status_code, health.json()["healthy"]) == (200, True)
        assert set(health.json()["stages"]) > {"locate", "align", "smile+emotion", "draw"}
        metrics = dict(line.rsplit(" ", 1) for line in live.get("/metrics").text.splitlines() if line[0] != "#")
        assert float(metrics['smiledet_stage_frames_total{stage="draw"}']) > 0
        assert live.get("/api/openapi.json").json()["info"]["title"] == "smiledet live"
        assert metrics["smiledet_healthy"] == "1.0"
        state = live.get("/api/state").json()
        assert state["explained"] == {} and state["lost"] == {}
        assert "cpu_percent" in state["machine"], "without --telemetry, too"
        assert [task["name"] for task in state["tasks"]] == ["smile", "emotion"]
        assert [each["name"] for each in state["sources"]] == [""]
        assert state["sources"][0]["description"].startswith("the built-in demo")

    def test_the_history_comes_with_the_faces_once(self, live: Any) -> None:
        """Every second once, on a connection that is there for two of them."""
        times: list[int] = []
        with live.stream("GET", "/api/faces") as events:
            for line in events.iter_lines():
                if line.startswith("data:"):
                    times += [each["time"] for each in json.loads(line.removeprefix("data:")).get("seconds", [])]
                    if len(times) > 2:
                        break
        assert times == sorted(set(times))

    def test_faces_come_over_a_websocket(self, live: Any) -> None:
        with websocket(live.base_url) as (status, receive):
            assert status == 101
            told = [receive() for _ in range(3)]
        assert [each["frame"] for each in told] == sorted({each["frame"] for each in told})
        assert {"width", "height", "faces", "latency_ms"} <= set(told[0])

    @pytest.mark.parametrize(
        "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}]
    )
    def test_another_sites_websocket_is_refused(self, live: Any, headers: dict[str, str]) -> None:
        with websocket(live.base_url, headers) as (status, _):
            assert status == 403

    def test_no_other_file_is_served(self, live: Any) -> None:
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2f..%2fapp.py", "/static//etc/passwd"):
            assert live.get(path).status_code == 404, path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("recordings")
    words = ("demo", "demo", "--loop", "--realtime", "--rate", "5", "--tasks", "smile", "--recordings", str(folder))
    with (
        running(*words, "--serve", "127.0.0.1:0") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        client.folder = folder
        _until_told(client, "demo 2", lambda told: told["faces"])
        yield client


def _until_told(client: Any, source: str, holds: Callable[[Any], Any]) -> Any:
    """What is told of the first frame of a source for which something holds."""
    with client.stream("GET", "/api/faces", params={"source": source}) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and holds(told := json.loads(line.removeprefix("data:"))):
                return told
    raise AssertionError("the run has ended")


class TestSeveralSources:
    def test_each_is_shown_and_all_together(self, two: Any) -> None:
        names = [each["name"] for each in two.get("/api/state").json()["sources"]]
        assert names == ["demo", "demo 2"]
        told = _until_told(two, "", lambda told: len(told["faces"]) == 4)
        assert {face["source"] for face in told["faces"]} == set(names)
        sizes = {}
        for name in ("", *names):
            data = two.get("/snapshot.jpg", params={"source": name}).content
            sizes[name] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape
        assert sizes == {"": (480, 1280, 3), "demo": (480, 640, 3), "demo 2": (480, 640, 3)}
        assert set(two.get("/healthz").json()["sources"]) == set(names)
        assert 'smiledet_stage_frames_total{source="demo 2",stage="draw"}' in two.get("/metrics").text
        figures = [two.get("/api/figures", params={"source": name}).json()["taken"]["frames"] for name in ("", "demo")]
        assert figures[0] > figures[1] > 0

    @pytest.mark.parametrize("path", ["/api/faces", "/snapshot.jpg", "/video/clean.mjpeg", "/api/figures"])
    def test_another_source_is_not_found(self, two: Any, path: str) -> None:
        assert two.get(path, params={"source": "attic"}).status_code == 404


class TestControl:
    def test_a_face_is_explained_only_where_that_was_asked_for(self, two: Any) -> None:
        answer = two.put("/api/explained", json={"source": "demo", "track": 1})
        assert (answer.status_code, answer.json()["detail"]) == (404, "nothing is explained")

    def test_tasks_models_and_thresholds_are_switched_while_it_runs(self, two: Any) -> None:
        before = two.get("/api/settings").json()
        assert before["tasks"] == ["smile"] and "gender" in before["choices"]["tasks"]
        changes = {"tasks": ["gender"], "unsure_below": {"gender": 1.0}, "min_face": 0.15}
        after = two.patch("/api/settings", json=changes).json()
        assert (after["tasks"], after["unsure_below"], after["min_face"]) == (["gender"], {"gender": 1.0}, 0.15)
        _until_told(two, "demo", lambda told: any(face.get("gender") == "unsure" for face in told["faces"]))
        assert [task["name"] for task in two.get("/api/figures").json()["tasks"]] == ["gender"]
        assert two.patch("/api/settings", json={"tasks": ["smile"]}).json()["tasks"] == ["smile"]
        _until_told(two, "demo", lambda told: any(face.get("smile") for face in told["faces"]))

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"tasks": []}, 400),
            ({"tasks": ["nose"]}, 400),
            ({"models": {"smile": "/etc/passwd"}}, 400),
            ({"detector": "yunet=/etc/passwd"}, 400),
            ({"min_face": 7}, 400),
            ({"unsure_below": {"smile": -1}}, 400),
            ({"speed": 1}, 400),
        ],
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, two: Any, changes: Any, status: int) -> None:
        before = two.get("/api/settings").json()
        assert two.patch("/api/settings", json=changes).status_code == status
        assert two.get("/api/settings").json() == before

    def test_other_sites_change_nothing(self, two: Any) -> None:
        changing = [("PATCH", "/api/settings"), ("PUT", "/api/explained")]
        for method, path in (*changing, ("POST", "/api/recordings"), ("DELETE", "/api/recordings")):
            answer = two.request(method, path, json={}, headers={"origin": "http://elsewhere.example"})
            assert answer.status_code == 403, path

    def test_a_source_is_recorded_from_the_page(self, two: Any, count_frames: Callable[..., int]) -> None:
        written = two.post("/api/recordings", json={"source": "demo 2"}).json()
        assert list(written) == ["demo 2"]
        _until_told(two, "demo 2", lambda told: two.get("/api/figures").json()["recordings"]["demo 2"]["seconds"] > 1)
        assert two.request("DELETE", "/api/recordings", json={"source": "demo 2"}).json() == written
        _until_told(two, "demo 2", lambda told: not two.get("/api/figures").json()["recordings"])
        (path,) = two.folder.glob("*.mp4")
        assert path.name == written["demo 2"] and count_frames(path) > 0
        assert two.post("/api/recordings", json={"source": "attic"}).status_code == 404

    def test_it_is_described(self, two: Any) -> None:
        paths = two.get("/api/openapi.json").json()["paths"]
        assert {"patch", "get"} <= set(paths["/api/settings"]) and {"post", "delete"} <= set(paths["/api/recordings"])


def test_no_picture_is_recorded_where_none_may_leave() -> None:
    words = ("demo", "--loop", "--realtime", "--tasks", "smile", "--no-images", "--serve", "127.0.0.1:0")
    with running(*words) as (address, _):
        assert httpx.post(f"{address}api/recordings", json={}, timeout=60).status_code == 403


def test_a_face_is_chosen_to_be_explained() -> None:
    words = ("demo", "--loop", "--realtime", "--tasks", "smile", "--explain", "smile", "--serve", "127.0.0.1:0")
    with running(*words) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        told = _until_told(client, "", lambda told: len(told["faces"]) == 2)
        assert told["annotated_width"] == 640 + 240
        assert client.put("/api/explained", json={"track": 2}).json() == {"": 2}
        assert client.get("/api/figures").json()["explained"] == {"": 2}
        assert client.put("/api/explained", json={}).json() == {"": None}
        for wrong, status in (({"track": 0}, 400), ({"track": "x"}, 400), ({"source": "attic"}, 404)):
            assert client.put("/api/explained", json=wrong).status_code == status
        answer = client.patch("/api/settings", json={"models": {"smile": "mobilenet-025"}})
        assert (answer.status_code, "has no gradients yet" in answer.text) == (400, True)


def test_a_signal_ends_a_run_that_is_watched() -> None:
    """Viewers are told, and nobody waits for them."""
    with running("demo", "--loop", "--realtime", "--serve", "127.0.0.1:0") as (address, process):
        with httpx.stream("GET", f"{address}api/faces", timeout=30) as events:
            lines = events.iter_lines()
            next(line for line in lines if line.startswith("data:"))
            process.send_signal(signal.SIGINT)
            assert "event: end" in list(lines)
        assert process.wait(20) == 130


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1.2.3.4:80", ("1.2.3.4", 80)), (":80", ("127.0.0.1", 80)), ("::1", ("::1", 5)), ("box.local", ("box.local", 5))],
)
def test_addresses(given: str, expected: tuple[str, int]) -> None:
    assert split_address(given, 5) == expected


@pytest.mark.parametrize("given", ["a:b", "a:99999", "1.2.3.4:-1", "[::1]x"])
def test_bad_addresses_are_refused_in_a_line(given: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        split_address(given, 5)


def _shown(number: int) -> Shown:
    image = np.full((8, 8, 3), number % 256, np.uint8)
    return Shown(number, image, image, [], 0)


class TestViewers:
    def test_a_slow_viewer_gets_the_newest_and_delays_nobody(self) -> None:
        newest: Newest[int] = Newest()

        async def watch() -> list[int]:
            seen = []
            async for value in newest.follow():
                seen.append(value)
                if value == 0:  # a hundred come while it is busy
                    thread = threading.Thread(target=lambda: [newest.put(each) for each in range(1, 101)])
                    thread.start()
                    thread.join()
                    newest.close()
            return seen

        newest.put(0)
        assert asyncio.run(watch()) == [0, 100]
        assert not newest.wanted

    def test_nothing_is_encoded_where_nobody_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        encoded: list[int] = []
        monkeypatch.setattr("smiledet.web.live.hub.jpeg", lambda image: encoded.append(int(image[0, 0, 0])) or b"x")
        hub = Hub()

        async def watch() -> bytes:
            pictures = hub.videos["clean"].follow()
            waiting = asyncio.ensure_future(anext(pictures))
            while not hub.videos["clean"]._newest.wanted:
                await asyncio.sleep(0)
            hub.put(_shown(7))
            return await waiting

        hub.put(_shown(3))
        assert asyncio.run(watch()) == b"x"
        hub.close()
        assert encoded == [7]


class TestDrawing:
    """Frames are drawn for the page while somebody looks at an annotated video, and each once."""

    @staticmethod
    def page() -> tuple[PageSink, Frame, Annotation]:
        page = PageSink(["a", "b"], [get_task("smile")])
        box = Box(40, 60, 80, 80)
        smile = Prediction.of(LABELS, (0.1, 0.9))
        image = np.full((240, 320, 3), 90, np.uint8)
        wide = np.concatenate([image, np.full((240, 100, 3), 7, np.uint8)], axis=1)  # with what is explained
        annotation = Annotation(wide, (FaceReading(Face(box, 1.0, 1, box), {"smile": smile}),), drawn=False)
        return page, Frame(0, 0, 0.0, image, source="b"), annotation

    @pytest.mark.parametrize(("kind", "times"), [("annotated", 1), ("clean", 0)])
    def test_it_is_drawn_once_for_whoever_looks(self, kind: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        page, frame, annotation = self.page()
        drawn: list[int] = []
        monkeypatch.setattr("smiledet.web.live.hub.annotate", lambda *given: drawn.append(1) or annotate(*given))

        async def watch() -> None:
            videos = [page.hubs.by_name[name].videos[kind] for name in ("b", ALL)]
            waiting = [asyncio.ensure_future(anext(video.follow())) for video in videos]
            while not all(video._newest.wanted for video in videos):
                await asyncio.sleep(0)
            page.write(frame, annotation)
            await asyncio.gather(*waiting)

        page.write(frame, annotation)  # nobody looks
        asyncio.run(watch())
        assert len(drawn) == times and not page.uses_drawing
        page.close()

    def test_a_snapshot_is_drawn_when_it_is_asked_for(self) -> None:
        page, frame, annotation = self.page()
        page.write(frame, annotation)
        shown = page.hubs.by_name["b"].frames.value
        assert shown is not None
        drawn = shown.annotated
        assert drawn.shape == annotation.image.shape and (drawn[:, 320:] == 7).all()
        assert np.array_equal(drawn[:, :320], annotate(frame.image, annotation.readings, [get_task("smile")]))
        page.close()


class TestHealth:
    def status(self, now: list[int], rate: float, lost: dict[str, str]) -> Status:
        buffer = FrameBuffer([StageSpec("locate"), StageSpec("draw")], Policy.LIVE, clock=lambda: now[0])
        return Status(BufferGroup({"hall": buffer}), lambda: now[0], {"hall": rate}, lambda: lost)

    @pytest.mark.parametrize(("rate", "seconds"), [(30.0, 2), (0.0, 2), (0.2, 10)])
    def test_stale_after_two_missed_intervals(self, rate: float, seconds: int) -> None:
        now = [0]
        status = self.status(now, rate, {})
        now[0] = seconds * 10**9
        assert status.health()["healthy"]
        now[0] += 1
        health = status.health()
        assert (health["healthy"], health["stages"]["draw"]) == (False, "stale")

    def test_a_lost_source_is_not_healthy_and_one_that_has_ended_is(self) -> None:
        lost: dict[str, str] = {}
        status = self.status([0], 30.0, lost)
        status.sources["hall"]._buffer.close()
        assert status.health() | {"stages": {}} == {
            "healthy": True,
            "ended": True,
            "seconds_since_last_frame": 0,
            "stages": {},
        }
        lost["hall"] = "the camera was unplugged"
        assert (status.health()["healthy"], status.health()["lost"]) == (False, "the camera was unplugged")

    def test_the_latency_of_all_is_that_of_every_source(self) -> None:
        now = [0]
        buffers = {
            name: FrameBuffer([StageSpec("draw")], Policy.LIVE, clock=lambda: now[0]) for name in ("hall", "yard")
        }
        for number, (buffer, age_ms) in enumerate(zip(buffers.values(), (10, 30), strict=True)):
            for each in range(100 - number):
                buffer.publish(Frame(each, now[0], 0.0, np.zeros((4, 4, 3), np.uint8)))
                frame = buffer.newest("draw")
                assert frame is not None
                now[0] += age_ms * 1_000_000
                buffer.done(frame, "draw", None)
        status = Status(BufferGroup(buffers), lambda: now[0])
        assert [status.stages(name)["draw"]["latency_ms"] for name in ("hall", "yard", ALL)] == [10.0, 30.0, 20.0]


class TestHubs:
    def test_all_sources_stand_side_by_side_with_their_newest_faces(self) -> None:
        hubs = Hubs(["a", "b"])
        for name, value in (("a", 50), ("b", 200)):
            image = np.full((480, 640, 3), value, np.uint8)
            hubs.put(name, Shown(0, image, image, [{"track": 1}], 0))
        shown = hubs.by_name[ALL].frames.value
        assert shown is not None
        assert shown.rows == [{"source": "a", "track": 1}, {"source": "b", "track": 1}]
        whole = hubs.by_name[ALL].pictures["clean"](shown)
        assert whole.shape == (480, 1280, 3)
        assert (whole[0, 0, 0], whole[0, 640, 0]) == (50, 200)
        hubs.close()

    def test_faces_of_a_source_that_has_ended_are_gone_after_a_while(self) -> None:
        page = PageSink(["a", "b"], [])
        image = np.zeros((8, 8, 3), np.uint8)
        box = Box(0, 0, 5, 5)
        annotation = Annotation(image, (FaceReading(Face(box, 1.0, 1, box), {}),))
        told = []
        for source, seconds in (("a", 0), ("b", 1), ("b", 2), ("b", 4)):
            page.write(Frame(0, seconds * 10**9, 0.0, image, source=source), annotation)
            shown = page.hubs.by_name[ALL].frames.value
            assert shown is not None
            told.append([row["source"] for row in shown.rows])
        assert told == [["a"], ["a", "b"], ["a", "b"], ["b"]]
        page.close()

    def test_the_only_source_is_known_by_its_name_too(self) -> None:
        page = PageSink(["hall"], [])
        image = np.zeros((8, 8, 3), np.uint8)
        page.write(Frame(0, 0, 0.0, image, source="hall"), Annotation(image, ()))
        assert page.hubs.by_name[ALL].frames.value is page.hubs.by_name["hall"].frames.value is not None
        assert page.histories[ALL] is page.histories["hall"]
        page.close()


class TestHistory:
    def face(self, track: int, smiling: float) -> FaceReading:
        prediction = Prediction.of(LABELS, [1 - smiling, smiling])
        box = Box(0, 0, 9, 9)
        return FaceReading(Face(box, 1.0, track, box), {"smile": prediction})

    def test_seconds_hold_means_and_smiles_are_counted_once(self) -> None:
        now = [100.0]
        history = History(lambda: now[0])
        for second, faces in [
            (100.0, [(1, 0.2)]),
            (100.5, [(1, 0.9), (2, 0.7)]),
            (101.2, [(1, 0.9), (2, 0.1)]),
            (102.0, []),
            (103.0, [(1, 0.9)]),
        ]:
            now[0] = second
            history.add([self.face(*each) for each in faces])
        seconds = history.seconds()
        assert [each["time"] for each in seconds] == [100, 101, 102]
        assert [each["people"] for each in seconds] == [1.5, 2, 0]
        assert seconds[0]["scores"]["smile"]["smiling"] == pytest.approx(0.6)
        assert history.smiles == 3
        assert [each["time"] for each in history.since(100)] == [101, 102] and history.since(102) == []

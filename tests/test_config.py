"""Layers, where each value came from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from smiledet import config as config_module
from smiledet.config import Config, load_config, platform_names
from smiledet.errors import UsageError
from smiledet.tasks.base import task_names

PLATFORM = "board"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform's file, in a folder of configurations of its own."""
    folder = tmp_path / "configs"
    folder.mkdir()
    monkeypatch.setattr(config_module, "configs_folder", lambda: folder)
    path = folder / f"{PLATFORM}.toml"
    path.write_text("")
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def refusal(path: Path | None = None, platform: str = PLATFORM, **flags: object) -> str:
    with pytest.raises(UsageError) as caught:
        load_config(platform, path, {name.replace("__", "."): value for name, value in flags.items()})
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestLayers:
    def test_without_any_layer_the_defaults_hold(self, platform: Path) -> None:
        loaded = load_config(PLATFORM)
        assert loaded.config == Config()
        assert loaded.origins == {}

    def test_each_layer_overrides_the_one_before(self, platform: Path, mine: Path) -> None:
        platform.write_text(
            "[haar]\nscale_factor = 1.3\nmin_neighbours = 5\n[tracker]\nkeep = 1\n[engine]\nthreads = 2"
        )
        mine.write_text("haar.min_neighbours = 6\ntracker.keep = 2")
        loaded = load_config(PLATFORM, mine, {"tracker.keep": 3.0})
        config = loaded.config
        assert (config.haar.scale_factor, config.haar.min_neighbours, config.tracker.keep) == (1.3, 6, 3.0)
        assert config.tracker.confirm == Config().tracker.confirm
        assert loaded.origins == {
            "haar.scale_factor": str(platform),
            "haar.min_neighbours": str(mine),
            "tracker.keep": "flag tracker.keep",
            "engine.threads": str(platform),
        }

    def test_lists_are_replaced_and_tables_merged(self, platform: Path, mine: Path) -> None:
        platform.write_text('tasks = ["emotion"]\n[task.smile]\nsmoothing = 0.2\n[worker.smile]\nworkers = 2')
        mine.write_text('tasks = ["smile"]\n[task.smile]\nhysteresis = 0.3\n[worker.emotion]\nnice = 5')
        config = load_config(PLATFORM, mine).config
        assert config.tasks == ("smile",)
        assert (config.task["smile"].smoothing, config.task["smile"].hysteresis) == (0.2, 0.3)
        assert config.task["smile"].model == ""
        assert (config.worker["smile"].workers, config.worker["emotion"].nice) == (2, 5)

    def test_a_flag_may_be_a_list(self, platform: Path) -> None:
        loaded = load_config(PLATFORM, flags={"tasks": ["emotion"], "task.emotion.model": "other"})
        assert loaded.config.tasks == ("emotion",)
        assert loaded.config.task["emotion"].model == "other"
        assert loaded.origins == {"tasks": "flag tasks", "task.emotion.model": "flag task.emotion.model"}

    def test_loading_leaves_no_trace_in_the_defaults(self, platform: Path, mine: Path) -> None:
        mine.write_text('[task.smile]\nmodel = "other"\n[worker.draw]\nnice = 5')
        load_config(PLATFORM, mine)
        assert load_config(PLATFORM).config == Config()


@pytest.mark.parametrize("name", platform_names())
def test_shipped_platforms_load(name: str) -> None:
    loaded = load_config(name)
    assert set(loaded.config.tasks) <= set(task_names())
    assert all(origin.endswith(f"{name}.toml") for origin in loaded.origins.values())


class TestRefusals:
    def test_an_unknown_platform(self, platform: Path) -> None:
        assert refusal(platform="toaster") == "no platform 'toaster'; there are board"

    def test_a_missing_file(self, platform: Path, mine: Path) -> None:
        assert refusal(mine) == f"cannot read {mine}: No such file or directory"

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (
                "[tracker]\nconfrim = 3",
                "unknown key tracker.confrim; allowed are min_overlap, keep, confirm, smoothing",
            ),
            ("tracker.confirm = 0", "tracker.confirm is 0, expected 1 to 100"),
            ('detector = "eigenfaces"', "detector is 'eigenfaces', expected one of "),
            ('engine.name = "steam"', "engine.name is 'steam', expected one of auto, "),
            ("task.smile.hysteresis = 101", "task.smile.hysteresis is 101, expected 0 to 100"),
            ("worker.smile.nice = -21", "worker.smile.nice is -21, expected -20 to 19"),
            ("buffer.capacity = 1", "buffer.capacity is 1, expected 2 to 256"),
            ("faults.back_off = -1", "faults.back_off is -1, expected 0 to 60"),
            ('stats = "on"', "stats is 'on', expected true or false"),
            ('tasks = "smile"', "tasks is 'smile', expected a list"),
            ("source.fps = inf", "source.fps is inf, expected 0 to 1000"),
            # What spans several keys.
            ("tasks = []", "tasks is empty, expected some of "),
            ('tasks = ["smile", "frown"]', "unknown task 'frown'; allowed are "),
            ('tasks = ["smile", "smile"]', "a task is named twice in smile, smile"),
            ("[task.frown]\nsmoothing = 1", "unknown task 'frown'; allowed are "),
            ("[worker.painter]", "unknown key worker.painter; allowed are "),
            ("[task.frown]", "unknown task 'frown'; allowed are "),
            ("worker.painter.nice = 1", "unknown key worker.painter; allowed are "),
            ("worker.dra.nice = 1", "unknown key worker.dra; allowed are "),
            ("worker.locate.workers = 2", "worker.locate.workers is 2, expected 1"),
            ("worker.draw.workers = 2", "worker.draw.workers is 2, expected 1"),
        ],
    )
    def test_a_complaint_names_the_right_file(self, text: str, complaint: str, platform: Path, mine: Path) -> None:
        platform.write_text("[worker.draw]\nmax_rate = 30\n[worker.locate]\nnice = 1\n[task.smile]\nsmoothing = 1")
        mine.write_text(text)
        assert refusal(mine).startswith(f"{mine}: {complaint}")

    def test_a_bad_platform_file_is_named_although_there_is_another(self, platform: Path, mine: Path) -> None:
        platform.write_text("buffer.capacity = 1")
        mine.write_text("buffer.capacity = 9")
        assert refusal(mine).startswith(f"{platform}: buffer.capacity is 1")

    def test_a_table_that_is_a_value_elsewhere(self, platform: Path, mine: Path) -> None:
        platform.write_text("[tracker]\nkeep = 1")
        mine.write_text("tracker = 3")
        assert refusal(mine) == f"{mine}: tracker is 3, expected a table"

    def test_flags_are_named_as_flags(self, platform: Path) -> None:
        assert refusal(detector="x").startswith("flag detector: detector is 'x', expected one of ")
        assert refusal(tasks=["frown"]).startswith("flag tasks: unknown task 'frown'")
        assert refusal(task__frown__model="x").startswith("flag task.frown.model: unknown task 'frown'")
        assert refusal(trakcer__keep=1).startswith("flag trakcer.keep: unknown key trakcer; allowed are ")

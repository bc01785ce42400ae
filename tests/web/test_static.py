"""The page's own files: nothing from elsewhere, nothing inline, what is vendored is what it says."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser

from smiledet.web import STATIC

VENDOR = STATIC / "vendor"
OWN = [path for path in STATIC.rglob("*") if path.is_file() and VENDOR not in path.parents]


def test_vendored_files_are_those_that_are_listed() -> None:
    listed = {each["file"]: each for each in json.loads((VENDOR / "vendored.json").read_text())}
    there = {path.name for path in VENDOR.iterdir() if path.suffix in (".js", ".css")}
    assert there == set(listed)
    for name, each in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == each["sha256"], name
        assert re.fullmatch(r"\d+\.\d+\.\d+", each["version"])
        assert (VENDOR / f"LICENSE-{each['package']}.txt").is_file()


def test_no_address_of_another_machine_is_named() -> None:
    for path in OWN:
        found = re.findall(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w+", path.read_text())
        assert found == [], path


def test_nothing_is_inline() -> None:
    """The content security policy would refuse it."""

    class Inline(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            names = dict(attributes)
            if tag == "style" or (tag == "script" and "src" not in names):
                self.found.append(tag)
            self.found += [name for name in names if name == "style" or name.startswith("on")]

    for path in STATIC.rglob("*.html"):
        parser = Inline()
        parser.feed(path.read_text())
        assert parser.found == [], path
    for path in STATIC.rglob("*.js"):
        assert not re.search(r"\beval\(|new Function\(|innerHTML\s*=[^=]", path.read_text()) or VENDOR in path.parents


def test_every_imported_file_is_there() -> None:
    for path in OWN:
        for name in re.findall(r'(?:from|href=|src=)\s*"(/static/[^"]+|\./[^"]+)"', path.read_text()):
            target = STATIC / name.removeprefix("/static/") if name.startswith("/") else path.parent / name
            assert target.is_file(), (path, name)

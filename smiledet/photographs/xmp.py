"""XMP sidecars: what was read, where photo managers look for it.

`IMG_1.jpg.xmp` beside `IMG_1.jpg`, as digiKam and darktable name them. It holds the labels as keywords (`dc:subject`,
and as a tree for digiKam and Lightroom) and the faces as regions of the Metadata Working Group (Guidelines for handling
image metadata 2.0, section 5.9). Regions are relative to the picture as it is stored, before it is turned upright, as
digiKam has them. No face gets a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Tree

from smiledet.errors import OutputError
from smiledet.frame import Box
from smiledet.photographs.exif import orientation
from smiledet.photographs.records import StoredPhotograph
from smiledet.system.output_files import write_file
from smiledet.system.text import printable

SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
}
"""The namespaces, by prefix."""

TOOL = "smiledet"
"""`xmp:CreatorTool`."""

HEAD = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'

OWN = re.compile(
    re.escape(HEAD) + rb'<x:xmpmeta(?: xmlns:[\w-]+="[^"<>]*")+>\n  <rdf:RDF>\n'
    rb'    <rdf:Description rdf:about="" xmp:CreatorTool="smiledet">\n'
)
"""How an own sidecar begins, by which it is known again. A photo manager that adds stars or keywords writes it anew in
its own way: XMP's toolkits name themselves in the first tag."""

MOST_SIDECAR = 1 << 12
"""Bytes of a sidecar that are looked at."""


def sidecar_of(path: Path) -> Path:
    """Where a photograph's sidecar stands."""
    return path.with_name(path.name + ".xmp")


def write_sidecar(stored: StoredPhotograph, path: Path) -> Path:
    """Write a photograph's sidecar, in the place of an own one.

    Args:
        stored: What was read.
        path: The photograph, for its orientation; it is only read.

    Returns:
        The sidecar.

    Raises:
        OutputError: It cannot be written, or one is there that another program has written.
    """
    sidecar = sidecar_of(path)
    try:
        if sidecar.exists() and not _is_own(sidecar):
            raise OutputError(f"cannot write {printable(sidecar)}: another program's is there")
        write_file(sidecar, sidecar_bytes(stored, orientation(path)))
    except OSError as problem:
        raise OutputError(f"cannot write {printable(sidecar)}: {problem.strerror}") from problem
    return sidecar


def _is_own(sidecar: Path) -> bool:
    if not sidecar.is_file():  # a pipe would never end
        return False
    with sidecar.open("rb") as file:
        return OWN.match(file.read(MOST_SIDECAR)) is not None


def sidecar_bytes(stored: StoredPhotograph, turned: int = 1) -> bytes:
    """The text of a sidecar.

    Args:
        stored: What was read.
        turned: EXIF's orientation of the file, 1 to 8.
    """
    for prefix, space in SPACES.items():
        Tree.register_namespace(prefix, space)
    root = Tree.Element(_name("x:xmpmeta"))
    rdf = Tree.SubElement(root, _name("rdf:RDF"))
    about = Tree.SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): "", _name("xmp:CreatorTool"): TOOL})
    keywords = sorted({(task, label) for task, label in _labels(stored)})
    _list(about, "dc:subject", "rdf:Bag", [label for _, label in keywords])
    _list(about, "lr:hierarchicalSubject", "rdf:Bag", [f"{TOOL}|{task}|{label}" for task, label in keywords])
    _list(about, "digiKam:TagsList", "rdf:Seq", [f"{TOOL}/{task}/{label}" for task, label in keywords])
    if stored.faces:
        _regions(about, stored, turned)
    Tree.indent(root)
    body: bytes = Tree.tostring(root, encoding="utf-8")
    return HEAD + body + b'\n<?xpacket end="w"?>\n'


def stored_area(box: Box, size: tuple[int, int], turned: int) -> tuple[float, float, float, float]:
    """A face of the upright picture in shares of the picture as it is stored: centre (x, y), width, height.

    Args:
        box: Pixels of the upright picture.
        size: (width, height) of the upright picture.
        turned: EXIF's orientation, 1 to 8.

    >>> stored_area(Box(0, 0, 10, 10), (100, 50), 6)
    (0.1, 0.95, 0.2, 0.1)
    """
    left, top, right, bottom = box.clipped(*size)
    x, y = (left + right) / 2 / size[0], (top + bottom) / 2 / size[1]
    width, height = (right - left) / size[0], (bottom - top) / size[1]
    across, down = (y, x) if turned >= 5 else (x, y)
    if turned in (2, 3, 7, 8):
        across = 1 - across
    if turned in (3, 4, 6, 7):
        down = 1 - down
    sides = (height, width) if turned >= 5 else (width, height)
    return round(across, 6), round(down, 6), round(sides[0], 6), round(sides[1], 6)


def _labels(stored: StoredPhotograph) -> Iterator[tuple[str, str]]:
    for face in stored.faces:
        for task, reading in face.readings.items():
            yield task, reading.label


def _regions(about: Tree.Element, stored: StoredPhotograph, turned: int) -> None:
    size = (stored.row.width, stored.row.height)
    width, height = size[::-1] if turned >= 5 else size
    regions = Tree.SubElement(about, _name("mwg-rs:Regions"), {_name("rdf:parseType"): "Resource"})
    dimensions = {"stDim:w": str(width), "stDim:h": str(height), "stDim:unit": "pixel"}
    Tree.SubElement(regions, _name("mwg-rs:AppliedToDimensions"), _named(dimensions))
    bag = Tree.SubElement(Tree.SubElement(regions, _name("mwg-rs:RegionList")), _name("rdf:Bag"))
    for face in stored.faces:
        said = printable(", ".join(reading.label for reading in face.readings.values()))
        item = Tree.SubElement(bag, _name("rdf:li"))
        described = _named({"mwg-rs:Type": "Face", "mwg-rs:Description": said})
        region = Tree.SubElement(item, _name("rdf:Description"), described)
        x, y, across, down = stored_area(face.box, size, turned)
        area = {"stArea:x": f"{x:g}", "stArea:y": f"{y:g}", "stArea:w": f"{across:g}", "stArea:h": f"{down:g}"}
        Tree.SubElement(region, _name("mwg-rs:Area"), _named({**area, "stArea:unit": "normalized"}))


def _list(about: Tree.Element, name: str, kind: str, values: list[str]) -> None:
    if values:
        items = Tree.SubElement(Tree.SubElement(about, _name(name)), _name(kind))
        for value in values:
            Tree.SubElement(items, _name("rdf:li")).text = printable(value)  # XML has no control characters


def _name(prefixed: str) -> str:
    prefix, _, name = prefixed.partition(":")
    return f"{{{SPACES[prefix]}}}{name}"


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {_name(name): value for name, value in attributes.items()}

"""Fetch LiteRT's WebAssembly runtime from npm into smiledet/web/app/page/vendor, checked by hash; for developers.

    python scripts/vendor_litert.py

It calls `npm pack`, which asks the registry that npm is set up for. Of the package's four builds it keeps the one that
every browser with WebAssembly SIMD runs, compressed: `smiledet web-app build` unpacks it. The text of the files is
changed so that a module worker can load them (the loader's factory is exported, and `litert-loader.js` stands in for
the module that would load it by a `<script>`), and so that no GPU is asked for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "smiledet" / "web" / "app" / "page" / "vendor"

PACKAGE, VERSION = "@litertjs/core", "2.5.3"
INTEGRITY = "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ=="
"""SHA-512 of the package, as npm's lock files write it."""

CHANGES = {
    'import { createWasmLib } from "@litertjs/wasm-utils";': 'import { createWasmLib } from "./litert-loader.js";',
    "await Environment.create()": "await Environment.create({ webGpuDevice: null })",
}
"""Of the text of `litert.js`: what is replaced, and by what."""

EXPORT = "\nexport default ModuleFactory;\n"


def packed(folder: Path) -> bytes:
    """The package as npm has it.

    Raises:
        ValueError: It is another one than was looked at.
    """
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    content = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != INTEGRITY:
        raise ValueError(f"{PACKAGE} {VERSION} is another file than the one whose hash is written here")
    return content


def files_of(archive: Path) -> dict[str, tuple[str, bytes]]:
    """What is kept of the package: name here -> path in the package, content."""
    with tarfile.open(archive) as opened:

        def content(path: str) -> bytes:
            member = opened.extractfile(f"package/{path}")
            assert member is not None, path
            return member.read()

        api = content("dist/index.js").decode().partition("//# sourceMappingURL")[0]
        for old, new in CHANGES.items():
            assert api.count(old) == 1, old
            api = api.replace(old, new)
        wasm = content("wasm/litert_wasm_compat_internal.wasm")
        return {
            "litert.js": ("dist/index.js", api.encode()),
            "litert-wasm.js": (
                "wasm/litert_wasm_compat_internal.js",
                content("wasm/litert_wasm_compat_internal.js") + EXPORT.encode(),
            ),
            "litert.wasm.xz": (
                "wasm/litert_wasm_compat_internal.wasm",
                lzma.compress(wasm, preset=9 | lzma.PRESET_EXTREME),
            ),
        }


def main() -> int:
    """Write the files and their rows of vendored.json; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            packed(Path(folder))
        except (OSError, subprocess.CalledProcessError, ValueError) as problem:
            print(f"vendor_litert: {problem}", file=sys.stderr)
            return 1
        (archive,) = Path(folder).glob("*.tgz")
        files = files_of(archive)
    listed = VENDOR / "vendored.json"
    rows = []
    for name, (path, content) in files.items():
        (VENDOR / name).write_bytes(content)
        rows.append(
            {
                "file": name,
                "package": "litert",
                "version": VERSION,
                "path": path,
                "licence": "Apache-2.0",
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    listed.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

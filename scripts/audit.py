"""Ask for known holes in what a run depends on (pip-audit over `requirements-run.lock`).

Ends with 1 where there is one. Without a network, or with an index that has no advisories, it says so and ends with 0.

Example:
  python scripts/audit.py
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements-run.lock"

LIMIT = 300
"""Seconds that all questions together may take."""


def found(answer: str) -> tuple[int, list[str]]:
    """How many packages were looked up, and the holes in them, a line each.

    >>> found('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}')
    (1, ['a 1: X-1, mended in 2'])
    >>> found('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}')
    (0, [])
    """
    packages = [each for each in json.loads(answer)["dependencies"] if "skip_reason" not in each]
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none yet'}"
        for each in packages
        for hole in each["vulns"]
    ]
    return len(packages), holes


def main() -> int:
    """Ask and say; returns the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        looked_up, holes = found(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        print("audit SKIPPED: advisories cannot be asked for here")
        return 0
    if not looked_up:
        print("audit SKIPPED: the index here has no advisories")
        return 0
    print("\n".join([*holes, f"audit: {looked_up} packages, {len(holes)} known holes"]))
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())

"""Print the fenced examples of a page, with the number of lines that each needs.

The tests run these examples as they are printed. A comment on the line before a block says what it needs:
`<!-- needs the extra train -->`, or why no test runs it: `<!-- not run in the tests: needs a camera -->`.

Example:
  python scripts/page_blocks.py docs/comparison.md
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from smiledet.errors import SmiledetError, UsageError

BLOCK = re.compile(
    r"(?:^<!-- (?:not run in the tests: (?P<reason>[^\n]+)|needs the (?:extra|package) (?P<needs>\w+)) -->\n)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced example.

    Attributes:
        kind: Its language.
        text: What stands between the fences.
        reason: Why the tests do not run it; empty if they do.
        needs: The extra or package that it needs beyond the base dependencies; empty if none.
        heading: The last heading before it.
    """

    kind: str
    text: str
    reason: str = ""
    needs: str = ""
    heading: str = ""

    @property
    def lines(self) -> int:
        """Lines of code: neither empty ones nor comments."""
        stripped = (line.strip() for line in self.text.splitlines())
        return sum(bool(line) and not line.startswith("#") for line in stripped)


def blocks(page: str) -> list[Block]:
    r"""The fenced examples of a page's text.

    >>> page = "# Title\n<!-- needs the extra train -->\n```bash\n# first\nsmiledet models\n```\n"
    >>> [(block.kind, block.needs, block.heading, block.lines) for block in blocks(page)]
    [('bash', 'train', 'Title', 1)]
    """
    found = []
    for match in BLOCK.finditer(page):
        headings = HEADING.findall(re.sub(r"^```.*?^```$", "", page[: match.start()], flags=re.MULTILINE | re.DOTALL))
        found.append(
            Block(
                match["kind"],
                match["text"],
                match["reason"] or "",
                match["needs"] or "",
                headings[-1] if headings else "",
            )
        )
    return found


def main() -> int:
    """Print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    for page in parser.parse_args().pages:
        try:
            text = page.read_text(encoding="utf-8")
        except OSError as problem:
            raise UsageError(f"cannot read {page}: {problem.strerror}") from problem
        for block in blocks(text):
            print(f"{page}: {block.heading}: {block.lines} lines of {block.kind}")
            print("".join(f"    {line}\n" for line in block.text.splitlines()))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"page_blocks: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)

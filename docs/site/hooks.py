"""What mkdocs needs beyond its plugins: tables made from the files of figures, and links into the repository.

A page says `<!-- benchmark: pipeline.json -->`, `<!-- results -->` or `<!-- web-app -->`, and the table stands there
when the site is built, so that no figure is copied by hand. Links of a page work in the repository and in the site:
what a page links to outside docs/ is carried into the site below `repository/`. README.md is the site's first page.
"""

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import benchmark_table  # noqa: E402
import results_table  # noqa: E402
import web_app_table  # noqa: E402

HOME = "index.md"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
TABLE = re.compile(r"^<!-- (benchmark|results|web-app)(?:: (\S+))? -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README as the first page, and every file that a page links to, and those that they link to in turn."""
    waiting = [(HOME, "README.md"), ("repository/CONTRIBUTING.md", "CONTRIBUTING.md")]
    waiting += [(f"repository/{name}", name) for name in ("CHANGELOG.md", "SECURITY.md")]
    waiting += [(found.src_uri, f"docs/{found.src_uri}") for found in files.documentation_pages()]
    seen: set[str] = set()
    while waiting:
        page, path = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if files.get_file_from_path(page) is None:
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            text = (ROOT / path).read_text(encoding="utf-8")
            waiting += [(_place(target), target) for target in _targets(text, path) if (ROOT / target).is_file()]
    return files


def on_page_markdown(markdown: str, page: Page, **_given: object) -> str:
    """Put the tables in, and turn links of the repository into links of the site."""
    here = page.file.src_uri
    path = "README.md" if here == HOME else here.removeprefix("repository/")
    path = path if here == HOME or here.startswith("repository/") else f"docs/{here}"
    markdown = TABLE.sub(lambda match: _table(match, here), markdown)

    def link(match: re.Match[str]) -> str:
        if "://" in match[2] or match[2].startswith("mailto:"):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        place = posixpath.relpath(_place(target), posixpath.dirname(here) or ".")
        return match[1] + (place if (ROOT / target).is_file() else match[2]) + match[3]

    return LINK.sub(link, markdown)


def _targets(text: str, path: str) -> list[str]:
    """What a page links to, as paths from the repository's top."""
    links = [match[2] for match in LINK.finditer(text) if "://" not in match[2]]
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in links]


def _place(target: str) -> str:
    """Where a file of the repository stands in the site."""
    if target == "README.md":
        return HOME
    return target.removeprefix("docs/") if target.startswith("docs/") else f"repository/{target}"


def _table(match: re.Match[str], page: str) -> str:
    """The table that a marker asks for."""
    if match[1] == "results":
        return results_table.results_table(results_table.shipped_reports())
    if match[1] == "web-app":
        return web_app_table.table()
    path = ROOT / "docs" / "benchmarks" / (match[2] or "")
    if not path.is_file():
        raise PluginError(f"{page}: {match[0]} names no file of docs/benchmarks")
    return "\n\n".join(benchmark_table.render(path, brief=True))

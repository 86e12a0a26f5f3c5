"""The pages of the documentation: links lead somewhere, the README stays short, nobody's machine shows through."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LONGEST_README = 120  # lines
WANTED = (
    "getting-started",
    *(f"guide/{name}" for name in ("compare", "preprocess", "explain", "train", "evaluate")),
    *(f"how-to/{name}" for name in ("own-data", "own-model", "new-method", "deploy-for-a-class")),
    *(f"reference/{name}" for name in ("command-line", "recipes", "environment-variables", "file-formats")),
    *(f"explanation/{name}" for name in ("architecture", "precision", "statistics", "leaks")),
    *(f"results/{name}" for name in ("models", "reproduction", "benchmarks", "other-stains", "experiments")),
    "glossary",
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PLACES = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work|mnt|opt|var|workspace)/|[A-Z]:\\\\?Users")


def prose(text: str) -> str:
    """The page without its blocks of code, in which nothing is a link or a heading."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links and pictures of a page that lead nowhere."""
    targets = LINK.findall(prose(page.read_text(encoding="utf-8")))
    return [target for target in targets if not re.match(r"[a-z]+:", target) and not leads(page, target)]


def leads(page: Path, target: str) -> bool:
    """Whether a relative link leads to a file, and to a heading of it where it names one."""
    path, _, anchor = unquote(target).partition("#")
    place = page.parent / path if path else page
    if not place.exists():
        return False
    return not anchor or place.suffix != ".md" or anchor in anchors(place.read_text(encoding="utf-8"))


def test_broken_links_are_found(tmp_path: Path) -> None:
    text = "# A *b* `c-d`: e\n```\n# no heading\n[x](gone.md)\n```\n"
    assert anchors(text) == {"a-b-c-d-e"}
    assert LINK.findall(prose(text + "[y](z.md#q) ![p](p.png)")) == ["z.md#q", "p.png"]
    page = tmp_path / "page.md"
    page.write_text("# D\n[a](b.md) [c](https://example.org) [d](#none) [d](#d) [e](page.md#d) ![f](page.png)")
    assert broken(page) == ["b.md", "#none", "page.png"]


@pytest.mark.parametrize("name", NAMES)
def test_every_link_and_picture_exists(name: str) -> None:
    assert broken(ROOT / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_place_on_somebodys_machine(name: str) -> None:
    assert PLACES.findall((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_title_and_no_line_ends_in_blanks(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.startswith("# ") and text.endswith("\n") and not text.endswith("\n\n")
    assert len(re.findall(r"^# ", prose(text), re.MULTILINE)) == 1
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_the_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("name", WANTED)
def test_the_page_is_there_and_can_be_reached_from_the_readme(name: str) -> None:
    assert (ROOT / "docs" / f"{name}.md").is_file()
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.is_file():
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(prose(page.read_text(encoding="utf-8"))))
        waiting += [(page.parent / target).resolve() for target in targets if target.endswith(".md")]
    assert ROOT / "docs" / f"{name}.md" in reached


def test_every_picture_is_shown_somewhere() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if target.endswith((".png", ".svg"))
    }
    assert set((ROOT / "docs").rglob("*.png")) <= shown

"""Pages made by a command are what that command makes of the committed figures today."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import generated, models, reproduction
from benchmarks.__main__ import app
from benchmarks.generated import END, made_part, start_of, with_made_part
from core.errors import InputError
from core.models.checkpoints import default_root
from core.reproduction.table import read_reproduction_table, table_markdown

ROOT = Path(__file__).parents[2]


def test_the_reproduction_page_is_what_the_committed_figures_give() -> None:
    page = reproduction.PAGE.read_text(encoding="utf-8")
    assert made_part(page, "reproduction") == table_markdown(read_reproduction_table()), (
        "python -m benchmarks reproduction --write"
    )


def test_the_models_page_is_what_the_committed_cards_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEUKOLENS_CHECKPOINTS", raising=False)
    page = models.PAGE.read_text(encoding="utf-8")
    cards = models.read_cards(default_root())
    assert made_part(page, "models") == models.markdown(cards), "python -m benchmarks models --write"


@pytest.mark.parametrize(
    ("row", "data"),
    [
        ("PBC, test split", "published split: test"),
        ("Raabin-WBC, test by smear", "Raabin-WBC, test"),
        ("LISC, report half", "LISC, report"),
        ("JTSC, report half", "JTSC, report"),
    ],
)
def test_the_readme_tells_the_accuracies_of_the_cards(row: str, data: str) -> None:
    cards = models.read_cards(ROOT / "checkpoints")
    scores = [score for card in cards for score in (card.test, *card.held_back) if score and data in score.data]
    told = " | ".join(f"{100 * score.accuracy:.1f} %" for score in scores)
    assert f"| {row} ({scores[0].images:,}) | {told} |" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_score_is_told_with_its_interval() -> None:
    card = next(card for card in models.read_cards(ROOT / "checkpoints") if card.name == "vgg19")
    text = models.markdown([card])
    # 2,057 of 2,099: Wilson's interval by hand is 0.9731 to 0.9852
    assert "| VGG-19 | 98.0 % (97.3 to 98.5) | 98.1 % |" in text


def test_only_the_part_between_the_marks_is_replaced() -> None:
    page = f"# Title\n\nBefore.\n\n{start_of('models')}\nold\n{END}\n\nBehind.\n"
    again = with_made_part(page, "models", "new\n")
    assert again == f"# Title\n\nBefore.\n\n{start_of('models')}\n\nnew\n\n{END}\n\nBehind.\n"
    assert made_part(again, "models") == "new"
    assert with_made_part(again, "models", "new") == again


@pytest.mark.parametrize("page", ["# Title\n", f"{start_of('models')}\n", f"{start_of('models')}{END}" * 2])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(InputError, match="must hold once"):
        with_made_part(page, "models", "new")


def test_write_brings_a_page_up_to_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "models.md"
    page.write_text(f"# Models\n\n{start_of('models')}\n{END}\n", encoding="utf-8")
    monkeypatch.setattr(models, "PAGE", page)
    checkpoints = str(ROOT / "checkpoints")
    result = CliRunner().invoke(app, ["models", "--checkpoints", checkpoints, "--write", "--json"])
    assert result.exit_code == 0, result.output
    cards = models.read_cards(ROOT / "checkpoints")
    assert generated.made_part(page.read_text(encoding="utf-8"), "models") == models.markdown(cards)
    monkeypatch.setattr(models, "PAGE", tmp_path / "none" / "models.md")
    refused = CliRunner().invoke(app, ["models", "--checkpoints", checkpoints, "--write"])
    assert refused.exit_code == 2 and "cannot be brought up to date" in refused.stderr


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model folder"):
        models.read_cards(tmp_path)

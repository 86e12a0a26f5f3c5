"""The benchmark of maps against measured causes: it goes on where it ended, and its table is that of what it kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner, Result

from benchmarks import causes as module
from benchmarks.__main__ import app
from benchmarks.causes import read_rows
from benchmarks.generated import END, made_part, start_of
from core.classes import CLASSES
from core.errors import InputError
from core.explanation.quality.control_maps import CONTROLS
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn", 1)
    return root


def run(models: Path, out: Path, *more: str) -> Result:
    given = ["causes", "--checkpoints", str(models), "--out", str(out), "--cells", "1", "--json", *more]
    return CliRunner().invoke(app, given)


def test_it_goes_on_and_adds_methods(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, page = tmp_path / "deep" / "causes.jsonl", tmp_path / "causes.md"
    page.write_text(f"# Causes\n\n{start_of('causes')}\n{END}\n", encoding="utf-8")
    monkeypatch.setattr(module, "PAGE", page)
    first = run(models, out, "--methods", "gradcam")
    assert first.exit_code == 0, first.output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(CLASSES)
    again = run(models, out, "--methods", "gradcam")
    assert again.stdout == first.stdout and out.read_text(encoding="utf-8").splitlines() == lines
    cut = "\n".join(lines[:-1]) + "\n" + lines[-1][:50]  # a killed run's last line
    out.write_text(cut, encoding="utf-8")
    more = run(models, out, "--methods", "gradcam", "--methods", "occlusion", "--budget", "0", "--write")
    assert more.exit_code == 0, more.output
    rows = read_rows(out)
    assert len(rows) == len(CLASSES)
    table = json.loads(more.stdout)
    assert [entry["method"] for entry in table] == 2 * ["gradcam", "occlusion", *CONTROLS]
    expected, dense = [], []
    for line in out.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["shares"].get("occlusion") is not None and len(entry["parts"]) > 2:
            shares = np.array(entry["shares"]["occlusion"])
            expected.append(spearmanr(entry["effects"], shares).statistic)
            dense.append(spearmanr(entry["effects"], shares / entry["areas"]).statistic)
    assert table[1]["rank_correlation"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert table[6]["rank_correlation"] == pytest.approx(np.mean(dense), abs=1e-5)
    assert table[0] == json.loads(first.stdout)[0]
    told = made_part(page.read_text(encoding="utf-8"), "causes")
    assert "| Occlusion | " in told and "| granules taken out | " in told and "5 of islam_cnn" in told


def test_what_cannot_be_done_is_said(models: Path, tmp_path: Path) -> None:
    refused = run(models, tmp_path / "c.jsonl", "--methods", "magic")
    assert refused.exit_code == 2 and "No explanation method 'magic'" in refused.stderr
    classless = run(models, tmp_path / "c.jsonl", "--methods", "gradcam", "--methods", "eigencam")
    assert classless.exit_code == 2 and "EigenCAM knows no class" in classless.stderr
    other = tmp_path / "other.jsonl"
    other.write_text('{"a": 1}\n{"b": 2}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1, is no measured cell"):
        read_rows(other)
    assert run(models, other).exit_code == 2

"""The lines that export a model do it: those for PyTorch are run as they stand, and what they write is taken in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.runs.intake import NewCard, take_in
from core.simulation import draw_cell
from tests.support.own_models import NAMES, Small, library_network

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/own-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MODELS = {"save_file": "library_network('torchvision:resnet18')", "torch.onnx.export": "Small()"}


@pytest.mark.parametrize("call", MODELS)
def test_the_lines_for_pytorch_write_a_model(call: str, tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if f"{call}(" in block)
    ours = "from tests.support.own_models import Small, library_network"
    script = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{ours}\nmodel = {MODELS[call]}\n{block}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    program = call == "torch.onnx.export"
    new = NewCard(None if program else "torchvision:resnet18", NAMES, scaling="unit")
    found = take_in(tmp_path / "mine", tmp_path / "models", new=new)
    picture = draw_cell("neutrophil", 1).image
    network = Small() if program else library_network("torchvision:resnet18")
    with torch.no_grad():
        wanted = network(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    assert found.classifier.predict([picture])[0].logits == pytest.approx(wanted, abs=1e-4)


def test_keras_has_its_lines() -> None:
    assert any('model.export("mine/model.onnx", format="onnx")' in block for block in BLOCKS)
    assert any("tf2onnx.convert.from_keras(" in block for block in BLOCKS)

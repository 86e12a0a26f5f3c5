"""Notebooks without Jupyter: their code cells run in order, in one namespace, and give what Jupyter would show.

`python -m tests.support.notebook FILE` runs a notebook and writes what its cells show back into it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of code, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cells(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The outputs of each code cell, as nbformat 4 has them."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_run("".join(cell["source"]), names, number) for number, cell in enumerate(code_cells(notebook), start=1)]


def _run(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    tree, said, outputs = ast.parse(source), io.StringIO(), []
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(said):
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names) if last else None
    if said.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": said.getvalue().splitlines(keepends=True)})
    if value is not None:
        outputs.append(
            {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": _shown(value)}
        )
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    """What Jupyter shows of a value, by MIME type."""
    if hasattr(value, "to_plotly_json"):  # a Plotly figure: Jupyter draws it from its JSON
        return {"application/vnd.plotly.v1+json": json.loads(value.to_json()), "text/plain": ["a Plotly figure"]}
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    return data


def written(notebook: dict[str, Any]) -> str:
    """The notebook with its outputs, as a file holds it."""
    for number, (cell, outputs) in enumerate(zip(code_cells(notebook), run_cells(notebook), strict=True), start=1):
        cell |= {"execution_count": number, "outputs": outputs}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(written(json.loads(place.read_text(encoding="utf-8"))), encoding="utf-8")

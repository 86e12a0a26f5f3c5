"""`phone`: the offline app in Chromium beside Python, on the same cells: boxes, classes, maps and times."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from core.classes import CLASSES
from core.decoding import decode
from core.explanation.engine import explain
from core.fields.cells import Corners, overlap_of
from core.models.checkpoints import find, load_classifier
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell

APP = Path(__file__).parents[1] / "phone" / "app"
SIZES = (200, 240, 363, 640)  # px of simulated cells
FIRST_SEED = 5_000_000  # meets neither the gallery's nor training's
REAL = ("pbc", "raabin", "bccd/images", "lisc", "jtsc")
THROTTLE = 4
TIMED = 20
IN_PAGE = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return await window.leukolens.examine(new File([bytes], "cell"));
}"""


@dataclass(frozen=True)
class Parity:
    """Of `cells` cells: the least and mean box IoU, and by model the share of equal classes, the largest difference of
    a probability, the least correlation of Grad-CAM (for the phone's class, over the picture), and how many of the
    warnings of unfamiliar pictures differ."""

    cells: int
    least_iou: float
    mean_iou: float
    same_class: dict[str, float]
    probability: dict[str, float]
    least_correlation: dict[str, float]
    warnings_differ: dict[str, int]


def simulated_files(count: int) -> list[bytes]:
    """PNG files of simulated cells of every class, in four sizes."""
    files = []
    for number in range(count):
        image = draw_cell(CLASSES[number % len(CLASSES)], FIRST_SEED + number, size=SIZES[number % len(SIZES)]).image
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        files.append(stream.getvalue())
    return files


def real_files(data: Path, count: int, seed: int = 0) -> list[bytes]:
    """Files of real cells, drawn evenly from the sets under `data`, as they are."""
    generator = np.random.default_rng(seed)
    files = []
    for name in REAL:
        paths = sorted(
            path
            for path in (data / name).rglob("*")
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp") and "mask" not in str(path.relative_to(data))
        )
        chosen = generator.choice(len(paths), min(len(paths), -(-count // len(REAL))), replace=False) if paths else []
        files += [paths[place].read_bytes() for place in chosen]
    return files[:count]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def browser_context(chromium: str) -> Iterator[Any]:
    """A fresh Chromium profile at a phone's 390x844 px."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser.new_context(viewport={"width": 390, "height": 844})
        browser.close()


def opened(context: Any, address: str) -> Any:
    """The app's page, once its engine runs and it is kept for use without a network."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{address}index.html")
    page.evaluate("window.leukolens.begun")
    return page


def examined(page: Any, file: bytes) -> dict[str, Any]:
    """What the app finds in a picture file."""
    found: dict[str, Any] = page.evaluate(IN_PAGE, base64.b64encode(file).decode())
    return found


def corners(box: tuple[int, ...]) -> Corners:
    """(x, y, width, height) as (left, top, right, bottom)."""
    x, y, width, height = box
    return x, y, x + width, y + height


def correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Pearson's, of two maps; 1 where both are even."""
    if not one.std() and not other.std():
        return 1.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() and other.std() else 0.0


def compared(page: Any, files: list[bytes], classifiers: list[Classifier]) -> Parity:
    """The phone's and Python's answers to the same files."""
    names = [classifier.name for classifier in classifiers]
    ious: list[float] = []
    rows: dict[str, list[tuple[bool, float, float, bool]]] = {name: [] for name in names}
    for file in files:
        told = examined(page, file)
        view = frame_image(decode(file).rgb, "cell")
        ious.append(overlap_of(corners(tuple(told["box"])), corners(view.box)))
        for classifier, answer in zip(classifiers, told["answers"], strict=True):
            rows[classifier.name].append(_row(classifier, answer, view.rgb))
    columns = {name: list(zip(*found, strict=True)) for name, found in rows.items()}
    return Parity(
        len(files),
        min(ious),
        float(np.mean(ious)),
        {name: float(np.mean(columns[name][0])) for name in names},
        {name: float(max(columns[name][1])) for name in names},
        {name: float(min(columns[name][2])) for name in names},
        {name: int(sum(columns[name][3])) for name in names},
    )


def _row(classifier: Classifier, answer: dict[str, Any], rgb: NDArray[np.uint8]) -> tuple[bool, float, float, bool]:
    prediction = classifier.predict([rgb])[0]
    theirs = np.array(answer["probabilities"])
    label = classifier.card.classes[int(theirs.argmax())]
    expected = explain(classifier, rgb, ("gradcam",))["gradcam"].map_of(label)
    return (
        label == prediction.predicted,
        float(np.abs(theirs - prediction.probabilities).max()),
        correlation(np.array(answer["map"]), expected),
        bool(answer["unfamiliar"]) != prediction.unfamiliar,
    )


def times(context: Any, address: str, file: bytes) -> dict[str, float]:
    """Milliseconds with the processor throttled, once the app is kept: from opening the page to the first answer, of
    the first answer from the photo on, and the median and largest of those that follow."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
    page.goto(f"{address}index.html")
    page.evaluate("window.leukolens.begun")
    first = examined(page, file)["milliseconds"]
    opening = page.evaluate("performance.now()")
    further = [examined(page, file)["milliseconds"] for _ in range(TIMED)]
    page.close()
    return {
        "opening to first answer": opening,
        "first": first,
        "further, median": float(np.median(further)),
        "further, largest": max(further),
    }


def app_megabytes(app: Path = APP) -> float:
    """All files of the built app, in millions of bytes."""
    return sum(path.stat().st_size for path in app.rglob("*") if path.is_file()) / 1e6


def phone(
    data: Annotated[Path | None, typer.Option(envvar="LEUKOLENS_DATA", help="Real cells, for half of them.")] = None,
    cells: Annotated[int, typer.Option(min=2, help="How many cells.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """The phone's app (`make phone`) in Chromium beside Python on the same cells, and how long it takes there."""
    chromium = shutil.which("chromium")
    if chromium is None or not (APP / "models.json").is_file():
        typer.echo("This needs chromium, and the app: make phone.", err=True)
        raise typer.Exit(2)
    real = real_files(data, cells // 2) if data is not None else []
    files = [*simulated_files(cells - len(real)), *real]
    names = [model["name"] for model in json.loads((APP / "models.json").read_text())["models"]]
    classifiers = [load_classifier(find(name, None)) for name in names]
    with served(APP) as address, browser_context(chromium) as context:
        page = opened(context, address)
        taken = {"simulated, 363 px": times(context, address, simulated_files(3)[2])}
        found = compared(page, files, classifiers)
    document = {"real": len(real), "megabytes": round(app_megabytes(), 2), **vars(found), "milliseconds": taken}
    if as_json:
        typer.echo(json.dumps(document, indent=1))
        return
    for name, value in document.items():
        typer.echo(f"{name}: {value}")

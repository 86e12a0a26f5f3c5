"""The static page: nothing outside is named, everything foreign is text, every picture has words, values are ours."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.explanation.context import ImageContext
from core.explanation.contrast import contrasted
from core.explanation.engine import explain
from core.explanation.evidence import MANIFEST, Findings, evidence_files
from core.explanation.render import picture
from core.explanation.static_page import PageLook, index_page, static_page
from core.explanation.wording import raw
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell

HOSTILE = '<script>alert("x")</script>&"quoted\''
ALONE = {"meta", "img", "br", "!doctype"}


class Reader(HTMLParser):
    """Collects tags with their attributes and the text, and sees that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def made(models: list[Classifier]) -> tuple[str, Findings, dict[str, Any]]:
    """A page of one model with plain, signed and contrastive maps, whose names and notes are hostile."""
    rgb = draw_cell("monocyte", 3, size=200).image
    view, loaded = frame_image(rgb, "cell"), models[0]
    classifier = replace(loaded, card=loaded.card.model_copy(update={"title": HOSTILE}))
    context = ImageContext(view.rgb)
    maps = explain(classifier, context, ["gradcam", "lime"], settings={"lime": {"samples": 120}})
    maps["lime"] = replace(maps["lime"], note=HOSTILE)
    lead = contrasted(maps["gradcam"], "basophil", ["monocyte"])
    prediction = classifier.predict([view.rgb])[0]
    findings = Findings(classifier, view, context, maps, prediction, contrasts={"gradcam": lead})
    faults = [{"model": HOSTILE, "what": "rise", "message": HOSTILE}]
    image = {"name": HOSTILE, "sha256": "ab" * 32}
    manifest = json.loads(evidence_files(image, rgb, [findings], {"wish": HOSTILE}, faults=faults)[MANIFEST])
    look = PageLook("viridis", "blue-red", borders=("lime",))
    return static_page(manifest, rgb, [findings], picture, look, HOSTILE), findings, manifest


def test_nothing_outside_is_named_and_nothing_can_run(made: tuple[str, Findings, dict[str, Any]]) -> None:
    page, *_ = made
    reader = read(page)
    assert not {"script", "link", "iframe", "object", "a", "base", "form"} & {tag for tag, _ in reader.tags}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "data:image/").startswith("data:image/"), tag
    assert "://" not in page and "url(" not in page and "@import" not in page
    policy = next(a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")


def test_foreign_names_are_text(made: tuple[str, Findings, dict[str, Any]]) -> None:
    page, *_ = made
    words = "".join(read(page).words)
    assert "<script" not in page and words.count(HOSTILE) >= 6


def test_every_picture_has_words_and_holds_what_is_painted(made: tuple[str, Findings, dict[str, Any]]) -> None:
    page, findings, _ = made
    images = [attributes for tag, attributes in read(page).tags if tag == "img"]
    assert all(image.get("alt") for image in images)
    maps = [image for image in images if str(image["alt"]).startswith("Grad-CAM")]
    assert len(maps) == 5 + 1  # a class each, and the contrast
    cam = findings.explanations["gradcam"]
    for image, name in zip(maps, cam.classes, strict=False):
        data = base64.b64decode(str(image["src"]).partition(",")[2])
        shown = np.asarray(Image.open(io.BytesIO(data)), dtype=float)
        assert np.abs(shown - picture(cam, name)).mean() < 4  # a JPEG of it
        top = cam.maxima[name]
        assert (f"max {raw(top)}" if top else "no positive evidence") in str(image["alt"])


def test_what_made_it_stands_there(made: tuple[str, Findings, dict[str, Any]]) -> None:
    page, findings, manifest = made
    words = " ".join(read(page).words)
    assert findings.classifier.weights_sha256 in words and "ab" * 32 in words
    assert "Not a medical device." in words and manifest["project"] in words
    assert all(version in words for version in manifest["versions"].values())
    assert ("samples 120" in words and "120 of 120" in words and "bfloat16" in words) or "float32" in words
    assert "Grad-CAM, against basophil" in words and "before the ReLU" in words
    assert findings.prediction is not None and findings.prediction.predicted in words
    assert "@page" in page and "A4" in page


def test_the_index_leads_to_the_pages_and_tells_of_the_rest() -> None:
    answer = {"predicted": "<b>", "probabilities": [0.25, 0.75]}
    rows = [
        {"image": HOSTILE, "folder": "a b-<1>", "models": [{"model": "m", "prediction": answer}], "faults": 1},
        {"image": "b.png", "fault": HOSTILE},
        {"image": "c.png", "folder": "c", "models": [{"model": "n", "prediction": None}], "faults": 0},
    ]
    page = index_page(rows, HOSTILE, {"seed": 3}, stopped=True)
    reader = read(page)
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links == ["a%20b-%3C1%3E/page.html", "c/page.html"]
    words = "".join(reader.words)
    assert "<b>, 75.0 %" in words and "3 images, 1 of them without maps" in words and "Stopped before" in words
    assert "<script" not in page

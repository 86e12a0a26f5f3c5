"""One image's explanation as one HTML file: opens offline, prints on A4, holds its pictures, and needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.explanation.engine import Explanation
from core.explanation.evidence import Findings, Painter
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import alike_sentence
from core.explanation.render import by_pixel, palette
from core.explanation.wording import largest_values, legend_ends, legend_text, uncertainty_text
from core.preprocessing.framing import FRAMINGS

WHOLE = 480  # px of the image's longer side on the page
QUALITY = 90  # of its JPEGs
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # nothing is fetched, nothing runs
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1b22; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } h2, h3 { break-after: avoid; }
.quiet, figcaption { color: #55515e; font-size: .9rem; } figcaption strong { color: #1d1b22; }
.maps { display: flex; flex-wrap: wrap; gap: .6rem; } figure { margin: 0; width: 10.5rem; break-inside: avoid; }
figure img { width: 100%; display: block; } figure.whole { width: 20rem; max-width: 100%; }
.strip { height: .8rem; width: 8rem; vertical-align: middle; margin: 0 .4rem; border: 1px solid #b9b5c2; }
.facts { margin: .5rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .2rem .8rem .2rem 0; border-top: 1px solid #d9d6df; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } thead th { border-top: 0; }
.facts td { text-align: left; overflow-wrap: anywhere; } code { font-size: .85rem; overflow-wrap: anywhere; }
.fault { border-left: 4px double #a04e30; padding-left: .8rem; }
@page { size: A4; margin: 14mm; } @media print { body { margin: 0; max-width: none; font-size: 10pt; }
figure { width: 33mm; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


@dataclass(frozen=True)
class PageLook:
    """What the legends say: the palettes of unsigned and of signed maps, whether a model's classes share a scale.

    The methods in `borders` are painted as outlined superpixels.
    """

    palette: str
    diverging: str
    shared: bool = False
    borders: tuple[str, ...] = ()


def static_page(
    manifest: Mapping[str, Any],
    rgb: NDArray[np.uint8],
    findings: Sequence[Findings],
    paint: Painter,
    look: PageLook,
    title: str,
) -> str:
    """The page of the image `rgb` called `title`: answers, maps as `paint` shows them, settings, versions and hashes.

    `manifest` is the document of `evidence_files` about the same `findings`; what stands there is said, nothing else.
    """
    entries = manifest["models"]
    parts = [_head(manifest, rgb, title), _answers(findings), _faults(manifest)]
    parts += [_model(each, entry, paint, look) for each, entry in zip(findings, entries, strict=True)]
    parts.append(_made_by(manifest))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta name="referrer" content="no-referrer">'
        f"<title>Explanation: {escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _head(manifest: Mapping[str, Any], rgb: NDArray[np.uint8], title: str) -> str:
    image = manifest["image"]
    scale = min(1.0, WHOLE / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return (
        f"<h1>{escape(title)}</h1><p>Where models look: made by {escape(str(manifest['project']))}. "
        f"<strong>{escape(str(manifest['notice']))}</strong></p>"
        f"{_figure(small, f'The image {title}', f'{rgb.shape[1]} x {rgb.shape[0]} px', 'whole')}"
        f'<p class="quiet">SHA-256 of the image: <code>{escape(str(image.get("sha256")))}</code></p>'
    )


def _answers(findings: Sequence[Findings]) -> str:
    """A row a model: the class that it names, and the probability of each class."""
    told = [(each, each.prediction) for each in findings if each.prediction is not None]
    classes = list(dict.fromkeys(name for _, prediction in told for name in prediction.classes))
    if not told:
        return ""
    rows = []
    for each, prediction in told:
        shares = dict(zip(prediction.classes, prediction.probabilities, strict=True))
        cells = "".join(f"<td>{escape(_share(shares[name])) if name in shares else '–'}</td>" for name in classes)
        caution = " (unfamiliar: unlike its training images)" if prediction.unfamiliar else ""
        named = f"<td><strong>{escape(prediction.predicted)}</strong>{caution}</td>"
        rows.append(f"<tr><td>{escape(each.classifier.card.title)}</td>{named}{cells}</tr>")
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("names", *classes))
    return (
        f'<h2>Answers</h2><div class="wide"><table><thead><tr><th>model</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _faults(manifest: Mapping[str, Any]) -> str:
    told = [
        f'<p class="fault">{escape(": ".join(filter(None, (fault["model"], fault["what"], fault["message"]))))}</p>'
        for fault in manifest["faults"]
    ]
    return f"<h2>What could not be done</h2>{''.join(told)}" if told else ""


def _model(findings: Findings, entry: Mapping[str, Any], paint: Painter, look: PageLook) -> str:
    card, view = findings.classifier.card, findings.view
    facts = {
        "weights, SHA-256": entry["weights_sha256"],
        "architecture": entry["architecture"],
        "shown": FRAMINGS[view.framing],
        "own regions": _regions(entry),
        "remarks": " ".join(view.warnings),
    }
    seen = _figure(view.rgb, f"What {card.title} saw: the {FRAMINGS[view.framing]}", "Seen by the model")
    told = zip(findings.explanations.values(), entry["explanations"], strict=True)
    held = zip(findings.contrasts.values(), entry["contrasts"], strict=True)
    blocks = "".join(_method(findings, item, facts, paint, look) for pairs in (told, held) for item, facts in pairs)
    return f"<h2>{escape(card.title)}</h2>{_facts(facts)}{seen}{blocks}{_scores(entry)}"


def _regions(entry: Mapping[str, Any]) -> str:
    given = entry.get("regions")
    return f"{given['count']}, SHA-256 {given['sha256']}" if given else ""


def _method(findings: Findings, item: Explanation, entry: Mapping[str, Any], paint: Painter, look: PageLook) -> str:
    kind = METHODS.get(item.method)
    title = f"{entry['title']}{f', against {item.against}' if item.against else ''}"
    figures = "".join(_map(findings, item, name, title, paint) for name in item.classes)
    legend = ""
    if kind is not None:
        bordered = item.method in look.borders and item.regions is not None
        colours = look.diverging if item.signed else look.palette
        low, high = legend_ends(item.signed, look.shared, by_pixel(item))
        strip = f"{escape(low)}{_strip(colours)}{escape(high)}. " if not bordered else ""
        legend = f'<p class="quiet">{strip}{escape(legend_text(kind, bordered, item.against))}</p>'
    settings = ", ".join(f"{name} {value}" for name, value in entry["settings"].items() if value != "")
    facts = {
        "source": entry["paper"],
        "settings": settings,
        "layer": entry["layer"],
        "seed": entry["seed"],
        "number format": entry["precision"],
        "evaluations": f"{entry['evaluations']:,} of {entry['budget']:,}",
        "settled": uncertainty_text(item) if kind is not None else "",
        "remarks": " ".join(filter(None, (item.note, _likeness(findings, item)))),
    }
    return f'<h3>{escape(title)}</h3>{legend}<div class="maps">{figures}</div>{_facts(facts)}'


def _likeness(findings: Findings, item: Explanation) -> str:
    """How alike the maps of the class named and its runner-up are."""
    prediction = findings.prediction
    other = prediction.runner_up(prediction.predicted) if prediction is not None else None
    if prediction is None or other is None or not {prediction.predicted, other} <= set(item.classes) or item.against:
        return ""
    return alike_sentence(item, prediction.predicted, other)


def _map(findings: Findings, item: Explanation, name: str, title: str, paint: Painter) -> str:
    found, prediction = largest_values(item, name), findings.prediction
    share = ""
    if prediction is not None:
        share = _share(prediction.probabilities[prediction.classes.index(name)])
        share += ", named" if name == prediction.predicted else ""
    alt = f"{title} of {findings.classifier.card.title} for {name}: {', '.join(found)}"
    below = "<br>".join(escape(part) for part in (share, *found) if part)
    return _figure(paint(item, name), alt, f"<strong>{escape(name)}</strong><br>{below}", markup=True)


def _scores(entry: Mapping[str, Any]) -> str:
    """What was measured of the maps, a sentence a score."""
    told = []
    for scoring in entry["scores"]:
        lines = "".join(f"<li>{escape(str(row['sentence']))}</li>" for row in scoring["rows"])
        told.append(
            f"<h3>What {escape(scoring['method'])} for {escape(scoring['label'])} is worth</h3><ul>{lines}</ul>"
        )
    return "".join(told)


def _made_by(manifest: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in manifest["parameters"].items() if value not in (None, "", (), [], False)}
    return (
        f"<h2>How it was made</h2><h3>Asked for</h3>{_facts(asked)}<h3>Versions</h3>{_facts(manifest['versions'])}"
        f'<p class="quiet">{manifest["threads"]} threads. Raw values have no unit: never compare them between models '
        f"or methods. {escape(str(manifest['notice']))}</p>"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(_plain(value))}</td></tr>"
        for name, value in facts.items()
        if value not in (None, "")
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def _plain(value: Any) -> str:
    """A value of a manifest as a reader would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items() if one not in (None, ""))
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _figure(rgb: NDArray[np.uint8], alt: str, below: str, kind: str = "", markup: bool = False) -> str:
    """A picture with its words; `below` is text, or HTML where `markup` says so."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    words = below if markup else escape(below)
    start = f'<figure class="{kind}">' if kind else "<figure>"
    return f'{start}<img src="{_address(buffer, "jpeg")}" alt="{escape(alt)}"><figcaption>{words}</figcaption></figure>'


def _strip(colours: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(palette(colours)[None])).save(buffer, "PNG")
    return f'<img class="strip" src="{_address(buffer, "png")}" alt="Palette {escape(colours)}, low to high">'


def _address(buffer: io.BytesIO, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _share(probability: float) -> str:
    """A probability as a percentage; never rounded up to 100 or down to 0."""
    value = 100 * float(probability)
    return "< 0.1 %" if value < 0.1 else "> 99.9 %" if value > 99.9 else f"{value:.1f} %"


def index_page(rows: Sequence[Mapping[str, Any]], title: str, parameters: Mapping[str, Any], stopped: bool) -> str:
    """The page that leads to the pages of many images: a row an image, with what each model says of it.

    A row has `image`, its name, and either `fault`, why there is nothing, or `folder`, where its page lies, `models` as
    a manifest has them, and how many `faults` there were. `stopped` says that the rest is still to be done.
    """
    names = list(dict.fromkeys(str(model["model"]) for row in rows for model in row.get("models", ())))
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(_index_row(row, names) for row in rows)
    missing = sum("fault" in row for row in rows)
    told = f"{len(rows):,} images, {missing:,} of them without maps." if missing else f"{len(rows):,} images."
    more = " Stopped before all was done: give the command again to go on." if stopped else ""
    asked = {name: value for name, value in parameters.items() if value not in (None, "", (), [], False)}
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Explanations: {escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p>{told}{more} <strong>Not a medical device.</strong></p><div class="wide"><table><thead><tr>'
        f"<th>image</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<h2>How it was made</h2>{_facts(asked)}</body></html>\n"
    )


def _index_row(row: Mapping[str, Any], names: Sequence[str]) -> str:
    shown = escape(str(row["image"]))
    if "fault" in row:
        return f'<tr><td>{shown}</td><td colspan="{max(1, len(names))}">{escape(str(row["fault"]))}</td></tr>'
    answers = {str(model["model"]): model.get("prediction") for model in row["models"]}
    cells = "".join(f"<td>{escape(_answer(answers.get(name)))}</td>" for name in names)
    remark = " (not all could be done)" if row["faults"] else ""
    return f'<tr><td><a href="{quote(str(row["folder"]))}/page.html">{shown}</a>{remark}</td>{cells}</tr>'


def _answer(prediction: Any) -> str:
    """A model's answer and its probability, from a manifest."""
    if not isinstance(prediction, Mapping):
        return "–"
    return f"{prediction['predicted']}, {_share(max(prediction['probabilities']))}"

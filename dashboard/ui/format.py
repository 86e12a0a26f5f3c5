"""Numbers as a reader meets them, with two or three significant digits and the unit beside them; and foreign text, from
files and paths, made fit for a message."""

from __future__ import annotations

from core.evaluation.intervals import Estimate
from core.reproduction.table import minutes

NO_BREAK = "\u00a0"


def percent(share: float) -> str:
    """Write a probability from 0 to 1 as a percentage; a model is never 100 % sure, so none is said to be."""
    value = 100 * share
    if 0 < value < 0.1:
        text = "< 0.1 %"
    elif value > 99.9:
        text = "> 99.9 %"
    else:
        text = f"{value:.1f} %" if value < 9.95 or value > 99 else f"{value:.0f} %"
    return unbroken(text)


def measured(share: float | None) -> str:
    """Write a share that was counted, from 0 to 1, as a percentage; 100 % stands for all alone, 0 % for none.

    None stands for a share of too few images to tell.
    """
    if share is None:
        return "too few images"
    value = 100 * share
    if value in (0, 100):
        text = f"{value:.0f} %"
    elif value < 0.05 or value >= 99.95:
        text = f"{value:.2f} %" if 0.005 <= value < 99.995 else percent(share)
    else:
        text = f"{value:.1f} %" if value < 9.95 or value > 99 else f"{value:.0f} %"
    return unbroken(text)


def unbroken(text: str) -> str:
    """Keep numbers, signs and units on one line: spaces before % and after < or > do not break."""
    return text.replace(" %", f"{NO_BREAK}%").replace("< ", f"<{NO_BREAK}").replace("> ", f">{NO_BREAK}")


def millions(value: float) -> str:
    """Write a number of parameters, given in millions."""
    return f"{value:.2f} M" if value < 10 else f"{value:.1f} M"


def duration(seconds: float) -> str:
    """Write a short time in ms, a longer one in s."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.2g} s"


def size(megabytes: float) -> str:
    """Write a file's size."""
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


def took(seconds: float) -> str:
    """Write how long work has taken so far, in s or in minutes and seconds."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def quoted(text: str, most: int = 2000) -> str:
    """Foreign text for a message: no Markdown acts, control characters are gone."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)[:most]
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#$~:|" else letter for letter in clean)


NONE = "–"


def share(value: float | None, digits: int = 1) -> str:
    """A share, 0-1, as a percentage; a dash where there is none. Never rounded up to 100 or down to 0."""
    if value is None:
        return NONE
    text = f"{100 * value:.{digits}f}"
    edge = 10.0**-digits
    if float(text) == 100 and value < 1:
        return f">{NO_BREAK}{100 - edge:.{digits}f}{NO_BREAK}%"
    if float(text) == 0 and value > 0:
        return f"<{NO_BREAK}{edge:.{digits}f}{NO_BREAK}%"
    return f"{text}{NO_BREAK}%"


def decimal(value: float | None, digits: int = 3) -> str:
    """A figure from 0 to 1 as it is; a dash where there is none."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return f">{NO_BREAK}{1 - 10.0**-digits:.{digits}f}" if float(text) == 1 and value < 1 else text


def interval(estimate: Estimate, kind: str = "") -> str:
    """The ends of an interval, without units; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    if kind == "auc":
        return f"{estimate.low:.4f}–{estimate.high:.4f}"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"


def lasted(seconds: float) -> str:
    """How long a training took: in seconds up to 90, then in minutes, then in hours."""
    return f"{seconds:.0f}{NO_BREAK}s" if seconds < 90 else minutes(seconds).replace(" ", NO_BREAK)

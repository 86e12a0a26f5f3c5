"""The figures of `evaluate` as lines to read."""

from __future__ import annotations

from typing import Any

KINDS = ("precision", "sensitivity", "f1", "specificity")
MOST_LISTED = 10
COLUMN = 27  # letters: those of 100.00% (100.0% to 100.0%), and a gap


def lines_of(entry: dict[str, Any]) -> list[str]:
    """One model's figures: a line over all, a line a class, what was left out."""
    lines = [_headline(entry["model"], entry), *_table(entry["figures"])]
    leaks = entry["without_leaks"]
    if leaks is not None and leaks["figures"] is None:
        lines.append(f"  All {leaks['left_out']:,} images share a photograph with another split: nothing is left.")
    elif leaks is not None:
        lines.append(f"  {leaks['left_out']:,} images share a photograph with another split. Without them:")
        lines.append(f"  {_headline(entry['model'], leaks)}")
    lines += [f"  {note}" for note in (*entry["notes"], *entry["figures"]["notes"])]
    unreadable = entry["unreadable"]
    lines += [f"  not read: {one['image']}: {one['reason']}" for one in unreadable[:MOST_LISTED]]
    if len(unreadable) > MOST_LISTED:
        lines.append(f"  … and {len(unreadable) - MOST_LISTED:,} more; --json lists all.")
    return lines


def _headline(model: str, entry: dict[str, Any]) -> str:
    figures = entry["figures"]
    recall = "not said (too few images a class)" if entry["mean_recall"] is None else f"{entry['mean_recall']:.2%}"
    accuracy = figures["accuracy"]
    return (
        f"{model}: accuracy {entry['accuracy']:.2%} ({accuracy['low']:.2%} to {accuracy['high']:.2%}), "
        f"mean recall {recall}, mean F1 {_plain(figures['macro']['f1'])}, mean AUC {_auc(figures['macro_auc'])}, "
        f"ECE {figures['calibration']['ece']:.3f}, {entry['images']} images of {entry['data']}"
    )


def _table(figures: dict[str, Any]) -> list[str]:
    names = max(len(row["name"]) for row in figures["per_class"])
    head = f"  {'':{names}}{'images':>8}" + "".join(f"{kind:>{COLUMN}}" for kind in KINDS) + f"{'AUC':>{COLUMN}}"
    rows = [
        f"  {row['name']:{names}}{row['images']:>8,}"
        + "".join(f"{_interval(row[kind]):>{COLUMN}}" for kind in KINDS)
        + f"{_auc(curve['auc'], True):>{COLUMN}}"
        for row, curve in zip(figures["per_class"], figures["roc"], strict=True)
    ]
    return [head, *rows, "  In brackets: 95 % confidence intervals."]


def _interval(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "-"
    return f"{estimate['value']:.2%} ({estimate['low']:.1%} to {estimate['high']:.1%})"


def _plain(estimate: dict[str, Any]) -> str:
    return "not said" if estimate["value"] is None else f"{estimate['value']:.2%}"


def _auc(estimate: dict[str, Any], interval: bool = False) -> str:
    if estimate["value"] is None:
        return "-" if interval else "not said"
    text = f"{estimate['value']:.4f}"
    return f"{text} ({estimate['low']:.4f}-{estimate['high']:.4f})" if interval else text

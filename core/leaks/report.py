"""What a search for leaks found, as JSON has it and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.leaks import candidates, fingerprint, grouping, verification
from core.leaks.contamination import Leak, Shared, contamination, shared_pairs
from core.leaks.places import Place, shown

LISTED = 10


@dataclass(frozen=True)
class Report:
    """The readable images, the group of each, what was skipped (dir, path, reason) and how long it took."""

    places: Sequence[Place]
    groups: Sequence[int]
    skipped: Sequence[tuple[str, str, str]]
    notes: Sequence[str]
    seconds: float

    @property
    def shared(self) -> list[Shared]:
        """Every two splits that share photographs."""
        return shared_pairs(self.groups, [place.split for place in self.places])

    @property
    def relabelled(self) -> list[Leak]:
        """Photographs under several class labels; case makes no difference."""
        return contamination(self.groups, [place.label.lower() for place in self.places])

    def members(self) -> dict[int, list[Place]]:
        """The images of each group of two or more."""
        of_group: dict[int, list[Place]] = {}
        for group, place in zip(self.groups, self.places, strict=True):
            of_group.setdefault(int(group), []).append(place)
        return {group: places for group, places in of_group.items() if len(places) > 1}

    def document(self) -> dict[str, Any]:
        """The one JSON document of `python -m core leaks --json`."""
        members = self.members()
        return {
            "images": len(self.places),
            "photographs": len(set(self.groups)),
            "groups": [_group(group, places) for group, places in sorted(members.items())],
            "alone": len(self.places) - sum(map(len, members.values())),
            "contamination": {
                "contaminated": bool(self.shared),
                "splits": sorted({place.split for place in self.places if place.split}),
                "between": [
                    {"splits": list(pair.splits), "photographs": pair.groups, "images": list(pair.images)}
                    for pair in self.shared
                ],
                "groups": [
                    {"group": leak.group, "splits": list(leak.splits), "images": leak.count}
                    for leak in contamination(self.groups, [place.split for place in self.places])
                ],
            },
            "several_labels": [
                {"group": leak.group, "labels": list(leak.splits), "images": leak.count} for leak in self.relabelled
            ],
            "skipped": [{"dir": dir_, "path": path, "reason": reason} for dir_, path, reason in self.skipped],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
            "settings": settings(),
        }

    def lines(self) -> list[str]:
        """What was found, in sentences; the longest lists cut short."""
        members = self.members()
        copies = sum(map(len, members.values()))
        lines = [
            f"{len(self.places):,} images of {len(set(self.groups)):,} photographs in {self.seconds:.0f} s: "
            f"{len(members):,} photographs have several images ({copies:,} in all)."
        ]
        for pair in self.shared:
            (one, other), (ones, others) = pair.splits, pair.images
            lines.append(
                f"CONTAMINATED: {shown(one)} and {shown(other)} share {pair.groups:,} photographs "
                f"({ones:,} and {others:,} images)."
            )
        if not self.shared:
            splits = {place.split for place in self.places if place.split}
            alone = f"There is one split alone, {shown(min(splits))}." if splits else "The images are in no splits."
            lines.append("No two splits share a photograph." if len(splits) > 1 else alone)
        relabelled = self.relabelled
        if relabelled:
            lines.append(f"{len(relabelled):,} photographs stand under several class labels:")
        lines += [f"  {', '.join(_named(members[leak.group]))}" for leak in relabelled[:LISTED]]
        if len(relabelled) > LISTED:
            lines.append(f"  and {len(relabelled) - LISTED:,} more (--json lists all)")
        if self.skipped:
            lines.append(f"{len(self.skipped):,} files cannot be read and were skipped.")
        return lines


def settings() -> dict[str, Any]:
    """The figures that the answer depends on."""
    return {
        "longest_side_px": fingerprint.LONGEST_SIDE,
        "key_points": [fingerprint.FEWEST, fingerprint.MOST],
        "candidates_an_image": grouping.EACH,
        "votes_a_descriptor": candidates.NEIGHBOURS,
        "least_points": verification.FEWEST,
        "least_likeness": [verification.LEAST_ASKED, verification.MOST_ASKED],
    }


def _group(group: int, places: Sequence[Place]) -> dict[str, Any]:
    return {
        "group": group,
        "size": len(places),
        "splits": sorted({place.split for place in places if place.split}),
        "labels": sorted({place.label for place in places if place.label}),
        "images": [{"dir": place.dir, "path": place.path} for place in places],
    }


def _named(places: Sequence[Place]) -> list[str]:
    """The first four images by name."""
    names = [shown(place.path) for place in places[:4]]
    return names if len(places) <= 4 else [*names, f"... {len(places)} images"]

"""Clusters of a model's maps within each class over the sample, as in ViRelAy (Anders et al. 2021): where a part of a
class is told by something else than the rest, its maps stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audit.findings import AuditPanel, AuditPicture, AuditTable, Finding, Status
from core.audit.shards import Document
from core.audit.steps import as_percent, with_ends
from core.evaluation.intervals import wilson

Grid = NDArray[np.float64]
FEWEST = 12  # maps of a class that are grouped
MOST = 4  # clusters of a class
APART = 0.25  # mean silhouette under which there is no structure worth a name (Kaufman & Rousseeuw 1990)
SHARE = 0.1  # of a class's maps from which a cluster is judged
AROUND = 0.5  # of the relevance: more in the surroundings is suspect
NOTE = (
    "Grad-CAM of each answer on a grid, scaled to a sum of 1; k-means on square roots within a class, with the 2 to "
    f"{MOST} clusters of the best mean silhouette, one where that is under {APART}. Maps that show nothing are left "
    "out."
)
DOWN, ACROSS = ("upper", "middle", "lower"), ("left", "centre", "right")


@dataclass(frozen=True)
class MapCluster:
    """Maps of one class that are alike: its `rows` of the sample, of `of` maps of the class, and their mean."""

    label: str
    number: int
    rows: tuple[Document, ...]
    of: int
    mean: Grid

    @property
    def name(self) -> str:
        """How the report calls it."""
        return f"{self.label} {self.number}"

    @property
    def surroundings(self) -> float:
        """The mean share of relevance outside the cell."""
        return self.share("surroundings")

    def share(self, zone: str) -> float:
        """The mean share of relevance in a zone."""
        return float(np.mean([row["shares"][zone] for row in self.rows]))

    @property
    def suspect(self) -> bool:
        """Whether it is large enough to be judged, and looks mostly beside the cell."""
        return len(self.rows) >= SHARE * self.of and self.surroundings > AROUND

    @property
    def peak(self) -> str:
        """Which ninth of the picture holds the mean map's largest value."""
        height, width = self.mean.shape
        row, column = np.unravel_index(int(self.mean.argmax()), self.mean.shape)
        down, across = DOWN[3 * int(row) // height], ACROSS[3 * int(column) // width]
        return "the centre" if (down, across) == ("middle", "centre") else f"the {down} {across}"


def map_clusters(rows: Sequence[Document]) -> list[MapCluster]:
    """The clusters of each class of which the sample holds FEWEST maps that show anything, the largest first."""
    shown = [row for row in rows if row.get("map") and row["shares"]["surroundings"] is not None]
    found = []
    for label in sorted({row["label"] for row in shown}):
        own = [row for row in shown if row["label"] == label]
        if len(own) >= FEWEST:
            maps = np.array([row["map"] for row in own], dtype=np.float64)
            members = _members(grouped_maps(maps))
            found += [
                MapCluster(label, number, tuple(own[place] for place in places), len(own), maps[places].mean(axis=0))
                for number, places in enumerate(members, start=1)
            ]
    return found


def _members(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return sorted((np.flatnonzero(groups == group) for group in np.unique(groups)), key=lambda own: (-len(own), own[0]))


def grouped_maps(maps: Grid, seed: int = 0) -> NDArray[np.int64]:
    """A group's number for each of `maps` `(N, h, w)`, that of the best mean silhouette of 2 to MOST; all 0 where none
    reaches APART.

    Square roots of shares are unit vectors, so that few bright cells do not outweigh many dim ones.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    shares = maps.reshape(len(maps), -1)
    roots = np.sqrt(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12))
    best, groups = APART, np.zeros(len(maps), dtype=np.int64)
    for count in range(2, min(MOST, len(np.unique(roots, axis=0)) - 1) + 1):
        tried = KMeans(count, n_init=10, random_state=seed).fit_predict(roots)
        score = float(silhouette_score(roots, tried))
        if score > best:
            best, groups = score, tried.astype(np.int64)
    return groups


def cluster_finding(model: str, clusters: Sequence[MapCluster]) -> Finding:
    """Whether a part of a class is told by what lies beside the cell."""
    title, key = "Clusters of maps", "clusters"
    if not clusters:
        words = f"No class has the {FEWEST} maps that clusters need: a larger --sample gives more."
        return Finding(step="looks", key=key, title=title, status="not run", model=model, sentence=words)
    suspects = [cluster for cluster in clusters if cluster.suspect]
    classes = len({cluster.label for cluster in clusters})
    told = f"{len(clusters)} cluster{'s' if len(clusters) > 1 else ''} of maps in {classes} "
    told += f"class{'es' if classes > 1 else ''}; none looks mostly beside the cell."
    if suspects:
        parts = [
            f"{len(one.rows)} of {one.of} maps of {one.label} have {as_percent(one.surroundings)} of their relevance "
            f"beside the cell, most in {one.peak}" for one in suspects
        ]  # fmt: skip
        told = f"{'; '.join(parts)}. Something there may stand for the class: look at these cells."
    status: Status = "failed" if suspects else "passed"
    condition = f"no cluster of {100 * SHARE:.0f} % of a class or more has over half of its relevance beside the cell"
    return Finding(step="looks", key=key, title=title, status=status, model=model, sentence=told, condition=condition,
                   figure=max(one.surroundings for one in clusters))  # fmt: skip


def cluster_table(model: str, clusters: Sequence[MapCluster]) -> AuditTable:
    """Each cluster's size, how many of its answers are right, where its relevance lies, and some of its images."""
    rows = []
    for one in clusters:
        right = wilson(sum(row["answer"] == row["label"] for row in one.rows), len(one.rows))
        zones = (as_percent(one.share(zone)) for zone in ("nucleus", "cytoplasm", "surroundings"))
        images = ", ".join(str(row.get("image", "")) for row in one.rows[:2])
        rows.append((one.name, f"{len(one.rows)} of {one.of}", with_ends(right), *zones, one.peak, images))
    heads = ("cluster", "maps", "right", "nucleus", "cytoplasm", "surroundings", "brightest in", "among them")
    return AuditTable(title=f"{model}: clusters of maps", heads=heads, rows=tuple(rows), note=NOTE)


def cluster_pictures(model: str, clusters: Sequence[MapCluster]) -> list[AuditPicture]:
    """The mean map of each cluster, a picture a class."""
    pictures = []
    for label in dict.fromkeys(cluster.label for cluster in clusters):
        own = [cluster for cluster in clusters if cluster.label == label]
        panels = tuple(
            AuditPanel(
                name=f"{one.name} ({len(one.rows)} of {one.of})",
                values=tuple(tuple(round(float(value), 6) for value in row) for row in one.mean),
                words=f"{as_percent(one.surroundings)} beside the cell, brightest in {one.peak}",
            )
            for one in own
        )
        pictures.append(AuditPicture(title=f"{model}: mean maps of {label}", panels=panels))
    return pictures

"""What the service keeps: results and the pictures they are of, the least recently used dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from core.explanation.context import ImageContext, nbytes_of
from core.explanation.service.scheduler import Interest, SharedTask

Place = tuple[str, str]  # whose it is, "" everybody's; digest of the picture, "" of none


@dataclass(eq=False)
class CacheEntry:
    """A result: its task, where it belongs, what else is kept with it, and its bytes when they were last asked for."""

    work: SharedTask
    place: Place
    extra: Any = None
    bytes: int = 0
    measured: float = -1.0

    def want(self, owner: str, lease: float | None, budget: int | None) -> Interest:
        """Enter or renew an owner's interest."""
        with self.work.condition:
            return self.work.want(owner, lease, budget)


@dataclass(eq=False)
class _Picture:
    context: ImageContext
    bytes: int = 0


class ResultCache:
    """At most `most_entries` results, `most_scenes` pictures and about `most_bytes`; more only while work is under way.

    Not thread-safe but for `measure`, which looks at what others change and keeps the old figure where it cannot.
    """

    def __init__(self, most_entries: int, most_contexts: int, most_bytes: int) -> None:
        self.entries: OrderedDict[Hashable, CacheEntry] = OrderedDict()
        self.pictures: OrderedDict[Place, _Picture] = OrderedDict()
        self._most = (most_entries, most_contexts, most_bytes)

    @property
    def bytes(self) -> int:
        """As last measured."""
        kept: list[CacheEntry | _Picture] = [*self.entries.values(), *self.pictures.values()]
        return sum(one.bytes for one in kept)

    def place_of(self, context: ImageContext) -> Place | None:
        """Where this very context is kept."""
        place = next((place for place, picture in self.pictures.items() if picture.context is context), None)
        if place is not None:
            self.pictures.move_to_end(place)
        return place

    def enter(self, place: Place, context: ImageContext) -> ImageContext:
        """The context kept at `place`, which is `context` where there was none."""
        kept = self.pictures.setdefault(place, _Picture(context)).context
        self.pictures.move_to_end(place)
        return kept

    def get(self, key: Hashable) -> CacheEntry | None:
        """The result, now the most recently used."""
        found = self.entries.get(key)
        if found is not None:
            self.entries.move_to_end(key)
        return found

    def drop_failed(self, key: Hashable) -> None:
        """Forget a result whose work failed."""
        known = self.entries.get(key)
        if known is not None and known.work.fault:
            del self.entries[key]

    def add(self, key: Hashable, made: CacheEntry) -> CacheEntry:
        """Keep a result, or return the one that another thread was first to keep."""
        return self.entries.setdefault(key, made)

    def forget(self, owner: str) -> list[SharedTask]:
        """Drop what belongs to `owner`; return all tasks that were kept."""
        works = [entry.work for entry in self.entries.values()]
        if owner:
            for key in [key for key, entry in self.entries.items() if entry.place[0] == owner]:
                del self.entries[key]
            for place in [place for place in self.pictures if place[0] == owner]:
                del self.pictures[place]
        return works

    def measure(self, place: Place) -> None:
        """Ask anew for the bytes of results that changed and are at rest, of their pictures and of that at `place`."""
        places = {place}
        for entry in list(self.entries.values()):
            if entry.measured != entry.work.seconds and entry.work.at_rest():
                entry.measured = entry.work.seconds
                entry.bytes = _measured(entry.bytes, entry.work.task, entry.extra)
                places.add(entry.place)
        for where in places:
            picture = self.pictures.get(where)
            if picture is not None:
                picture.bytes = _measured(picture.bytes, picture.context)

    def shrink(self, keep: CacheEntry) -> None:
        """Drop the least recently used, pictures with their results, but nothing under way, `keep` or its picture."""
        most_entries, most_contexts, most_bytes = self._most
        idle = [key for key, entry in self.entries.items() if entry is not keep and entry.work.at_rest()]
        busy = {entry.place for entry in self.entries.values()} - {self.entries[key].place for key in idle}
        busy |= {entry.place for entry in self.entries.values() if not entry.work.at_rest()} | {keep.place}
        for place in [place for place in self.pictures if place not in busy]:
            if len(self.pictures) <= most_contexts and self.bytes <= most_bytes:
                break
            del self.pictures[place]
            for key in [key for key in idle if self.entries[key].place == place]:
                idle.remove(key)
                del self.entries[key]
        for key in idle:
            if len(self.entries) <= most_entries and self.bytes <= most_bytes:
                break
            del self.entries[key]


def _measured(before: int, *parts: Any) -> int:
    try:
        return nbytes_of(*parts)
    except RuntimeError:  # changed by another thread meanwhile
        return before

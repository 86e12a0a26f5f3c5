"""Conditions that stand before an audit looks at anything: written with their digest and the time when it starts, so
that none is chosen by what was found. An audit that goes on in the same folder keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from core.audit.findings import Condition, Strict, read_condition
from core.errors import InputError
from core.files import read_plain, write_whole
from core.settings import SHA256

CONDITIONS = "conditions.json"
LARGEST = 100_000  # bytes
RESULTS = ("report.json", "parts")  # what an audit leaves that has begun
MOST = 100  # conditions of an audit
USUAL = ("accuracy>=0.9", "lowest_recall>=0.8", "ece<=0.05")
"""What a page offers to begin with."""


class FrozenConditions(Strict):
    """The conditions of an audit in their canonical text, the SHA-256 of that, and when (UTC) they were frozen.

    The texts are sorted, each once; the digest is of the texts with a line break after each, in UTF-8. `late` where the
    folder held results already.
    """

    format: Literal[1] = 1
    conditions: tuple[Annotated[str, Field(max_length=200)], ...] = Field(max_length=MOST)
    conditions_sha256: str = Field(pattern=SHA256)
    when: str = Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
    late: bool = False

    @model_validator(mode="after")
    def _is_theirs(self) -> FrozenConditions:
        if _digest(self.conditions) != self.conditions_sha256:
            raise ValueError("the digest is of other conditions")
        return self

    def bytes(self) -> bytes:
        """As the file is written."""
        return self.model_dump_json(indent=2).encode()

    @property
    def sentence(self) -> str:
        """For the report."""
        count = len(self.conditions)
        what = f"{count} condition{'s were' if count > 1 else ' was'} frozen" if count else "No conditions were set"
        if self.late:
            return f"{what}, on {self.when}, in a folder that held results already; SHA-256 {self.conditions_sha256}."
        return f"{what} when the audit began ({self.when}); SHA-256 {self.conditions_sha256}."


def canonical(condition: Condition) -> str:
    """The one text of a condition, with every digit of its limit."""
    return f"{condition.measure}{condition.sign}{condition.limit!r}".replace("e+", "e")


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{text}\n" for text in texts).encode()).hexdigest()


def freeze_conditions(out: Path, conditions: Sequence[Condition]) -> FrozenConditions:
    """Write the conditions into `out`, or find that the same ones stand there from when the audit began.

    InputError where other ones do, or where the file was changed or cannot be written.
    """
    texts = refuse_other_conditions(out, conditions)
    before = frozen_conditions(out)
    if before is not None:
        return before
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    late = any((out / name).exists() for name in RESULTS)
    frozen = FrozenConditions(conditions=texts, conditions_sha256=_digest(texts), when=now, late=late)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / CONDITIONS, frozen.bytes())
    except OSError as error:
        raise InputError(f"{CONDITIONS} cannot be written to {out}: {error.strerror or error}.") from error
    return frozen


def frozen_conditions(out: Path) -> FrozenConditions | None:
    """The conditions that stand in `out`, None where none do; InputError where the file is none of ours any more."""
    try:
        return FrozenConditions.model_validate_json(read_plain(out / CONDITIONS, LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError, RecursionError) as error:
        raise InputError(f"{out / CONDITIONS} was changed or damaged: name another folder with --out.") from error


def refuse_other_conditions(out: Path, conditions: Sequence[Condition]) -> tuple[str, ...]:
    """The canonical texts, sorted; InputError where there are too many, or where the audit in `out` began with others.

    Nothing is written.
    """
    texts = tuple(sorted({canonical(condition) for condition in conditions}))
    if len(texts) > MOST:
        raise InputError(f"More than {MOST} conditions are not taken: give fewer --require.")
    before = frozen_conditions(out)
    if before is None:
        return texts
    gone = [text for text in before.conditions if text not in texts]
    new = [text for text in texts if text not in before.conditions]
    if gone or new:
        told = [f"now missing: {', '.join(gone)}"] if gone else []
        told += [f"now new: {', '.join(new)}"] if new else []
        raise InputError(
            f"The audit in {out} began with other conditions ({'; '.join(told)}). They stand since {before.when}: give "
            "the same --require again, or name another folder with --out."
        )
    return texts


def conditions_in(text: str) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """The conditions of a text, one a line, and what is wrong with its lines; empty lines count for nothing."""
    found: list[Condition] = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                found.append(read_condition(line.strip()))
        except InputError as error:
            faults.append(f"Line {number}: {str(error).removeprefix('--require').lstrip(': ')}")
    if len(found) > MOST:
        faults.append(f"More than {MOST} conditions are not taken.")
    return tuple(dict.fromkeys(found)), tuple(faults)

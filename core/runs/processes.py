"""What is known of another process: whether it still runs, and whether it is the one that is meant."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def runs_still(pid: int) -> bool:
    """Whether a process of that number runs; one that has ended and waits to be collected does not."""
    if not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _letter(pid) not in ("Z", "X")


def has_open(pid: int, path: Path) -> bool:
    """Whether the process has this very file open, as the holder of a lock has; True where that cannot be seen."""
    folder = PROC / str(pid) / "fd"
    if not PROC.is_dir():
        return runs_still(pid)
    try:
        wanted = path.stat()
        for link in folder.iterdir():
            try:
                facts = link.stat()
            except OSError:
                continue
            if (facts.st_dev, facts.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    except OSError:
        return False
    return False


def _letter(pid: int) -> str:
    """The state of a process as the kernel abbreviates it; empty where it does not tell."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].strip()[:1]

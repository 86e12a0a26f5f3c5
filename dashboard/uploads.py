"""The images that a visitor brought: kept in the server's memory, bounded, never written to disk or to a log. They
outlive a reload of the page, for they belong to the browser; they go when asked to, or a while after the last look."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.classes import common_name
from core.decoding import DecodedImage, decode
from core.errors import InputError

STORE, OWNER = "uploads", "owner-of-what-is-kept"
MOST_FILES, MOST_BYTES = 100, 200 * 2**20  # of one browser
MOST_OF_ALL = 1024 * 2**20  # of all browsers together: beyond it, those that were not seen for longest go
MOST_BROWSERS = 10_000  # that are known at the same time, most of them without images
IDLE = 2 * 3600.0  # s after the last look until a browser's images go
PREFIX = "upload-"
HASH_DIGITS = 16
AT_ONCE = 3  # images that are decoded at the same time, for all visitors together
COOKIE = "_streamlit_xsrf"  # that which Streamlit gives each browser against forged requests: random, and its own


class Incoming(Protocol):
    """A file as the browser hands it over."""

    name: str
    file_id: str

    def getvalue(self) -> bytes:
        """Return the file's bytes."""


@dataclass(frozen=True)
class Upload:
    """One file as it came: `name` with the folders that the browser gave, `data` its bytes, `number` from 1."""

    name: str
    data: bytes
    number: int

    @property
    def label(self) -> str | None:
        """The true class, where the file's folder is named after one."""
        return label_of(self.name)


@dataclass
class UploadStore:
    """A browser's uploads by key, in the order they came.

    `refused` and `repeated` say of the last batch what was wrong, and what had come before. `round` counts batches and
    forgettings: the widgets' keys carry it, so that they begin anew and keep nothing. `labels` are classes that the
    visitor gave to uploads, by key; `audit` the report.json of an audit that they opened, b"" for none, `audit_run` the
    name of that audit where it was done on this server; `auditor` who they say they are.
    """

    files: dict[str, Upload] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    round: int = 0
    taken: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    audit: bytes = b""
    audit_run: str = ""
    auditor: str = ""

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(len(upload.data) for upload in list(self.files.values())) + len(self.audit)

    def forget(self) -> None:
        """Drop everything."""
        self.files.clear()
        self.labels.clear()
        self.refused.clear()
        self.repeated.clear()
        self.round += 1


class Shelf:
    """The uploads of all browsers, each under a token of its own; bounded in bytes, and in time without a look."""

    def __init__(self) -> None:
        self._stores: OrderedDict[str, tuple[UploadStore, float]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, token: str) -> UploadStore:
        """Return the uploads under `token`, empty ones at first; those of others that are over their time go."""
        now = time.monotonic()
        with self._lock:
            store = self._stores.get(token, (UploadStore(), now))[0]
            self._stores[token] = (store, now)
            self._stores.move_to_end(token)
            self._drop_old(now)
        return store

    def __len__(self) -> int:
        """How many browsers are known."""
        return len(self._stores)

    def _drop_old(self, now: float) -> None:
        held = sum(store.size for store, _ in self._stores.values())
        for token, (store, seen) in list(self._stores.items())[:-1]:
            if now - seen <= IDLE and held <= MOST_OF_ALL and len(self._stores) <= MOST_BROWSERS:
                break
            held -= store.size
            del self._stores[token]


@st.cache_resource(show_spinner=False, max_entries=1)
def _shelf() -> Shelf:
    return Shelf()


def store() -> UploadStore:
    """Return this browser's uploads; without its token, those of the session alone."""
    token = browser_token(st.context.cookies.get(COOKIE))
    if token is None:
        return st.session_state.setdefault(STORE, UploadStore())
    return _shelf().of(token)


def owner() -> str:
    """Return what tells this browser from all others; without its token, this session."""
    token = browser_token(st.context.cookies.get(COOKIE))
    return token or st.session_state.setdefault(OWNER, secrets.token_hex(16))


def known_browser() -> bool:
    """Whether this browser will be told from others after a reload, too."""
    return browser_token(st.context.cookies.get(COOKIE)) is not None


def browser_token(cookie: str | None) -> str | None:
    """Return what tells one browser from all others, hashed; None for a cookie that says nothing.

    The cookie comes masked anew with each page: `2|mask|masked token|time`, in hexadecimal digits.
    """
    try:
        version, mask, masked, _ = (cookie or "").split("|")
        given, key = bytes.fromhex(masked), bytes.fromhex(mask)
    except ValueError:
        return None
    if version != "2" or len(given) < 16 or not key:
        return None
    return hashlib.sha256(bytes(byte ^ key[place % len(key)] for place, byte in enumerate(given))).hexdigest()


def key_of(data: bytes) -> str:
    """Return what stands for these bytes in the address: the start of their SHA-256 hash."""
    return PREFIX + digest_of(data)[:HASH_DIGITS]


def digest_of(data: bytes) -> str:
    """Return a file's SHA-256 hash, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def take(listed: Sequence[Incoming]) -> list[str]:
    """Keep the files that a widget lists; returns the keys of those that can be read, in order, each once.

    What is refused is not kept, and the server's own copies go: what is forgotten later is then gone.
    """
    held = store()
    held.refused, held.repeated = [], []
    held.round += 1
    kept: list[str] = []
    progress = st.empty()
    for number, file in enumerate(listed, start=1):
        if len(listed) > 1:  # whoever has gone is noticed here, and the rest is left undone
            progress.progress(number / len(listed), text=f"Image {number} of {len(listed)}")
        key = _keep(held, file)
        if key in kept:
            told = f"One file holds the same bytes as Picture {held.files[key].number}: it is shown once."
            held.repeated.append(told)  # without its name, which may tell the class
        elif key is not None:
            kept.append(key)
        _let_go(file)
    progress.empty()
    return kept


def add(name: str, data: bytes) -> str:
    """Keep one image that did not come from a widget; returns its key. InputError where it is none, or full."""
    held, key = store(), key_of(data)
    if key not in held.files:
        _check_room(held, name, len(data))
        decoded(key, name, data)
        held.taken += 1
        held.files[key] = Upload(name, data, held.taken)
    return key


def _keep(held: UploadStore, file: Incoming) -> str | None:
    try:
        return add(file.name, file.getvalue())
    except InputError as error:
        held.refused.append(str(error))
        return None


def _let_go(file: Incoming) -> None:
    """Drop the copy that the server keeps of a file for as long as its session lasts."""
    context = get_script_run_ctx()
    drop = getattr(context.uploaded_file_mgr, "remove_file", None) if context is not None else None
    if context is not None and drop is not None:  # the interface of other managers lacks it
        drop(context.session_id, file.file_id)


def _check_room(held: UploadStore, name: str, size: int) -> None:
    if len(held.files) >= MOST_FILES or held.size + size > MOST_BYTES:
        raise InputError(
            f"“{name}” was left out: a browser's images are at most {MOST_FILES} and {MOST_BYTES // 2**20} MB. "
            "Forget some, or use `python -m core predict` for whole folders."
        )


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def decoded(key: str, name: str, _data: bytes) -> DecodedImage:
    """Decode an upload, the last eight kept; InputError if it is no usable image.

    A few at a time in the whole server: the limits on files bound what each costs, this what all of them do.
    """
    with _turns():
        return decode(_data, PurePosixPath(name).name)


@st.cache_resource(show_spinner=False, max_entries=1)
def _turns() -> threading.Semaphore:
    return threading.Semaphore(AT_ONCE)


def label_of(name: str) -> str | None:
    """Return the true class where the file lies in a folder named after one: `neutrophil/1.png`, `NEU/1.png`."""
    return common_name(PurePosixPath(name).parent.name)


def give_memory_back() -> None:
    """Give freed memory back to the system, which C's allocator else keeps for later; nothing where it is another's."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

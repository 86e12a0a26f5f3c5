"""Signing an audit's evidence, and telling whether it is still what was signed: Ed25519 (RFC 8032) over the zip's
SHA-256, the signer's name and the date."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.files import read_plain, write_whole
from core.settings import SHA256

MANIFEST, SIGNATURE = "manifest.json", ".sig.json"
LARGEST_KEY, LARGEST_SIGNATURE = 10_000, 10_000  # bytes
LARGEST_EVIDENCE, MOST_FILES = 200_000_000, 300  # bytes of all files together, and their number
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class SignedEvidence(BaseModel):
    """What lies beside a signed zip: who signed what and when, with which key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    algorithm: Literal["Ed25519"] = "Ed25519"
    evidence_sha256: str = Field(pattern=SHA256)
    signer: str = Field(min_length=1, max_length=200)
    date: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    public_key: str = Field(max_length=100)
    signature: str = Field(default="", max_length=200)

    @property
    def statement(self) -> bytes:
        """The bytes that are signed: everything but the signature."""
        document = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Verified:
    """Evidence that holds: its files, and who signed it; `signed` is None where nobody did."""

    files: tuple[str, ...]
    signed: SignedEvidence | None

    @property
    def key(self) -> str:
        """The fingerprint of the key, "" without a signature."""
        return "" if self.signed is None else key_fingerprint(base64.b64decode(self.signed.public_key))


def key_fingerprint(key: bytes) -> str:
    """A public key's SHA-256, short enough to be read aloud."""
    digest = hashlib.sha256(key).hexdigest()[:32]
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def make_key(path: Path) -> str:
    """Write a new private key (readable by its owner alone) and `path` with .pub; returns the key's fingerprint.

    InputError where a file of that name is there.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
        write_whole(path.with_name(path.name + ".pub"), public)
    except FileExistsError as error:
        raise InputError(f"{path} is there already: name another file, so that no key is lost.") from error
    except OSError as error:
        raise InputError(f"No key can be written to {path}: {error.strerror or error}.") from error
    return key_fingerprint(key.public_key().public_bytes(*RAW))


def sign_evidence(evidence: Path, key: Path, signer: str) -> Path:
    """Sign the zip `evidence` as `signer` with the private key in `key` (PEM); returns the file that was written.

    InputError where the evidence does not hold, or the key is none.
    """
    data, _ = _evidence(evidence)
    secret = _private_key(key)
    public = base64.b64encode(secret.public_key().public_bytes(*RAW)).decode()
    try:
        unsigned = SignedEvidence(
            evidence_sha256=hashlib.sha256(data).hexdigest(), signer=" ".join(signer.split()),
            date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), public_key=public,
        )  # fmt: skip
    except ValidationError as error:
        raise InputError("A signature needs a name of 1 to 200 letters: --name.") from error
    signature = base64.b64encode(secret.sign(unsigned.statement)).decode()
    target = evidence.with_name(evidence.name + SIGNATURE)
    try:
        write_whole(target, unsigned.model_copy(update={"signature": signature}).model_dump_json(indent=2).encode())
    except OSError as error:
        raise InputError(f"The signature cannot be written to {target}: {error.strerror or error}.") from error
    return target


def verify_evidence(evidence: Path, public_key: Path | None = None) -> Verified:
    """Check the zip's files against its manifest, and its signature where there is one (must be, with `public_key`).

    InputError says what does not hold.
    """
    data, files = _evidence(evidence)
    beside = evidence.with_name(evidence.name + SIGNATURE)
    if not beside.exists():
        if public_key is not None:
            raise InputError(f"{evidence.name} is not signed: there is no {beside.name} beside it.")
        return Verified(files, None)
    signed = _signed(beside)
    if signed.evidence_sha256 != hashlib.sha256(data).hexdigest():
        raise InputError(f"{evidence.name} is not what {signed.signer} signed: it was changed, or is another one.")
    try:
        raw = base64.b64decode(signed.public_key, validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(
            base64.b64decode(signed.signature, validate=True), signed.statement
        )
    except (InvalidSignature, ValueError) as error:
        raise InputError(f"{beside.name} is no valid signature: name, date or key were changed.") from error
    if public_key is not None and _public_key(public_key) != raw:
        raise InputError(f"{evidence.name} was signed with another key than {public_key}: {key_fingerprint(raw)}.")
    return Verified(files, signed)


def _evidence(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """The zip's bytes, and the names of its files, which are those of its manifest."""
    try:
        data = read_plain(path, LARGEST_EVIDENCE)
    except OSError as error:
        raise InputError(f"{path} cannot be read: name the evidence.zip that an audit wrote.") from error
    return data, tuple(_manifest(data, path.name))


def _manifest(data: bytes, name: str) -> dict[str, str]:
    """What the manifest says of each file; InputError where a file is another, missing, or too many."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST_EVIDENCE:
                raise InputError(f"{name} holds more than an audit's evidence ever does.")
            contents = {entry.filename: archive.read(entry) for entry in entries}
            said: Any = json.loads(contents.pop(MANIFEST))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError) as error:
        raise InputError(f"{name} is no evidence of an audit: it is damaged, or has no {MANIFEST}.") from error
    found = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    if not isinstance(said, dict) or said != found:
        differing = sorted(set(found) ^ set(said) | {file for file in found if said.get(file) != found[file]})[:3] if (
            isinstance(said, dict)
        ) else [MANIFEST]  # fmt: skip
        raise InputError(f"{name} does not hold what its manifest says: {', '.join(differing)}.")
    return found


def _signed(path: Path) -> SignedEvidence:
    try:
        return SignedEvidence.model_validate_json(read_plain(path, LARGEST_SIGNATURE))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no signature of ours.") from error


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(read_plain(path, LARGEST_KEY), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} is no private key without a password: make one with python -m core audit key FILE."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is a key of another kind: an Ed25519 key is needed.")
    return key


def _public_key(path: Path) -> bytes:
    try:
        key = serialization.load_pem_public_key(read_plain(path, LARGEST_KEY))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is no public key (PEM).") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is a key of another kind: an Ed25519 key is needed.")
    return key.public_bytes(*RAW)

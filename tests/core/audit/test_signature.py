"""Evidence that is signed, changed, signed by another, or none: told apart; the signature against OpenSSL's rules."""

from __future__ import annotations

import base64
import json
import stat
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from core.audit.exports import evidence_of
from core.audit.signature import make_key, sign_evidence, verify_evidence
from core.cli.app import app
from core.errors import InputError


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    path.write_bytes(evidence_of({"report.html": b"<p>", "report.json": b"{}"}))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "mine")
    return tmp_path / "mine"


def test_what_was_signed_is_verified(evidence: Path, key: Path) -> None:
    found = verify_evidence(evidence)
    assert found.signed is None and found.files == ("report.html", "report.json")
    target = sign_evidence(evidence, key, "  Dr   Ada\nLovelace ")
    found = verify_evidence(evidence, key.with_name("mine.pub"))
    assert found.signed is not None and found.signed.signer == "Dr Ada Lovelace" and len(found.key.split()) == 8
    document = json.loads(target.read_bytes())
    signature = base64.b64decode(document.pop("signature"))
    statement = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    Ed25519PublicKey.from_public_bytes(base64.b64decode(document["public_key"])).verify(signature, statement)


def test_the_private_key_is_its_owners(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="there already"):
        make_key(key)


def test_other_evidence_is_told(evidence: Path, key: Path) -> None:
    sign_evidence(evidence, key, "Ada")
    evidence.write_bytes(evidence_of({"report.html": b"<p>other", "report.json": b"{}"}))
    with pytest.raises(InputError, match="not what Ada signed"):
        verify_evidence(evidence)


@pytest.mark.parametrize("field, value", [("signer", "Bob"), ("date", "2020-01-01T00:00:00Z")])
def test_a_changed_signature_is_told(evidence: Path, key: Path, field: str, value: str) -> None:
    target = sign_evidence(evidence, key, "Ada")
    target.write_text(json.dumps(json.loads(target.read_text()) | {field: value}))
    with pytest.raises(InputError, match="no valid signature"):
        verify_evidence(evidence)


def test_anothers_key_is_told(evidence: Path, key: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "others")
    with pytest.raises(InputError, match="is not signed"):
        verify_evidence(evidence, tmp_path / "others.pub")
    sign_evidence(evidence, key, "Ada")
    with pytest.raises(InputError, match="another key"):
        verify_evidence(evidence, tmp_path / "others.pub")


def test_a_file_that_is_not_as_the_manifest_says_is_told(evidence: Path, key: Path) -> None:
    with zipfile.ZipFile(evidence, "a") as archive:
        archive.writestr("more.html", "<p>")
    for ask in (verify_evidence, lambda path: sign_evidence(path, key, "Ada")):
        with pytest.raises(InputError, match=r"manifest says: more\.html"):
            ask(evidence)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"no zip", b"PK\x03\x04broken"])
def test_what_is_no_evidence_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "evidence.zip").write_bytes(data)
    with pytest.raises(InputError, match="no evidence of an audit"):
        verify_evidence(tmp_path / "evidence.zip")
    with pytest.raises(InputError, match="cannot be read"):
        verify_evidence(tmp_path / "nowhere.zip")


def test_keys_of_another_kind_are_told(evidence: Path, tmp_path: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "rsa").write_bytes(other.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    for data, told in (
        ((tmp_path / "rsa").read_bytes(), "another kind"),
        (b"text", "no private key"),
        (b"", "no private"),
    ):
        (tmp_path / "key").write_bytes(data)
        with pytest.raises(InputError, match=told):
            sign_evidence(evidence, tmp_path / "key", "Ada")


def test_a_damaged_stream_is_told(tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.html", "<p>" * 1000)
        archive.writestr("manifest.json", "{}")
    data = bytearray(path.read_bytes())
    data[45:55] = b"\xff" * 10  # within the first file's compressed bytes
    path.write_bytes(data)
    with pytest.raises(InputError, match="no evidence of an audit"):
        verify_evidence(path)


@pytest.mark.parametrize("name", ["", "   ", "x" * 300])
def test_a_signature_needs_a_name(evidence: Path, key: Path, name: str) -> None:
    with pytest.raises(InputError, match="needs a name"):
        sign_evidence(evidence, key, name)


def test_the_commands_say_it_in_a_line(evidence: Path, tmp_path: Path) -> None:
    def run(*words: object):  # type: ignore[no-untyped-def]
        return CliRunner().invoke(app, ["audit", *map(str, words)])

    assert run("key", tmp_path / "k").exit_code == 0
    assert "Nobody signed it" in run("verify", evidence).stdout
    assert run("sign", evidence, "--key", tmp_path / "k", "--name", "Ada").exit_code == 0
    assert "Signed by Ada" in run("verify", evidence, "--public-key", tmp_path / "k.pub").stdout
    evidence.write_bytes(b"changed")
    result = run("verify", evidence)
    assert result.exit_code == 2 and "Traceback" not in result.stderr

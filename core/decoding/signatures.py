"""What a file is by its first bytes, never by its name."""

from __future__ import annotations

SUFFIXES: dict[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WebP": (".webp",),
}
"""The accepted formats and the file name endings that go with each."""

ACCEPTED = "PNG, JPEG, BMP, TIFF and WebP"

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_OTHER_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "a GIF image"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"II\xbc", "a JPEG XR image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
)

_ISO_MEDIA_BRANDS = {b"avif": "an AVIF image", b"avis": "an AVIF image", b"heic": "a HEIC image"} | dict.fromkeys(
    (b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "a HEIC image"
)


def identify(data: bytes) -> str | None:
    """The accepted format whose signature `data` starts with (a key of `SUFFIXES`), or None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    return None


def describe_other(data: bytes) -> str:
    """What a file of no accepted format is, as far as its bytes tell, as in "a GIF image" or "text"."""
    for start, what in _OTHER_STARTS:
        if data.startswith(start):
            return what
    if data[4:8] == b"ftyp":
        return _ISO_MEDIA_BRANDS.get(data[8:12], "a video or another ISO media file")
    if data[128:132] == b"DICM":
        return "a DICOM image"
    if _is_text(data[:1024]):
        return "an SVG drawing" if b"<svg" in data[:1024].lower() else "text"
    return "no known image format, or a damaged file"


def expected_format(suffix: str) -> str | None:
    """The accepted format that a file name ending such as ".jpg" stands for, or None."""
    return next((name for name, suffixes in SUFFIXES.items() if suffix.lower() in suffixes), None)


def _is_text(sample: bytes) -> bool:
    """Whether `sample` is UTF-8 (cut anywhere) without control characters other than white space."""
    try:
        text = sample.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3:
            return False
        text = sample[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)

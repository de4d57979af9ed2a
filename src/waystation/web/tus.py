"""The headers of tus 1.0, the protocol of resumable uploads, as values: https://tus.io/protocols/resumable-upload."""

from __future__ import annotations

import base64
import binascii
import re

from werkzeug.datastructures import Headers

from waystation.errors import InvalidRequest
from waystation.resumable import CHECKSUMS, Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
BODY = "application/offset+octet-stream"
LONGEST_METADATA = 4096  # characters
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def number(headers: Headers, name: str) -> int:
    """A header that is a whole number of bytes. Raises InvalidRequest."""
    text = headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        said = f"is {text[:40]!r}" if text else "is missing"
        raise InvalidRequest(
            f"The header {name} {said}; a whole number of bytes is needed.", remedy="Send it, in digits alone."
        )
    return int(text)


def length(headers: Headers) -> int:
    """How large the upload that is announced will be. Raises InvalidRequest, for what this server does not speak too."""
    for name in ("Upload-Concat", "Upload-Defer-Length"):
        if name in headers:
            remedy = f"This server speaks {EXTENSIONS.replace(',', ', ')}."
            raise InvalidRequest(f"The header {name} belongs to an extension that is not spoken here.", remedy=remedy)
    return number(headers, "Upload-Length")


def metadata(headers: Headers) -> tuple[str, str]:
    """What the client says of the file: the header as it came, and the file's name. Raises InvalidRequest."""
    raw = headers.get("Upload-Metadata", "").strip()
    if len(raw) > LONGEST_METADATA or not (raw.isascii() and raw.isprintable()):
        raise InvalidRequest(f"Upload-Metadata must be at most {LONGEST_METADATA} characters of ASCII.")
    values: dict[str, str] = {}
    for pair in raw.split(",") if raw else ():
        key, _, value = pair.strip().partition(" ")
        if not key or key in values:
            raise InvalidRequest("Upload-Metadata has a key twice, or a pair without one.")
        values[key] = _decoded(value.strip(), "Upload-Metadata").decode(errors="replace")
    return raw, values.get("filename") or values.get("name") or "data.csv"


def checksum(headers: Headers) -> Checksum | None:
    """What the bytes of this request must hash to, if that is said. Raises InvalidRequest."""
    raw = headers.get("Upload-Checksum")
    if raw is None:
        return None
    algorithm, _, value = raw.strip().partition(" ")
    if algorithm not in CHECKSUMS:
        remedy = f"The algorithms are {', '.join(CHECKSUMS)}."
        raise InvalidRequest(f"Upload-Checksum names the algorithm {algorithm[:20]!r}.", remedy=remedy)
    return Checksum(algorithm, _decoded(value.strip(), "Upload-Checksum"))


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{name} holds {text[:40]!r}, which is not base64.") from error

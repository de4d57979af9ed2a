"""One bucket, spoken to by the S3 protocol: whatever goes wrong on the way is StorageUnavailable, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from waystation.errors import StorageUnavailable
from waystation.settings import Settings

if TYPE_CHECKING:
    from obstore import Attributes, WritableFile

PART = 8 * 2**20  # bytes that are sent in one request, and held in memory for it
PARALLEL = 3  # parts of one file that are on the way at the same time
LISTED = 1000  # keys that are removed in one request


class Bucket:
    """Objects below one prefix. Keys hold only characters that need no escape anywhere."""

    def __init__(self, settings: Settings) -> None:
        assert settings.storage is not None
        parts = urlsplit(settings.storage)
        self.name, self.prefix = parts.netloc, parts.path.strip("/")
        self.where = f"the bucket {self.name}" + (f" at {settings.s3_endpoint}" if settings.s3_endpoint else "")
        self._store = self._made(settings, settings.s3_endpoint)
        self._public = self._made(settings, settings.s3_public_endpoint) if settings.s3_public_endpoint else self._store

    def _made(self, settings: Settings, endpoint: str | None) -> S3Store:
        # What is not given here is taken from AWS's own variables, files, roles and metadata.
        given = {"endpoint": endpoint, "access_key_id": settings.s3_key, "secret_access_key": settings.s3_secret}
        given["region"] = settings.s3_region or None
        return S3Store(
            self.name,
            prefix=self.prefix or None,
            config={k: v for k, v in given.items() if v is not None},  # type: ignore[arg-type]
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
            },
            retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=20)},
        )

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StorageUnavailable(
                f"{self.where[:1].upper()}{self.where[1:]} refuses our key: {_reason(error)}",
                remedy="Look at WAYSTATION_S3_KEY and WAYSTATION_S3_SECRET, and at what the key may do in this bucket.",
            ) from error
        except BaseError as error:
            raise self._trouble(_reason(error)) from error

    def _trouble(self, reason: str) -> StorageUnavailable:
        if "NoSuchBucket" in reason or "bucket does not exist" in reason.lower():
            return StorageUnavailable(
                f"There is no bucket {self.name}.", remedy="Make it, or name another one in WAYSTATION_STORAGE."
            )
        return StorageUnavailable(
            f"{self.where[:1].upper()}{self.where[1:]} does not answer as it should: {reason}",
            remedy="Look at the server; or mend WAYSTATION_S3_ENDPOINT and WAYSTATION_STORAGE. A firewall may be in between.",
        )

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """One object of its own, there for good."""
        with self._asked():
            try:
                obstore.put(self._store, key, bytes(data), use_multipart=False)
            except FileNotFoundError as error:  # what an S3 server says of a bucket that is not there
                raise self._trouble(f"NoSuchBucket {_reason(error)}") from error

    def writer(self, key: str, attributes: Attributes | None = None) -> WritableFile:
        """One large object, sent in parts; it is there once it is closed."""
        return obstore.open_writer(self._store, key, attributes=attributes, buffer_size=PART, max_concurrency=PARALLEL)

    def write(self, writer: WritableFile, data: bytes) -> None:
        """Append to it."""
        with self._asked():
            writer.write(data)

    def close(self, writer: WritableFile) -> None:
        """It is there for good."""
        with self._asked():
            writer.close()

    def size(self, key: str) -> int:
        """Bytes of an object. Raises FileNotFoundError."""
        with self._asked():
            return int(obstore.head(self._store, key)["size"])

    def read(self, key: str, start: int, end: int) -> bytes:
        """A part of an object. Raises FileNotFoundError."""
        with self._asked():
            return obstore.get_range(self._store, key, start=start, end=end).to_bytes()

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, which ends at a slash, in order."""
        with self._asked():
            for page in obstore.list(self._store, prefix, chunk_size=LISTED):
                yield from (found["path"] for found in page)

    def folders(self, prefix: str) -> list[str]:
        """The next words of the keys below a prefix."""
        with self._asked():
            found = obstore.list_with_delimiter(self._store, prefix)["common_prefixes"]
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def touched(self, prefix: str) -> datetime | None:
        """When something below a prefix was last written; None if nothing is there."""
        with self._asked():
            times = [found["last_modified"] for page in obstore.list(self._store, prefix) for found in page]
        return max(times, default=None)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are no error."""
        batch: list[str] = []
        for key in keys:
            batch.append(key)
            if len(batch) == LISTED:
                self._remove(batch)
                batch = []
        if batch:
            self._remove(batch)

    def _remove(self, keys: list[str]) -> None:
        with self._asked():
            try:
                obstore.delete(self._store, keys)
            except FileNotFoundError:
                return

    def remove_all(self, prefix: str) -> None:
        """Remove all objects below a prefix."""
        self.remove(list(self.keys(prefix)))

    def link(self, key: str, seconds: float) -> str:
        """An address that lets anybody read an object for so long."""
        with self._asked():
            return obstore.sign(self._public, "GET", key, timedelta(seconds=seconds))


def _reason(error: BaseException) -> str:
    """What the server says, or else the last words of what the client says, without its requests and structures."""
    text = str(error)
    code, message = (re.search(f"<{tag}>(.*?)</{tag}>", text) for tag in ("Code", "Message"))
    if code:
        said = f"{code[1]}: {message[1]}" if message else code[1]
    else:
        said = text.split("\n", 1)[0].rpartition(" - ")[2].strip() or type(error).__name__
    return said[:300].rstrip(".") + "."

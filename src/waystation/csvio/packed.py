"""gzip and zstd for files that are written in pieces: each piece is a member of its own, and all together are one archive.

A member depends on its bytes alone: no name, no time, fixed levels. So a file that was written in many attempts is the same, to
the byte, as one that was written in one.
"""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Literal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["gzip", "zstd"]
SUFFIX: dict[Compression, str] = {"gzip": ".gz", "zstd": ".zst"}
MEDIA_TYPE: dict[Compression, str] = {"gzip": "application/gzip", "zstd": "application/zstd"}
GZIP_LEVEL, ZSTD_LEVEL = 6, 3


def member(data: bytes, how: Compression) -> bytes:
    """The bytes as one gzip member or zstd frame, with a checksum."""
    if how == "zstd":
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: ZSTD_LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        return zstd.compress(data, options=options)
    # Written by hand, since what Python's gzip puts into the header differs between its versions.
    deflate = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    tail = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return head + deflate.compress(data) + deflate.flush() + tail

"""Files and values that are too large, too deep or no values at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile
from collections.abc import Callable, Iterator

from tests.hostile.stage import Stage
from tests.hostile.table import case

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIZES = "Files that want too much"
PACKED = "Archives"
VALUES = "Numbers, dates and JSON"
MB = 2**20


def blocks(head: bytes, block: bytes, size: int, tail: bytes = b"") -> Iterator[bytes]:
    """A file of so many bytes, made while it is sent."""
    yield head
    whole = block * max(1, min(MB, size) // len(block))
    for _ in range(size // len(whole)):
        yield whole
    yield tail


@case(
    SIZES,
    "a million columns",
    "422 too-many-columns",
    says="The header is read as far as a dataset's widest would go, no further.",
)
def a_million_columns(stage: Stage) -> Iterator[str]:
    count = stage.size(1_000_000, 40_000)
    yield stage.upload(blocks(b"a", b",c", 2 * count, b"\n" + b"1," * 1000 + b"\n"), dataset="wide")
    yield stage.upload(b",".join(b"c%d" % n for n in range(stage.settings.max_columns + 1)) + b"\n1\n", dataset="wide")


@case(
    SIZES,
    "a field of 4 GB, in quotes and without",
    "failed record-too-long",
    "422 not-csv",
    says="A record is read up to `WAYSTATION_MAX_RECORD` (16 MiB); one that does not end by then ends the import.",
)
def a_field_of_gigabytes(stage: Stage) -> Iterator[str]:
    size = stage.size(4 * 2**30, 4 * stage.settings.max_record)
    yield stage.upload(blocks(b'a,b\n1,2\n3,"', b"x", size, b'"\n'), dataset="long")
    if stage.whole:
        yield stage.upload(blocks(b"a,b\n1,2\n3,", b"x", size // 4, b"\n"), dataset="long")


@case(
    SIZES,
    "a quote that is never closed, before a gigabyte of rows; in the header",
    "failed record-too-long",
    "422 not-csv",
    says="To CSV all that follows is one field, so it is the same as above; in the header it is told at once.",
)
def a_quote_never_closed(stage: Stage) -> Iterator[str]:
    size = stage.size(2**30, 4 * stage.settings.max_record)
    yield stage.upload(blocks(b'a,b\n1,2\n3,"never closed\n', b"4,5\n", size), dataset="open")
    yield stage.upload(blocks(b'a,"b\n', b"4,5\n", MB), dataset="open")


@case(
    SIZES,
    "a gigabyte of empty lines; of commas; of quotes",
    "succeeded",
    "failed record-too-long",
    "422 not-csv",
    "422 too-many-columns",
    says="Empty lines are no rows and cost what any bytes do; the rest is a record that does not end.",
)
def nothing_but_marks(stage: Stage) -> Iterator[str]:
    size = stage.size(2**30, 2 * MB)
    yield stage.upload(blocks(b"a,b\n1,2\n", b"\n", size, b"3,4\n"), dataset="empty_lines")
    assert stage.said["counts"]["good"] == 2, stage.said
    if stage.whole:
        yield stage.upload(blocks(b"a,b\n1,2\n", b",", size // 4, b"\n"), dataset="marks")
        yield stage.upload(blocks(b"a,b\n1,2\n", b'"', size // 4, b"\n"), dataset="marks")
    yield stage.upload(blocks(b"", b'"', MB), dataset="marks")


@case(
    SIZES,
    "a million rows of which each is wrong",
    "failed too-many-rejects",
    "succeeded",
    says="Rejects are written as they come, never collected; with a budget (`max_errors`) the import ends when it is spent.",
)
def all_rows_wrong(stage: Stage) -> Iterator[str]:
    size = stage.size(8 * 10**6, 20_000)
    right, wrong = b"n,m\n" + b"1,2\n" * 2000, b"x,y,z,\xff\n"
    yield stage.upload(blocks(right, wrong, size), dataset="wrong", types='{"n": "bigint"}', max_errors="100%")
    yield stage.upload(blocks(right, wrong, size), dataset="wrong", max_errors="10", allow_duplicate="true")


@case(
    SIZES,
    "names of columns of 10,000 characters; 1,000 columns of one name",
    "succeeded",
    says="PostgreSQL's names have 63 bytes: they are cut, made unique, and told in `renamed`.",
)
def long_names(stage: Stage) -> Iterator[str]:
    width = stage.size(1000, 20)
    yield stage.upload(b",".join([b"n" * 10_000] * 20) + b"\n" + b"1," * 19 + b"1\n", dataset="long_names")
    yield stage.upload(b",".join([b"same"] * width) + b"\n" + b"1," * (width - 1) + b"1\n", dataset="same_names")
    assert len(stage.said["result"]["renamed"]) == width - 1


def zip_of(data: bytes, times: int) -> bytes:
    """One file, `times` as long as the data, in a zip archive."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.csv", "w", force_zip64=True) as file,
    ):
        file.write(b"a,b\n")
        for _ in range(times):
            file.write(data)
    return out.getvalue()


@case(
    PACKED,
    "bombs: zip, gzip, bzip2, xz and zstd archives of gigabytes of rows",
    "failed unpacks-too-large",
    says="An archive is unpacked a megabyte at a time, and given up when it has grown to 200 times its size.",
)
def bombs(stage: Stage) -> Iterator[str]:
    row = b"1,%s\n" % (b"2" * stage.size(1, 1020))
    rows = row * (MB // len(row))
    megabytes = stage.size(4096, 80)
    yield stage.upload(zip_of(rows, stage.size(2048, 80)), dataset="bomb")
    packs: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress, zstd.compress]
    for pack in packs if stage.whole else packs[:1]:
        first, more = pack(b"a,b\n" + rows), pack(rows)
        yield stage.upload(first + more * megabytes, dataset="bomb")


@case(
    PACKED,
    "an archive in an archive; many files; a password; lies in it; a gigabyte of memory wanted (zstd, xz); cut off",
    "422 not-csv",
    "422 damaged-archive",
    "failed not-csv",
    "failed damaged-archive",
    "succeeded",
    says="One plain CSV is unpacked and nothing else. What an unpacker may remember is 128 MiB.",
)
def odd_archives(stage: Stage) -> Iterator[str]:
    yield stage.upload(zip_of(zip_of(b"1,2\n", 9), 1), dataset="odd")
    yield stage.upload(gzip.compress(gzip.compress(b"a,b\n1,2\n")), dataset="odd")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n in range(stage.size(60_000, 50)):
            archive.writestr(f"{n}.csv", b"a\n1\n")
    yield stage.upload(out.getvalue(), dataset="odd")
    honest = zip_of(b"1,2\n", 1000)
    yield stage.upload(honest[:-60], dataset="odd")
    at = honest.rindex(b"PK\x01\x02")
    yield stage.upload(honest[: at + 8] + bytes([honest[at + 8] | 1]) + honest[at + 9 :], dataset="odd")  # a password
    yield stage.upload(honest[: at + 24] + b"\xff\xff\xff\x7f" + honest[at + 28 :], dataset="odd")  # 2 GB, it says
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: 30,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    maker = zstd.ZstdCompressor(options=options)
    yield stage.upload(maker.compress(b"a,b\n" + b"1,2\n" * 1000) + maker.flush(), dataset="odd")
    greedy = (
        lzma.compress(b"a,b\n1,2\n", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**30}])
        if stage.whole
        else b"BZh9"
    )
    yield stage.upload(greedy, dataset="odd")


@case(
    VALUES,
    "`0000-00-00`, the years 0, 10000, 294276 and 294277, February 30th, `infinity`, and numbers of 100,000 digits, as cells",
    "succeeded",
    says="What is no value of the column's type is rejected with its line and reason; no row is changed to make it fit.",
)
def dates_and_numbers(stage: Stage) -> Iterator[str]:
    digits = b"9" * stage.size(100_000, 10_000)
    wrong = [
        *((b"1,%s,2020-01-01 10:00,1,1" % day) for day in (b"0000-00-00", b"0000-01-01", b"2019-02-30", b"now", b"2020-13-01")),
        *((b"1,2020-01-01,%s,1,1" % moment) for moment in (b"0000-00-00 00:00:00", b"294277-01-01 00:00", b"2020-01-01 25:00")),
        *((b"%s,2020-01-01,2020-01-01 10:00,1,1" % n) for n in (digits, b"9223372036854775808", b"1e400", b"0x10", b"NaN")),
        *((b"1,2020-01-01,2020-01-01 10:00,%s,1" % n) for n in (b"1" + b"0" * 200_000, b"1e5000", b"--1")),
        *((b"1,2020-01-01,2020-01-01 10:00,1,%s" % n) for n in (b"1e999", digits, b"0x1p3")),
    ]
    right = [b"1,2020-01-01,2020-01-01 10:00,1.5,1e300", b"-9223372036854775808,9999-12-31,0001-01-01 00:00,-0.0,-0.0"]
    kinds = {"n": "bigint", "day": "date", "at": "timestamp", "num": "numeric", "dbl": "double"}
    yield stage.upload(b"\n".join([b"n,day,at,num,dbl", *right, *wrong]) + b"\n", dataset="values", types=json.dumps(kinds))
    counts = stage.said["counts"]
    assert (counts["good"], counts["bad"]) == (len(right), len(wrong)), (counts, len(wrong))
    yield stage.export("values", **{"from": "0001-01-01", "till": "9999-12-31", "by": "day"})


@case(
    VALUES,
    "the same as what is asked for: days, limits, priorities, numbers of 10,000 digits in JSON",
    "422 invalid-date",
    "422 invalid-request",
    "422 invalid-params",
    "422 invalid-filter",
    "400 malformed-body",
    "404 dataset-not-found",
    "414",
    says="Each field has its bounds, and says which field was wrong.",
)
def dates_and_numbers_that_are_asked(stage: Stage) -> Iterator[str]:
    for day in ("0000-00-00", "294276-01-01", "-4713-01-01", "99999999999-01-01", "infinity", "2020-02-30", "9" * 9000):
        yield stage.post("/tasks/download", {"from": day})
    many = b"9" * 10_000
    for body in (b"1e999", b"-1", many, b"NaN", b"Infinity", b"-" + many, b"1" + b"0" * 400 + b".5"):
        yield stage.post("/tasks", b'{"kind": "generate", "params": {"rows": %s}}' % body)
        yield stage.post(
            "/tasks", b'{"kind": "generate", "params": {"rows": 1}, "priority": %s}' % (body if body != b"-1" else b"-101")
        )
    for text in ("9" * 9000, "1e9", "-1", "0x10", "١", "1_000"):
        yield stage.get("/tasks/", limit=text)
    yield stage.upload(b"a\n1\n", max_errors="9" * 5000)
    yield stage.post("/tasks/download", {"dataset": "values_asked", "filter": "n = " + "9" * 3000})


@case(
    VALUES,
    "JSON of depth 10,000, of 400 to 1,500, and with 100,000 keys: as a body, in a form's field and as a cell",
    "400 malformed-body",
    "422 invalid-request",
    "422 invalid-params",
    "404 kind-not-found",
    "succeeded",
    says="JSON may be 100 deep in a request and 256 in a cell; a row with a deeper one is rejected.",
)
def deep_json(stage: Stage) -> Iterator[str]:
    for depth in (10_000, 101, 330, 490, 800, 990, 1500):
        for left, right in ((b"[", b"]"), (b'{"a":', b"}")):
            value = left * depth + b"1" + right * depth
            yield stage.post("/tasks", b'{"kind": "generate", "params": {"rows": 1, "x": %s}}' % value)
            yield stage.post("/tasks", value)
            yield stage.post("/tasks", left * depth)
        yield stage.upload(b"a\n1\n", constraints=("[" * depth)[:2000])
        yield stage.upload(b"a\n1\n", constraints=('{"a":' * depth)[:1000] + "1" + ("}" * depth)[:200])
    keys = json.dumps({f"k{n}": n for n in range(100_000)}).encode()
    yield stage.post("/tasks", keys)
    yield stage.post("/tasks", b'{"kind": "no-such", "kind": "alchemy"}')
    depth = 10_000
    cells = b'j\n{}\n"' + b"[" * depth + b"]" * depth + b'"\n' + b"[" * 200 + b"]" * 200 + b"\n"
    yield stage.upload(cells, dataset="deep", types='{"j": "json"}')
    assert stage.said["counts"] == {"good": 2, "bad": 1}, stage.said["counts"]

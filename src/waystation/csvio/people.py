"""Made-up people as CSV: pools made by Faker once, then sampled column by column, hundreds of times faster than row by row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

HEADER = b"name,age,phone,email,address,record_date\n"
FIRST_DAY, LAST_DAY = date(2010, 1, 1), date(2020, 12, 31)  # fixed, so that a seed gives the same file in every year
BLOCK_ROWS = 10_000
_POOL = 2_000


def _cell(text: str) -> str:
    """One CSV field, quoted where it must be."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


@lru_cache(maxsize=4)
def _pools(seed: int) -> tuple[list[str], ...]:
    """What each column is drawn from, as finished CSV fields. Phones begin with 0 or +, so that they are no numbers."""
    from faker import Faker  # half a second to import: only those who make data pay for it

    faker = Faker("en_US", use_weighting=False)
    faker.seed_instance(seed)
    draw = random.Random(f"pools:{seed}")  # noqa: S311 - made-up people, not secrets
    names = [faker.name() for _ in range(_POOL)]
    ages = [str(age) for age in range(18, 91)]
    phones = [faker.numerify(draw.choice(("0### #######", "+49 ### #######", "+1-%##-%##-####"))) for _ in range(_POOL)]
    emails = [faker.email() for _ in range(_POOL)]
    plain = [faker.street_address() for _ in range(_POOL // 2)]
    commas = [f"{street}, {faker.city()}" for street in plain[: _POOL // 4]]
    breaks = [faker.address() for _ in range(_POOL // 4)]
    days = [(FIRST_DAY + timedelta(days=n)).isoformat() for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    return (
        [_cell(name) for name in names],
        ages,
        phones,
        emails,
        [_cell(address) for address in plain + commas + breaks],
        days,
    )


def blocks(rows: int, *, seed: int = 0, start: int = 0, block_rows: int = BLOCK_ROWS) -> Iterator[bytes]:
    """Yield the rows from number `start` (from 0) up to `rows` as CSV without the header, `block_rows` at a time.

    A block depends on the seed, its number and `block_rows` alone, so that it can be made again or gone on from; the first
    one is cut short if `start` lies within it, the last one if `rows` does: a shorter file is the beginning of a longer one.
    """
    if rows < 0 or start < 0 or block_rows < 1:
        raise ValueError("rows and start can't be negative, and a block has at least one row")
    pools = _pools(seed)
    for number in range(start // block_rows, -(-rows // block_rows)):
        draw = random.Random(f"{seed}:{number}")  # noqa: S311 - as above
        columns = [draw.choices(pool, k=block_rows) for pool in pools]
        lines = list(map(",".join, zip(*columns, strict=True)))
        begin = number * block_rows
        lines = lines[max(0, start - begin) : rows - begin]
        if lines:
            yield ("\n".join(lines) + "\n").encode()

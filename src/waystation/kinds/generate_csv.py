"""`generate`: a CSV file of made-up people, to try things out with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from waystation.csvio import people
from waystation.sdk import Checkpoint, Context, Steps, task

BLOCK = 10_000  # rows of one block: each depends on the seed and its number alone


class GenerateParams(BaseModel):
    """What to make."""

    model_config = ConfigDict(extra="forbid")

    rows: int = Field(100_000, ge=1, le=1_000_000_000, description="Rows to make.")
    seed: int = Field(0, ge=0, description="The same seed gives the same rows.")


@task("generate", undoable=True, unit="rows")
def generate(ctx: Context, params: GenerateParams, cursor: int = 0) -> Steps:
    """Make a CSV file of made-up people: name, age, phone, email, address, record_date."""
    result = ctx.open_result("data.csv")
    if cursor == 0:
        result.write(people.HEADER)
    done = cursor
    for block in people.blocks(params.rows, seed=params.seed, start=cursor, block_rows=BLOCK):
        result.write(block)
        done = min(params.rows, done + BLOCK)
        yield Checkpoint(cursor=done, done=done, total=params.rows, phase="write")
    return {"rows": params.rows, "seed": params.seed}


@generate.label
def label(params: GenerateParams) -> str:
    """How many."""
    return f"{params.rows:,} people"

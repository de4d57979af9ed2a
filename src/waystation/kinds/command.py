"""`command.NAME`: a program that the operator has registered, as a kind of task like any other.

A pause: a program that can go on from a cursor (`resume`) is ended, and the slot is free. One that can't is stopped where it is
(SIGSTOP to its group): its memory is kept, and so is the slot, since a slot stands for what a task may take of this machine,
and this worker alone can go on with the process. Its status is `pausing` for as long as it stands.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from waystation.errors import ProgramFailed
from waystation.model import Wish
from waystation.sdk import Checkpoint, Context, Kind, Retry, Steps
from waystation.sdk.program import Program
from waystation.sdk.registered import Registered, read_programs, words_of

LOOK = 0.2  # seconds of output between two looks at what is asked
MOST = 500  # lines of a step
LOGGED = 10  # lines that one checkpoint brings into the timeline; the file has all
TOLD = 20  # last lines that an error quotes

Cursor = dict[str, Any]


def kinds_of(file: Path | None) -> list[Kind]:
    """The kinds of the programs in this file. Raises WrongSetting."""
    return [kind_of(program) for program in read_programs(file)] if file is not None else []


def kind_of(program: Registered) -> Kind:
    """One program as a kind."""

    def steps(ctx: Context, params: BaseModel, cursor: Any = None) -> Steps:
        result = yield from _run(ctx, program, params, cursor)
        return result

    spec = program.spec
    steps.__annotations__ = {"ctx": Context, "params": program.model, "cursor": Any, "return": Steps}
    steps.__doc__ = spec.summary or f"Run {Path(spec.argv[0]).name}."
    kind = Kind(
        f"command.{program.name}",
        steps,
        unit=spec.unit,
        queue=spec.queue,
        step_timeout=float("inf"),
        retry=Retry(on=ProgramFailed, times=spec.times) if spec.times else None,
    )
    if spec.undo:

        @kind.undo
        def undo(ctx: Context, params: BaseModel, cursor: Any = None) -> Steps:
            argv = words_of(spec.undo, spec, _values(ctx, program, params))
            while (yield from _play(ctx, program, argv, {"lines": 0})) is None:
                ctx.log("starts again")  # what was asked was withdrawn

    return kind


def _values(ctx: Context, program: Registered, params: BaseModel) -> dict[str, Any]:
    """The parameters; for an upload, the path of its file."""
    values = {name: getattr(params, name) for name in program.spec.params}
    for name, param in program.spec.params.items():
        if param.type == "upload" and values[name] is not None:
            with ctx.open_upload(values[name]) as file:
                values[name] = file.name
    return values


def _run(ctx: Context, program: Registered, params: BaseModel, cursor: Cursor | None) -> Steps:
    """Start it, or start it again: from its last cursor where it can be, else from its beginning."""
    spec, values = program.spec, _values(ctx, program, params)
    argv = words_of(spec.argv, spec, values)
    state: Cursor = dict(cursor) if cursor else {"lines": 0}
    while True:
        more: list[str] = []
        if spec.resume and state.get("cursor") is not None:
            more = words_of(spec.resume, spec, {**values, "cursor": state["cursor"]})
            ctx.log(f"goes on from {state['cursor']}")
        elif state.get("started"):
            ctx.log("starts from its beginning")
        state["started"] = True
        yield Checkpoint(dict(state), phase="run")
        ended = yield from _play(ctx, program, [*argv, *more], state)
        if ended is not None:
            return {"exit_code": ended, "lines": state["lines"]}


def _play(ctx: Context, program: Registered, argv: list[str], state: Cursor) -> Any:
    """One run of the program; its exit code, or None if it was ended because somebody asked something that was withdrawn."""
    spec, out = program.spec, ctx.open_result("output.log", "text/plain") if "started" in state else None
    tail: list[str] = []
    with Program(argv, cwd=spec.cwd, env=spec.env) as running:
        while True:
            if _asked(ctx, resumable=bool(spec.resume)):
                said = running.end(spec.grace)
                yield _take(ctx, program, state, said, tail, out, holds=False)
                return None
            if ctx.wish is Wish.PAUSE:
                _hold(ctx, running)
                continue
            said = running.lines(LOOK, MOST)
            if running.over:
                break
            yield _take(ctx, program, state, said, tail, out, holds=True)
        code = running.exit_code()
    point = _take(ctx, program, state, said, tail, out, holds=True)  # it has ended: a pause would only run it again
    if code != 0:
        how = f"was ended by signal {code - 128}" if code > 128 else f"ended with exit code {code}"
        last = f" It said last: {' | '.join(tail)}" if tail else ""
        raise ProgramFailed(f"The program {program.name!r} {how}.{last}", exit_code=code, output=tail)
    yield point
    return code


def _asked(ctx: Context, *, resumable: bool) -> bool:
    """Whether the program has to end now; a pause ends it only if it can go on later."""
    wish = ctx.wish
    return ctx.draining or wish in (Wish.STOP, Wish.TERMINATE) or (wish is Wish.PAUSE and resumable)


def _hold(ctx: Context, running: Program) -> None:
    """Stand still for as long as a pause is wished."""
    running.hold()
    while ctx.wish is Wish.PAUSE and not ctx.draining:
        time.sleep(LOOK)
    running.go_on()


def _take(
    ctx: Context, program: Registered, state: Cursor, said: list[bytes], tail: list[str], out: Any, *, holds: bool
) -> Checkpoint:
    """What some lines mean: written to the file, the last ones to the timeline, and what the pattern finds to the progress."""
    found: dict[str, str] = {}
    told: list[str] = []
    for line in said:
        if out is not None:
            out.write(line if line.endswith(b"\n") else line + b"\n")
        match = program.progress.search(line) if program.progress else None
        if match is None:
            told.append(line.decode(errors="replace").rstrip())
        else:
            found |= {name: text.decode(errors="replace") for name, text in match.groupdict().items() if text is not None}
    state["lines"] += len(said)
    if "cursor" in found:
        state["cursor"] = found["cursor"]
    tail[:] = [*tail, *told][-TOLD:]
    if len(told) > LOGGED:
        ctx.log(f"{len(told) - LOGGED} lines that only the file has")
    for text in told[-LOGGED:]:
        ctx.log(text[:500])
    return Checkpoint(
        dict(state), done=_number(found.get("done")), total=_number(found.get("total")), phase=found.get("phase"), holds=holds
    )


def _number(text: str | None) -> int | None:
    """A number as programs print them; None for what is none."""
    try:
        return None if text is None else max(0, round(float(text.replace(",", ""))))
    except ValueError:
        return None

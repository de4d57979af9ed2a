"""Compute a picture, line by line: work for the processor, with a file as its result.

    WAYSTATION_KINDS=examples.mandelbrot waystation up

Start it on the page, or with: waystation submit mandelbrot.draw --set width=1200. A pause takes effect at the
end of a line; the picture is the same, to the byte, however often it was paused, moved to another worker or killed.
"""

from __future__ import annotations

import struct

from pydantic import BaseModel, Field

from waystation.sdk import Context, Steps, task


class Params(BaseModel):
    """How large, and how exact."""

    width: int = Field(640, ge=16, le=8192, description="Pixels in a line.")
    height: int = Field(480, ge=16, le=8192, description="Lines.")
    depth: int = Field(120, ge=2, le=5000, description="Iterations after which a point counts as inside.")


@task("mandelbrot.draw", unit="lines", undoable=True)
def draw(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Draw the Mandelbrot set as a BMP file of grey pixels."""
    out = ctx.open_result("mandelbrot.bmp", "image/bmp")
    if cursor == 0:
        out.write(head(params))
    for number in ctx.each(range(params.height), cursor):
        out.write(line(number, params))
        yield ctx.checkpoint()


def line(number: int, params: Params) -> bytes:
    """The pixels of one line."""
    imaginary = (number / params.height - 0.5) * 2.4
    shades = bytes(shade(complex(x / params.width * 3.2 - 2.2, imaginary), params.depth) for x in range(params.width))
    return shades + bytes(-params.width % 4)  # lines of a BMP end at multiples of four bytes


def shade(point: complex, depth: int) -> int:
    """How soon a point runs away: from 255 at once to 0 never."""
    z = point
    for n in range(depth):
        if abs(z) > 2:
            return 255 - n * 255 // depth
        z = z * z + point
    return 0


def head(params: Params) -> bytes:
    """What stands before the pixels of a BMP: sizes, and 256 greys. A negative height: the first line is on top."""
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))
    pixels = (params.width + -params.width % 4) * params.height
    at = 14 + 40 + len(palette)
    sizes = struct.pack("<IiiHHIIiiII", 40, params.width, -params.height, 1, 8, 0, pixels, 2835, 2835, 256, 0)
    return struct.pack("<2sIHHI", b"BM", at + pixels, 0, 0, at) + sizes + palette

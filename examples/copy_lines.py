"""A program as many are: it goes through a file, says how far it is, and can go on from where it was ended."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType

asked_to_end = False


def end(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM: the line that is under way is the last."""
    global asked_to_end
    asked_to_end = True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--nap", type=float, default=0.01, help="Seconds that a line takes.")
    parser.add_argument("--from", dest="start", default="0/0", help="Where an earlier run was: lines/bytes.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    lines, place = map(int, given.start.split("/"))
    with open(given.source, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(place)
        while line := file.readline():
            time.sleep(given.nap)
            lines += 1
            print(line.decode().rstrip())
            print(f"at {lines}/{file.tell()}: {100 * file.tell() // size} %", flush=True)
            if asked_to_end:
                sys.exit(143)

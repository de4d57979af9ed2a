"""What runs in the process that atheris takes over: our code is loaded under its eyes, then it calls the target for ever.

`python -m tests.fuzz.inside TARGET AGAIN …`: AGAIN is a program that does the same as this: it is started to condense a corpus.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["waystation.csvio", "waystation.filters", "waystation.sdk.conditions"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup(sys.argv[2:], TARGETS[sys.argv[1]])
    atheris.Fuzz()

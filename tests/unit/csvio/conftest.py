"""Tell how many examples ran, if a number was asked for."""

from __future__ import annotations

import pytest

from tests.unit.csvio.examples import ASKED, RAN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ASKED and RAN:
        terminalreporter.section("examples")
        for name, count in sorted(RAN.items()):
            terminalreporter.write_line(f"{count:>10,}  {name}")
        terminalreporter.write_line(f"{RAN.total():>10,}  in all")

"""docs/tutorial.md as a person would follow it: its files written, its commands run, its button pressed, in an empty folder.

`python -m tests.walkthrough.tutorial BIN` does so with the programs of another installation (see `make tutorial`).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from tests.cli.running import environ, of_home
from tests.support import wait_until

PAGE = (Path(__file__).resolve().parents[2] / "docs/tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- not in the test[^\n]*-->\n)?```(\w+)\n(.*?)```", re.DOTALL)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SERVER = "waystation up"


@dataclass
class Reader:
    """Somebody who follows the page with the programs of one installation."""

    folder: Path
    bin: Path
    port: int
    task: str = ""
    said: list[str] = field(default_factory=list)  # what each command printed

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """A shell's environment in which the installation's programs are found, and nothing of this project's."""
        own = environ(
            PATH=f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            WAYSTATION_PORT=str(self.port),
            WAYSTATION_URL=self.url,
            WAYSTATION_LOG="warning",
            XDG_STATE_HOME=str(self.folder / "state"),
        )
        return {name: value for name, value in own.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def write(self, block: str) -> None:
        """A file of the page: its first line names it."""
        name = block.partition("\n")[0].removeprefix("# ")
        (self.folder / name).write_text(block, encoding="utf-8")

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """The page's server, in a terminal of its own, until the end."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec env {command}"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            assert b"ready" in process.stdout.readline(), f"up ended with {process.poll()}"
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
            process.stdout.close()
            wait_until(lambda: not of_home(self.folder), timeout=30, every=0.2)

    def sh(self, commands: str) -> str:
        """Some commands, with the id of the latest task for TASK_ID; what they print."""
        printed = ""
        for command in commands.strip().splitlines():
            line = command.replace("TASK_ID", self.task)
            done = subprocess.run(
                ["sh", "-c", line], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            printed += done.stdout
            if " submit " in command:
                found = ID.search(done.stdout)
                assert found is not None, done.stdout
                self.task = found[0]
        self.said.append(printed)
        return printed

    def press(self, button: str) -> None:
        """A button of the list on the page, as a browser sends it."""
        page = self._browse(Request(f"{self.url}/", headers={"Accept": "text/html"}))
        assert button in page
        action = f"/tasks/{self.task}/{button.lower()}"
        assert f'"{action}"' in page, f"no form for {action}"
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Origin": self.url}
        self._browse(Request(self.url + action, data=b"", headers=headers))

    def _browse(self, request: Request) -> str:
        with urlopen(request, timeout=30) as answer:
            text: str = answer.read().decode()
            return text


def follow(folder: Path, bin: Path) -> Reader:
    """The whole page, from an empty folder to its end. Fails where the page does not hold."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reader = Reader(folder, bin, port)
    blocks = [(m[2], m[3], PAGE[: m.start()]) for m in BLOCK.finditer(PAGE) if not m[1]]
    at = next(n for n, (kind, text, _) in enumerate(blocks) if kind == "sh" and SERVER in text)
    for kind, text, _ in blocks[:at]:
        assert kind == "python"
        reader.write(text)
    with reader.serving(blocks[at][1].strip()):
        for kind, text, before in blocks[at + 1 :]:
            if kind == "python":
                reader.write(text)
            elif kind == "text":
                assert reader.said[-1].endswith(text), reader.said[-1]
            elif "waystation show" in text:
                assert "press **Pause**" in before
                reader.press("Pause")
                wait_until(lambda: "paused" in reader.sh("waystation show TASK_ID"), timeout=60, every=0.3)
            else:
                reader.sh(text)
    return reader


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        done = follow(Path(empty), Path(sys.argv[1]).resolve())
    print(f"The tutorial holds: {len(done.said)} blocks of commands, with the programs of {sys.argv[1]}.")

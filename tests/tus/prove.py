"""Two clients of the protocol's own authors send a large file over connections that are cut three times each.

    python -m tests.tus.prove [--megabytes 1000]

A `waystation up` of its own in a temporary folder takes the uploads; a proxy cuts. Afterwards the sha256 that the server
tells and that of the file on its disk are compared with the file that was sent, and the web process's largest resident set is
read (Linux only). tus-js-client is fetched by npm into a temporary folder. The exit code is 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
from tusclient.client import TusClient

from tests.cli.running import start_up
from tests.web.cutting import cutting
from tests.web.serving import rss
from waystation.cli.people import write_people

JS_CLIENT = "tus-js-client@4.3.1"
MEGABYTE = 10**6
FLAT = 25_000  # kB that the web process may grow by, whatever the size of the file
CUTS = (0.2, 0.5, 0.8)  # of the file


def with_tuspy(url: str, file: Path, _: Path) -> str:
    """The Python client, in pieces of 20 MB."""
    with file.open("rb") as stream:
        uploader = TusClient(url).uploader(file_stream=stream, chunk_size=20 * MEGABYTE, retries=5, retry_delay=0.5)
        uploader.upload()
        return str(uploader.url)


def with_tus_js(url: str, file: Path, folder: Path) -> str:
    """The JavaScript client, all in one request unless it breaks."""
    script = Path(__file__).with_name("upload.mjs")
    done = subprocess.run(["node", script, url, file], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"tus-js-client gave up: {done.stderr}")
    return done.stdout.strip()


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def web_process(root: int) -> psutil.Process:
    """The process that serves: the one below `waystation web`."""
    (master,) = (p for p in psutil.Process(root).children() if "web" in p.cmdline())
    (worker,) = master.children()
    return worker


def prove(
    name: str,
    send: Callable[[str, Path, Path], str],
    file: Path,
    wanted: str,
    port: int,
    web: psutil.Process,
    home: Path,
    npm: Path,
) -> bool:
    """One client: prints its line, and says whether all was right."""
    size = file.stat().st_size
    before, began = rss(web), time.monotonic()
    with cutting(port, [int(size * part) for part in CUTS]) as proxy:
        url = send(f"http://127.0.0.1:{proxy.port}/uploads", file, npm)
        seconds, cuts = time.monotonic() - began, proxy.made
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/uploads/{url.rpartition('/')[2]}") as answer:
        told = json.load(answer)
    (kept,) = (home / "uploads" / told["upload_id"]).iterdir()
    equal = told["complete"] and told["sha256"] == wanted and sha256(kept) == wanted
    grown = rss(web) - before
    print(
        f"{name:<14} {size / MEGABYTE:>6.0f} MB  {cuts} cuts  {seconds:>6.1f} s  hash {'equal' if equal else 'DIFFERENT'}  "
        f"web {before / 1000:.0f} MB, grown by {grown / 1000:.1f} MB",
        flush=True,
    )
    return bool(equal) and cuts == len(CUTS) and grown < FLAT


def main() -> int:
    """Both clients, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the file")
    megabytes = parser.parse_args().megabytes
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            sys.exit(f"`{program}` is not on the PATH: install Node.js (18 or newer) with its npm.")
    with tempfile.TemporaryDirectory(prefix="waystation-tus-") as folder:
        npm, home, file = Path(folder) / "npm", Path(folder) / "home", Path(folder) / "people.csv"
        npm.mkdir()
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--silent", JS_CLIENT], cwd=npm, check=True)
        with file.open("wb") as out:
            write_people(out, megabytes * MEGABYTE // 100)
        wanted = sha256(file)
        up = start_up(home)
        try:
            port, web = int(up.url.rpartition(":")[2]), web_process(up.process.pid)
            right = [
                prove(name, send, file, wanted, port, web, home, npm)
                for name, send in (("tuspy", with_tuspy), ("tus-js-client", with_tus_js))
            ]
        finally:
            up.process.send_signal(signal.SIGTERM)
            up.process.wait()
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())

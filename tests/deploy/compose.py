"""`make compose-test`: Waystation on Compose as a user has it, under kills, restarts and a rolling re-create.

It needs a Docker engine and Compose on PATH (`docker compose`, or the older `docker-compose`), and takes some five minutes. It
works in a project of its own, on a free port, and removes it at the end; a project of yours is not touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.deploy.drive import DRAINED, KILLED, ROOT, Imports, Service, need, people, run, say, timed, walk_through
from tests.support import wait_until
from waystation.errors import FormatUnavailable

PROJECT = "waystation-test"
TAG = "compose-test"
EXTRAS = ("arrow", "otel")


class Compose:
    """The Compose project of this run."""

    def __init__(self, port: int) -> None:
        docker = need("docker", "make compose-test needs a Docker engine.")
        run([docker, "info"], quiet=False)
        new = subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
        self.program = [docker, "compose"] if new else [need("docker-compose", "neither is `docker compose` there.")]
        self.wait = ["--wait"] if new else []  # the older one waits for what depends_on names, and no more
        self.env = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "WAYSTATION_PORT": str(port),
            "WAYSTATION_TAG": TAG,
        }

    def __call__(self, *words: str, timeout: float = 600, quiet: bool = False) -> str:
        return run([*self.program, *words], timeout=timeout, env=self.env, quiet=quiet)

    def up(self, *words: str) -> None:
        self("up", "--detach", *self.wait, *words)

    def ids(self, service: str) -> list[str]:
        """The containers of a service, as they run now."""
        return self("ps", "--quiet", service).split()


def sizes(tag: str) -> str:
    """The image's size, and how much of it is ours: what lies above the base image."""
    whole = int(run(["docker", "image", "inspect", "--format", "{{.Size}}", f"waystation:{tag}"]))
    base = int(run(["docker", "image", "inspect", "--format", "{{.Size}}", "python:3.13-slim"]))
    return f"{whole / 1e6:.0f} MB, {(whole - base) / 1e6:.0f} MB of it above this machine's python:3.13-slim"


def with_every_extra(compose: Compose, service: Service) -> None:
    """Without the extra `arrow` a Parquet file is refused, with it one is made; an extra that there is not ends a build."""
    try:
        service.client.download(dataset="attacked1", options={"format": "parquet"})
    except FormatUnavailable as error:
        say(f"Parquet without its extra: {error.code}: {error.detail} {error.hint}")
    else:
        raise AssertionError("an export to Parquet was to be refused")
    compose.env |= {"WAYSTATION_TAG": f"{TAG}-extras", "WAYSTATION_EXTRAS": " ".join(EXTRAS)}
    with timed(f"the image with the extras {', '.join(EXTRAS)}"):
        compose("build", "web")
    say(f"image with them: {sizes(compose.env['WAYSTATION_TAG'])}")
    compose.up("--no-deps", "--scale", "worker=3", "worker", "web")
    service.ready()
    task = service.ask(lambda: service.client.download(dataset="attacked1", options={"format": "parquet"}))
    size = (service.until(task["task_id"], "succeeded")["result"] or {})["size"]
    say(f"Parquet with it: {size:,} bytes")
    docker, wrong = compose.program[0], ["--build-arg", "EXTRAS=arow", "--target", "build", "."]
    done = subprocess.run([docker, "build", *wrong], cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode != 0
    assert "the image has no extra 'arow'" in done.stdout + done.stderr


def crash(compose: Compose, container: str) -> None:
    """SIGKILL to all processes of a container, as a machine without memory would; its restart policy acts."""
    subprocess.run(["docker", "exec", container, "sh", "-c", "kill -9 -1"], capture_output=True, check=False)
    started = run(["docker", "inspect", "--format", "{{.State.StartedAt}}", container])
    say(f"worker container {container[:12]} killed by -9 (its start before: {started.strip()})")


def under_attack(compose: Compose, imports: Imports) -> None:
    """A worker is killed, two more come, and broker and database are restarted."""
    imports.reached(0.05)
    crash(compose, compose.ids("worker")[0])
    compose("up", "--detach", "--no-recreate", "--scale", "worker=3")
    wait_until(lambda: len(compose.ids("worker")) == 3, 60)
    imports.told(KILLED)
    imports.reached(0.25)
    compose("restart", "redis")
    say("redis restarted")
    imports.reached(0.4)
    compose("restart", "postgres")
    say("postgres restarted")
    imports.exact()


def re_created(compose: Compose, imports: Imports) -> None:
    """Every worker and the web server are made anew, as a deploy does."""
    imports.reached(0.05)
    compose.up("--force-recreate", "--no-deps", "--scale", "worker=3", "worker", "web")
    assert imports.tells(DRAINED), "the workers were to give their tasks back, and not to lose them"
    imports.exact()
    assert not imports.tells(KILLED)


def main() -> None:
    """The whole run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each import (1,000,000)")
    rows = parser.parse_args().rows
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    compose = Compose(port)
    folder = Path(tempfile.mkdtemp(prefix="ws-compose-"))
    service = Service(f"http://127.0.0.1:{port}", folder)
    compose("down", "--volumes", "--timeout", "1")
    try:
        with timed("docker compose build"):
            compose("build")
        say(f"image: {sizes(TAG)}")
        with timed("up -d --wait from nothing (an empty database included)"):
            compose.up()
            service.ready()
        walk_through(service, 5 * rows)
        source = people(folder / "people.csv", rows)
        attacked = Imports(service, source, rows, "attacked", 4)
        under_attack(compose, attacked)
        compose("stop")
        with timed("start again after stop"):
            compose("start")
            service.ready()
        attacked.exact()
        re_created(compose, Imports(service, source, rows, "deployed", 4))
        with_every_extra(compose, service)
        say("compose-test: everything held")
    except BaseException:
        print(compose("ps", "--all", quiet=True))
        print(compose("logs", "--tail", "80", quiet=True))
        raise
    finally:
        compose("down", "--volumes", "--timeout", "30", quiet=True)
        shutil.rmtree(folder, ignore_errors=True)
    left = run(["docker", "volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"])
    assert not left.strip(), f"volumes are left: {left}"


if __name__ == "__main__":
    main()

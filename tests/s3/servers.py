"""Real S3 servers of a test's own, on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from tests.support import wait_until

KEY, SECRET = "waystation", "only-for-tests"
BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server with one bucket."""

    endpoint: str

    def settings(self, prefix: str, **other: object) -> dict[str, object]:
        """The settings that keep files there."""
        return {
            "storage": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.endpoint,
            "s3_key": KEY,
            "s3_secret": SECRET,
            "s3_region": "us-east-1",
            **other,
        }


def free_ports(number: int) -> list[int]:
    """Ports that nobody has right now."""
    held = [socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _answers(url: str, method: str = "GET") -> bool:
    with suppress(urllib.error.URLError, OSError):
        urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=2).close()
        return True
    return False


@contextmanager
def seaweedfs() -> Iterator[S3Server]:
    """SeaweedFS: master, volume, filer and S3 in one process. It tells nobody of itself."""
    home = Path(tempfile.mkdtemp(prefix="ws-s3-"))
    identity = {
        "name": KEY,
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = home / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    ports = dict(zip([*names, "s3.port", "s3.port.grpc"], free_ports(8), strict=True))
    options = {
        "dir": home,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "s3": "true",
        "s3.config": config,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "master.volumePreallocate": "false",
        "master.volumeSizeLimitMB": 256,
        "volume.max": 100,
        **ports,
    }
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("weed"), "-logtostderr", "server", *(f"-{k}={v}" for k, v in options.items())],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        # A folder of the filer is a bucket.
        wait_until(lambda: _answers(f"http://127.0.0.1:{ports['filer.port']}/buckets/{BUCKET}/", "POST"), 60, every=0.2)
        wait_until(lambda: _answers(f"http://127.0.0.1:{ports['s3.port']}/healthz"), 60, every=0.1)
        yield S3Server(f"http://127.0.0.1:{ports['s3.port']}")
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def moto() -> Iterator[S3Server]:
    """moto's server, in a process of its own; it believes every key."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/{BUCKET}", "PUT"), 60, every=0.2)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)

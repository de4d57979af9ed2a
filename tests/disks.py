"""A disk of its own for one command: small, full or read-only, in a mount namespace that nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess

_OURS = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def on_a_disk(folder: str, *command: str, options: str, filled: int = 0, read_only: bool = False) -> list[str]:
    """The command that runs `command` where `folder` is a disk: mount options of tmpfs, bytes that are taken already."""
    steps = [f"mount -t tmpfs -o {options} tmpfs {folder}"]
    if filled:
        steps.append(f"head -c {filled} /dev/zero > {folder}/filler")
    if read_only:
        steps.append(f"mount -o remount,ro {folder}")
    return ["unshare", *_OURS, "--mount", "sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *command]


def can_mount() -> bool:
    """Whether this machine lets us have such a disk."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(on_a_disk("/mnt", "true", options="size=1m"), capture_output=True, check=False).returncode == 0

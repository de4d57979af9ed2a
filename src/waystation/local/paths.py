"""Where things lie in a home folder, and the short folder for sockets outside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from waystation.errors import NoLocalServer

LONGEST_SOCKET = 100  # bytes; the kernel takes 107 on Linux and 103 on macOS
LOG_LIMIT = 10 * 2**20  # bytes after which a log begins anew (one old one is kept)


@dataclass(frozen=True)
class Home:
    """A state folder. `run/` holds locks, logs and what the keeper tells its users; `postgres/` and `valkey/` hold data."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def users_lock(self) -> Path:
        return self.run / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.run / "keeper.lock"

    @property
    def status(self) -> Path:
        """What the keeper tells its users: where the servers answer, or why they do not. Only as true as the keeper lives."""
        return self.run / "servers.json"

    @property
    def password(self) -> Path:
        """The database's password, as libpq reads it."""
        return self.run / "pgpass"

    def wish(self, server: str) -> Path:
        """The mark that somebody wants this server (`database` or `broker`)."""
        return self.run / f"want-{server}"

    def owner(self) -> tuple[int, int]:
        """The uid and gid that the home folder belongs to. Root leaves behind nothing that they could not open."""
        found = self.root.stat()
        return found.st_uid, found.st_gid

    def create(self) -> None:
        """Make the home folder and its private part. Raises NoLocalServer when that is not allowed here."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.private(self.run)
        except OSError as error:
            raise NoLocalServer(
                f"The state folder can't be made: {error}.", remedy="Set WAYSTATION_HOME to a folder that you may write to."
            ) from error

    def private(self, folder: Path) -> Path:
        """Make a folder that only its owner may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Hand what root just made to whom the home belongs to."""
        if os.geteuid() == 0 and (owner := self.owner()) != (0, 0):
            os.chown(path, *owner, follow_symlinks=False)

    def log(self, name: str) -> BinaryIO:
        """The log of one process, opened to append to."""
        path = self.run / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        opened = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)
        self.give(path)
        return opened

    def log_end(self, name: str, lines: int = 5) -> str:
        """The last lines of a log, for a message."""
        path = self.run / f"{name}.log"
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

    def take(self, lock: Path, *, shared: bool = False) -> int | None:
        """Take a lock and return its descriptor (close it to let go), or None when somebody else holds it."""
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            self.give(lock)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        return fd

    # -- the sockets' folder -------------------------------------------------------------------------------------------
    # A home's own path may be too long for a socket, or lie on a file system that can't hold one: sockets live under /tmp,
    # in a folder with a name that nobody can guess, noted in run/sockets so that a new keeper takes the same again.

    @property
    def _sockets_note(self) -> Path:
        return self.run / "sockets"

    def _sockets_prefix(self) -> str:
        # Bound to this home's path, so that a copied home does not take the original's sockets.
        return f"waystation-{hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:8]}-"

    def sockets(self) -> Path:
        """The folder for sockets: the one noted if it is still ours alone, else a new one. Raises NoLocalServer."""
        if self._sockets_note.exists():
            noted = Path(self._sockets_note.read_text().strip())
            if noted.name.startswith(self._sockets_prefix()) and _ours_alone(noted):
                return noted
        for parent in ("/tmp", tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108
            if parent and len(os.fsencode(parent)) + 60 < LONGEST_SOCKET and os.access(parent, os.W_OK | os.X_OK):
                made = Path(tempfile.mkdtemp(prefix=self._sockets_prefix(), dir=parent))
                made.chmod(0o711)  # a server under another uid must pass through; what is inside is closed
                self._sockets_note.write_text(str(made))
                self.give(self._sockets_note)
                return made
        raise NoLocalServer("No folder with a short path can be written to for the servers' sockets: /tmp is closed.")

    def forget_sockets(self) -> None:
        """Remove the sockets' folder."""
        if self._sockets_note.exists():
            noted = Path(self._sockets_note.read_text().strip())
            if noted.name.startswith(self._sockets_prefix()) and _ours_alone(noted):
                shutil.rmtree(noted)
            self._sockets_note.unlink()


def _ours_alone(folder: Path) -> bool:
    """Whether this is a real folder, made by us, that nobody else may write to."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022

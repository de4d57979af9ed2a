"""The private PostgreSQL: made, started and stopped. It listens on a Unix socket alone and asks for a password there too."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from waystation.errors import NoLocalServer
from waystation.local.binaries import PostgresPrograms, find_postgres
from waystation.local.paths import Home
from waystation.local.process import Identity, Pulse, StartFailed, end, expel, identities, launch

NAME = "waystation"  # of the database and of its user
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # the folder is closed, and the password is asked for
    "max_connections": "100",
    "max_locks_per_transaction": "1024",  # a dataset may have a thousand partitions
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "client_connection_check_interval": "1s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %a ",
}
_PROBE = ': > "$1/.probe" && rm "$1/.probe" && : > "$2/.probe" && rm "$2/.probe" && exec "$3" --version'


class Postgres:
    """One private PostgreSQL of one home. All methods are the keeper's, from its main thread."""

    name = "database"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.root / "postgres"
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._as: tuple[PostgresPrograms, Identity] | None = None  # found once per keeper

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def url(self) -> str:
        """How clients reach it; the password stays in a file that libpq reads."""
        host, passfile = (quote(str(path), safe="") for path in (self.home.sockets() / "pg", self.home.password))
        return f"postgresql://{NAME}@/{NAME}?host={host}&passfile={passfile}"

    def start(self, pulse: Pulse) -> None:
        """Start it, making the data first if there are none, and wait until it takes connections.

        A recovery after a crash may take long: it is waited for while the process lives. Raises NoLocalServer when it can't
        work here, StartFailed when it did not work this time.
        """
        sockets = self.home.sockets() / "pg"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        sockets.mkdir(mode=0o700, exist_ok=True)
        programs, identity = self._as = self._as or self._choose(sockets)
        expel(self.data, pulse)
        if not self.data.exists():
            self._make(programs, identity, pulse)
        # We hold the keeper's lock and nobody is at work in the data: whatever process these name, it is another's.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for stale in sockets.iterdir():
            stale.unlink()
        if not self.home.password.exists():
            self._set_password(programs, identity, self.data, pulse)
        options = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(sockets)}.items()]
        with self.home.log("postgres") as log:
            self.process = launch([programs.postgres, "-D", self.data, *options], identity, parting=signal.SIGINT, output=log)
        while not self._ready():
            if not self.alive():
                raise StartFailed(f"PostgreSQL ended at its start:\n{self.home.log_end('postgres')}")
            pulse(0.02)

    def stop(self) -> None:
        """Stop it: open transactions are rolled back, the data are left clean."""
        if self.process is not None and self.alive():
            end(self.process, [(signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0)])

    def _ready(self) -> bool:
        """As pg_ctl asks it: the eighth line of postmaster.pid."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    # -- whom it runs as -----------------------------------------------------------------------------------------------
    def _choose(self, sockets: Path) -> tuple[PostgresPrograms, Identity]:
        """The programs, and the first identity that reaches them and both folders, proved by trying."""
        version = self.data / "PG_VERSION"
        programs = find_postgres(int(version.read_text()) if version.exists() else None)
        tried = []
        for identity in identities(self.home.owner(), refuses_root=True):
            try:
                self.hand_over(identity, sockets)
                probe = launch(
                    ["/bin/sh", "-c", _PROBE, "sh", self.folder, sockets, programs.postgres], identity, output=subprocess.PIPE
                )
                said = probe.communicate()[0].decode(errors="replace").strip()
                if probe.returncode == 0:
                    return programs, identity
            except OSError as error:
                said = str(error)
            except subprocess.SubprocessError:  # of what went wrong between fork and exec, it knows nothing
                said = "not allowed here"
            tried.append(f"{identity} ({said})")
        uid = os.geteuid()
        why = "PostgreSQL refuses to run as root" if uid == 0 else f"the user id {uid} has no name on this system"
        raise NoLocalServer(
            f"A private PostgreSQL can't run here: {why}, and no other way works: {'; '.join(tried) or 'none is left to try'}.",
            remedy="Set DATABASE_URL to a PostgreSQL (15 or newer) of your own, or run as an ordinary user"
            " with an entry in /etc/passwd.",
        )

    def hand_over(self, identity: Identity, sockets: Path) -> None:
        """Make the folders this identity's own, with all that is in them if they were somebody else's."""
        if os.geteuid() != 0:
            return
        for top in (sockets, self.folder):
            if top.stat().st_uid == identity.owns:
                continue
            for path in (top, *top.rglob("*")):
                os.chown(path, identity.owns, -1 if identity.gid is None else identity.gid, follow_symlinks=False)

    # -- its data --------------------------------------------------------------------------------------------------------
    def _make(self, programs: PostgresPrograms, identity: Identity, pulse: Pulse) -> None:
        """Make the data in a folder aside and rename it, so that a crash leaves nothing half made."""
        for broken in self.folder.glob("new-*"):
            expel(broken, pulse)
            shutil.rmtree(broken)
        made = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        if os.geteuid() == 0:
            os.chown(made, identity.owns, -1 if identity.gid is None else identity.gid)
        base: list[str | Path] = [programs.initdb, "-D", made, "-U", NAME, "-E", "UTF8", "-A", "trust", "--no-instructions"]
        if programs.major >= 17:
            self._run([*base, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"], identity, pulse)
        else:  # C and UTF8: sorts by code point too, but upper() knows ASCII alone
            self._run([*base, "--locale=C"], identity, pulse)
        self._set_password(programs, identity, made, pulse)
        self._single(programs, identity, made, f"CREATE DATABASE {NAME};\n", pulse)
        (made / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        made.rename(self.data)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _set_password(self, programs: PostgresPrograms, identity: Identity, data: Path, pulse: Pulse) -> None:
        """Give the user a new password and write it where clients look. The file comes last: it vouches for the rest."""
        password = secrets.token_urlsafe(32)
        # It is 256 random bits, so there is nothing to stretch, which would cost each connection 3 ms of the client.
        lightly = "SET scram_iterations = 1;\n" if programs.major >= 16 else ""
        self._single(programs, identity, data, f"{lightly}ALTER ROLE {NAME} PASSWORD '{password}';\n", pulse)
        fresh = self.home.password.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"*:*:*:{NAME}:{password}\n")
        self.home.give(fresh)
        fresh.replace(self.home.password)

    def _single(self, programs: PostgresPrograms, identity: Identity, data: Path, sql: str, pulse: Pulse) -> None:
        options = ["-c", "exit_on_error=on", "-c", "log_statement=none", "postgres"]
        self._run([programs.postgres, "--single", "-D", data, *options], identity, pulse, sql)

    def _run(self, argv: list[str | Path], identity: Identity, pulse: Pulse, said: str = "") -> None:
        """Run a program to its end, with the log as its output. Raises StartFailed."""
        with self.home.log("postgres") as log, tempfile.TemporaryFile() as spoken:
            spoken.write(said.encode())
            spoken.seek(0)
            child = launch(argv, identity, stdin=spoken, output=log)
            try:
                while child.poll() is None:
                    pulse(0.02)
            finally:
                if child.poll() is None:
                    end(child, [])
        if child.returncode != 0:
            raise StartFailed(f"{Path(argv[0]).name} failed:\n{self.home.log_end('postgres')}")

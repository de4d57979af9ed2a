"""The gate: makes and revokes tokens, and says who a secret belongs to. What was found holds for a second.

A secret is 256 random bits, so one round of SHA-256 keeps it: nobody can guess through that many, and the slow hashes that
passwords need (which people choose, so that they can be guessed) would only slow every request down.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Collection

import psycopg

from waystation.access import GROUP, NAME, Caller, Restriction, Role, hidden_from
from waystation.acts import Act
from waystation.errors import InvalidRequest, LoginRefused, TokenExists, TokenNotFound, WrongToken
from waystation.model import JsonValue, Token
from waystation.oidc import Person
from waystation.storage import audit, tokens
from waystation.storage.db import Database

PREFIX = "ws_"  # lets scanners for leaked secrets know one
HOLDS = 1.0  # seconds for which an answer of the database is believed: a revoked token may get in as long
KEPT = 1000  # secrets remembered so
SCOPES = ("kind", "dataset")
ADMIN = "admin"  # the name of the token that the settings give
_OURS = frozenset({"anonymous", "control", "reaper", "retention", ADMIN})  # names that timelines have for others


class Gate:
    """Who comes in. Safe to use from several threads; one for each process."""

    def __init__(self, database: Database, *, admin_token: str | None = None, provider: bool = False) -> None:
        """`provider`: people log in by one, so that nobody comes in unknown even where no token was made yet."""
        self._database = database
        self._admin = _hash(admin_token) if admin_token else None
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._keys: dict[str, bytes] = {}
        self._looked = float("-inf")
        self._closed = admin_token is not None or provider
        self._restrictions: tuple[Restriction, ...] = ()

    # -- who comes in
    @property
    def closed(self) -> bool:
        """Whether a token is asked for: one was made, ever. That the last one was revoked opens no door."""
        if not self._closed:
            self._look()
        return self._closed

    def caller(self, secret: str) -> Caller:
        """Who shows this token. Raises WrongToken, DatabaseUnavailable."""
        hash = _hash(secret)
        return self._remembered(hash) or self._remember(hash, self._of_hash(hash))

    def caller_of_session(self, cookie: str) -> Caller | None:
        """Who has logged in with this cookie; None when that login has ended, or its token."""
        hash = _hash(cookie)
        if (known := self._remembered(hash)) is not None:
            return known
        with self._database.transaction() as connection:
            found = tokens.session(connection, hash)
            if found is None:
                return None
            token = tokens.by_id(connection, found[0]) if found[0] is not None else None
        if token is not None:
            return self._remember(hash, self._caller(token))
        return self._remember(hash, self._the_admin()) if found[0] is None and self._admin else None

    def caller_of_token(self, id: int | None) -> Caller | None:
        """Who has the token of this number (None: that of the settings); None when it is in force no more."""
        if id is None:
            return self._the_admin() if self._admin else None
        with self._database.transaction() as connection:
            token = tokens.by_id(connection, id)
        return self._caller(token) if token else None

    def log_in(self, secret: str, *, seconds: float, address: str) -> str:
        """A new login with this token, from that address: its cookie. Raises WrongToken."""
        caller, cookie = self.caller(secret), secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            tokens.log_in(connection, _hash(cookie), caller.token, seconds=seconds)
            audit.note(connection, caller.name, Act.LOGIN, data={"address": address})
        return cookie

    def let_in(self, person: Person, *, seconds: float, address: str) -> str:
        """A new login of somebody whom the provider vouches for: its cookie. Their row among the tokens, without a secret, is
        made or brought up to date. Raises LoginRefused where somebody else has their name."""
        cookie = secrets.token_urlsafe(32)
        try:
            with self._database.transaction() as connection:
                token = None if person.name in _OURS else tokens.enter(connection, person, nobody_knows=secrets.token_bytes(32))
                if token is not None:
                    tokens.log_in(connection, _hash(cookie), token.id, seconds=seconds)
                    said: dict[str, JsonValue] = {"address": address, "provider": person.issuer, "role": person.role.value}
                    audit.note(connection, person.name, Act.LOGIN, data=said)
        except psycopg.errors.UniqueViolation:  # they are called otherwise than last time
            token = None
        if token is None:
            raise LoginRefused(
                f"A token or another person is called {person.name} here already.",
                remedy="An admin revokes that token, or gives people another claim as their name (WAYSTATION_OIDC_NAME).",
            )
        self._closed = True
        return cookie

    def log_out(self, cookie: str) -> None:
        """The login with this cookie ends."""
        hash, caller = _hash(cookie), self.caller_of_session(cookie)
        with self._database.transaction() as connection:
            tokens.log_out(connection, hash)
            if caller is not None:
                audit.note(connection, caller.name, Act.LOGOUT)
        self._known.pop(hash, None)

    # -- tokens
    def create(
        self, name: str, role: Role, *, groups: Collection[str] = (), seconds: float | None = None, actor: str
    ) -> tuple[Token, str]:
        """A new token, and its secret, which is nowhere else. It ends after so many seconds (None: when it is revoked).

        Raises InvalidRequest for a name or a group that can't be one, TokenExists.
        """
        if not NAME.fullmatch(name) or name in _OURS:
            raise InvalidRequest(
                f"{name[:80]!r} can't be the name of a token.",
                remedy="Letters, digits and . _ @ + -, 64 at most, beginning with a letter or a digit; the names that"
                f" Waystation itself acts under ({', '.join(sorted(_OURS))}) are taken.",
            )
        _check_groups(groups)
        if seconds is not None and not 0 < seconds < 10**9:
            raise InvalidRequest("A token must end in the future, within thirty years.")
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            made = tokens.insert(
                connection, name=name, role=role, groups=groups, hash=_hash(secret), created_by=actor, seconds=seconds
            )
            if made is None:
                raise TokenExists(f"A token named {name!r} is in force already.")
            said: dict[str, JsonValue] = {"role": role.value, "groups": sorted(groups), "seconds": seconds}
            audit.note(connection, actor, Act.TOKEN_CREATE, about=name, data=said)
        self._closed = True
        return made, secret

    def tokens(self) -> list[Token]:
        """All tokens that there ever were, those in force first."""
        with self._database.transaction() as connection:
            return tokens.every_token(connection)

    def revoke(self, name: str, *, actor: str) -> Token:
        """Nobody comes in with it any more; other processes may take a second. Raises TokenNotFound."""
        with self._database.transaction() as connection:
            gone = tokens.revoke(connection, name, revoked_by=actor)
            if gone is None:
                raise TokenNotFound(f"There is no token {name[:60]!r} in force.")
            audit.note(connection, actor, Act.TOKEN_REVOKE, about=name)
        with self._lock:
            self._known.clear()
        return gone

    # -- groups
    def restrictions(self) -> list[Restriction]:
        """What is for certain groups only."""
        with self._database.transaction() as connection:
            return list(tokens.restrictions(connection))

    def restrict(self, scope: str, name: str, groups: Collection[str], *, actor: str) -> list[Restriction]:
        """A kind or a dataset is for these groups from now on (none: for everybody); all that is restricted after it.

        Its tasks, rows and results are there for tokens of one of the groups, and for admins. Raises InvalidRequest.
        """
        if scope not in SCOPES:
            raise InvalidRequest(f"There is no scope {scope!r}; the scopes are {', '.join(SCOPES)}.")
        _check_groups(groups)
        with self._database.transaction() as connection:
            tokens.restrict(connection, scope, name, groups, set_by=actor)
            audit.note(connection, actor, Act.RESTRICT, about=f"{scope} {name}", data={"groups": sorted(groups)})
            now = tokens.restrictions(connection)
        with self._lock:
            self._known.clear()
            self._restrictions = now
        return list(now)

    def key(self, name: str) -> bytes:
        """A secret of this installation that all its processes share."""
        if name not in self._keys:
            with self._database.transaction() as connection:
                self._keys[name] = tokens.key(connection, name, secrets.token_bytes(32))
        return self._keys[name]

    # -- inside
    def _remembered(self, hash: bytes) -> Caller | None:
        until, caller = self._known.get(hash, (0.0, None))
        return caller if time.monotonic() < until else None

    def _remember(self, hash: bytes, caller: Caller) -> Caller:
        with self._lock:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[hash] = (time.monotonic() + HOLDS, caller)
        return caller

    def _of_hash(self, hash: bytes) -> Caller:
        if self._admin is not None and hmac.compare_digest(hash, self._admin):
            return self._the_admin()
        with self._database.transaction() as connection:
            token = tokens.by_hash(connection, hash)
            if token is None:
                raise WrongToken
            tokens.used(connection, token.id)
        return self._caller(token)

    def _caller(self, token: Token) -> Caller:
        self._look()
        role = Role(token.role)
        return Caller(token.name, role, hidden_from(frozenset(token.groups), role, self._restrictions), token.id)

    def _the_admin(self) -> Caller:
        return Caller(ADMIN, Role.ADMIN)

    def _look(self) -> None:
        """Ask the database again what is closed, unless that was just done."""
        if time.monotonic() - self._looked < HOLDS:
            return
        with self._database.transaction() as connection:
            ever, restrictions = self._closed or tokens.ever(connection), tokens.restrictions(connection)
        with self._lock:
            self._looked, self._closed, self._restrictions = time.monotonic(), ever, restrictions


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _check_groups(groups: Collection[str]) -> None:
    for group in groups:
        if not GROUP.fullmatch(group):
            raise InvalidRequest(
                f"{group[:80]!r} can't be a group.",
                remedy="Lower-case letters, digits, _ and -, 48 at most, beginning with a letter or a digit.",
            )

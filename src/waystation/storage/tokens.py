"""Tokens, restrictions to groups, logins and keys: one typed function a query of tokens.sql. Secrets come as hashes only."""

from __future__ import annotations

from collections.abc import Collection

from waystation.access import Restriction, Role
from waystation.model import Token
from waystation.oidc import Person
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("tokens")


def _token(row: Row) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]).value,
        groups=tuple(row["groups"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
    )


def insert(
    connection: Connection,
    *,
    name: str,
    role: Role,
    groups: Collection[str],
    hash: bytes,
    created_by: str,
    seconds: float | None,
) -> Token | None:
    """A new token, in force for so many seconds (None: until it is revoked); None when one in force has its name."""
    row = one(
        connection,
        SQL["insert"],
        name=name,
        role=role.value,
        groups=sorted(groups),
        hash=hash,
        created_by=created_by,
        seconds=seconds,
    )
    return _token(row) if row else None


def enter(connection: Connection, person: Person, *, nobody_knows: bytes) -> Token | None:
    """The row of a person whom the provider vouches for, as they are called today; None when somebody else has the name.

    Its hash, `nobody_knows`, is of no secret. Raises UniqueViolation for a known person under a name that is taken.
    """
    row = one(
        connection,
        SQL["enter"],
        subject=person.subject,
        name=person.name,
        role=person.role.value,
        groups=sorted(person.groups),
        hash=nobody_knows,
        created_by=person.issuer,
    )
    return _token(row) if row else None


def every_token(connection: Connection) -> list[Token]:
    """All tokens, those in force first."""
    return [_token(r) for r in every(connection, SQL["all"])]


def revoke(connection: Connection, name: str, *, revoked_by: str) -> Token | None:
    """The token of this name is in force no more; None if none was."""
    row = one(connection, SQL["revoke"], name=name, revoked_by=revoked_by)
    return _token(row) if row else None


def by_hash(connection: Connection, hash: bytes) -> Token | None:
    """The token in force whose secret has this hash."""
    row = one(connection, SQL["by_hash"], hash=hash)
    return _token(row) if row else None


def by_id(connection: Connection, id: int) -> Token | None:
    """A token in force."""
    row = one(connection, SQL["by_id"], id=id)
    return _token(row) if row else None


def used(connection: Connection, id: int) -> None:
    """Note that it was used."""
    run(connection, SQL["used"], id=id)


def ever(connection: Connection) -> bool:
    """Whether a token was ever made."""
    row = one(connection, SQL["ever"])
    return bool(row and row["ever"])


def restrictions(connection: Connection) -> tuple[Restriction, ...]:
    """What is for certain groups only."""
    return tuple(Restriction(r["scope"], r["name"], frozenset(r["groups"])) for r in every(connection, SQL["restrictions"]))


def restrict(connection: Connection, scope: str, name: str, groups: Collection[str], *, set_by: str) -> None:
    """A kind or a dataset is for these groups from now on; without any, for everybody."""
    if groups:
        run(connection, SQL["restrict"], scope=scope, name=name, groups=sorted(groups), set_by=set_by)
    else:
        run(connection, SQL["unrestrict"], scope=scope, name=name)


def log_in(connection: Connection, hash: bytes, token: int | None, *, seconds: float) -> None:
    """A login by this token (None: the one of the settings), for so many seconds at most."""
    run(connection, SQL["forget_sessions"])
    run(connection, SQL["log_in"], hash=hash, token=token, seconds=seconds)


def session(connection: Connection, hash: bytes) -> tuple[int | None] | None:
    """The token behind a login, in a tuple of one; None when there is no such login."""
    row = one(connection, SQL["session"], hash=hash)
    return (row["token"],) if row else None


def log_out(connection: Connection, hash: bytes) -> None:
    """A login ends."""
    run(connection, SQL["log_out"], hash=hash)


def key(connection: Connection, name: str, fresh: bytes) -> bytes:
    """The installation's key of this name; `fresh` becomes it if there is none."""
    row = one(connection, SQL["key"], name=name, key=fresh)
    if row is None:  # another process put it at the same moment, after this statement began
        row = one(connection, SQL["key"], name=name, key=fresh)
    assert row is not None
    return bytes(row["key"])


def of_name(connection: Connection, name: str) -> tuple[Token, bool] | None:
    """The token that somebody of this name has, or had last, and whether it is in force; None if there never was one."""
    row = one(connection, SQL["of_name"], name=name)
    return (_token(row), bool(row["in_force"])) if row else None

"""Whether somebody may still have what was asked for in their name earlier: looked at when it is about to begin."""

from __future__ import annotations

from waystation.access import Caller, Need, Role, hidden_from
from waystation.storage import tokens
from waystation.storage.db import Connection


def lost(connection: Connection, owner: str, kind: str, dataset: str | None) -> str | None:
    """Why this owner may not start a task of this kind on this dataset now; None if they may.

    A name that never had a token is that of somebody who was asked for none, or of the settings' admin.
    """
    found = tokens.of_name(connection, owner)
    if found is None:
        return None
    token, in_force = found
    if not in_force:
        return f"the token of {owner} is in force no more"
    role = Role(token.role)
    caller = Caller(owner, role, hidden_from(frozenset(token.groups), role, tokens.restrictions(connection)))
    if not caller.may(Need.SUBMIT):
        return f"{owner} has the role {role} now, which starts no tasks"
    return None if caller.sees(kind, dataset) else f"the kind or the dataset is closed to {owner} now"

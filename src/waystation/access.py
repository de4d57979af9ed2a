"""Who may do what: the roles, what an operation can need, and what of the tasks is closed to whom. All rules stand here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from waystation.errors import NotAllowed


class Role(StrEnum):
    """What a token may do; each role may all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MANAGER = "manager"
    ADMIN = "admin"

    @property
    def meaning(self) -> str:
        """In words."""
        return MEANING[self]


MEANING = {
    Role.VIEWER: "sees tasks, their results and the datasets; starts and changes nothing",
    Role.OPERATOR: "starts tasks, and acts on its own",
    Role.MANAGER: "acts on everybody's tasks, and sets limits",
    Role.ADMIN: "makes and revokes tokens, says which groups a dataset or a kind is for, and reads the audit",
}


class Need(StrEnum):
    """What an operation asks of its caller. Every address says one; there is no default."""

    NOTHING = "nothing"  # probes, the reference, the login: whoever reaches the server
    SEE = "see"
    SUBMIT = "submit"  # make a task, or an upload for one
    OWN = "own"  # act on the task or the upload that is named, which is the caller's own
    MANAGE = "manage"
    ADMINISTER = "administer"


LEAST: dict[Need, Role] = {
    Need.SEE: Role.VIEWER,
    Need.SUBMIT: Role.OPERATOR,
    Need.OWN: Role.OPERATOR,
    Need.MANAGE: Role.MANAGER,
    Need.ADMINISTER: Role.ADMIN,
}
RANK = {role: rank for rank, role in enumerate(Role)}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")  # of a token, and of a person
GROUP = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Kinds and datasets that are closed to somebody."""

    kinds: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.kinds or self.datasets)


NOTHING_HIDDEN = Hidden()


@dataclass(frozen=True, slots=True)
class Restriction:
    """A kind or a dataset (`scope`) that only tokens of these groups, and admins, see and use."""

    scope: str
    name: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of their token, its role, and what is closed to them. `token` is its number; None: without one."""

    name: str
    role: Role
    hidden: Hidden = NOTHING_HIDDEN
    token: int | None = None

    def may(self, need: Need) -> bool:
        """Whether the role is enough; whose task it is, is another question."""
        return need is Need.NOTHING or RANK[self.role] >= RANK[LEAST[need]]

    def require(self, need: Need) -> None:
        """Raises NotAllowed, naming the role that would do."""
        if not self.may(need):
            raise NotAllowed(
                f"The token {self.name!r} has the role {self.role}; this needs {LEAST[need]}.",
                role=self.role,
                needs=LEAST[need],
            )

    def sees(self, kind: str, dataset: str | None) -> bool:
        """Whether a task of this kind on this dataset is there, for them."""
        return kind not in self.hidden.kinds and dataset not in self.hidden.datasets

    def owns(self, created_by: str) -> bool:
        """Whether they may act on what this person made: their own, or with the role everybody's."""
        return created_by == self.name or self.may(Need.MANAGE)

    def require_own(self, created_by: str, what: str) -> None:
        """Raises NotAllowed for somebody else's, and for those who may not act at all."""
        self.require(Need.OWN)
        if not self.owns(created_by):
            raise NotAllowed(
                f"{what} belongs to {created_by!r}; {self.name!r} has the role {self.role}, which acts on its own only.",
                role=self.role,
                needs=LEAST[Need.MANAGE],
            )


ANYBODY = Caller("", Role.ADMIN)  # where no token is asked for; what runs inside Waystation itself, too


def hidden_from(groups: frozenset[str], role: Role, restrictions: tuple[Restriction, ...]) -> Hidden:
    """What is closed to a token of these groups."""
    if role is Role.ADMIN:
        return NOTHING_HIDDEN
    closed = [r for r in restrictions if not r.groups & groups]
    return Hidden(
        frozenset(r.name for r in closed if r.scope == "kind"), frozenset(r.name for r in closed if r.scope == "dataset")
    )

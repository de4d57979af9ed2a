"""Who somebody is whom a login provider (OpenID Connect) vouches for: their name, role and groups, from its claims.

No HTTP here: the page speaks with the provider (web/provider.py), and the gate lets the person in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from waystation.access import GROUP, NAME, RANK, Role
from waystation.errors import LoginRefused
from waystation.settings import Settings

EVERYBODY = "*"  # in WAYSTATION_OIDC_ROLES: whoever the provider lets in


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a provider vouches for. `subject` is theirs for good, whatever they are called: its address and their
    number there."""

    subject: str
    issuer: str
    name: str
    role: Role
    groups: frozenset[str]


def installed() -> bool:
    """Whether the extra `oidc` is there."""
    return find_spec("authlib") is not None and find_spec("requests") is not None


def person_of(claims: Mapping[str, Any], settings: Settings) -> Person:
    """The person of these claims, which have been proved to be the provider's. Raises LoginRefused for one without a role or a
    usable name."""
    assert settings.oidc_issuer is not None
    said = frozenset(_texts(_inner(claims, settings.oidc_claim)))
    name = _name(claims, settings.oidc_name)
    role = _role(said, settings.oidc_roles)
    if role is None:
        raise LoginRefused(
            f"{name} has no role here: none of their {settings.oidc_claim} stands in WAYSTATION_OIDC_ROLES.",
            remedy="Ask whoever runs this server, or the login provider, to give you one.",
        )
    groups = frozenset(value for value in said if GROUP.fullmatch(value))
    return Person(f"{settings.oidc_issuer} {claims['sub']}", settings.oidc_issuer, name, role, groups)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    name = _inner(claims, claim)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LoginRefused(
            f"The claim {claim} is no name that can stand beside a task: {str(name)[:80]!r}.",
            remedy="WAYSTATION_OIDC_NAME names the claim: letters, digits and . _ @ + -, 64 at most.",
        )
    if claim == "email" and claims.get("email_verified") is False:  # anybody could have typed it
        raise LoginRefused(f"The login provider has not verified that {name} is yours.", remedy="Verify it there.")
    return name


def _role(said: frozenset[str], roles: Mapping[str, str]) -> Role | None:
    """The highest role that one of these values gives."""
    given = [Role(role) for value, role in roles.items() if value == EVERYBODY or value in said]
    return max(given, key=RANK.__getitem__, default=None)


def _inner(claims: Mapping[str, Any], claim: str) -> Any:
    """A claim, or one within others: Keycloak's `realm_access.roles`. A name with dots of its own is found, too."""
    if claim in claims:
        return claims[claim]
    value: Any = claims
    for part in claim.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))

"""Who may come in, and what is for whom: tokens and groups, for admins."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidRequest, MalformedBody, TokenExists, TokenNotFound
from waystation.web import current
from waystation.web.api.common import json_of
from waystation.web.inputs import RestrictionRequest, TokenRequest, body
from waystation.web.operations import Answer, Room
from waystation.web.shapes import CallerOut, RestrictionList, TokenList, TokenMade, TokenOut

room = Room("tokens", __name__)
SCOPES = ("kind", "dataset")


@room.operation("GET", "/me", "Who am I?", Answer(200, "The caller.", CallerOut), needs=Need.SEE)
def me() -> ResponseReturnValue:
    """The name and the role of the token that the request shows; where no token is asked for, the role is `admin`."""
    return json_of(CallerOut(name=current.actor(), role=current.caller().role.value, token=bool(current.caller().name)))


@room.operation("GET", "/tokens", "List the tokens", Answer(200, "The tokens.", TokenList), needs=Need.ADMINISTER)
def tokens() -> ResponseReturnValue:
    """Every token that there ever was, those in force first; none of their secrets, which nobody has any more."""
    return json_of(TokenList(tokens=[TokenOut.model_validate(t) for t in current.house().gate.tokens()]))


@room.operation(
    "POST",
    "/tokens",
    "Make a token",
    Answer(201, "The token, with its secret: it is told this once.", TokenMade),
    body=TokenRequest,
    example={"name": "ada", "role": "operator", "expires_in": 7_776_000},
    errors=(InvalidRequest, TokenExists, MalformedBody),
    needs=Need.ADMINISTER,
)
def create() -> ResponseReturnValue:
    """A new token. Once the first one is made, every request must show one."""
    asked = body(TokenRequest)
    token, secret = current.house().gate.create(
        asked.name, asked.role, groups=asked.groups, seconds=asked.expires_in, actor=current.actor()
    )
    return json_of(TokenMade(**TokenOut.model_validate(token).model_dump(), secret=secret), 201)


@room.operation(
    "DELETE",
    "/tokens/<name>",
    "Revoke a token",
    Answer(200, "The token, in force no more.", TokenOut),
    errors=(TokenNotFound,),
    needs=Need.ADMINISTER,
)
def revoke(name: str) -> ResponseReturnValue:
    """Nobody comes in with it any more, within a second or two; its live streams end. What was made under its name stays."""
    return json_of(TokenOut.model_validate(current.house().gate.revoke(name, actor=current.actor())))


@room.operation(
    "GET",
    "/restrictions",
    "List what is for certain groups only",
    Answer(200, "Kinds and datasets.", RestrictionList),
    needs=Need.ADMINISTER,
)
def restrictions() -> ResponseReturnValue:
    """Kinds and datasets that only tokens of some groups, and admins, see and use."""
    return json_of(RestrictionList.of(current.house().gate.restrictions()))


@room.operation(
    "PUT",
    "/restrictions/<scope>/<name>",
    "Say which groups a kind or a dataset is for",
    Answer(200, "All restrictions after it.", RestrictionList),
    body=RestrictionRequest,
    example={"groups": ["payroll"]},
    errors=(InvalidRequest, MalformedBody),
    choices={"scope": SCOPES},
    needs=Need.ADMINISTER,
)
def restrict(scope: str, name: str) -> ResponseReturnValue:
    """From now on its tasks, rows and results are there for tokens of these groups and for admins, and for nobody else; with
    no groups, for everybody again."""
    asked = body(RestrictionRequest)
    return json_of(RestrictionList.of(current.house().gate.restrict(scope, name, asked.groups, actor=current.actor())))

"""The whole OpenAPI document under schemathesis, with no token and with one of each role: no 5xx, no answer that the document
does not know, and nothing for a role that it is not for. `make fuzz-api` tries many more requests and counts them."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings

from tests.access.shared.test_matrix import BY_NAME, DECIDED, ROLES, may
from waystation.web.tus import BODY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import CHECKS
    from schemathesis.core.result import Ok

EXAMPLES = int(os.environ.get("WAYSTATION_EXAMPLES", "1"))  # requests for each operation and role
schemathesis.serializer.alias(BODY, "application/octet-stream")
CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
ENDLESS = "GET /events"  # a stream: read to its end it takes minutes; test_live.py reads it
ITSELF = "GET /openapi.json"  # schemathesis asks for it once, and leaves it out
TRIED: Counter[str] = Counter()
HOW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES == 1,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operations(app: Flask) -> dict[str, Any]:
    """The operations of the document, as schemathesis has read them."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {f"{op.method.upper()} {op.path}": op for op in found}


def test_the_document_is_read_whole(operations: dict[str, Any]) -> None:
    assert set(operations) == set(DECIDED) - {ITSELF}


def keeps_to_it(name: str, role: str | None, tokens: dict[str, str], case: Any) -> None:
    """One request, and its answer held against the document and the role."""
    if isinstance(case.query, dict):
        case.query.pop("wait", None)  # nothing changes here: it would be waited out
    shown = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
    case.headers = {**{k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}, **shown}
    case.cookies = {}
    answer = case.call()
    TRIED[f"{answer.status_code // 100}xx"] += 1
    if may(role, DECIDED[name], own=True):
        awaited = name == "GET /readyz" and answer.status_code == 503  # no worker runs here
        checks = [check for check in CHECKED if not (awaited and check == "not_a_server_error")]
        case.validate_response(answer, checks=[CHECKS.get_one(check) for check in checks])
    else:
        assert answer.status_code in (401, 403, 404, 405), (role, answer.status_code)


def asking(operation: Any, name: str, role: str | None, tokens: dict[str, str]) -> Callable[[], None]:
    """Requests for an operation in one role, as many as are wanted."""

    @HOW
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        keeps_to_it(name, role, tokens, case)

    return ask


@pytest.mark.filterwarnings("ignore")  # of the libraries that make the requests
@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {ENDLESS, ITSELF}))
def test_an_operation_keeps_to_the_document_and_to_its_role(
    operations: dict[str, Any], tokens: dict[str, str], name: str
) -> None:
    for role in ROLES:
        asking(operations[name], name, role, tokens)()


def test_the_count_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        if EXAMPLES > 1:
            print(f"\nschemathesis: {sum(TRIED.values())} requests, {dict(sorted(TRIED.items()))}, 5xx: {TRIED['5xx']}")

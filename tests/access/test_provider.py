"""Login by an OpenID provider: who comes in, as whom, and what of its answers is believed."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import OctKey, RSAKey
from werkzeug.test import TestResponse

from tests.access.provider import CLIENT, SECRET, Provider, serve_provider
from waystation import rights
from waystation.access import Role
from waystation.errors import WrongSetting
from waystation.gate import Gate
from waystation.settings import Settings
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import House

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    """The provider's server."""
    with serve_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    """It, as it was at first."""
    kept = running.key
    running.__init__(running.url)  # type: ignore[misc]
    running.key = running.signs_with = kept
    return running


@pytest.fixture
def known(house: House, provider: Provider) -> House:
    """A house that knows the provider."""
    settings = house.settings.model_copy(
        update={
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "oidc_roles": {"data-team": "operator", "platform": "admin"},
        }
    )
    return replace(house, settings=settings, gate=Gate(house.database, provider=True))


@pytest.fixture
def app(known: House) -> Iterator[Flask]:
    """Its application."""
    made = create_app(known)
    yield made
    doorstep_of(made).hub.close()


def sent_back(url: str) -> str:
    """A browser at the provider: where it is sent, without this server's name."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    assert back.netloc == "localhost"
    return f"{back.path}?{back.query}"


def log_in(app: Flask, client: FlaskClient | None = None, *, next_place: str = "/") -> tuple[FlaskClient, TestResponse]:
    """A browser, after it went to the provider and came back."""
    client = client or app.test_client()
    away = client.get(f"/login/provider?next={next_place}", headers=HTML)
    assert away.status_code == 302, away.text
    return client, client.get(sent_back(away.location), headers=HTML)


def test_a_person_comes_in_with_the_role_that_their_group_gives(known: House, app: Flask, provider: Provider) -> None:
    stranger = app.test_client()
    assert stranger.get("/tasks/").status_code == 401, "nobody comes in unknown, though no token was ever made"
    assert "/login/provider?next=/datasets" in stranger.get("/login?next=/datasets", headers=HTML).text
    client, answer = log_in(app, next_place="/datasets")
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/datasets">' in answer.text, "no redirect: the cookie is Strict"
    [cookie] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-waystation=")]
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    me = client.get("/me").get_json()
    assert (me["name"], me["role"]) == ("ann@example.org", "operator")
    [asked] = provider.asked
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile email")
    [row] = known.gate.tokens()
    assert (row.name, row.role, row.groups, row.created_by) == ("ann@example.org", "operator", ("data-team",), provider.url)
    with known.database.transaction() as connection:
        lines = connection.execute("SELECT actor, act, data FROM audit WHERE act = 'login'").fetchall()
    assert [(r["actor"], r["data"]["provider"], r["data"]["role"]) for r in lines] == [
        ("ann@example.org", provider.url, "operator")
    ]


def test_who_comes_again_is_the_same_with_what_they_may_do_today(known: House, app: Flask, provider: Provider) -> None:
    log_in(app)
    provider.claims |= {"groups": ["platform", "data-team"], "email": "ann.b@example.org"}
    client, _ = log_in(app)
    assert client.get("/me").get_json()["role"] == "admin", "the highest that they are given"
    [row] = known.gate.tokens()
    assert row.name == "ann.b@example.org"
    provider.claims["groups"] = []
    _, refused = log_in(app)
    assert refused.status_code == 403
    assert "ann.b@example.org has no role here" in refused.text
    assert client.get("/me").status_code == 200, "a login lasts until it ends, or is revoked"
    known.gate.revoke("ann.b@example.org", actor="root")
    assert client.get("/me").status_code == 401
    with known.database.transaction() as connection:
        why = rights.lost(connection, "ann.b@example.org", "import", "data")
    assert why == "the token of ann.b@example.org is in force no more", "nor do their schedules start anything"


def test_a_name_is_one_persons(known: House, app: Flask, provider: Provider) -> None:
    known.gate.create("ann@example.org", Role.VIEWER, actor="root")
    _, refused = log_in(app)
    assert (refused.status_code, "is called ann@example.org here already" in refused.text) == (403, True)
    provider.claims["email"] = "bea@example.org"
    log_in(app)
    provider.claims["email"] = "ann@example.org"
    _, refused = log_in(app)
    assert refused.status_code == 403, "nor can somebody who is known take it"
    provider.claims |= {"sub": "43", "email": "reaper"}
    _, refused = log_in(app)
    assert refused.status_code == 403, "a name that Waystation itself acts under"


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"aud": "somebody-else"},
        {"azp": CLIENT, "aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": 1_600_000_000},
        {"iat": 4_000_000_000},
        {"email_verified": False},
        {"email": "no name\n"},
        {"sub": ""},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_what_is_not_right_lets_nobody_in(known: House, app: Flask, provider: Provider, lie: dict[str, object]) -> None:
    provider.lie = lie
    client, refused = log_in(app)
    assert refused.status_code == 403, refused.text
    assert 'role="alert"' in refused.text
    assert client.get("/me").status_code == 401
    assert known.gate.tokens() == []


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_a_signature_that_is_not_the_providers(known: House, app: Flask, provider: Provider, algorithm: str) -> None:
    provider.algorithm = algorithm
    forged = OctKey.import_key(SECRET.ljust(32)) if algorithm == "HS256" else RSAKey.generate_key(2048, {"kid": "one"})
    provider.signs_with = forged
    _, refused = log_in(app)
    assert refused.status_code == 403, refused.text
    assert known.gate.tokens() == []


def test_an_answer_holds_once_and_in_the_browser_that_asked(known: House, app: Flask) -> None:
    client = app.test_client()
    back = sent_back(client.get("/login/provider", headers=HTML).location)
    thief = app.test_client()
    assert thief.get(back, headers=HTML).status_code == 403, "another browser has no such state"
    assert client.get(back.replace("state=", "state=x"), headers=HTML).status_code == 403
    client, _ = log_in(app, client)
    assert client.get(back, headers=HTML).status_code == 403
    refused = client.get("/login/callback?error=access_denied&error_description=You+said+<no>", headers=HTML)
    assert (refused.status_code, "You said &lt;no&gt;" in refused.text) == (403, True)


def test_a_provider_that_is_away_is_told_and_tokens_go_on(known: House, app: Flask, provider: Provider) -> None:
    provider.broken = True
    away = app.test_client().get("/login/provider", headers=HTML)
    assert away.status_code == 503
    assert f"The login provider at {provider.url} does not answer as it should" in away.text
    assert 'name="token"' in away.text
    provider.broken = False
    _, answer = log_in(app)
    assert answer.status_code == 200


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_led_elsewhere(app: Flask, wanted: str) -> None:
    _, answer = log_in(app, next_place=wanted)
    assert 'content="0; url=/"' in answer.text


def test_without_a_provider_the_addresses_say_so(house: House) -> None:
    app = create_app(house)
    for path in ("/login/provider", "/login/callback?code=1&state=2"):
        assert app.test_client().get(path).status_code == 404
    doorstep_of(app).hub.close()


def test_the_settings_of_it() -> None:
    given = {"oidc_issuer": "https://login.example.org/realms/x", "oidc_client_id": "waystation"}
    made = Settings.from_env({"WAYSTATION_OIDC_ROLES": "data-team=operator, *=viewer"}, **given)
    assert made.oidc_roles == {"data-team": "operator", "*": "viewer"}
    assert Settings.from_env(made.environ()).oidc_roles == made.oidc_roles
    with pytest.raises(WrongSetting, match="needs WAYSTATION_OIDC_CLIENT_ID"):
        Settings.from_env({}, **given)
    with pytest.raises(WrongSetting, match="there is no role boss"):
        Settings.from_env({"WAYSTATION_OIDC_ROLES": "x=boss"}, **given)
    with pytest.raises(WrongSetting, match="WAYSTATION_OIDC_ISSUER"):
        Settings.from_env({}, oidc_issuer="http://login.example.org")

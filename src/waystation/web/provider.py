"""The way to the login provider and back: OpenID Connect's authorization code flow with PKCE, state and nonce, by Authlib.

What has to be known again when the person comes back (state, nonce, the code's verifier, where they wanted to go) waits in a
signed cookie of its own, which lives only under /login/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Request, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response

from waystation.access import Need
from waystation.errors import LoginRefused, ProviderAway
from waystation.oidc import Person, person_of
from waystation.settings import Settings
from waystation.web import current

COOKIE = "__Host-waystation-login"
CALLBACK = "/login/callback"
PATIENCE = 10.0  # seconds for an answer of the provider
LEEWAY = 30  # seconds by which its clock and ours may differ
# What an ID token may be signed with: keys whose secret half the provider alone has. It may publish `none` beside them.
SIGNED = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"})
_KEY = "login"  # the name of the installation's key that the cookie is signed with
_CLIENT = "waystation.provider"
_NEXT = "next"
_ALGORITHMS = "id_token_signing_alg_values_supported"
NEED = Need.NOTHING


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for the way to the provider and back alone: nothing else here has a session of this kind."""

    def get_signing_serializer(self, app: Flask) -> Any:
        if not request.path.startswith("/login/"):
            return None
        app.secret_key = current.house().gate.key(_KEY)
        return super().get_signing_serializer(app)


def install(app: Flask) -> None:
    """Let the app keep that cookie. It must come back with another site's redirect: it is Lax, where our login is Strict."""
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(minutes=10),
    )


def send_away(next_place: str) -> Response:
    """A redirect to the provider. Raises ProviderAway."""
    session.permanent = True
    session[_NEXT] = next_place
    with _asked():
        return cast(Response, _client().authorize_redirect(_here(request) + CALLBACK))


def come_back() -> tuple[Person, str]:
    """Who has come back, and where they wanted to go. Raises LoginRefused, ProviderAway."""
    if "error" in request.args:
        said = request.args.get("error_description") or request.args["error"]
        raise LoginRefused(f"The login provider says: {said[:200]}", remedy="Log in again.")
    with _asked():
        client = _client()
        # The library holds `aud` against us only where it is told to; OpenID Connect Core, 3.1.3.7, wants it.
        must = {"iss": {"values": [client.server_metadata["issuer"]]}, "aud": {"essential": True, "value": client.client_id}}
        token = client.authorize_access_token(claims_options=must, leeway=LEEWAY)
    claims = token.get("userinfo")
    if not claims or not claims.get("sub"):
        raise LoginRefused("The login provider did not say who came.", remedy="It must send an ID token: scope openid.")
    place = str(session.pop(_NEXT, "/"))
    session.clear()
    return person_of(claims, current.house().settings), place


def _here(asked: Request) -> str:
    """How browsers reach this server; the provider holds it against what it was told of us."""
    over_tls = asked.is_secure or asked.headers.get("X-Forwarded-Proto", "") == "https"
    return f"{'https' if over_tls else 'http'}://{asked.host}"


def _client() -> Any:
    """Authlib's client of the configured provider, made once for each process."""
    if _CLIENT not in current_app.extensions:
        from authlib.integrations.flask_client import OAuth

        settings = current.house().settings
        current_app.extensions[_CLIENT] = OAuth(current_app).register(
            "provider",
            server_metadata_url=f"{_issuer(settings)}/.well-known/openid-configuration",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            client_kwargs={
                "scope": settings.oidc_scopes,
                "code_challenge_method": "S256",
                "default_timeout": PATIENCE,
                **({} if settings.oidc_client_secret else {"token_endpoint_auth_method": "none"}),
            },
        )
    client = current_app.extensions[_CLIENT]
    about = client.load_server_metadata()
    # The library believes a token that is signed by whatever is published here: `none` is no signature.
    about[_ALGORITHMS] = [name for name in about.get(_ALGORITHMS, ["RS256"]) if name in SIGNED]
    said = about.get("issuer", "")
    if said.rstrip("/") != _issuer(current.house().settings):
        raise LoginRefused(f"The login provider calls itself {said[:200]!r}.", remedy="WAYSTATION_OIDC_ISSUER must be that.")
    return client


def _issuer(settings: Settings) -> str:
    return (settings.oidc_issuer or "").rstrip("/")


@contextmanager
def _asked() -> Iterator[None]:
    """Tell in our words what goes wrong with the provider, or with what it sends."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    try:
        yield
    except (AuthlibBaseError, JoseError) as error:
        raise LoginRefused(f"The login did not hold: {_reason(error)}.", remedy=LoginRefused.remedy) from error
    except (RequestException, ValueError, KeyError, RuntimeError) as error:
        issuer = current.house().settings.oidc_issuer
        raise ProviderAway(f"The login provider at {issuer} does not answer as it should: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """The library's words, without what was sent."""
    code, said = getattr(error, "error", ""), getattr(error, "description", "") or ""
    words = ": ".join(text for text in (str(code), str(said)) if text) or type(error).__name__
    return words.rstrip(".")[:200]

"""The environment as one frozen object, read once at start. docs/settings.md is generated from it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from waystation.errors import WrongSetting
from waystation.wording import problem

_BARE = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}  # names other software uses too


ROLES = ("viewer", "operator", "manager", "admin")  # access.Role, which stands above


def env_name(field: str) -> str:
    """The environment variable that sets this field."""
    return _BARE.get(field, f"WAYSTATION_{field.upper()}")


def _words(value: object) -> object:
    return tuple(w.strip() for w in value.split(",") if w.strip()) if isinstance(value, str) else value


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        ipaddress.ip_network(word)
    return words


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    parted = [word.partition("=") for word in value.split(",") if word.strip()]
    if any(not (name.strip() and role.strip()) for name, _, role in parted):
        raise ValueError("it must be VALUE=ROLE,VALUE=ROLE")
    return {name.strip(): role.strip() for name, _, role in parted}


def _roles(pairs: dict[str, str]) -> dict[str, str]:
    if unknown := set(pairs.values()) - set(ROLES):
        raise ValueError(f"there is no role {min(unknown)}; the roles are {', '.join(ROLES)}")
    return pairs


class Settings(BaseModel):
    """Every setting, with its default. Each is read from the environment variable `WAYSTATION_<NAME>` (the two URLs have
    their usual names), or from the file that `<VARIABLE>_FILE` names, as secrets are handed to containers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path("files"), description="State folder: uploads, downloads, and the private servers' data.")
    host: str = Field("127.0.0.1", description="Address that the web server binds.")
    port: int = Field(5000, ge=0, le=65535, description="Port that the web server binds; 0 takes a free one.")
    slots: int = Field(2, ge=1, le=64, description="Tasks that one worker runs at the same time.")
    url: str = Field("http://127.0.0.1:5000", description="Server that the command line and the client talk to.")
    database_url: str | None = Field(None, description="PostgreSQL 15 or newer; without it a private one is started.")
    redis_url: str | None = Field(None, description="Redis or Valkey; without it a private one is started.")
    storage: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$",
        description="Where uploads and results are kept: `s3://BUCKET/PREFIX`; without it the state folder.",
    )
    s3_endpoint: str | None = Field(
        None, pattern="^https?://", description="Address of the S3 server; without it Amazon's for the region."
    )
    s3_region: str | None = Field(None, description="Region of the bucket; without it AWS_REGION, or us-east-1.")
    s3_key: str | None = Field(None, description="Access key id; without it what AWS's own variables, files or roles give.")
    s3_secret: str | None = Field(None, description="Secret of that key; better as WAYSTATION_S3_SECRET_FILE.")
    s3_links: float = Field(
        300.0,
        ge=0,
        le=604800,
        description="Seconds that a link is good for by which a result is fetched from the bucket itself;"
        " 0: it is served through the web server.",
    )
    s3_public_endpoint: str | None = Field(
        None, pattern="^https?://", description="Address of the S3 server in such links, if others reach it by another."
    )
    kinds: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="Modules with kinds of your own, separated by commas."
    )
    programs: Path | None = Field(
        None, description="TOML file with the programs that tasks may run (docs/programs.md); without it there are none."
    )
    actor: str = Field("anonymous", description="Name that the command line signs its requests with.")

    token: str | None = Field(
        None, repr=False, description="Token that the command line shows to the server; better as WAYSTATION_TOKEN_FILE."
    )

    lease: float = Field(4.0, gt=0, description="Seconds an attempt may be silent before its task goes to another.")
    heartbeat: float = Field(1.0, gt=0, description="Seconds between two signs of life of an attempt.")
    reap: float = Field(1.0, gt=0, description="Seconds between two passes of the reaper.")
    slice: float = Field(30.0, gt=0, description="Seconds a task runs before it gives its slot to one that waits.")
    crash_cap: int = Field(5, ge=1, description="Deaths in a row at one checkpoint after which a task fails.")
    lock_timeout: float = Field(2.0, gt=0, description="Seconds a verb waits for a lock before it answers 503.")
    publish_lock_timeout: float = Field(0.1, gt=0, description="Seconds a publish waits for a dataset before it backs off.")
    insecure: bool = Field(
        False, description="Trust whoever reaches the server: no token is asked for, and GET verbs act for other machines too."
    )
    admin_token: str | None = Field(
        None,
        min_length=32,
        pattern=r"^[\x21-\x7e]+$",
        repr=False,
        description="A token of role admin and name `admin` that needs no making; better as WAYSTATION_ADMIN_TOKEN_FILE.",
    )
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])([:/]|$))",
        description="Address of the login provider (OpenID Connect) by which people log in to the page (docs/security.md).",
    )
    oidc_client_id: str | None = Field(None, description="What this server is called there.")
    oidc_client_secret: str | None = Field(
        None, repr=False, description="Its secret there, if it has one; better as WAYSTATION_OIDC_CLIENT_SECRET_FILE."
    )
    oidc_scopes: str = Field("openid profile email", description="What the provider is asked for.")
    oidc_name: str = Field("email", description="Claim that people are called by; one that they can't choose themselves.")
    oidc_claim: str = Field(
        "groups", description="Claim that gives people their role and groups; dots lead into it (`realm_access.roles`)."
    )
    oidc_roles: Annotated[dict[str, str], BeforeValidator(_pairs), AfterValidator(_roles)] = Field(
        {}, description="Which values of it give which role: `data-team=operator,platform=admin,*=viewer`; `*` is everybody."
    )
    hosts: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="Names that the server is called by, separated by commas; its numbers and localhost always do."
    )
    requests_per_minute: int = Field(
        6000, ge=0, description="Requests that one token may send to one web process in a minute; 0: as many as it likes."
    )
    tasks_per_actor: int = Field(10_000, ge=1, description="Tasks of one person that may wait in a queue.")
    queue_length: int = Field(250_000, ge=1, description="Tasks that may wait in a queue.")
    session_hours: float = Field(12.0, gt=0, description="Hours after which a login of the page ends.")
    linger: float = Field(
        0.0,
        ge=0,
        description="Seconds the web server goes on serving once asked to end, so that a load balancer looks away first.",
    )
    grace: float = Field(5.0, gt=0, description="Seconds that open requests get when the web server ends.")
    pulse: Path | None = Field(None, description="File that a worker touches at each sign of life, for `waystation.health`.")
    drain: float = Field(20.0, gt=0, description="Seconds a worker that was asked to end waits for its running steps.")
    encoder: str = Field(
        "auto",
        pattern="^(auto|compiled|arrow|plain)$",
        description="What reads CSV; `auto` takes the first of compiled, arrow (pip install 'waystation[arrow]') and plain.",
    )
    chunk_rows: int = Field(200_000, ge=1, description="Rows that one step of an import or export has at most.")
    retention_days: float = Field(30.0, gt=0, description="Days that results, rejects and uploads of ended tasks are kept.")
    audit_days: float = Field(365.0, ge=1, description="Days that lines of the audit are kept.")
    pool: int = Field(8, ge=1, description="Database connections of one web process.")
    threads: int = Field(64, ge=4, description="Threads of the web process; at least sse_clients + 16.")
    sse_clients: int = Field(40, ge=0, description="Live streams that one web process serves at the same time.")
    upload_hours: float = Field(24.0, gt=0, description="Hours that an unfinished upload waits for its next bytes.")
    max_upload: int = Field(50 * 2**30, ge=1, description="Bytes of the largest upload that is taken.")
    max_rows: int = Field(10**10, ge=1, description="Rows of the largest file that is imported.")
    max_columns: int = Field(1500, ge=1, le=1500, description="Columns of the widest file that is imported.")
    max_record: int = Field(
        16 * 2**20, ge=1024, le=16 * 2**20, description="Bytes of the longest record of a file; no field is longer."
    )
    uploads_at_once: int = Field(
        24, ge=1, description="Uploads that one web process takes in at the same time; fewer than its threads."
    )
    request_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds that a request may take to arrive, and that an upload may stand still; then it is given up.",
    )
    upload_rate: float = Field(
        4096.0, gt=0, description="Bytes a second that an upload must bring; slower ones are given up after some minutes."
    )
    max_unpacked: int = Field(500 * 2**30, ge=1, description="Bytes that an uploaded archive may unpack to.")
    max_unpack_ratio: float = Field(200, gt=1, description="Times its size that an archive may unpack to, beyond 64 MiB.")
    webhook_networks: Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_networks)] = Field(
        (), description="Private networks that webhooks may call (10.1.0.0/16,127.0.0.1/32); without it public addresses only."
    )
    log: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level of what is logged.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **given: object) -> Settings:
        """Read the environment; what is `given` (and not None) wins over it.

        Raises WrongSetting with the variable's name for a value of the wrong form.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, object] = {}
        for field in cls.model_fields:
            name = env_name(field)
            if environ.get(f"{name}_FILE"):
                try:
                    values[field] = Path(environ[f"{name}_FILE"]).read_text().strip()
                except OSError as error:
                    file = environ[f"{name}_FILE"]
                    raise WrongSetting(
                        f"{name}_FILE can't be read: {file}: {error.strerror}.",
                        remedy="Name a file that is there, and that whoever runs this may read.",
                    ) from error
            elif environ.get(name):
                values[field] = environ[name]
        values.update({k: v for k, v in given.items() if v is not None})
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = env_name(str(first["loc"][0])) if first["loc"] else "The environment"
            raise WrongSetting(f"{name} {problem(first['msg'], first['type'], 'the environment')}.") from error
        lone = [n for n in ("s3_endpoint", "s3_public_endpoint") if getattr(made, n)]
        if made.storage is None and lone:
            raise WrongSetting(f"{env_name(lone[0])} is set, but no bucket: set WAYSTATION_STORAGE to s3://BUCKET, or drop it.")
        if (made.s3_key is None) != (made.s3_secret is None):
            raise WrongSetting("WAYSTATION_S3_KEY and WAYSTATION_S3_SECRET go together: set both or neither.")
        if made.oidc_issuer and not (made.oidc_client_id and made.oidc_roles):
            raise WrongSetting("WAYSTATION_OIDC_ISSUER needs WAYSTATION_OIDC_CLIENT_ID and WAYSTATION_OIDC_ROLES beside it.")
        if made.heartbeat * 2 > made.lease:
            raise WrongSetting("WAYSTATION_HEARTBEAT must be at most half of WAYSTATION_LEASE.")
        return made.model_copy(update={"home": made.home.expanduser().absolute()})

    def environ(self) -> dict[str, str]:
        """These settings as environment variables, to hand to a child process."""
        out: dict[str, str] = {}
        for field, value in self:
            if value is None:
                continue
            if isinstance(value, dict):
                value = tuple(f"{name}={role}" for name, role in value.items())
            out[env_name(field)] = ",".join(value) if isinstance(value, tuple) else str(value)
        return out

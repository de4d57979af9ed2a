"""Servers that a person works with, by name: `waystation --profile production tasks`.

They stand in a file of the person's own, `~/.config/waystation/profiles.toml` (or below XDG_CONFIG_HOME):

    [production]
    url = "https://waystation.example.com"
    actor = "ada"
    token_file = "~/.config/waystation/production.token"
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from waystation.errors import WrongSetting

_FIELDS = frozenset({"url", "actor", "token_file"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one server; None is what was not said."""

    url: str | None = None
    actor: str | None = None
    token: str | None = None


def place() -> Path:
    """Where the profiles are."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "waystation" / "profiles.toml"


def profile(name: str) -> Profile:
    """The profile of this name. Raises WrongSetting when it is not there or not right."""
    file = place()
    remedy = f"Write [{name}] with url, and if need be actor and token_file, into {file}."
    try:
        known = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WrongSetting(f"There are no profiles: {file} is not there.", remedy=remedy) from error
    except (OSError, ValueError) as error:
        raise WrongSetting(f"{file} can't be read: {error}.", remedy=remedy) from error
    found = known.get(name)
    if not isinstance(found, dict):
        names = ", ".join(sorted(known)) or "none"
        raise WrongSetting(f"There is no profile {name!r}; there are: {names}.", remedy=remedy)
    if wrong := set(found) - _FIELDS or {k for k, v in found.items() if not isinstance(v, str)}:
        raise WrongSetting(f"The profile {name!r} has {sorted(wrong)[0]!r}, which is no text field of one.", remedy=remedy)
    token = None
    if "token_file" in found:
        secret = Path(found["token_file"]).expanduser()
        try:
            token = secret.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongSetting(
                f"The token of the profile {name!r} can't be read: {secret}: {error.strerror}.", remedy=remedy
            ) from error
    return Profile(found.get("url"), found.get("actor"), token)

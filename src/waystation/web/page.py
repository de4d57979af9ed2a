"""The page: its rooms, and the words and filters that its templates have."""

from __future__ import annotations

from flask import Flask

from waystation import __version__
from waystation.access import Need
from waystation.model import State
from waystation.states import FINAL, MEANING
from waystation.web import current, words
from waystation.web.pages import download, home, kinds, live, login, many, one, preview, schedules, system, upload, webhooks
from waystation.web.pages.consequences import ASKS_FIRST, HINTS
from waystation.web.pages.offers import offered

ROOMS = (
    login.room,
    home.room,
    one.room,
    many.room,
    upload.room,
    preview.room,
    download.room,
    kinds.room,
    schedules.room,
    webhooks.room,
    system.room,
)

PLACES = (  # in the navigation, for whoever may go there
    ("Tasks", "/", Need.SEE),
    ("Upload", "/upload", Need.SUBMIT),
    ("Download", "/download", Need.SUBMIT),
    ("Datasets", "/datasets", Need.SEE),
    ("Kinds", "/kinds", Need.SEE),
    ("Schedules", "/schedules", Need.SEE),
    ("Webhooks", "/webhooks", Need.ADMINISTER),
    ("System", "/system", Need.SEE),
)


def install(app: Flask) -> None:
    """Add the page to the app."""
    for room in ROOMS:
        app.register_blueprint(room)
    live.install(app)
    app.jinja_env.globals.update(
        version=__version__,
        meaning={s.value: m for s, m in MEANING.items()},
        asked_for=words.ASKED,
        hints={v.value: text for v, text in HINTS.items()},
        asks_first={v.value for v in ASKS_FIRST},
        states=[s.value for s in State],
        counts_of=[s.value for s in State if s not in FINAL or s is State.FAILED],
        places=PLACES,
        offered=lambda task: offered(task, current.doorstep_of(app).house.control.registry),
    )
    app.context_processor(lambda: {"me": current.caller()})
    for name in ("facts", "number", "moment", "seconds", "size", "amount", "count", "coded", "coming", "counted", "happened"):
        app.jinja_env.filters[name] = getattr(words, name)

"""For `flask run` and any WSGI server: `app` opens its house when the first request comes, and closes it at exit."""

import atexit

from waystation.settings import Settings
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import open_house

settings = Settings.from_env()
app = create_app(lambda: open_house(settings))
atexit.register(doorstep_of(app).close)

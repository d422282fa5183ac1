from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests.discovery.databases.website import Website, serve


@pytest.fixture
def website() -> Iterator[Website]:
    site = Website()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server, site.url = serve(Handler)
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def mirror_url(shared: Path) -> Iterator[str]:
    """The label sources and 200 CIF files, served as a plain static site (no Range)."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server, url = serve(partial(Quiet, directory=str(shared / "mirror")))
    yield url
    server.shutdown()
    server.server_close()

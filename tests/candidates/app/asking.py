"""Ask an application in this process, header by header."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx


class Asker:
    """Sends requests as the app's own page would, except where the test says otherwise."""

    def __init__(self, app: Any, csrf: str, host: str = "localhost") -> None:
        self._app = app
        self._headers = {"host": host, "x-review-token": csrf}

    def send(
        self, method: str, path: str, content: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send one request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                given = self._headers | ({"content-type": "application/json"} if content is not None else {})
                lines = [(k.encode(), v.encode("latin-1")) for k, v in (given | dict(headers or {})).items()]
                return await client.request(method, path, content=content, headers=lines)

        return asyncio.run(ask())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Read."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Write JSON."""
        import json

        return self.send("POST", path, json.dumps(body).encode(), headers)

"""What stands before every request: which names are answered, who may come in, who may write, how much."""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

BODY_LIMIT = 2 * 1024 * 1024
"""Most bytes of a request's body: room for the ids of `BULK_LIMIT` candidates, twice."""

LOOPBACK_NAMES = frozenset({"localhost"})

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""Sent with every answer."""

_WELCOME = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=/"><title>Review</title>
<p>You are in. <a href="/">Continue to the review.</a></p></html>"""


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """Who may come in.

    Attributes:
        names: host names that are answered. Addresses in digits are answered too, on a loopback server those
            of loopback only: a page elsewhere can point its own name at this machine (DNS rebinding), but
            not an address.
        loopback: whether the server listens on loopback only.
        token: what opens the door; None leaves it open.
        cookie: name of the cookie that remembers that the token was shown.
        csrf: what a write has to carry; only pages of this server can read it.
    """

    names: frozenset[str] = LOOPBACK_NAMES
    loopback: bool = True
    token: str | None = None
    cookie: str = "discover_review"
    csrf: str = field(default_factory=lambda: token_urlsafe(24))

    def answers(self, host: str) -> bool:
        """Whether the ``Host`` header is one of this server's own."""
        try:
            parts = urlsplit(f"//{host}")
            name, _ = parts.hostname, parts.port
        except ValueError:
            return False
        if not name or any(char in host for char in "/?#@\\ ,"):
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.rstrip(".") in self.names
        return address.is_loopback or not self.loopback

    @property
    def pass_word(self) -> str:
        """Value of the cookie: shows that its bearer had the token without being the token."""
        return hmac.new((self.token or "").encode(), b"review cookie", hashlib.sha256).hexdigest()

    def knows(self, cookies: str) -> bool:
        """Whether a ``Cookie`` header shows that its bearer had the token."""
        try:
            shown = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        return shown is not None and hmac.compare_digest(shown.value.encode(), self.pass_word.encode())


class Guard:
    """ASGI middleware that turns away what should not come in and adds `HEADERS` to every answer."""

    def __init__(self, app: App, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.encode(): value.encode() for name, value in HEADERS.items()}
                kept = [
                    (name, value) for name, value in message.get("headers", []) if name.lower() not in own
                ]
                message["headers"] = [*kept, *own.items()]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            body = await _body(scope, receive)
            if body is None:
                refusal = (413, f"a request holds at most {BODY_LIMIT:,} bytes", {})
            else:
                await self._app(scope, _again(body, receive), guarded)
                return
        status, text, headers = refusal
        await _answer(guarded, status, text, headers)

    def _refusal(self, scope: Message) -> tuple[int, str | bytes, dict[str, str]] | None:
        access = self._access
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not access.answers(hosts[0]):
            return 421, "this server does not answer to that name; `--allow-host NAME` makes it", {}
        reading = scope["method"] in {"GET", "HEAD"}
        if access.token is not None and not any(access.knows(line) for line in headers.get("cookie", [])):
            shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if not (reading and hmac.compare_digest(shown.encode(), access.token.encode())):
                return 401, "open the address with the token that `discover review` printed", {}
            # Not a redirect: after one that began on another site the browser would withhold a Strict cookie.
            cookie = f"{access.cookie}={access.pass_word}; Path=/; HttpOnly; SameSite=Strict"
            return 200, _WELCOME, {"set-cookie": cookie}
        if reading:
            return None
        origin = headers.get("origin", [])
        if origin and origin != [f"{scope.get('scheme', 'http')}://{hosts[0]}"]:
            return 403, "a page of another origin may not write here", {}
        if headers.get("sec-fetch-site", ["same-origin"]) != ["same-origin"]:
            return 403, "a page of another site may not write here", {}
        shown = headers.get("x-review-token", [""])[0]
        if not hmac.compare_digest(shown.encode(), access.csrf.encode()):
            return 403, "the page is older than the server; load it again", {"x-review-reload": "1"}
        kind = headers.get("content-type", [""])[0].split(";")[0].strip().lower()
        if kind != "application/json":
            return 415, "send JSON", {}
        return None


async def _body(scope: Message, receive: Receive) -> bytes | None:
    """Return the whole body; None when it is longer than `BODY_LIMIT`, without reading the rest."""
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and (not value.isdigit() or int(value[:20]) > BODY_LIMIT):
            return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _answer(send: Send, status: int, text: str | bytes, headers: dict[str, str]) -> None:
    html = isinstance(text, bytes)
    body = text if isinstance(text, bytes) else (text + "\n").encode()
    kind = "text/html; charset=utf-8" if html else "text/plain; charset=utf-8"
    fields = {"content-type": kind, "content-length": str(len(body)), "connection": "close"} | headers
    if status == 200:
        del fields["connection"]
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})

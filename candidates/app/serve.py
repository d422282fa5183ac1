"""Start the review app on a socket of this machine."""

import socket
import threading
from contextlib import closing, suppress
from secrets import token_urlsafe

from candidates.app import views
from candidates.app.guard import LOOPBACK_NAMES, Access, is_loopback
from candidates.app.server import create_app
from candidates.store import Store, StoreError


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes one that is free.

    Raises:
        OSError: the address is not of this machine, or something else listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family)


def access_for(listening: socket.socket, host: str, names: list[str], token: bool) -> Access:
    """Return who may come in by a socket: everybody on loopback, elsewhere only with a token.

    Args:
        listening: the socket.
        host: address or name that was asked for.
        names: further host names that are answered.
        token: ask for a token on loopback too, where other people use the same machine.
    """
    loopback = is_loopback(host)
    own = set() if loopback else {host, socket.gethostname(), socket.getfqdn()}
    return Access(
        names=frozenset(LOOPBACK_NAMES | {name.lower().rstrip(".") for name in own | set(names)}),
        loopback=loopback,
        token=token_urlsafe(32) if token or not loopback else None,
        # Cookies do not know ports: two servers of one machine would take each other's.
        cookie=f"discover_review_{listening.getsockname()[1]}",
    )


def address(listening: socket.socket, host: str, access: Access) -> str:
    """Return the address to open, with the token where one is asked for."""
    name = socket.gethostname() if host in {"0.0.0.0", "::"} else host
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    ending = f"?token={access.token}" if access.token else ""
    return f"http://{name}:{listening.getsockname()[1]}/{ending}"


def serve(
    store: Store,
    listening: socket.socket,
    access: Access,
    reviewer: str,
    run_id: str | None,
    card_of: views.CardOf = views.no_card,
) -> None:
    """Answer until interrupted; nothing is written to a log, least of all the token. See `create_app`."""
    import uvicorn

    app = create_app(store, access, reviewer, run_id, card_of)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    threading.Thread(target=_warm_up, args=(store, card_of), daemon=True).start()
    with closing(listening), suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _warm_up(store: Store, card_of: views.CardOf) -> None:
    """Draw one candidate: what draws crystals takes seconds to load, and nobody shall wait for it."""
    with suppress(StoreError):
        for row in store.table(["id"], limit=1):
            views.candidate(store, row["id"], card_of)

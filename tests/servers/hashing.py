"""An HTTP server that keeps of each body its length and its SHA-256: for bodies that nobody wants in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Mapping
from typing import Self

_DEADLINE_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Posted:
    """One request whose body came whole; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    octets: int
    sha256: str


class Hashing:
    """A context manager. ``cut_after`` octets of its first body it closes the connection."""

    def __init__(self, *, cut_after: int | None = None) -> None:
        self.posted: list[Posted] = []
        self.begun = 0  # requests
        self._cut_after = cut_after
        self._changed = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its name
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client may end as it likes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def until(self, count: int) -> None:
        """Waits until so many bodies have come whole."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.posted) >= count, _DEADLINE_S), f"{len(self.posted)} came"

    def _take(self, request: http.server.BaseHTTPRequestHandler) -> None:
        with self._changed:
            self.begun += 1
            most, self._cut_after = self._cut_after, None
        digest, length, left = hashlib.sha256(), int(request.headers["Content-Length"]), 0
        while left < length:
            piece = request.rfile.read(min(65_536, length - left))
            left += len(piece)
            digest.update(piece)
            if not piece or (most is not None and left >= most):
                request.close_connection = True
                return
        headers = {name.lower(): value for name, value in request.headers.items()}
        posted = Posted(path=request.path, headers=headers, octets=left, sha256=digest.hexdigest())
        with self._changed:
            self.posted.append(posted)
            self._changed.notify_all()
        request.send_response(204)
        request.end_headers()

"""Shows a page on this machine without a file: a server that only this machine reaches, and that has nothing but the page."""

import http.server
from http import HTTPStatus
from typing import Any

from yt8m.errors import InputError

HOST = "127.0.0.1"


class PageServer(http.server.ThreadingHTTPServer):
    """Serves a page at `/`, to programs on this machine.

    Args:
        port: the port; 0 = any that is free.
        content: the page. It may be given later, as the attribute.

    Attributes:
        address: of the page.
        content: the page.

    Raises:
        InputError: the port is taken, or is not allowed.
    """

    daemon_threads = True

    def __init__(self, port: int = 0, content: bytes = b""):
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port {port}: cannot be used ({error.strerror}); name another, or leave it out"
            ) from error
        self.content = content
        self.address = f"http://{HOST}:{self.server_port}/"
        self.names = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers with the page."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answers with its headers."""
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        # A page of another site whose name leads to this machine asks under its own name.
        if self.headers.get("Host") not in self.server.names:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path.partition("?")[0] != "/":
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.send_response(HTTPStatus.OK)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(self.server.content))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
                ("Referrer-Policy", "no-referrer"),
            ):
                self.send_header(name, value)
            self.end_headers()
            if with_content:
                self.wfile.write(self.server.content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing on the terminal."""

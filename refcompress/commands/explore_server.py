"""A server for one page and its views, on the loopback interface alone: it reads no file and changes nothing."""

import json
import socketserver
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
LONGEST_QUERY = 500

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Query = Mapping[str, list[str]]
Asked = Callable[[Query], Mapping[str, Any]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # not HTTPServer's, which asks the resolver for a name that nobody needs and that may take seconds
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]


def listening(port: int, page: bytes, views: Mapping[str, Asked]) -> ThreadingHTTPServer:
    """Return a server that listens on 127.0.0.1: the page at ``/``, the views as JSON at ``/api/NAME``.

    A query that a view refuses with a ValueError is answered with status 400 and the message. A request
    that names another host than this one is refused: a page of somewhere else, whose name was made to lead here (DNS
    rebinding), cannot read anything.

    Raises
    ------
    OSError
        When the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 30
        server_version, sys_version = "refcompress", ""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if self.headers.get_all("Host") not in ([f"{LOOPBACK}:{here}"], [f"localhost:{here}"]):
                self._tell(403, {"error": "this server answers to 127.0.0.1 and localhost alone"})
            elif url.path == "/":
                self._send(200, "text/html; charset=utf-8", page)
            elif (name := url.path.removeprefix("/api/")) in views and url.path != name:
                self._view(views[name], url.query)
            else:
                self._tell(404, {"error": "there is nothing here"})

        def _view(self, asked: Asked, query: str) -> None:
            try:
                if len(query) > LONGEST_QUERY:
                    raise ValueError(f"the query has {len(query)} characters: {LONGEST_QUERY} are enough")
                answer = asked(parse_qs(query, keep_blank_values=True))
            except ValueError as error:
                self._tell(400, {"error": str(error)})
            except Exception as error:
                self._tell(500, {"error": f"a fault of the server: {type(error).__name__}"})
                raise  # onto standard error, where it can be copied into a report
            else:
                self._tell(200, answer)

        def _tell(self, status: int, answer: Mapping[str, Any]) -> None:
            self._send(status, "application/json", json.dumps(answer, allow_nan=False).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:  # the page was closed, or has asked something newer
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet: a moved slider asks a hundred times."""

    try:
        server = _Server((LOOPBACK, port), Handler)
    except OSError as error:
        raise OSError(f"cannot listen on port {port} ({error.strerror}): choose another with --port") from error
    here = server.server_port
    return server

"""InfluxDB 2's write and query endpoints in front of a real 1.x, since no 2.x is packaged for where these tests run.

It speaks what influxdb-client and our queries use of version 2's HTTP interface: a token, org, bucket, and errors
as ``{"code", "message"}``. Lines and InfluxQL go to the real server unchanged.
"""

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.servers import Influxd

__all__ = ["TOKEN", "influx2"]

TOKEN = "a-token"


@contextmanager
def influx2(influxd: Influxd, bucket: str) -> Iterator[str]:
    """The address of a version 2 with one bucket, kept in the 1.x database of that name."""
    influxd.create(bucket)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _error(self, status: int, code: str, message: str) -> None:
            self._answer(status, json.dumps({"code": code, "message": message}).encode())

        def _serve(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            options = {k: v[-1] for k, v in urllib.parse.parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if url.path == "/ping":
                return self._answer(204, b"")
            if self.headers.get("Authorization") != f"Token {TOKEN}":
                return self._error(401, "unauthorized", "unauthorized access")
            name = options.get("bucket") or options.get("db")
            if name != bucket:
                return self._error(404, "not found", f'bucket "{name}" not found')
            if url.path == "/api/v2/write":
                path = "/write?" + urllib.parse.urlencode({"db": bucket, "precision": options["precision"]})
            elif url.path == "/query":
                path = f"/query?{url.query}"
            else:
                return self._error(404, "not found", "path not found")
            request = urllib.request.Request(influxd.http + path, body or None, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return self._answer(answer.status, answer.read())
            except urllib.error.HTTPError as e:
                status = 422 if b"partial write" in (text := e.read()) else e.code
                return self._error(status, "unprocessable entity", json.loads(text)["error"])

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

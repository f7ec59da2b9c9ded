# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zone part of OVH's HTTP API, as far as octodns-ovh uses it.

Records are single values with an id; an RRset is changed by DELETE and POST, which take effect at
once, and name servers serve the changes after a refresh. TXT records of known purposes may have
their own field types. All requests except the one for the time are signed.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

NAME = "eu.api.ovh.com"
KEYS = {
    "application_key": "an application key",
    "application_secret": "an application secret",
    "consumer_key": "a consumer key",
}
TARGETS = {
    "TLSA": r"3 1 (0 [0-9a-f]+|1 [0-9a-f]{64}|2 [0-9a-f]{128})",
    "CAA": r'\d+ [a-z]+ ".*"',
    "MX": r"\d+ \S+\.",
    "SRV": r"\d+ \d+ \d+ \S+",
}


@dataclass
class Ovh:
    """The state of the API. After *lasting* successful writes, *failing* ones are refused."""

    url: str = ""  # as clients sign it
    server: str = ""
    zones: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    lasting: int = 10**6
    failing: int = 0
    last_id: int = 1000

    def add(self, zone: str, sub: str, ttl: int, kind: str, target: str) -> dict[str, Any]:
        self.last_id += 1
        record = {"id": self.last_id, "zone": zone, "subDomain": sub, "ttl": ttl}
        record.update(fieldType=kind, target=target)
        self.zones[zone][self.last_id] = record
        return record

    def answer(self, method: str, path: str, query: dict[str, str], data: Any) -> tuple[int, Any]:
        if method != "GET":
            if not self.lasting and self.failing:
                self.failing -= 1
                return 500, {"message": "Internal server error"}
            self.lasting = max(0, self.lasting - 1)
            self.writes.append(f"{method} {path}")
        if path == "/domain/zone":
            return 200, sorted(self.zones)
        match = re.fullmatch(r"/domain/zone/([^/]+)/(record|refresh)(?:/(\d+))?", path)
        if not match or match[1] not in self.zones:
            return 404, {"message": "This service does not exist"}
        records = self.zones[match[1]]
        if match[2] == "refresh":
            return 200, None
        if not match[3]:
            if method == "POST":
                if not re.fullmatch(TARGETS.get(data["fieldType"], ".*"), data["target"]):
                    return 400, {"message": f"Invalid target {data['target']}"}
                names = (data["subDomain"], data["ttl"], data["fieldType"], data["target"])
                return 200, self.add(match[1], *names)
            found = [r for r in records.values() if all(r[key] == query[key] for key in query)]
            return 200, [record["id"] for record in found]
        if int(match[3]) not in records:
            return 404, {"message": f"The requested object (id = {match[3]}) does not exist"}
        if method == "DELETE":
            del records[int(match[3])]
            return 200, None
        return 200, records[int(match[3])]


def _handler(ovh: Ovh, context: ssl.SSLContext | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one segment per answer, or the client waits for acknowledgements

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            url = urlsplit(self.path.removeprefix("/1.0"))
            if url.path == "/auth/time":
                self._send(200, int(self.headers.get("X-Ovh-Timestamp", 0)))
            elif not self._signed(body):
                self._send(403, {"message": "This credential is not valid"})
            else:
                query = dict(parse_qsl(url.query, keep_blank_values=True))
                data = json.loads(body) if body else None
                self._send(*ovh.answer(self.command, url.path, query, data))

        do_POST = do_DELETE = do_GET

        def do_CONNECT(self) -> None:
            """Act as the proxy to the API's own name, and as the API behind it."""
            assert context, "no certificate"
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb")
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def _signed(self, body: str) -> bool:
            parts = [KEYS["application_secret"], KEYS["consumer_key"], self.command]
            parts += [ovh.url + self.path, body, self.headers["X-Ovh-Timestamp"]]
            digest = hashlib.sha1("+".join(parts).encode()).hexdigest()
            return bool(self.headers["X-Ovh-Signature"] == f"$1${digest}")

        def _send(self, status: int, content: Any) -> None:
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Handler


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Ovh]:
    """Serve the API on loopback, and yield it.

    With a certificate and its key, the server is also the HTTPS proxy to the API's own name.
    """
    ovh = Ovh()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(ovh, context)) as server:
        server.daemon_threads = True
        ovh.server = f"http://127.0.0.1:{server.server_port}"
        ovh.url = f"https://{NAME}" if certificate else ovh.server
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield ovh
        finally:
            server.shutdown()
            thread.join()

# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS server that serves the present pairs in a directory.

Prints its two ports; on the second it begins with STARTTLS.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path


def serve(connection: socket.socket, loaded: Path, starttls: bool) -> None:
    connection.settimeout(5)
    if starttls:
        connection.sendall(b"220 mx.example.org ESMTP\r\n")
        for line in connection.makefile("rb", buffering=0):
            if line.upper().startswith(b"STARTTLS"):
                connection.sendall(b"220 2.0.0 Ready to start TLS\r\n")
                break
            connection.sendall(b"250-mx.example.org\r\n250 STARTTLS\r\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for pair in loaded.glob("*.pem"):
        context.load_cert_chain(pair)
    with context.wrap_socket(connection, server_side=True) as tls:
        tls.recv(1)


def main() -> None:
    loaded = Path(sys.argv[1])
    listeners = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))]
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    while True:
        for listener in select.select(listeners, [], [])[0]:
            connection = listener.accept()[0]
            # A client was killed, or the daemon has no pair.
            with connection, suppress(OSError):
                serve(connection, loaded, listener is listeners[1])


if __name__ == "__main__":
    main()

# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flood of connections from one network, run on the peer by tests/lab/default/test_floods.py.

Its arguments are the server's address, a network routed to the peer, the number of
connections to open to each port, and the ports. Half of the connections send nothing, the others a
byte per second. Connections that the server refuses or closes are reopened after a while, from
another address of the network. Notifies systemd when all were tried once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import socket
import sys
from contextlib import suppress

# A TLS handshake message that announces 512 bytes and is never completed.
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(501)
COMMAND = b"x" * 512
REQUEST = b"GET /" + COMMAND
TLS_PORTS = (443, 465, 993, 995)


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> None:
    """Send a text, a byte a second, until the server ends the connection."""
    end = asyncio.ensure_future(reader.read())
    for byte in text:
        if (await asyncio.wait([end], timeout=1.0))[0]:
            break
        writer.write(bytes([byte]))
    await end


async def keep(
    server: str, port: int, clients: itertools.cycle[str], slow: bool, tried: asyncio.Event
) -> None:
    """Connections one after the other."""
    text = HELLO if port in TLS_PORTS else REQUEST if port == 80 else COMMAND
    while True:
        with suppress(OSError):
            opening = asyncio.open_connection(server, port, local_addr=(next(clients), 0))
            try:
                reader, writer = await opening
            finally:
                tried.set()
            try:
                await hold(reader, writer, text if slow else b"")
            finally:
                writer.close()
        await asyncio.sleep(10.0)


async def main(server: str, network: str, count: str, *ports: str) -> None:
    hosts = itertools.islice(ipaddress.ip_network(network).hosts(), 250)
    clients = itertools.cycle([str(host) for host in hosts])
    tried = [asyncio.Event() for _ in range(int(count) * len(ports))]
    connections = [
        asyncio.ensure_future(keep(server, int(port), clients, number % 2 == 0, event))
        for (number, port), event in zip(
            itertools.product(range(int(count)), ports), tried, strict=True
        )
    ]
    # A server at its limit does not answer some connections at all.
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in tried)), 15.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    await asyncio.gather(*connections)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

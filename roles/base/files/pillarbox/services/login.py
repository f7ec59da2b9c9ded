# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell nginx whether a request has the password of an account; Dovecot verifies it.

nginx asks before each request that needs a login (ngx_http_auth_request_module), and the answer is
204 with the account in X-User, 401, or 503 if Dovecot does not answer. A client logs in with each
of its requests, and verifying a password is expensive by design, so a successful login is
remembered for a minute.

Dovecot gets the client's address, so its log has the failures that fail2ban counts, and it delays
their answers as those to mail clients.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import itertools
import os
import re
import secrets
import socket
import sys
import time
from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple

from pillarbox.activation import handed_over

DOVECOT = "/run/dovecot/auth-web"
# Its table denied.dav has the logins that may not use this.
SERVICE = "dav"
# Seconds for which a successful login is remembered.
REMEMBER = 60.0
# Seconds to wait for nginx, and for Dovecot, which delays answers to failed logins by up to 17.
REQUEST_TIMEOUT, DOVECOT_TIMEOUT = 10.0, 30.0
# Requests that wait for an answer, of which each costs some kilobytes here and in Dovecot.
MOST = 1000
LONGEST_REQUEST, LONGEST_LOGIN, LONGEST_PASSWORD = 16384, 320, 1024
CONTROL = re.compile(r"[\x00-\x1f]")
REASONS = {204: "No Content", 401: "Unauthorized", 503: "Service Unavailable"}


class Unavailable(Exception):
    """Dovecot does not answer, or cannot verify a password now."""


class Login(NamedTuple):
    """What a client sent, and from where."""

    name: str
    password: str
    address: str


def parsed(authorization: str, address: str) -> Login | None:
    """Return the login of a header "Authorization: Basic …" (RFC 7617), or None if it has none.

    What no account can have does not reach Dovecot, whose protocol separates fields by tabs.
    """
    scheme, _blank, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
        ipaddress.ip_address(address)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    usable = 0 < len(name) <= LONGEST_LOGIN and 0 < len(password) <= LONGEST_PASSWORD
    if scheme.lower() != "basic" or not colon or not usable or CONTROL.search(text):
        return None
    return Login(name, password, address)


class Connection:
    """A connection to Dovecot's authentication service, for one or several requests at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[list[str]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    async def begin(self) -> None:
        """Exchange greetings. Raises OSError."""
        try:
            # Dovecot 2.4 waits for the version before it sends its own; 2.3 does not mind.
            self._writer.write(f"VERSION\t1\t1\nCPID\t{os.getpid()}\n".encode())
            while (line := await self._reader.readline()) != b"DONE\n":
                if not line:
                    raise ConnectionError("it closed the connection")
        except BaseException:
            self._writer.close()
            raise
        self._reading = asyncio.create_task(self._read())

    async def ask(self, service: str, login: Login) -> list[str]:
        """Return the answer to a login, OK or FAIL with parameters. Raises OSError."""
        number = str(next(self._numbers))
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        # RFC 4616. The parameter resp must be the last.
        plain = base64.b64encode(f"\0{login.name}\0{login.password}".encode()).decode()
        fields = ["AUTH", number, "PLAIN", f"service={service}", "secured", "nologin"]
        try:
            request = "\t".join([*fields, f"rip={login.address}", f"resp={plain}\n"])
            self._writer.write(request.encode())
            return await answer
        finally:
            del self._waiting[number]
            if not self._waiting:
                self._writer.close()

    async def _read(self) -> None:
        """Hand on each answer to the request with its number, until the connection ends."""
        try:
            while line := await self._reader.readline():
                kind, number, *fields = [*line.decode().rstrip("\n").split("\t"), ""]
                answer = self._waiting.get(number)
                if kind in ("OK", "FAIL") and answer and not answer.done():
                    answer.set_result([kind, *fields])
        except (OSError, ValueError) as error:
            print(f"the connection to Dovecot failed: {error}", file=sys.stderr, flush=True)
        finally:
            self._writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("it closed the connection"))


class Dovecot:
    """Dovecot's authentication service, by the protocol in its doc/auth-protocol.txt.

    A client is known by its process ID, so that a process has one connection at a time. It is not
    kept when no request waits: after a reload, Dovecot serves its old clients by its old
    configuration until they disconnect.
    """

    def __init__(self, path: str, service: str) -> None:
        self._path, self._service = path, service
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    async def account(self, login: Login) -> str | None:
        """Return the account whose password this is, or None. Raises Unavailable."""
        try:
            async with asyncio.timeout(DOVECOT_TIMEOUT):
                connection = await self._connected()
                kind, *fields = await connection.ask(self._service, login)
        except TimeoutError:
            raise Unavailable(f"Dovecot did not answer within {DOVECOT_TIMEOUT:g} s") from None
        except OSError as error:
            raise Unavailable(f"Dovecot does not answer: {error}") from error
        if kind == "OK":
            users = (field[5:] for field in fields if field.startswith("user="))
            return next(users, login.name)
        if {"temp", "code=temp_fail"} & {*fields}:
            raise Unavailable("Dovecot cannot verify passwords now; its log has the reason")
        return None

    async def _connected(self) -> Connection:
        async with self._lock:
            if not self._connection or not self._connection.is_open:
                connection = Connection(*await asyncio.open_unix_connection(self._path))
                await connection.begin()
                self._connection = connection
            return self._connection


class Logins:
    """Answers to nginx, with a memory of successful logins."""

    def __init__(self, dovecot: Dovecot, remember: float = REMEMBER, most: int = MOST) -> None:
        self._dovecot, self._remember, self._most = dovecot, remember, most
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[float, str]] = {}
        self._pending: dict[bytes, asyncio.Task[str | None]] = {}

    async def account(self, login: Login) -> str | None:
        """Return the account that a client logs in to, or None. Raises Unavailable."""
        # The memory has no passwords, nor anything by which they could be guessed later.
        key = hmac.digest(self._secret, "\0".join(login).encode(), hashlib.sha256)
        self._forget()
        if key in self._known:
            return self._known[key][1]
        # A client that sends several requests at once logs in once.
        task = self._pending.get(key)
        if not task:
            if len(self._pending) >= self._most:
                raise Unavailable(f"{self._most} logins wait for Dovecot already")
            task = self._pending[key] = asyncio.create_task(self._verified(key, login))
        return await task

    async def _verified(self, key: bytes, login: Login) -> str | None:
        try:
            account = await self._dovecot.account(login)
        finally:
            del self._pending[key]
        if account:
            self._known[key] = (time.monotonic() + self._remember, account)
        return account

    def _forget(self) -> None:
        # The oldest entry comes first.
        now = time.monotonic()
        while self._known and next(iter(self._known.values()))[0] <= now:
            del self._known[next(iter(self._known))]

    async def answer(self, headers: Message) -> tuple[int, str]:
        """Return the status and the account for the headers of a request."""
        # A header that is not ASCII would be an object, not a string.
        fields = (str(headers.get(name, "")) for name in ("Authorization", "X-Real-IP"))
        login = parsed(*fields)
        try:
            account = await self.account(login) if login else None
        except Unavailable as error:
            print(error, file=sys.stderr, flush=True)
            return 503, ""
        return (204, account) if account else (401, "")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                _line, _end, fields = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
            status, account = await self.answer(BytesHeaderParser().parsebytes(fields))
            writer.write(response(status, account))
            await writer.drain()
        # nginx has gone, or sent what is not a request; there is nobody to tell.
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


def response(status: int, account: str) -> bytes:
    """Return an answer for nginx, which hands on the challenge of a 401 to the client."""
    lines = [f"HTTP/1.0 {status} {REASONS[status]}"]
    if account:
        lines.append(f"X-User: {account}")
    if status == 401:
        lines.append('WWW-Authenticate: Basic realm="mail", charset="UTF-8"')
    return "\r\n".join([*lines, "", ""]).encode()


async def run(listening: socket.socket, logins: Logins) -> None:
    """Serve on a socket until the process ends."""
    server = await asyncio.start_unix_server(logins.serve, sock=listening, limit=LONGEST_REQUEST)
    async with server:
        await server.serve_forever()


def main() -> int:
    asyncio.run(run(handed_over(), Logins(Dovecot(DOVECOT, SERVICE))))
    return 0

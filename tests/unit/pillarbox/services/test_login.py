# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins at the web server, with a Dovecot that says what the two versions said when recorded.

tests/lab/web/ has nginx and Dovecot themselves.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.services import login
from pillarbox.services.login import Dovecot, Login, Logins, parsed, run

ADDRESS = "192.0.2.1"
GREETING = [
    "VERSION\t1\t2",
    "MECH\tPLAIN\tplaintext",
    "MECH\tLOGIN\tplaintext",
    "SPID\t5213",
    "CUID\t1",
    "COOKIE\t8bd35ad4e6e2c0e5",
    "DONE",
]


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class FakeDovecot:
    """Knows Alice's password, and cannot verify Carol's."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.heard: list[str] = []
        self.clients: list[asyncio.StreamWriter] = []
        self.hangs = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(writer)
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            await self.converse(reader, writer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.version == "2.4":
            await reader.readline()
        writer.write("".join(f"{line}\n" for line in GREETING).encode())
        while line := (await reader.readline()).decode().rstrip("\n"):
            if not line.startswith("AUTH"):
                continue
            self.heard.append(line)
            _auth, number, *fields = line.split("\t")
            _none, name, password = base64.b64decode(fields[-1][5:]).decode().split("\0")
            if self.hangs:
                continue
            if name == "carol@example.org":
                answer = f"FAIL\t{number}\tuser={name}\tcode=temp_fail"
            elif (name.lower(), password) == ("alice@example.org", "hunter2"):
                answer = f"OK\t{number}\tuser=alice@example.org\toriginal_user={name}"
            else:
                answer = f"FAIL\t{number}\tuser={name}"
            writer.write(f"{answer}\n".encode())


class Host:
    """The service and its Dovecot, as nginx sees them."""

    def __init__(self, directory: Path, dovecot: FakeDovecot) -> None:
        self.directory, self.dovecot = directory, dovecot

    async def ask(self, *lines: str, address: str = ADDRESS) -> tuple[int, dict[str, str]]:
        """Return status and headers of an answer."""
        request = "\r\n".join(["GET / HTTP/1.0", f"X-Real-IP: {address}", *lines, "", ""])
        answer = await self.send(request.encode("utf-8", "surrogateescape"))
        status, *headers = answer.decode().splitlines()[:-1]
        return int(status.split()[1]), dict(header.split(": ", 1) for header in headers)

    async def send(self, request: bytes) -> bytes:
        """Return all that comes back."""
        reader, writer = await asyncio.open_unix_connection(self.directory / "login.sock")
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def log_in(self, name: str, password: str, address: str = ADDRESS) -> int:
        header = f"Authorization: {basic(name, password)}"
        return (await self.ask(header, address=address))[0]


@contextlib.asynccontextmanager
async def host(
    directory: Path, version: str = "2.4", remember: float = 60.0, most: int = 1000
) -> AsyncIterator[Host]:
    dovecot = FakeDovecot(version)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(directory / "login.sock"))
    listening.listen()
    path = str(directory / "dovecot")
    async with await asyncio.start_unix_server(dovecot.serve, path):
        logins = Logins(Dovecot(path, "dav"), remember, most)
        service = asyncio.create_task(run(listening, logins))
        yield Host(directory, dovecot)
        service.cancel()
        for client in dovecot.clients:
            client.close()
        await asyncio.gather(service, return_exceptions=True)
        # So that what was closed is gone before the loop ends.
        await asyncio.sleep(0.01)


def within(scene: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(limited())


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_the_account_is_in_the_answer_whatever_case_was_typed(tmp_path: Path, version: str) -> None:
    async def scene() -> None:
        async with host(tmp_path, version) as web:
            header = f"Authorization: {basic('Alice@Example.ORG', 'hunter2')}"
            assert await web.ask(header) == (204, {"X-User": "alice@example.org"})
            assert "service=dav" in web.dovecot.heard[0]
            assert f"rip={ADDRESS}" in web.dovecot.heard[0]

    within(scene)


def test_a_wrong_password_and_no_password_get_a_challenge(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            challenge = {"WWW-Authenticate": 'Basic realm="mail", charset="UTF-8"'}
            wrong = f"Authorization: {basic('alice@example.org', 'wrong')}"
            assert await web.ask(wrong) == (401, challenge)
            assert await web.ask() == (401, challenge)
            assert len(web.dovecot.heard) == 1

    within(scene)


def test_a_right_password_is_verified_once_a_minute_and_a_wrong_one_each_time(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            for _ in range(3):
                assert await web.log_in("alice@example.org", "hunter2") == 204
            assert len(web.dovecot.heard) == 1
            for _ in range(3):
                assert await web.log_in("alice@example.org", "wrong") == 401
            assert len(web.dovecot.heard) == 4
            # From elsewhere it is another login, with that address in Dovecot's log.
            assert await web.log_in("alice@example.org", "hunter2", "2001:db8::1") == 204
            assert "rip=2001:db8::1" in web.dovecot.heard[-1]

    within(scene)


def test_a_remembered_login_is_forgotten_in_time(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path, remember=0.0) as web:
            for _ in range(2):
                assert await web.log_in("alice@example.org", "hunter2") == 204
            assert len(web.dovecot.heard) == 2

    within(scene)


def test_a_client_with_many_requests_at_once_logs_in_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            attempts = [web.log_in("alice@example.org", "hunter2") for _ in range(20)]
            assert await asyncio.gather(*attempts) == [204] * 20
            assert len(web.dovecot.heard) == 1
            assert len(web.dovecot.clients) == 1

    within(scene)


def test_each_login_connects_anew_so_that_no_old_process_of_dovecot_is_kept(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            for number in range(3):
                assert await web.log_in("alice@example.org", f"wrong{number}") == 401
            assert len(web.dovecot.clients) == 3
            assert await web.log_in("alice@example.org", "hunter2") == 204

    within(scene)


def test_trouble_of_dovecot_is_not_a_wrong_password(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            assert await web.log_in("carol@example.org", "hunter2") == 503
            (tmp_path / "dovecot").rename(tmp_path / "stopped")
            assert await web.log_in("alice@example.org", "hunter2") == 503
            (tmp_path / "stopped").rename(tmp_path / "dovecot")
            assert await web.log_in("alice@example.org", "hunter2") == 204

    within(scene)


def test_a_login_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(login, "DOVECOT_TIMEOUT", 0.1)

    async def scene() -> None:
        async with host(tmp_path) as web:
            web.dovecot.hangs = True
            assert await web.log_in("alice@example.org", "hunter2") == 503

    within(scene)
    assert capsys.readouterr().err == "Dovecot did not answer within 0.1 s\n"


def test_a_restart_of_dovecot_ends_the_logins_that_wait_for_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            web.dovecot.hangs = True
            waiting = asyncio.create_task(web.log_in("alice@example.org", "hunter2"))
            while not web.dovecot.heard:
                await asyncio.sleep(0.01)
            web.dovecot.clients[0].close()
            assert await waiting == 503

    within(scene)


def test_no_more_than_a_bound_waits_while_known_clients_are_served(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path, most=5) as web:
            assert await web.log_in("alice@example.org", "hunter2") == 204
            web.dovecot.hangs = True
            guesses = [
                asyncio.create_task(web.log_in("alice@example.org", f"wrong{number}"))
                for number in range(5)
            ]
            while len(web.dovecot.heard) < 6:
                await asyncio.sleep(0.01)
            assert await web.log_in("alice@example.org", "one more") == 503
            assert await web.log_in("alice@example.org", "hunter2") == 204
            web.dovecot.clients[-1].close()
            assert await asyncio.gather(*guesses) == [503] * 5

    within(scene)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ###",
        "Bearer abc",
        basic("", "hunter2"),
        basic("alice@example.org", ""),
        "Basic " + base64.b64encode(b"alice@example.org").decode(),
        "Basic " + base64.b64encode(b"alic\xe9@example.org:hunter2").decode(),
        basic("alice@example.org\tservice=imap", "hunter2"),
        basic("alice@example.org\nAUTH\t2\tPLAIN", "hunter2"),
        basic("alice@example.org", "hunter2\0alice"),
        basic("a" * 321, "hunter2"),
        basic("alice@example.org", "x" * 1025),
    ],
)
def test_bad_input_does_not_reach_dovecot(tmp_path: Path, header: str) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            assert (await web.ask(f"Authorization: {header}"))[0] == 401
            assert web.dovecot.heard == [] and web.dovecot.clients == []

    within(scene)


def test_a_request_that_is_too_long_or_no_text_is_not_answered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with host(tmp_path) as web:
            with contextlib.suppress(ConnectionError):
                assert await web.send(b"GET / HTTP/1.0\r\nX: " + b"x" * 100_000) == b""
            assert (await web.ask("Authorization: Basic \udcff"))[0] == 401
            assert await web.log_in("alice@example.org", "hunter2") == 204

    within(scene)


def test_an_address_that_is_none_is_no_login() -> None:
    header = basic("alice@example.org", "pass:word")
    assert parsed(header, ADDRESS) == Login("alice@example.org", "pass:word", ADDRESS)
    assert parsed(header, f"{ADDRESS}\tservice=imap") is None
    assert parsed(header, "") is None

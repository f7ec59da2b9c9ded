# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars and contacts: devices keep them in step, and nobody else gets to see them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.exposure import exposed
from tests.lab.lab import MX

ALICE, CAROL, DAVE = "alice@example.org", "carol@example.org", "dave@example.org"
PHONE, SCANNER = "dave+phone@example.org", "dave+scanner@example.org"
FRANK, INTERN, INVOICES, LOBBY = (
    f"{name}@example.org" for name in ("frank", "intern", "invoices", "lobby")
)
ODD = "o'brien_r&d.x=y^~@example.org"
WHO_AM_I = '<propfind xmlns="DAV:"><prop><current-user-principal/><displayname/></prop></propfind>'
SUFFIXES = {"calendar": "ics", "contacts": "vcf"}
ITEMS = {
    "calendar": """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example.org//test//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20261126T080000Z
DTSTART:20261201T180000Z
SUMMARY:{text}
END:VEVENT
END:VCALENDAR
""",
    "contacts": """BEGIN:VCARD
VERSION:3.0
UID:{uid}
FN:{text}
N:Hopper;Grace;;;
END:VCARD
""",
}


def ask(
    login: str, path: str = "/dav/", method: str = "PROPFIND", secret: str = "", **more: str
) -> lab.Answer:
    """Send a request as a user, by default one for the name of the user's collection."""
    token = base64.b64encode(f"{login}:{secret or lab.password(login)}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Depth": "1", **more}
    return lab.https(MX, path, method, WHO_AM_I, headers)


def principal(answer: lab.Answer) -> str:
    assert answer.status == 207, answer
    found = re.search(r"<current-user-principal><href>([^<]*)</href>", answer.text)
    assert found, answer.text
    return found[1].replace("%40", "@")


@pytest.fixture
def forgetful() -> Iterator[None]:
    yield
    lab.forget_failures()


class Device:
    """vdirsyncer, with a directory of files for each calendar and address book."""

    def __init__(self, directory: Path, url: str) -> None:
        directory.mkdir()
        self.directory = directory
        config = [f"[general]\nstatus_path = {json.dumps(str(directory / 'status'))}"]
        account = {
            "url": url,
            "username": ALICE,
            "password": lab.password(ALICE),
            "verify": str(lab.STATE / "tls/pebble-root.pem"),
        }
        for kind, service in (("calendar", "caldav"), ("contacts", "carddav")):
            here = {
                "type": "filesystem",
                "path": str(directory / kind),
                "fileext": f".{SUFFIXES[kind]}",
            }
            there = {"type": service, **account}
            pair = {"a": f"{kind}_here", "b": f"{kind}_there", "collections": ["from b"]}
            for section, options in (
                (f"pair {kind}", pair),
                (f"storage {kind}_here", here),
                (f"storage {kind}_there", there),
            ):
                lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
                config.append("\n".join([f"[{section}]", *lines]))
        (directory / "config").write_text("\n\n".join(config))
        self.vdirsyncer("discover")

    def vdirsyncer(self, command: str) -> None:
        """Run a command. A conflict, as any other problem, is a failure."""
        run = subprocess.run(
            [
                *lab.by_the_labs_resolver(self.directory),
                *("vdirsyncer", "-c", str(self.directory / "config"), command),
            ],
            # It asks before it creates directories here.
            input="y\n" * 8,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert run.returncode == 0, run.stdout

    def sync(self) -> None:
        self.vdirsyncer("sync")

    def files(self, kind: str, uid: str) -> list[Path]:
        """Return the files of an entry, of which there must be one at most."""
        folder = self.directory / kind / kind
        return [file for file in folder.iterdir() if f"UID:{uid}" in file.read_text()]

    def texts(self, uid: str) -> list[str]:
        """Return what the calendar and the contacts of the device have of an entry."""
        return [file.read_text() for kind in ITEMS for file in self.files(kind, uid)]


def test_two_devices_keep_the_same_calendar_and_contacts(tmp_path: Path) -> None:
    # One knows only the name of the host, the other finds it by the domain (RFC 6764).
    [service] = lab.dig("_caldavs._tcp.example.org", "SRV")
    [path] = lab.dig("_caldavs._tcp.example.org", "TXT")
    port, target = service.split()[2:]
    found = f"https://{target.rstrip('.')}:{port}{path.strip(chr(34)).removeprefix('path=')}"
    laptop, phone = Device(tmp_path / "laptop", f"https://{MX}/"), Device(tmp_path / "phone", found)
    assert lab.dig("_carddavs._tcp.example.org", "SRV") == [service]

    # vdirsyncer refuses to empty a collection, so a second entry stays.
    uid, other = str(uuid.uuid4()), "of-every-run"
    for kind, text in ITEMS.items():
        for entry in (uid, other):
            file = laptop.directory / kind / kind / f"{entry}.{SUFFIXES[kind]}"
            file.write_text(text.format(uid=entry, text="made on the laptop"))
    for device in (laptop, phone):
        device.sync()
    assert [text.count("made on the laptop") for text in phone.texts(uid)] == [1, 1]

    for kind in ITEMS:
        [file] = phone.files(kind, uid)
        file.write_text(file.read_text().replace("made on the laptop", "changed on the phone"))
    for device in (phone, laptop):
        device.sync()
    assert [text.count("changed on the phone") for text in laptop.texts(uid)] == [1, 1]

    for kind in ITEMS:
        [file] = laptop.files(kind, uid)
        file.unlink()
    for device in (laptop, phone):
        device.sync()
    assert phone.texts(uid) == []
    assert len(phone.texts(other)) == 2


def test_clients_are_led_from_the_well_known_places_to_the_users_collection() -> None:
    for service in ("caldav", "carddav"):
        answer = lab.https(MX, f"/.well-known/{service}", "PROPFIND")
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{MX}/dav/")
    assert principal(ask(ALICE)) == f"/dav/{ALICE}/"
    # Whatever the case in which the address was typed, and with all characters that one may have.
    assert principal(ask("Alice@Example.ORG", secret=lab.password(ALICE))) == f"/dav/{ALICE}/"
    assert "brien_r" in principal(ask(ODD))


def test_the_password_of_a_device_opens_what_the_account_has() -> None:
    assert principal(ask(PHONE)) == f"/dav/{DAVE}/"
    # As does a master user's, who may read all mail.
    admin = ask(f"{DAVE}*admin", secret=lab.password("admin@example.org"))
    assert principal(admin) == f"/dav/{DAVE}/"
    home = ask(PHONE, f"/dav/{DAVE}/")
    assert f"/dav/{DAVE}/calendar/" in home.text.replace("%40", "@")
    assert ">Contacts<" in home.text


def test_nobody_reaches_what_belongs_to_another_user() -> None:
    principal(ask(CAROL))
    for path in (f"/dav/{CAROL}/", f"/dav/{CAROL}/calendar/", f"/dav/{ALICE}/..%2f{CAROL}/"):
        for method in ("PROPFIND", "GET", "PUT", "DELETE", "MKCALENDAR"):
            assert ask(ALICE, path, method).status in (403, 404, 409), (method, path)
    claims = {"X-Remote-User": CAROL, "X-User": CAROL, "X-Script-Name": "/elsewhere"}
    assert principal(ask(ALICE, **claims)) == f"/dav/{ALICE}/"
    assert lab.https(MX, "/dav/", "PROPFIND", headers=claims).status == 401
    # Only nginx may ask the services behind it.
    for name in ("radicale", "pillarbox/login"):
        connect = f"curl -s --unix-socket /run/{name}.sock http://localhost/"
        lab.on("mx", f"! setpriv --reuid=nobody --regid=nogroup --clear-groups {connect}")
    assert ":5232" not in lab.on("mx", "ss -tlnH")


def test_an_account_may_use_them_as_its_state_and_services_say(forgetful: None) -> None:
    # Suspended accounts may read mail as well.
    for login in (FRANK, INTERN):
        assert principal(ask(login)) == f"/dav/{login}/"
    try:
        # It expires; Dovecot checks once a second whether its files have changed.
        lab.on("mx", f"echo {INTERN} >>/run/pillarbox/expired/logins")
        verify = f"doveadm auth test -x service=dav {INTERN} {lab.password(INTERN)}"
        lab.eventually("the end", lambda: "failed" in lab.on("mx", verify, check=False) or None)
        # Without what is remembered of the login before.
        lab.on("mx", "systemctl restart pillarbox-login.service")
        assert ask(INTERN).status == 401
    finally:
        lab.on("mx", "systemctl start pillarbox-expiry.service")
    # A calendar is for those who receive mail, and who may use this service.
    denied = [INVOICES, LOBBY, SCANNER]
    with ThreadPoolExecutor(len(denied)) as pool:
        answers = list(pool.map(ask, denied))
    assert [answer.status for answer in answers] == [401, 401, 401]
    assert answers[0].headers["WWW-Authenticate"] == 'Basic realm="mail", charset="UTF-8"'
    # Dovecot would skip the table of a service silently if it did not exist.
    log = "journalctl -u dovecot.service -o cat --no-pager | grep 'missing passwd file'"
    assert lab.on("mx", log, check=False) == ""


def test_while_dovecot_is_down_clients_are_told_to_try_again() -> None:
    lab.on("mx", "systemctl stop dovecot.service")
    try:
        answer = ask(CAROL)
    finally:
        lab.on("mx", "systemctl start dovecot.service")
    assert answer.status == 503
    assert "WWW-Authenticate" not in answer.headers
    assert principal(ask(CAROL)) == f"/dav/{CAROL}/"


def test_bad_requests_are_refused_at_the_door() -> None:
    assert ask(ALICE, method="PUT", **{"Content-Length": "30000000"}).status == 413
    assert ask(ALICE, secret="hunter2\tservice=imap").status == 401
    assert ask(ALICE, secret="hunter2\nAUTH\t2\tPLAIN").status == 401
    headers = {"Authorization": "Basic " + "A" * 6000}
    assert lab.https(MX, "/dav/", headers=headers).status == 401


def test_the_logs_of_web_server_and_calendars_have_no_addresses() -> None:
    begin = lab.on("mx", "date +@%s").strip()
    ask(CAROL, f"/dav/{CAROL}/")

    def logged() -> str | None:
        units = "-u nginx.service -u radicale.service -u pillarbox-login.service"
        log = lab.on("mx", f"journalctl {units} --since {begin} -o cat --no-pager")
        return log if "PROPFIND /dav/" in log else None

    log = lab.eventually("requests in the log", logged)
    assert "@example.org" not in log and "%40example.org" not in log
    assert "198.18.0.1 " not in log


def test_neither_service_is_exposed() -> None:
    assert exposed("radicale", "pillarbox-login") == {}

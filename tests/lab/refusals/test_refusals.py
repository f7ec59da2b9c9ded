# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mistake ends in one message with the remedy, and leaves the host unchanged.

The tests build on each other: a bare host, a first run that fails at each external service in turn,
a finished host, and a broken template on it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.bare_host import LIST

RIGHT_DNS = {
    "provider": "rfc2136",
    "server": "198.18.0.53",
    "tsig_name": "record-set",
    "tsig_secret": (lab.STATE / "secrets" / "tsig-record-set").read_text().strip(),
}
NOT_THE_KEY = "bm90IHRoZSBrZXkgdGhhdCBpcyBrbm93biB0aGVyZQ=="


SITE = "pillarbox.mail.site"
# Parts of it, which fail at the same task sooner.
PARTS = lab.ROOT / "tests/lab/default"
DOVECOT, POSTFIX, RSPAMD, WEB = (
    str(PARTS / f"{part}.yml") for part in ("mailboxes", "relaying", "port25", "web")
)


def refusal(playbook: str = SITE, *, collections: Path = lab.COLLECTIONS, **settings: Any) -> str:
    """Return the only message with which a playbook fails."""
    run = lab.playbook(playbook, collections=collections, **settings)
    assert run.returncode != 0, run.stdout
    messages = re.findall(r"^\[ERROR\]: (.*(?:\n(?![\[\s]|$).*)*)", run.stdout, re.MULTILINE)
    assert len(messages) == 1, run.stdout
    assert NOT_THE_KEY not in run.stdout
    return str(messages[0])


def listening() -> set[str]:
    """Return the TCP ports on which the mail host accepts connections from outside."""
    return set(re.findall(r"(?:0\.0\.0\.0|\*|\[::\]):(\d+) ", lab.on("mx", "ss -Hltn")))


def test_all_wrong_settings_are_reported_together_before_anything_is_changed() -> None:
    before = lab.on("mx", LIST)

    message = refusal(
        mail_hostname="mx",
        mail_users={
            "alice@example.org": {"pasword": "secret"},
            "bob@elsewhere.example": {"password": "secret"},
            "carol@example.org": {"password_hash": "$argon2id$v=19$m=65536"},
        },
        mail_dns={**RIGHT_DNS, "tsig_secret": "not base64!"},
    )

    for part in (
        "mail_hostname",
        "did you mean password?",
        "elsewhere.example",
        "must start with its scheme",
        "tsig_secret",
    ):
        assert part in message, message
    assert "not base64!" not in message
    assert lab.on("mx", LIST) == before


def test_a_host_name_without_an_address_is_reported_before_anything_is_changed() -> None:
    before = lab.on("mx", LIST)

    message = refusal(mail_hostname="imap.example.org")

    assert "198.18.0.53 has no address for imap.example.org" in message, message
    assert "mail_host_addresses" in message, message
    assert lab.on("mx", LIST) == before


def test_an_unsupported_release_is_refused_before_anything_is_changed() -> None:
    lab.on("mx", "cp -a /usr/lib/os-release /tmp/ && cp -a /etc/debian_version /tmp/")
    eleven = "sed -Ei 's/1[0-9]/11/; s/bookworm|trixie/bullseye/' /usr/lib/os-release"
    lab.on("mx", f"{eleven}; echo 11.9 >/etc/debian_version")
    before = lab.on("mx", LIST)
    try:
        message = refusal()
    finally:
        after = lab.on("mx", LIST)
        lab.on("mx", "cp -a /tmp/os-release /usr/lib/; cp -a /tmp/debian_version /etc/")
    assert "Debian GNU/Linux 11" in message and "not supported" in message, message
    assert after == before


@pytest.mark.parametrize("address", ["127.0.0.1", "::"])
def test_another_program_on_the_web_servers_port_is_named_before_anything_is_changed(
    address: str,
) -> None:
    server = f"systemd-run --quiet --unit=other python3 -m http.server --bind {address} 80"
    lab.on("mx", f"{server}; until ss -Hltn 'sport = :80' | grep -q .; do sleep 0.1; done")
    before = lab.on("mx", LIST)
    try:
        message, predicted = refusal(), lab.site("--check").stdout
    finally:
        after = lab.on("mx", LIST)
        lab.on("mx", "systemctl stop other")
    for text in (message, predicted):
        assert "port 80 is in use by python3; stop and disable it, or set mail_web: false" in text
    assert after == before


def test_sites_and_a_configuration_that_nginx_has_are_named_before_anything_is_changed() -> None:
    lab.on("mx", "apt-get update -qq && apt-get install -qqy --no-install-recommends nginx")
    lab.on("mx", "mkdir -p /tmp/nginx && cp -a /etc/nginx/. /tmp/nginx")
    lab.on(
        "mx",
        "cd /etc/nginx && echo 'server_names_hash_max_size 4096;' >conf.d/names.conf"
        " && echo '# mine' >>sites-available/default && echo '# mine' >>nginx.conf",
    )
    before = lab.on("mx", LIST)
    try:
        message = refusal()
    finally:
        after = lab.on("mx", LIST)
        lab.on("mx", "rm /etc/nginx/conf.d/names.conf; cp -a /tmp/nginx/. /etc/nginx")
    for file in ("nginx.conf", "conf.d/names.conf", "sites-enabled/default"):
        assert f"/etc/nginx/{file} configures nginx" in message, message
    assert "port" not in message, message
    assert after == before
    # From here on, nginx is there as Debian installs it, which is in nobody's way.
    lab.on("mx", "systemctl stop nginx")


def test_a_name_server_that_does_not_answer_stops_the_first_run() -> None:
    message = refusal(mail_dns={**RIGHT_DNS, "server": "198.18.0.99"})

    assert "198.18.0.99" in message, message
    assert listening() == {"22"}


def test_a_name_server_that_refuses_the_key_stops_the_first_run() -> None:
    message = refusal(mail_dns={**RIGHT_DNS, "tsig_secret": NOT_THE_KEY})

    assert "198.18.0.53" in message and "tsig_secret" in message, message
    assert lab.dig("_dmarc.example.org", "TXT") == []
    assert listening() == {"22"}


def test_an_order_that_fails_stops_the_first_run_and_announces_nothing() -> None:
    message = refusal(acme_sh_tsig={"name": "acme", "secret": NOT_THE_KEY})

    assert "acme.example.net" in message and "mx.example.org" in message, message
    assert lab.dig("example.org", "MX") == []
    assert listening() == {"22", "80"}


def test_the_next_run_with_the_right_settings_finishes_the_host() -> None:
    run = lab.site()

    assert run.returncode == 0, run.stdout
    assert lab.dig("example.org", "MX") == ["10 mx.example.org."]
    assert {"25", "465", "587", "993"} <= listening()


@pytest.mark.parametrize(
    ("template", "right", "wrong", "part"),
    [
        (
            "dovecot/templates/{dovecot}/etc/dovecot/dovecot.conf.j2",
            "protocols",
            "protocolls",
            DOVECOT,
        ),
        (
            "postfix/templates/etc/postfix/main.cf.j2",
            "smtpd_milters =",
            "smtpd_millters =",
            POSTFIX,
        ),
        (
            "rspamd/templates/rspamd/etc/rspamd/local.d/redis.conf.j2",
            'servers = "',
            "servers = [",
            RSPAMD,
        ),
        (
            "resolver/templates/unbound/etc/unbound/unbound.conf.d/pillarbox.conf.j2",
            "prefetch: yes",
            "prefetch: maybe",
            SITE,
        ),
        ("web/templates/http/etc/nginx/nginx.conf.j2", "sendfile on;", "sendfile maybe;", WEB),
    ],
    ids=["dovecot", "postfix", "rspamd", "unbound", "nginx"],
)
def test_a_broken_template_changes_nothing_fails_again_and_the_daemon_serves_on(
    template: str, right: str, wrong: str, part: str, tmp_path: Path
) -> None:
    template = template.format(dovecot=lab.on("mx", "dovecot --version")[:3])
    collections = with_changed_file(tmp_path, f"roles/{template}", right, wrong)
    before = configuration()

    for _time in ("first", "again"):
        message = refusal(part, collections=collections)
        assert re.search(r"Nothing of the tree \w+ was changed", message), message
    assert configuration() == before
    mail = lab.message("bob@example.net", "alice@example.org")
    lab.send_from_peer(mail)
    lab.received("alice@example.org", mail)


def test_with_the_right_templates_nothing_needs_repair() -> None:
    assert lab.changed(lab.site()) == 0


def test_an_error_that_only_a_running_postfix_detects_fails_every_run_until_it_is_fixed() -> None:
    wrong = {"smtpd_recipient_restrictions": "permit_what_is_not"}

    for _time in ("first", "again"):
        message = refusal(POSTFIX, postfix_settings=wrong)
        assert "does not accept mail for postmaster@example.org: 451" in message, message
    corrected = lab.playbook(POSTFIX)
    assert corrected.returncode == 0, corrected.stdout


def configuration() -> list[str]:
    """Return all files below /etc of the mail host with their attributes.

    Except a record of the served DNS records, which each run writes there.
    """
    notes = tuple(f"/etc/pillarbox/tls{name} " for name in ("", "/.lock", "/ring.json"))
    lines = lab.on("mx", LIST).splitlines()
    return [line for line in lines if line.startswith("/etc/") and not line.startswith(notes)]


def with_changed_file(directory: Path, name: str, old: str, new: str) -> Path:
    """Return a copy of the collection with one changed file."""
    copy = directory / "ansible_collections/pillarbox/mail"
    for part in ("galaxy.yml", "meta", "playbooks", "plugins", "roles"):
        source = lab.ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part)
        else:
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy / part)
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new))
    return directory

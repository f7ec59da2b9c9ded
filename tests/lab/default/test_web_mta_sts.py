# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other mail servers fetch the MTA-STS policies of the domains, and go by them.

The tests change the policies one after another. The inventory's settings are restored at the end.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import policy_id

from tests.lab import lab
from tests.lab.steps import some_steps

ALICE = "alice@example.org"
# Peer sends mail from this address as the policy of the recipient's domain says, without DANE.
BY_POLICY = "bob-sts@example.net"
ENFORCED: dict[str, Any] = {"mail_mta_sts": {"mode": "enforce", "max_age": 86400}}
WITHDRAWN: dict[str, Any] = {
    **ENFORCED,
    "mail_domains": {"example.org": {}, "shop.example.org": {"mta_sts": {"mode": "none"}}},
}
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the steps of site.yml that concern the policies, in the order that they have there."""
    directory = tmp_path_factory.mktemp("mta_sts")
    playbook = some_steps(directory, ("web policies", "dns", "acme_sh certificates"))
    # Results of steps that are left out.
    results: dict[str, Any] = {
        "base_host": {"has_certificate": True},
        "rspamd_dkim_switched": {"withdrawn": []},
        "dns_acme_ca": None,
    }

    def run(**settings: Any) -> Any:
        return lab.playbook(playbook, **results, **settings)

    yield run
    after = run()
    assert after.returncode == 0, after.stdout


def served(domain: str) -> str:
    answer = lab.https(f"mta-sts.{domain}", "/.well-known/mta-sts.txt")
    assert answer.status == 200
    return answer.body.decode()


def published(domain: str) -> str | None:
    """Return the id in the record of a domain, or None if it has no record."""
    records = lab.dig(f"_mta-sts.{domain}", "TXT")
    if not records:
        return None
    (record,) = records
    match = re.fullmatch(r'"v=STSv1; id=(\w+);"', record)
    assert match, record
    return match[1]


def found_at_peer(domain: str, text: str) -> None:
    """Wait until the resolver of peer finds a policy with this text, when caches have expired."""

    def query() -> bool | None:
        answer = lab.on("peer", f"mta-sts-query {domain}")
        return ("STSFetchResult.VALID" in answer and text in answer) or None

    lab.eventually(f"{text} at peer", query)


@contextmanager
def a_certificate_that_nobody_trusts() -> Iterator[None]:
    """Let Postfix use a certificate of its own making."""
    lab.on(
        "mx",
        "cd /etc/postfix && cp -a main.cf main.cf.saved"
        " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -subj /CN=mx.example.org -addext subjectAltName=DNS:mx.example.org"
        " -keyout other.key -out other.crt 2>&1 && cat other.key other.crt >other.pem"
        " && postconf smtpd_tls_chain_files=/etc/postfix/other.pem && postfix reload",
    )
    try:
        yield
    finally:
        lab.on("mx", "cd /etc/postfix && mv main.cf.saved main.cf && postfix reload; rm other.*")


def test_senders_find_a_policy_for_tests_by_default() -> None:
    for domain in ("example.org", "shop.example.org"):
        policy = served(domain)
        assert "mode: testing\nmx: mx.example.org\n" in policy
        assert published(domain) == policy_id(policy)
        found_at_peer(domain, "'mode': 'testing'")


def test_the_policy_is_text_without_a_redirect_and_nothing_else_is_there() -> None:
    answer = lab.https("mta-sts.example.org", "/.well-known/mta-sts.txt")
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/plain")
    assert lab.https("mta-sts.example.org", "/").status == 404
    for path in ("/.well-known/", "/.well-known/mta-sts.txt/", "/.well-known/mta-sts.json"):
        assert lab.https("mta-sts.example.org", path).status == 404


@pytest.mark.once
def test_a_run_that_ends_in_the_middle_has_changed_the_policy_but_not_its_record(run: Run) -> None:
    before = published("example.org")
    wrong = base64.b64encode(bytes(32)).decode()
    dns = {"provider": "rfc2136", "server": lab.PRIMARY, "ttl": lab.TTL}
    failed = run(mail_dns={**dns, "tsig_name": "record-set", "tsig_secret": wrong}, **ENFORCED)
    assert "BADSIG" in failed.stdout, failed.stdout
    assert "mode: enforce\n" in served("example.org")
    assert published("example.org") == before

    assert lab.changed(run(**ENFORCED)) == 1
    assert published("example.org") == policy_id(served("example.org")) != before
    found_at_peer("example.org", "'mode': 'enforce'")


@pytest.mark.once
def test_mail_waits_while_the_certificate_is_not_as_the_policy_says_and_goes_when_it_is() -> None:
    mail = lab.message(BY_POLICY, ALICE)
    with a_certificate_that_nobody_trusts():
        lab.send_from_peer(mail)
        assert "Server certificate not" in lab.deferral("peer", mail)
    lab.on("peer", "postqueue -f")
    lab.received(ALICE, mail)
    assert lab.connection_of("peer", mail).startswith("Verified TLS connection")


@contextmanager
def no_certificate_of_the_shop() -> Iterator[None]:
    """Take away the certificate of shop.example.org, and let the CA refuse another one."""
    lab.on("internet", "lab-ca refuse")
    lab.on(
        "mx",
        "cd /etc/pillarbox && cp -a web web.saved && openssl req -x509 -newkey ec -nodes -days 2"
        " -pkeyopt ec_paramgen_curve:P-256 -subj /CN=mta-sts.shop.example.org"
        " -keyout web/shop.example.org.pem 2>&1 >>web/shop.example.org.pem",
    )
    try:
        yield
    finally:
        lab.on("mx", "cd /etc/pillarbox && rm -r web && mv web.saved web")
        lab.on("internet", "lab-ca off")


@pytest.mark.once
def test_a_published_record_stays_while_its_name_has_no_certificate(run: Run) -> None:
    longer = {"mail_mta_sts": {"mode": "enforce", "max_age": 604800}}
    before = published("shop.example.org")
    with no_certificate_of_the_shop():
        failed = run(**longer)
        assert "shop.example.org" in failed.stdout and lab.changed(failed)
        assert published("example.org") == policy_id(served("example.org"))
        assert published("shop.example.org") == before
    # The next run publishes it.
    assert policy_id(served("shop.example.org")) != before


@pytest.mark.once
def test_a_policy_is_withdrawn_before_it_ends(run: Run) -> None:
    before = published("shop.example.org")
    withdrawn = run(**WITHDRAWN)
    assert lab.changed(withdrawn) == 2
    assert (
        "shop.example.org: its policy is being withdrawn, and is removed after" in withdrawn.stdout
    )
    assert "mode: none\n" in served("shop.example.org")
    assert published("shop.example.org") == policy_id(served("shop.example.org")) != before
    found_at_peer("shop.example.org", "'mode': 'none'")
    assert lab.changed(run(**WITHDRAWN)) == 0

    # As if two weeks had passed.
    history = "/var/lib/pillarbox/mta-sts.json"
    lab.on("mx", f"""sed -i '/"shop/s/"applied_until": "20../"applied_until": "2001/' {history}""")
    assert lab.changed(run(**WITHDRAWN)) == 2
    assert published("shop.example.org") is None
    assert lab.https("mta-sts.shop.example.org", "/.well-known/mta-sts.txt").status == 404
    assert "mode: enforce\n" in served("example.org")

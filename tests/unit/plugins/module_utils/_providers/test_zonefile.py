from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    DnsError,
    to_name,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import parse_records
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.zonefile import (
    Zonefile,
    apexes,
    snippet,
)

DEFAULTS = {"ttl": 3600, "state": "present", "reason": "", "level": None, "pending": False}
DKIM = "v=DKIM1; k=rsa; p=" + "A" * 390


def records(*items):
    return parse_records(
        {**DEFAULTS, "name": name, "type": rdtype, "values": values, **dict(*more)}
        for name, rdtype, values, *more in items
    )


EVERYTHING = records(
    (
        "example.org",
        "MX",
        ["10 mx.example.org"],
        {"reason": "mail goes there", "level": "required"},
    ),
    ("example.org", "TXT", ['v=spf1 mx -all; a "quote" \\ and ü']),
    ("r1._domainkey.example.org", "TXT", [DKIM]),
    ("_25._tcp.mx.example.org", "TLSA", ["3 1 2 " + "cd" * 64, "3 1 1 " + "ab" * 32], {"ttl": 60}),
    ("mx.example.org", "CAA", ['0 issue "ca.example; accounturi=https://ca.example/1"']),
    ("_993._tcp.mx.example.org", "TLSA", [], {"pending": True}),
    ("r0._domainkey.example.org", "TXT", [], {"state": "absent", "reason": "an old key"}),
    ("autoconfig.example.org", "CNAME", ["mx.example.org"], {"state": "absent"}),
)


def test_a_snippet_is_sorted_relative_and_has_reasons():
    assert snippet(to_name("example.org"), EVERYTHING).splitlines() == [
        "; Records of the mail server in zone example.org.",
        "$ORIGIN example.org.",
        "@ 3600 IN MX 10 mx.example.org. ; mail goes there (required)",
        r'@ 3600 IN TXT "v=spf1 mx -all; a \"quote\" \\ and \195\188"',
        "; r0._domainkey.example.org TXT must not exist: an old key",
        f'r1._domainkey 3600 IN TXT "{DKIM[:255]}" "{DKIM[255:]}"',
        "; autoconfig.example.org CNAME must not have mx.example.org.",
        'mx 3600 IN CAA 0 issue "ca.example; accounturi=https://ca.example/1"',
        "_25._tcp.mx 60 IN TLSA 3 1 1 " + "ab" * 32,
        "_25._tcp.mx 60 IN TLSA 3 1 2 " + "cd" * 64,
        "; _993._tcp.mx.example.org TLSA (value known once its key exists)",
    ]


def test_named_checkzone_reads_what_was_written(tmp_path):
    checker = shutil.which("named-checkzone", path=os.environ["PATH"] + ":/usr/sbin")
    if not checker:
        pytest.skip("named-checkzone is not installed (Debian: bind9-utils)")
    provider = Zonefile(str(tmp_path))
    provider.apply(provider.plan(EVERYTHING))
    (tmp_path / "zone").write_text(
        "$TTL 60\n@ IN SOA ns hostmaster 1 1 1 1 1\n@ IN NS ns\nns IN A 192.0.2.1\n"
        f'mx IN A 192.0.2.2\n$INCLUDE "{tmp_path}/example.org.zone"\nlast IN A 192.0.2.3\n'
    )
    done = subprocess.run(
        [checker, "-D", "example.org", str(tmp_path / "zone")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "ignoring out-of-zone" not in done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["last.example.org.", "60", "IN", "A", "192.0.2.3"] in lines
    assert ["_25._tcp.mx.example.org.", "60", "IN", "TLSA", "3", "1", "1"] in [
        line[:7] for line in lines
    ]
    assert f'"{DKIM[:255]}" "{DKIM[255:]}"' in done.stdout


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["example.org", "_dmarc.example.org", "r1._domainkey.example.org"], ["example.org"]),
        (["_25._tcp.mx.example.org", "example.org"], ["example.org"]),
        (["_25._tcp.mx.example.net", "mx.example.net"], ["mx.example.net"]),
        (["example.org", "sub.example.org", "notexample.org"], ["example.org", "notexample.org"]),
    ],
)
def test_names_without_zones_are_filed_under_the_top_most(names, expected):
    assert sorted(to_text(top) for top in apexes(map(to_name, names))) == expected


def test_records_go_to_the_longest_given_zone_that_contains_them(tmp_path):
    zones = [to_name("example.org"), to_name("sub.example.org")]
    plans = Zonefile(str(tmp_path), zones).plan(records(("a.sub.example.org", "A", ["192.0.2.1"])))
    assert [plan.path for plan in plans] == [str(tmp_path / "sub.example.org.zone")]
    with pytest.raises(DnsError, match="a.example.net A is in none of the zones"):
        Zonefile(str(tmp_path), zones).plan(records(("a.example.net", "A", ["192.0.2.1"])))


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "example.org.zone").mkdir()
    provider = Zonefile(str(tmp_path))
    with pytest.raises(DnsError, match="example.org.zone cannot be read.*option path"):
        provider.plan(EVERYTHING)
    (plan,) = Zonefile(str(tmp_path / "other")).plan(EVERYTHING)
    plan.path = str(tmp_path / "example.org.zone")
    with pytest.raises(DnsError, match="cannot be written"):
        provider.apply([plan])
    assert os.listdir(tmp_path) == ["example.org.zone"]

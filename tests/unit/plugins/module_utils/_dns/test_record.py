from __future__ import annotations

import dns.rdata
import dns.rdataset
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import parse_records

DEFAULTS = {"ttl": 3600, "state": "present", "reason": "", "level": None, "pending": False}


def parse(name, rdtype, *values, **more):
    return parse_records([{**DEFAULTS, "name": name, "type": rdtype, "values": values, **more}])[0]


def texts(rdataset):
    return sorted(rdata.to_text() for rdata in rdataset)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("*.example.org", "*.example.org"),
    ],
)
def test_names_are_whole_and_in_a_labels(name, text):
    assert str(parse(name, "A", "192.0.2.1")) == f"{text} A"


@pytest.mark.parametrize("length", [0, 1, 255, 256, 510, 511, 4000])
def test_text_is_split_into_strings_of_at_most_255_octets(length):
    (rdata,) = parse("a.example.org", "TXT", "x" * length).values
    assert b"".join(rdata.strings) == b"x" * length
    assert all(len(string) <= 255 for string in rdata.strings)


def test_names_in_values_are_whole_with_or_without_the_dot():
    with_dot, without = (parse("example.org", "MX", f"10 mx{dot}").values for dot in (".", ""))
    assert with_dot == without


@pytest.mark.parametrize(
    ("name", "rdtype", "values", "more", "message"),
    [
        ("", "A", ["192.0.2.1"], {}, "empty"),
        ("a..example.org", "A", ["192.0.2.1"], {}, "'a..example.org' is not a domain name"),
        ("x" * 64 + ".org", "A", ["192.0.2.1"], {}, "is not a domain name.*63"),
        ("a.example.org", "TLSAX", ["1"], {}, "'TLSAX', which is not a DNS record type"),
        ("example.org", "SOA", ["a b 1 1 1 1 1"], {}, "example.org SOA is refused"),
        ("example.org", "ANY", ["1"], {}, "refused"),
        ("example.org", "A", ["192.0.2"], {}, "example.org A has the value '192.0.2'"),
        ("example.org", "MX", ["mx.example.org"], {}, "has the value 'mx.example.org'"),
        ("example.org", "MX", ["10 mx junk"], {}, "has the value '10 mx junk'"),
        ("example.org", "TLSA", ["3 1 1 xyz"], {}, "has the value '3 1 1 xyz'"),
        ("example.org", "A", [], {}, "has no values"),
        ("example.org", "TXT", [], {"state": "absent"}, "may also contain values of others"),
        ("example.org", "CNAME", ["a.", "b."], {}, "has 2 values: this type allows only one"),
        ("example.org", "A", ["192.0.2.1"], {"ttl": 2**31}, "ttl 2147483648: use a value from 0"),
        ("example.org", "TXT", ["x" * 65300], {}, "65300 octets.*at most 65535"),
        (
            "example.org",
            "TXT",
            ['"v=spf1 -all"'],
            {},
            "quoted value: write the text without quotes",
        ),
    ],
)
def test_errors_name_the_record(name, rdtype, values, more, message):
    with pytest.raises(DnsError, match=message):
        parse(name, rdtype, *values, **more)


def test_a_record_listed_twice_is_an_error():
    item = {**DEFAULTS, "name": "example.org", "type": "TXT", "values": ["a"]}
    with pytest.raises(DnsError, match="example.org TXT is listed twice"):
        parse_records([item, {**item, "name": "EXAMPLE.org."}])


@pytest.mark.parametrize(
    ("rdtype", "wanted", "found", "owned"),
    [
        ("TXT", "v=spf1 mx -all", '"v=spf1 -all"', True),
        ("TXT", "v=spf1 mx -all", '"v=sp" "f1"', True),
        ("TXT", "v=spf1 mx -all", '"V=SPF1 -all"', True),
        ("TXT", "v=spf1 mx -all", '"v=spf10 -all"', False),
        ("TXT", "v=spf1 mx -all", '"spf2.0/pra mx -all"', False),
        ("TXT", "site=1", '"site=2"', False),
        ("TXT", "site=1", '"site=1"', True),
        ("CAA", '0 issue "a.example; x=1"', '128 issue "A.example"', True),
        ("CAA", '0 issue "a.example; x=1"', '0 issuewild "a.example"', False),
        ("CAA", '0 issue "a.example; x=1"', '0 issue "b.example; x=1"', False),
        ("CAA", '0 issuewild ";"', '0 issuewild ";"', True),
        ("MX", "10 a.", "20 b.", True),
    ],
)
def test_values_with_our_purpose_are_ours(rdtype, wanted, found, owned):
    record = parse("example.org", rdtype, wanted)
    assert record.owns(dns.rdata.from_text("IN", rdtype, found)) is owned


def test_a_txt_below_an_underscored_label_is_ours_alone():
    record = parse("r1._domainkey.example.org", "TXT", "v=DKIM1; p=new")
    assert record.owns(dns.rdata.from_text("IN", "TXT", '"other"'))


def test_a_shared_set_keeps_its_ttl_and_one_of_our_own_gets_ours():
    record = parse("example.org", "TXT", "v=spf1 mx -all", ttl=60)
    foreign = dns.rdataset.from_text("IN", "TXT", 300, '"other"', '"v=spf1 ?all"')
    merged = record.merged(foreign)
    assert (merged.ttl, texts(merged)) == (300, ['"other"', '"v=spf1 mx -all"'])
    assert record.merged(dns.rdataset.from_text("IN", "TXT", 300, '"v=spf1 ?all"')).ttl == 60
    assert record.merged(None).ttl == 60


def test_absence_takes_our_part_and_leaves_none_when_that_is_all():
    record = parse("example.org", "TXT", "v=spf1", state="absent")
    both = dns.rdataset.from_text("IN", "TXT", 300, '"other"', '"v=spf1 ?all"')
    assert texts(record.merged(both)) == ['"other"']
    assert record.merged(dns.rdataset.from_text("IN", "TXT", 300, '"v=spf1 ?all"')) is None
    assert record.merged(None) is None


@pytest.mark.parametrize(
    ("name", "rdtype", "ours", "foreign"),
    [
        ("autoconfig.example.org", "CNAME", "mx.example.org.", "autoconfig.example.net."),
        ("_imap._tcp.example.org", "SRV", "0 0 0 .", "0 1 143 imap.example.net."),
        ("*._domainkey.example.org", "TXT", "v=DKIM1; p=", "v=DKIM1; p=abc"),
    ],
)
def test_absence_of_values_takes_no_other_value(name, rdtype, ours, foreign):
    record = parse(name, rdtype, ours, state="absent")
    other = parse(name, rdtype, foreign).merged(None)
    assert record.merged(other) == other
    assert record.merged(parse(name, rdtype, ours).merged(None)) is None
    assert parse(name, rdtype, state="absent").merged(other) is None


def test_absence_of_values_finds_them_in_any_spelling():
    def rdataset(rdtype, *values):
        return dns.rdataset.from_text("IN", rdtype, 300, *values)

    srv = parse("_imaps._tcp.example.org", "SRV", "0 1 993 mx.example.org", state="absent")
    found = srv.merged(rdataset("SRV", "0 1 993 MX.example.org.", "0 2 993 mx.example.org."))
    assert (found.ttl, texts(found)) == (300, ["0 2 993 mx.example.org."])
    txt = parse("*._domainkey.example.org", "TXT", "v=DKIM1; p=", state="absent")
    assert txt.merged(rdataset("TXT", '"v=DKIM1;" " p="')) is None

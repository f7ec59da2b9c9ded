"""Servers that misbehave; the tests of dns_records use real ones."""

from __future__ import annotations

import socket
import threading

import dns.message
import dns.rcode
import dns.update
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import (
    Server,
    exchange,
    tsig_key,
)

KEY = tsig_key("k.", "c2VjcmV0", "hmac-sha256")


@pytest.fixture
def serve():
    """Start a server that answers one message with the result of the given function."""
    threads = []

    def start(answer, key=None):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def run():
            with listener, listener.accept()[0] as connection, connection.makefile("rb") as stream:
                wire = stream.read(int.from_bytes(stream.read(2), "big"))
                reply = answer(dns.message.from_wire(wire, keyring=key))
                connection.sendall(len(reply).to_bytes(2, "big") + reply if reply else b"")
                stream.read(1)  # until the client closes, or if there is no answer to send

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return Server("127.0.0.1", "127.0.0.1", port, key, timeout=0.3)

    yield start
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def reply_to(query):
    return dns.message.make_response(query)


def other_name(query):
    return dns.message.make_response(dns.message.make_query("other.example", "A", id=query.id))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            dns.message.make_query("example.org", "MX"),
            "did not answer the query for example.org MX",
        ),
        (dns.update.UpdateMessage("example.org"), "did not answer the update of zone example.org"),
    ],
)
def test_a_missing_answer_is_reported_with_its_consequences(serve, message, text):
    with pytest.raises(DnsError, match=text + r" \(no answer in time\).*run again"):
        exchange(serve(lambda query: b""), [message])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda query: reply_to(query).to_wire()[:-3], "sent an invalid answer"),
        (lambda query: other_name(query).to_wire(), "does not match the query for"),
        (lambda query: b"\xff\xff" + reply_to(query).to_wire()[2:], "sent an answer to no query"),
    ],
)
def test_an_answer_to_something_else_is_refused(serve, answer, text):
    with pytest.raises(DnsError, match=text):
        exchange(serve(answer), [dns.message.make_query("example.org", "MX")])


def unsigned(rcode):
    def answer(query):
        reply = dns.message.make_response(dns.message.make_query("example.org", "MX", id=query.id))
        reply.set_rcode(rcode)
        return reply.to_wire()

    return answer


def test_an_unsigned_answer_to_a_signed_question_is_refused(serve):
    with pytest.raises(DnsError, match="query for example.org MX without a signature"):
        exchange(
            serve(unsigned(dns.rcode.NOERROR), KEY), [dns.message.make_query("example.org", "MX")]
        )


def test_an_unsigned_refusal_is_an_answer(serve):
    question = dns.message.make_query("example.org", "MX")
    ((_question, answer),) = exchange(serve(unsigned(dns.rcode.REFUSED), KEY), [question])
    assert answer.rcode() == dns.rcode.REFUSED

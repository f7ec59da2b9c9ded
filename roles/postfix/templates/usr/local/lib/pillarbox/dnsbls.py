{{ ansible_managed | comment }}
"""See that each DNS list that Postfix asks lists 127.0.0.2 and not 127.0.0.1 (RFC 5782 section 5).

A list that ended answers for nobody or for everybody; one that refuses this host's queries says so in its answers.
"""

import subprocess
import sys

import dns.exception
import dns.resolver

# Answers that no list of addresses gives for one: "127.0.0.1", and what many say to who asks too much.
ERRORS = ("127.0.0.1", "127.255.255.")


def answers(address, dnsbl):
    """What a list says of an address; nothing if it does not list it."""
    name = ".".join(reversed(address.split("."))) + f".{dnsbl}."
    try:
        return [str(answer) for answer in dns.resolver.resolve(name, "A", lifetime=10)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def trouble(dnsbl):
    """What is wrong with a list, nothing when all is well."""
    try:
        listed, others = answers("127.0.0.2", dnsbl), answers("127.0.0.1", dnsbl)
    except dns.exception.Timeout:
        return "does not answer"
    except dns.exception.DNSException as error:
        return f"does not answer ({error})"
    strange = [answer for answer in listed + others if answer.startswith(ERRORS) or answer[:4] != "127."]
    if strange:
        return f"answers {', '.join(strange)}, which means that it refuses this host's queries or is gone"
    if others:
        return f"lists 127.0.0.1, and so perhaps everybody ({', '.join(others)})"
    return "" if listed else "does not list 127.0.0.2, and so perhaps nobody"


def main():
    sites = subprocess.run(
        ["/usr/sbin/postconf", "-h", "postscreen_dnsbl_sites"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    found = {dnsbl: trouble(dnsbl) for dnsbl in sorted({site.partition("=")[0] for site in sites.split()})}
    for dnsbl, what in found.items():
        if what:
            print(f"{dnsbl} {what}. Look at its web site, or take it from postfix_dnsbls.")
    sys.exit(any(found.values()))


main()

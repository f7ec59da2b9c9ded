# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apple's configuration profiles, for iPhone, iPad, Mac and Vision.

See apple/device-management: com.apple.mail.managed, com.apple.caldav.account and
com.apple.carddav.account.
"""

from __future__ import annotations

import plistlib
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from pillarbox.setup.addresses import Address
from pillarbox.setup.settings import Settings

MEDIA_TYPE = "application/x-apple-aspen-config"


def profile(settings: Settings, domain: str, address: Address | None, t: SimpleNamespace) -> bytes:
    """Return the profile of an address. Without one, the device asks for it.

    What identifies the profile and its payloads never changes, so that installing it again
    replaces it.
    """
    owner = address.login if address else domain
    texts = {"mail": t.profile_mail, "caldav": t.profile_calendar, "carddav": t.profile_contacts}
    # Devices show text, not HTML.
    names = {kind: text.format(owner=owner).unescape() for kind, text in texts.items()}

    def payload(kind: str, type_: str, name: str, **keys: Any) -> dict[str, Any]:
        identity = f"https://autoconfig.{domain}/{kind}/{address.login if address else ''}"
        return {
            "PayloadType": type_,
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{'.'.join(reversed(domain.split('.')))}.{kind}"
            + (f".{uuid.uuid5(uuid.NAMESPACE_URL, address.login)}" if address else ""),
            "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_URL, identity)).upper(),
            "PayloadDisplayName": name,
            **keys,
        }

    contents = [
        payload("mail", "com.apple.mail.managed", names["mail"], **_mail(settings, domain, address))
    ]
    if settings.dav:
        for kind, prefix in (("caldav", "CalDAV"), ("carddav", "CardDAV")):
            keys = _dav(settings.dav, prefix, names[kind], address)
            contents.append(payload(kind, f"com.apple.{kind}.account", names[kind], **keys))
    top = payload("setup", "Configuration", names["mail"])
    description = t.profile_with_dav if settings.dav else t.profile_without_dav
    top |= {
        "PayloadDescription": description.unescape(),
        "PayloadOrganization": domain,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": contents,
    }
    return plistlib.dumps(top, sort_keys=False)


def _mail(settings: Settings, domain: str, address: Address | None) -> dict[str, Any]:
    imap, smtp = settings.services["imap"][0], settings.services["smtp"][0]
    keys: dict[str, Any] = {
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": address.mail if address else domain,
    }
    for direction, server in (("Incoming", imap), ("Outgoing", smtp)):
        keys |= {
            f"{direction}MailServerHostName": settings.hostname,
            f"{direction}MailServerPortNumber": server.port,
            # The default is false.
            f"{direction}MailServerUseSSL": True,
            f"{direction}MailServerAuthentication": "EmailAuthPassword",
        }
        if address:
            keys[f"{direction}MailServerUsername"] = address.login
    if address:
        keys["EmailAddress"] = address.mail
    return {**keys, "OutgoingPasswordSameAsIncomingPassword": True}


def _dav(url: str, prefix: str, name: str, address: Address | None) -> dict[str, Any]:
    parts = urlsplit(url)
    keys = {
        f"{prefix}AccountDescription": name,
        f"{prefix}HostName": parts.hostname,
        f"{prefix}Port": parts.port or 443,
        f"{prefix}UseSSL": True,
        f"{prefix}PrincipalURL": parts.path,
    }
    return keys | ({f"{prefix}Username": address.login} if address else {})


def signed(content: bytes, pair: Path) -> bytes:
    """Sign a profile by a certificate and its key (CMS, RFC 5652), so that devices trust it.

    The pair is read each time, so nothing has to be done after a renewal. Until there is a
    certificate of a CA that is valid now, the profile stays unsigned: devices take it as well.
    """
    # Imported here, as only profiles need it: it takes longer than all the rest.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        load_pem_private_key,
        pkcs7,
    )
    from cryptography.x509 import load_pem_x509_certificate

    from pillarbox.certificates.pair import BEGIN, validity

    try:
        key, *chain = pair.read_bytes().split(BEGIN)
        leaf, *issuers = [load_pem_x509_certificate(BEGIN + each) for each in chain]
        begin, end = validity(leaf)
        if leaf.issuer == leaf.subject or not begin <= datetime.now(UTC) < end:
            return content
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        signer: Any = load_pem_private_key(key, None)
        builder = builder.add_signer(leaf, signer, hashes.SHA256())
        for issuer in issuers:
            builder = builder.add_certificate(issuer)
        return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    except (OSError, TypeError, ValueError) as error:
        print(f"cannot sign profiles by {pair}: {error}", file=sys.stderr, flush=True)
        return content

# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore keys, certificates and mail on a bare mail host, as from a backup."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import tarfile

from tests.lab.lab import MX, STATE

TLS = {
    "ecdsa": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "rsa": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072",
}
SINCE = "2026-01-01T00:00:00Z"


def openssl(command: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *command.split()], input=stdin, capture_output=True, check=True
    ).stdout


def files() -> dict[str, bytes]:
    """Return the files. The certificates are from another CA, so a run replaces them."""
    tls, dkim = "etc/pillarbox/tls", "var/lib/rspamd/dkim"
    found: dict[str, bytes] = {}
    sign = f"req -x509 -key /dev/stdin -days 60 -subj /CN=mx -addext subjectAltName=DNS:{MX}"
    for algorithm, command in TLS.items():
        for role in ("current", "next"):
            found[f"{tls}/{algorithm}-{role}.key"] = openssl(command)
        current = found[f"{tls}/{algorithm}-current.key"]
        found[f"{tls}/{algorithm}.pem"] = current + openssl(sign, current)
    found[f"{tls}/ring.json"] = json.dumps({"issued": dict.fromkeys(TLS, "self_signed")}).encode()
    rsa_2048 = TLS["rsa"].replace("3072", "2048")
    found[f"{dkim}/example.org.r1.key"] = openssl(rsa_2048)
    found[f"{dkim}/example.org.e1.key"] = base64.b64encode(os.urandom(32)) + b"\n"
    ledger = {
        "r1": {"type": "rsa", "state": "active", "since": SINCE},
        "e1": {"type": "ed25519", "state": "active", "since": SINCE},
    }
    found["var/lib/pillarbox/dkim.json"] = json.dumps({"example.org": ledger}).encode()
    return found


def mailbox() -> list[tuple[tarfile.TarInfo, bytes]]:
    """Return a mailbox with a message, owned by vmail's UID, as that user does not exist yet."""
    entries = []
    gone, folder = "/example.org/gone", "/example.org/gone/sdbox/mailboxes/INBOX/dbox-Mails"
    for path in ("", "/example.org", gone, f"{gone}/sdbox", f"{gone}/sdbox/mailboxes",
                 f"{gone}/sdbox/mailboxes/INBOX", folder):  # fmt: skip
        directory = tarfile.TarInfo(f"var/vmail{path}")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o700
        entries.append((directory, b""))
    message = tarfile.TarInfo(f"var/vmail{folder}/u.1")
    message.mode = 0o600
    entries.append((message, b"Subject: restored\n\nHello.\n"))
    for entry, _ in entries:
        entry.uid = entry.gid = 5000
    return entries


def main() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in files().items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
        for entry, content in mailbox():
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    command = ["ssh", "-F", str(STATE / "ssh_config"), "mx", "tar -C / -x"]
    subprocess.run(command, input=archive.getvalue(), check=True, timeout=60)


if __name__ == "__main__":
    main()

# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a mail server's packages on a bare host by hand, with Debian's configuration.

No daemon is started, as it would write files while a check is monitored.
"""

from __future__ import annotations

import yaml

from tests.lab import lab

BASE = lab.ROOT / "roles/base/vars/main.yml"
MORE = (
    "acme.sh", "dovecot-imapd", "dovecot-lmtpd", "dovecot-pop3d", "dovecot-sieve",
    "libsasl2-modules", "postfix-mta-sts-resolver", "postsrsd", "restic",
)  # fmt: skip
INSTALL = """
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -q update
DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends {packages}
rm /usr/sbin/policy-rc.d
"""


def main() -> None:
    always = yaml.safe_load(BASE.read_text())["_base_always"]
    packages = [name.partition(" | ")[0] for name in always]
    lab.on("mx", "sh -e", INSTALL.format(packages=" ".join([*packages, *MORE])), timeout=600)


if __name__ == "__main__":
    main()

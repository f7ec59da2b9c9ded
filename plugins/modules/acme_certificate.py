#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
short_description: Obtain certificates that are due
version_added: 0.1.0
description:
  - Runs C(pillarbox certificates renew) on the host, as a systemd timer does several times a day,
    so that this module has nothing to change after a renewal by the timer. The role
    P(pillarbox.mail.base#role) installs the program, P(pillarbox.mail.acme_sh#role) configures it.
  - A certificate is due if it does not exist, if its key, names or source differ from the settings,
    or if it expires soon.
  - A certificate goes into service only if the published TLSA records pin its key. If the daemons
    do not serve it afterwards, the former certificate is put back. In both cases the task fails
    with the reason.
  - Names that only the web server serves have certificates of their own, one for each mail domain.
    If one cannot be renewed, that is a warning, and concerns no other domain.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  config:
    description: The configuration that check mode passes to the program, since a real run may have
      changed it before. Credentials are not needed.
    type: dict
    required: true
  web:
    description:
      - The web names and where their certificates are. C(dir) is the directory of the certificates,
        C(webroot) that of the answers to challenges of type http-01, and C(sites) the names in each
        certificate, by the name of its file.
      - With C(publishes=true), check mode assumes that the run publishes those names that are not
        in DNS yet.
      - A run orders at most 20 certificates for web names; the timer orders the others.
    type: dict
    default: {}
  program:
    description: Path of the program C(pillarbox).
    type: path
    default: /usr/local/sbin/pillarbox
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts what would be ordered, even before the program or its libraries are
      installed. In that case it queries no name server.
  diff_mode:
    details: Shows why the certificate of each algorithm and of each web site is due.
  idempotent:
    details: Certificates that are not due are not changed.
"""

EXAMPLES = r"""
- name: Obtain due certificates
  pillarbox.mail.acme_certificate:
    config: "{{ lookup('ansible.builtin.file', 'acme_sh.json') | from_json }}"

- name: Obtain due certificates, also of web names
  pillarbox.mail.acme_certificate:
    config: "{{ lookup('ansible.builtin.file', 'acme_sh.json') | from_json }}"
    web:
      dir: /etc/pillarbox/web
      webroot: /var/lib/pillarbox/acme
      sites:
        example.org: [mta-sts.example.org, autoconfig.example.org, autodiscover.example.org]
"""

RETURN = r"""
due:
  description: Why a certificate was due, by algorithm or web site.
  returned: success
  type: dict
  sample: {"ecdsa": "there is no certificate yet"}
waiting:
  description: Why a new key, of an added algorithm or a provided one, is not in service yet, by
    algorithm. The timer retries.
  returned: success
  type: dict
  sample: {}
missing:
  description: The files in the daemons' configuration that did not exist before.
  returned: success
  type: list
  elements: str
  sample: []
issued:
  description: The algorithms and web sites whose certificates were issued and put in service.
  returned: success
  type: list
  elements: str
  sample: [ecdsa, rsa]
served:
  description: The names of each site in O(web) that a valid certificate from a CA covers.
  returned: success
  type: dict
  sample:
    example.org: [mta-sts.example.org, autoconfig.example.org]
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.certificates import (
    can_run,
    predict,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.web_certificates import (
    predict_web,
)

# Each takes about ten seconds, for which somebody waits.
ORDERS = 20
# The exit status of the program if only web names failed. The timer sends mail about them; here
# they are warnings.
ONLY_WEB = 4
NOTHING: dict[str, Any] = {
    "due": {},
    "issued": [],
    "waiting": {},
    "warnings": [],
    "missing": [],
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Run the program and return its report; its error message fails the task."""
    web = module.params["web"]
    arguments, data = ["renew"], None
    if module.check_mode:
        arguments = ["--config", "-", "renew", "--check"]
        data = json.dumps({**module.params["config"], "web": web})
    if web:
        arguments += ["--orders", str(ORDERS)]
    else:
        # The program's own configuration may have web names all the same.
        arguments += ["mail"]
    rc, out, err = module.run_command(
        [module.params["program"], "certificates", *arguments], data=data
    )
    if rc not in (0, ONLY_WEB):
        module.fail_json(msg=err.strip() or f"{module.params['program']} failed with status {rc}")
    report: dict[str, Any] = json.loads(out)
    if web and "unserved" not in report:
        module.warn(err.strip())
    return report


def foresee(config: dict[str, Any], web: dict[str, Any]) -> dict[str, Any]:
    """Return the report of the program that cannot run yet."""
    mail, names = predict(config), predict_web(config, web, ORDERS) if web else {}
    return {**mail, **names, "due": {**mail["due"], **names.get("due", {})}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "dict", "required": True},
            "web": {"type": "dict", "default": {}},
            "program": {"type": "path", "default": "/usr/local/sbin/pillarbox"},
        },
        supports_check_mode=True,
    )
    web = module.params["web"]
    report = dict(NOTHING)
    if module.check_mode and not can_run(module.params["program"]):
        report |= foresee(module.params["config"], web)
    else:
        report |= run(module)
    for text in [*report.pop("warnings"), *report["waiting"].values()]:
        module.warn(text)
    sites = web.get("sites", {})
    # If the web names failed altogether, none is known to be served.
    unserved = report.pop("unserved", sites)
    served = {
        site: [name for name in names if name not in unserved.get(site, [])]
        for site, names in sites.items()
    }
    diff = {
        "before": "",
        "after": "".join(f"{name}: {why}\n" for name, why in report["due"].items()),
    }
    module.exit_json(changed=bool(report["due"]), diff=diff, served=served, **report)


if __name__ == "__main__":
    main()

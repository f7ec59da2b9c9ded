# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import host_info, release

from ...paths import ROLES
from .host_info_host import Host

OURS = "http {\n    include pillarbox/http.d/*.conf;\n}\n"
UNITS = "etc/systemd/system"


@pytest.fixture
def host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    monkeypatch.setattr(host_info, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    found = Host(tmp_path, capsys)
    found.has_systemd()
    found.listens()
    return found


@pytest.mark.parametrize("check", [False, True])
def test_a_bare_host_without_any_of_the_programs_has_nothing(host: Host, check: bool) -> None:
    shutil.rmtree(host.root / "bin")

    result = host.info(check=check)

    assert result["changed"] is False
    assert {name: result[name] for name in yaml.safe_load(host_info.RETURN)} == {
        "system": {"id": "", "version_id": "", "pretty_name": ""},
        "hostname": "",
        "former_hostnames": [],
        "listeners": [],
        "nginx_files": [],
        "nginx_errors": [],
        "units_left": [],
        "mail_format": "",
        "acme_account": "",
        "has_certificate": False,
        "restoring": False,
        "users": [],
        "versions": {},
        "releases": [],
        "today": result["today"],
        "policies": {},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n',
            ("debian", "13", "Debian GNU/Linux 13 (trixie)"),
        ),
        # An unreleased one has no VERSION_ID.
        (
            'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\n',
            ("debian", "", "Debian GNU/Linux forky/sid"),
        ),
        ("ID='other'\nVERSION_ID=\"\"\nPRETTY_NAME='Joe\"s'\n", ("other", "", 'Joe"s')),
    ],
)
def test_the_release_is_named(host: Host, text: str, expected: tuple[str, ...]) -> None:
    host.has("etc/os-release", text)

    assert tuple(host.info()["system"].values()) == expected


def test_the_name_that_postfix_has_is_that_of_the_host(host: Host) -> None:
    host.has("etc/postfix/main.cf", "myorigin = $myhostname\nmyhostname = mx.example.org\n")
    # Debian's package may have written it.
    assert host.info()["hostname"] == ""

    host.has("var/lib/pillarbox/config_tree/postfix.json", "{}")

    assert host.info()["hostname"] == "mx.example.org"


@pytest.mark.parametrize(
    ("copied", "expected"),
    [("https://ca.example/7", "https://ca.example/7"), ("https://ca.example/8", ""), ("", "")],
)
def test_the_account_is_known_once_there_is_a_copy_of_it(
    host: Host, copied: str, expected: str
) -> None:
    account = "ca/ca.example/directory/ca.conf"
    host.has(f"etc/acme.sh/{account}", "ACCOUNT_URL='https://ca.example/7'\n")
    if copied:
        copy = f"var/backups/pillarbox/acme.sh/{account}"
        host.has(copy, f"ACCOUNT_URL='{copied}'\n")

    assert host.info(acme_server="https://ca.example/directory")["acme_account"] == expected
    assert host.info()["acme_account"] == ""


def test_former_names_of_the_host_are_remembered(host: Host) -> None:
    names = 'PILLARBOX_HOSTNAMES="mail.example.org mx.example.org"\n'
    host.has("etc/pillarbox/hostnames", f"# Ansible managed\n{names}")

    assert host.info()["former_hostnames"] == ["mail.example.org", "mx.example.org"]


def test_a_file_that_cannot_be_read_is_not_taken_for_a_missing_one(host: Host) -> None:
    (host.root / "etc/pillarbox/hostnames").mkdir(parents=True)

    result = host.info()

    assert result["failed"] is True
    assert "etc/pillarbox/hostnames cannot be read: Is a directory" in result["msg"]


@pytest.mark.parametrize(
    ("sockets", "expected"),
    [
        (['127.0.0.1:80 0.0.0.0:* users:(("python3",pid=9,fd=3))'], [(80, "python3")]),
        (
            [
                '0.0.0.0:443 0.0.0.0:* users:(("apache2",pid=9,fd=3))',
                '[::]:443 [::]:* users:(("apache2",pid=9,fd=4))',
                '[::]:80 [::]:* users:(("apache2",pid=9,fd=5))',
            ],
            [(443, "apache2"), (80, "apache2")],
        ),
        # Of the kernel, or of a container that shares the network.
        (["*:80 *:*", "*:443 *:* "], [(80, "another program"), (443, "another program")]),
        (['*:80 *:* users:(("nginx",pid=8,fd=5),("nginx",pid=7,fd=5))'], []),
        (['*:80 *:* users:(("nginx",pid=77,fd=5))'], [(80, "nginx")]),
    ],
    ids=["loopback", "several", "invisible", "its own", "another nginx"],
)
def test_programs_on_the_web_servers_ports_are_named(
    host: Host, sockets: list[str], expected: list[tuple[int, str]]
) -> None:
    host.has_unit("nginx.service", "active", "enabled", pid=7)
    host.listens(*sockets)

    found = host.info()["listeners"]

    assert [(one["port"], one["program"]) for one in found] == expected


def shipped(host: Host, *files: str) -> None:
    """Let the package have these files, as they are now."""
    lines = [f" /{name} {md5(host.root / name)}\n" for name in files]
    host.program("dpkg-query", f"/bin/cat <<'EOF'\n{''.join(lines)}EOF")


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_nginx_as_the_package_installs_it_is_in_nobodys_way(host: Host) -> None:
    host.has("etc/nginx/nginx.conf", "events {}\n")
    host.has("etc/nginx/sites-available/default", "server {}\n")
    (host.root / "etc/nginx/sites-enabled").mkdir()
    (host.root / "etc/nginx/sites-enabled/default").symlink_to("../sites-available/default")
    shipped(host, "etc/nginx/nginx.conf", "etc/nginx/sites-available/default")

    assert host.info()["nginx_files"] == []

    mine = [host.has("etc/nginx/conf.d/b.conf"), host.has("etc/nginx/conf.d/a.conf")]
    host.has("etc/nginx/conf.d/.a.conf.swp")
    host.has("etc/nginx/sites-available/default", "server {}\n# mine\n")
    (host.root / "etc/nginx/sites-enabled/lost").symlink_to("../sites-available/lost")
    default = host.root / "etc/nginx/sites-enabled/default"
    assert host.info()["nginx_files"] == [str(mine[1]), str(mine[0]), str(default)]
    assert "nginx" not in host.calls()


def test_a_configuration_of_nginx_without_a_package_is_somebodys(host: Host) -> None:
    path = host.has("etc/nginx/nginx.conf", "# include pillarbox/ is missing here\n")

    assert host.info()["nginx_files"] == [str(path)]


def test_once_nginx_is_ours_only_what_it_refuses_counts(host: Host) -> None:
    conf = host.has("etc/nginx/nginx.conf", OURS)
    host.has("etc/nginx/conf.d/names.conf")
    lost = 'nginx: [emerg] cannot load certificate "/etc/pillarbox/web/a.pem": no such file'
    said = ["nginx: [warn] low address bits", f'nginx: [emerg] unknown "rot" in {conf}:3', lost]
    host.program("nginx", f"/bin/cat >&2 <<'EOF'\n{chr(10).join(said)}\nEOF\nexit 1")

    result = host.info()

    assert (result["nginx_files"], result["nginx_errors"]) == ([], [lost])
    assert host.calls() == ["ss", "nginx"]


def test_an_nginx_that_starts_has_no_errors(host: Host) -> None:
    host.has("etc/nginx/nginx.conf", OURS)
    host.program("nginx", 'test "$*" = "-t -q"')

    assert host.info()["nginx_errors"] == []


def test_without_a_web_server_nothing_is_in_its_way_and_no_program_is_asked(host: Host) -> None:
    host.listens('127.0.0.1:80 0.0.0.0:* users:(("python3",pid=9,fd=3))')
    host.has("etc/nginx/nginx.conf", "events {}\n")

    result = host.info("web")

    assert (result["listeners"], result["nginx_files"]) == ([], [])
    assert host.calls() == []


def in_service(host: Host) -> None:
    """Let the host run all that a web server may have."""
    host.has("etc/nginx/nginx.conf", OURS)
    for name in ("pillarbox-backup.timer", "pillarbox-setup.socket", "pillarbox-login.socket"):
        host.has(f"{UNITS}/{name}")
    for name in ("nginx", "php8.2-fpm", "php8.4-fpm", "radicale"):
        host.has(f"{UNITS}/{name}.service.d/pillarbox.conf")
    host.has_unit("nginx.service", "active", "enabled", pid=7)
    host.has_unit("pillarbox-backup.timer", "active", "enabled")
    host.has_unit("php8.4-fpm.service", "reloading", "disabled")
    host.has_unit("radicale.service", "activating")
    host.has_unit("radicale.socket", "active", "enabled")
    host.has_unit("roundcube-gc.timer", "inactive", "enabled")
    host.has_unit("pillarbox-login.service", "failed", "static")
    host.has_unit("pillarbox-login.socket", "active", "static")
    host.has_unit("pillarbox-setup.socket", "failed", "enabled")


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ([], []),
        (["dovecot", "fail2ban"], []),
        (["web"], ["nginx.service", "pillarbox-setup.socket"]),
        (["webmail"], ["roundcube-gc.timer", "php8.4-fpm.service"]),
        (["backup"], ["pillarbox-backup.timer"]),
        # A socket would start its service again.
        (["dav"], ["pillarbox-login.socket", "radicale.socket", "radicale.service"]),
    ],
)
def test_what_was_switched_off_has_left_units_that_run_or_would_at_the_next_boot(
    host: Host, without: list[str], expected: list[str]
) -> None:
    in_service(host)

    assert host.info(*without)["units_left"] == expected


def test_all_units_are_asked_for_at_once(host: Host) -> None:
    in_service(host)
    host.listens('*:80 *:* users:(("nginx",pid=7,fd=5))')

    result = host.info("webmail", "dav")

    assert (len(result["units_left"]), result["listeners"]) == (5, [])
    assert host.calls().count("systemctl") == 1


def test_what_earlier_runs_did_not_set_up_is_left_alone(host: Host) -> None:
    in_service(host)
    shutil.rmtree(host.root / UNITS)
    host.has(f"{UNITS}/php8.4-fpm.service.d/override.conf")

    assert host.info("web", "webmail", "dav")["units_left"] == []


def test_an_nginx_that_others_configure_now_is_left_alone(host: Host) -> None:
    in_service(host)
    host.has("etc/nginx/nginx.conf", "http { server { listen 80; } }\n")

    assert host.info("web")["units_left"] == ["pillarbox-setup.socket"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("Maildir", "maildir"), ("sdbox", "sdbox"), ("mdbox", "mdbox"), ("sieve", "")],
)
def test_the_format_of_restored_mail_is_found(host: Host, folder: str, expected: str) -> None:
    (host.root / "var/vmail/example.org").mkdir(parents=True)
    host.has("var/vmail/lost+found")
    (host.root / "var/vmail/example.org/carol/sieve").mkdir(parents=True)
    (host.root / "var/vmail/example.org/alice" / folder).mkdir(parents=True)

    assert host.info()["mail_format"] == expected


def test_the_format_that_dovecot_was_configured_with_counts_first(host: Host) -> None:
    (host.root / "var/vmail/example.org/alice/sdbox").mkdir(parents=True)
    host.has("etc/dovecot/mail-place", "dir=/srv/mail\nformat=maildir\nlayout=fs\n")

    assert host.info()["mail_format"] == "maildir"


def test_a_certificate_in_service_is_seen(host: Host) -> None:
    link = host.has("etc/pillarbox/tls/rsa.pem").with_name("first.pem")
    link.symlink_to("rsa.pem")

    assert host.info()["has_certificate"]


def test_an_interrupted_restore_is_seen(host: Host) -> None:
    host.has("etc/pillarbox/backup/restoring")

    assert host.info()["restoring"]


def test_the_users_asked_for_are_found(host: Host) -> None:
    assert host.info(users=["vmail"])["users"] == []
    host.has(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nvmail:x:5000:5000::/var/vmail:/usr/sbin/nologin\n",
    )

    assert host.info(users=["vmail", "nobody"])["users"] == [
        {"name": "vmail", "uid": 5000, "home": "/var/vmail", "shell": "/usr/sbin/nologin"}
    ]


def test_mail_is_looked_for_where_the_role_keeps_it() -> None:
    defaults = yaml.safe_load((ROLES / "dovecot/defaults/main.yml").read_text())
    options = yaml.safe_load(host_info.DOCUMENTATION)["options"]

    assert options["mail_dir"]["default"] == defaults["dovecot_mail_dir"]


def test_the_versions_of_installed_packages_are_known(host: Host) -> None:
    states = "postfix installed 3.10.13-0+deb13u1 .\\nnginx config-files 1.26.3-3 .\\n"
    host.program("dpkg-query", f"printf '{states}'; exit 1")

    assert host.info(packages=["postfix", "nginx", "acme.sh"])["versions"] == {"postfix": "3.10.13"}
    assert host.info()["versions"] == {}
    assert host.calls().count("dpkg-query") == 1


def test_a_release_is_known_while_it_is_there(host: Host) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("acme.sh-3.1.1/acme.sh")
        member.mode = 0o755
        tar.addfile(member)
    url = host.root / "acme.sh.tar.gz"
    url.write_bytes(archive.getvalue())
    args = {
        "name": "acme.sh",
        "url": f"file://{url}",
        "sha256": hashlib.sha256(archive.getvalue()).hexdigest(),
        "directory": str(host.root / "usr/local/lib"),
        "bin": str(host.root / "usr/local/bin"),
    }
    # The operator's own.
    host.has("usr/local/bin/other")
    (host.root / "usr/local/bin/tool").symlink_to("/opt/tool/tool")

    for state, expected in (("present", ["acme.sh"]), ("absent", [])):
        with patch_module_args({**args, "state": state}), pytest.raises(SystemExit):
            release.main()
        host.capsys.readouterr()
        assert host.info()["releases"] == expected


POLICIES = '{"example.org": {"dmarc": {"stage": "none"}}}'


def test_policies_are_those_in_force_and_their_steps_are_asked_for_if_they_may_move(
    host: Host,
) -> None:
    host.has(host_info.POLICIES, POLICIES)
    assert host.info(maturity=True)["policies"] == json.loads(POLICIES)

    step = '{"example.org": {"dmarc": {"stage": "none", "next": "quarantine"}}}'
    script = f"#!/bin/sh\n[ \"$*\" = 'maturity --json' ] && echo '{step}'\n"
    host.has(host_info.PROGRAM, script).chmod(0o755)
    assert host.info()["policies"] == json.loads(POLICIES)
    assert host.info(maturity=True)["policies"] == json.loads(step)


def test_policies_stay_if_the_program_fails(host: Host) -> None:
    host.has(host_info.POLICIES, POLICIES)
    script = "#!/bin/sh\necho 'pillarbox: unknown verb maturity' >&2\nexit 2\n"
    host.has(host_info.PROGRAM, script).chmod(0o755)

    result = host.info(maturity=True)

    assert result["policies"] == json.loads(POLICIES)
    assert "stay as they are: pillarbox: unknown verb" in json.dumps(result["warnings"])


def test_damaged_policies_are_an_error(host: Host) -> None:
    host.has(host_info.POLICIES, "{")
    assert "restore it from a backup, or remove it" in host.info()["msg"]

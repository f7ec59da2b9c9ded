# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server is lost, and comes back from its backup with nothing changed.

The tests build on each other: a server in use on Debian 12, backups of it, a mailbox that is
restored, the loss, and the server on a bare Debian 13.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.checks import check
from tests.lab.mailbox import folders, subscribed

ALICE, BOB, CAROL = "alice@example.org", "bob@example.net", "carol@example.org"
BACKUP = ("-e", f"@{lab.ROOT}/lab/backup.yml")
SECRETS = "/etc/pillarbox/backup/secrets.json"
# Fails by DANE at each attempt.
NOBODY = "nobody@mismatch.example.net"
RECORDS = (
    ("_25._tcp.mx.example.org", "TLSA"),
    ("r1._domainkey.example.org", "TXT"),
    ("r2._domainkey.example.org", "TXT"),
    ("mx.example.org", "CAA"),
    ("example.org", "MX"),
)
SCRIPT = 'require ["fileinto", "mailbox"]; if header "X-List" "readers" { fileinto :create "L"; }'


def queue(name: str) -> list[str]:
    """The recipients of messages in a queue."""
    lines = lab.on("mx", "postqueue -j").splitlines()
    return sorted(
        message["recipients"][0]["address"]
        for message in map(json.loads, lines)
        if message["queue_name"] == name
    )


def state() -> dict[str, Any]:
    """All that must be the same after the host was restored."""
    sums = "sha256sum /etc/pillarbox/tls/*.key /var/lib/rspamd/dkim/* /etc/postsrsd.secret"
    ring = json.loads(lab.on("mx", "cat /etc/pillarbox/tls/ring.json"))
    # When it was last seen in DNS.
    del ring["ttl"]["since"]
    database = "ls /run/valkey/valkey.sock 2>/dev/null || ls /run/redis/redis.sock"
    return {
        "folders": folders(ALICE),
        "subscribed": subscribed(ALICE),
        "script": lab.on("mx", f"doveadm sieve get -u {ALICE} lists"),
        "accounts": lab.on("mx", "cat /etc/dovecot/users /etc/dovecot/scram"),
        "keys": lab.on("mx", sums),
        "ring": ring,
        "ledger": json.loads(lab.on("mx", "cat /var/lib/pillarbox/dkim.json")),
        "account": lab.on("mx", "cat /etc/acme.sh/ca/*/*/account.json"),
        "certificate": lab.on("mx", "sha256sum /etc/pillarbox/tls/*.pem"),
        "learnt": lab.on("mx", f"redis-cli -s $({database}) hget RS learns_spam", check=False),
        "records": {name: sorted(lab.dig(name, kind)) for name, kind in RECORDS},
    }


@pytest.fixture(scope="module", autouse=True)
def in_use() -> None:
    """A server with mail of all kinds, in the middle of a rotation of its DKIM keys."""
    lab.changed(lab.site(*BACKUP, rspamd_dkim_rotate=["example.org"]))
    for number in range(3):
        mail = lab.message(BOB, ALICE, f"Message {number} from the Café.")
        lab.send_from_peer(mail)
        lab.received(ALICE, mail)
    with lab.imap(ALICE) as session:
        session.select("INBOX")
        session.store("1", "+FLAGS", r"(\Seen \Answered)")
        session.store("2", "+FLAGS", r"(\Flagged $Important)")
        session.create('"Projekt 1.2/Caf&AOk-"')
        session.subscribe('"Projekt 1.2/Caf&AOk-"')
        session.copy("2:3", '"Projekt 1.2/Caf&AOk-"')
        session.append("Drafts", r"(\Draft)", "", bytes(lab.message(ALICE, BOB)))
    lab.on("mx", f"doveadm sieve put -u {ALICE} -a lists", SCRIPT)
    held = lab.message(BOB, CAROL, "Dear lucky winner, read this.")
    lab.send_from_peer(held)
    lab.submit(lab.message(ALICE, NOBODY))
    words = " ".join(f"word{number}" for number in range(40))
    spam = lab.message("spammer@example.net", CAROL, words)
    lab.on("mx", "rspamc -h /run/rspamd/controller.sock learn_spam", spam.as_string())
    lab.eventually("held mail", lambda: queue("hold") == [CAROL] or None)
    lab.eventually("mail that waits", lambda: queue("deferred") == [NOBODY] or None)


def backup(fails: bool = False) -> str:
    """Make a backup by its unit, confined as at night, and return its log."""
    cursor = lab.on("mx", "journalctl -n 0 --show-cursor").partition("cursor: ")[2].strip()
    lab.on("mx", "systemctl start pillarbox-backup", check=not fails, timeout=300)
    return lab.on("mx", f"journalctl -q -o cat -u pillarbox-backup --after-cursor '{cursor}'")


def test_a_host_in_use_is_not_restored() -> None:
    run = lab.playbook("pillarbox.mail.restore", *BACKUP)
    assert run.returncode != 0 and "it is in use" in run.stdout
    assert " changed=0 " in run.stdout


def test_a_backup_is_made_while_mail_arrives_and_flags_change() -> None:
    end = threading.Event()

    def users() -> None:
        while not end.is_set():
            lab.send_from_peer(lab.message(BOB, ALICE))
            with lab.imap(ALICE) as session:
                session.select("INBOX")
                session.store("3", "FLAGS", r"(\Seen)")
                session.copy("1", "Archive")

    busy = threading.Thread(target=users)
    busy.start()
    try:
        log = backup()
    finally:
        end.set()
        busy.join()
    assert "created the repository" in log and "the repository is sound" in log
    # Then it is quiet.
    assert "consistent: nothing changed between passes" in backup()
    assert "pillarbox backup" not in lab.on("mx", "pillarbox status", check=False)


def test_the_secrets_are_in_no_log_and_only_root_can_read_them() -> None:
    assert lab.on("mx", "find /etc/pillarbox/backup -perm /077") == ""
    secret = (lab.STATE / "secrets/backup").read_text().strip()
    assert secret in lab.on("mx", f"cat {SECRETS}")
    assert secret not in lab.on("mx", "journalctl -q -o cat")


def test_the_backups_of_a_day_remain_but_not_their_former_passes() -> None:
    assert len(lab.on("mx", "pillarbox backup list").splitlines()) == 2


def test_the_backups_are_listed_and_restic_itself_can_be_used() -> None:
    listed = lab.on("mx", "pillarbox backup list").splitlines()
    snapshots = lab.on("mx", "pillarbox backup restic snapshots --json")
    assert len(listed) == len(json.loads(snapshots)) >= 2
    files = lab.on("mx", "pillarbox backup restic ls latest /etc/pillarbox/tls")
    assert "/etc/pillarbox/tls/ecdsa-next.key" in files


def test_a_backup_that_was_killed_is_made_good_by_the_next_one() -> None:
    lab.on("mx", "systemctl start --no-block pillarbox-backup")
    running = "pgrep -x restic"
    lab.eventually("restic", lambda: lab.on("mx", running, check=False).strip() or None)
    lab.on("mx", "systemctl kill -s KILL pillarbox-backup", check=False)
    assert "consistent: nothing changed" in backup()
    assert lab.on("mx", "systemctl is-failed pillarbox-backup", check=False) != "failed\n"


@contextmanager
def with_secrets(**changes: str) -> Iterator[None]:
    before = lab.on("mx", f"cat {SECRETS}")
    lab.on("mx", f"cat >{SECRETS}", json.dumps({**json.loads(before), **changes}))
    try:
        yield
    finally:
        lab.on("mx", f"cat >{SECRETS}", before)


def test_what_keeps_a_host_from_a_backup_is_told() -> None:
    with with_secrets(RESTIC_PASSWORD="a wrong password"):
        assert "mail_backup.password is not that of the repository" in backup(fails=True)
    status = lab.on("mx", "pillarbox status", check=False)
    assert "mail_backup.password" in status and "pillarbox backup now" in status
    found = [one["status"] for one in check()["findings"] if one["check"] == "backup"]
    assert found == ["critical"]
    with with_secrets(RESTIC_REPOSITORY="sftp:root@peer.example.net:/srv"):
        refused = lab.on("mx", "pillarbox backup list 2>&1", check=False)
        assert "cannot be reached" in refused and "mail_backup.ssh_key" in refused
    place = "/srv/other"
    with with_secrets(RESTIC_REPOSITORY=place):
        lab.on("mx", "pillarbox backup now")
        lab.on("mx", f"mv {place} {place}.away")
        assert "Is its disk mounted?" in lab.on("mx", "pillarbox backup now", check=False)
        lab.on("mx", f"mv {place}.away {place}")
        lab.on("mx", "sed -i 's/mx.example.org/web.example.org/' /etc/pillarbox/parts/backup.json")
        refused = lab.on("mx", "pillarbox backup now", check=False)
        lab.on("mx", "sed -i 's/web.example.org/mx.example.org/' /etc/pillarbox/parts/backup.json")
        assert "has backups of mx.example.org; give this host a repository of its own" in refused
    lab.on("mx", f"rm -r {place}")
    backup()
    assert "mail_backup.password" not in lab.on("mx", "pillarbox status", check=False)


def test_a_folder_comes_back_beside_what_is_there() -> None:
    name = '"Projekt 1.2/Caf&AOk-"'
    before = folders(ALICE)
    with lab.imap(ALICE) as session:
        session.select(name)
        session.store("1", "+FLAGS", r"(\Deleted)")
        session.expunge()
    # Of a restore that was killed.
    lab.on("mx", "mkdir /var/vmail/.restore-killed")
    said = lab.on("mx", f"pillarbox backup restore {ALICE} --folder 'Projekt 1.2/Café'")
    assert ".restore" not in lab.on("mx", "ls -A /var/vmail")
    place = said.strip().rpartition(" is in ")[2]
    after = folders(ALICE)
    restored = after[f'"{place}/{name[1:]}']
    contents = [sorted(state[1] for state in one[1].values()) for one in (before[name], restored)]
    assert contents[0] == contents[1]
    assert len(after[name][1]) == 1
    flags = {state for state, _digest in restored[1].values()}
    assert any("$Important" in one for one in flags)


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    """The state of the server at its last backup."""
    backup()
    return state()


@pytest.fixture(scope="module")
def meanwhile(before: dict[str, Any]) -> EmailMessage:
    """A message that is sent while the host does not exist."""
    os.environ["LAB_MX_SUITE"] = "trixie"
    # On Debian 12 the first only starts the second one's stop.
    lab.on("mx", "systemctl stop postfix 'postfix@*'")
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.deferral("peer", mail)
    subprocess.run([str(lab.ROOT / "bin/lab"), "replace", "mx"], check=True, timeout=180)
    return mail


@pytest.fixture(scope="module")
def restored(meanwhile: EmailMessage) -> str:
    """Restore the host, complete it, and return the output of restore.yml."""
    run = lab.playbook("pillarbox.mail.restore", *BACKUP)
    assert run.returncode == 0, run.stdout
    lab.changed(lab.site(*BACKUP))
    return run.stdout


@pytest.fixture(scope="module")
def after(restored: str) -> dict[str, Any]:
    """The state of the restored server."""
    return state()


def test_it_is_another_release(restored: str) -> None:
    assert lab.on("mx", "cat /etc/debian_version").startswith("13.")
    assert "restored the backup of" in restored


def test_mail_that_waited_arrives_over_a_verified_connection(
    restored: str, meanwhile: EmailMessage
) -> None:
    lab.on("peer", "postqueue -f")
    lab.received(ALICE, meanwhile)
    assert lab.connection_of("peer", meanwhile).startswith("Verified")


@pytest.mark.parametrize(
    "what",
    ["script", "subscribed", "accounts", "keys", "ring", "ledger", "account", "certificate"],
)
def test_nothing_of_it_has_changed(
    after: dict[str, Any], before: dict[str, Any], what: str
) -> None:
    assert after[what] == before[what]


def test_what_the_filter_learned_is_there(restored: str, before: dict[str, Any]) -> None:
    assert before["learnt"].strip() == "1"
    learned = lab.on("mx", "valkey-cli -s /run/valkey/valkey.sock hget RS learns_spam")
    assert learned == before["learnt"]


def test_the_records_are_those_of_before(after: dict[str, Any], before: dict[str, Any]) -> None:
    assert after["records"] == before["records"]
    assert all(before["records"].values())


def test_each_folder_and_message_is_as_mail_programs_know_it(
    restored: str, before: dict[str, Any], meanwhile: EmailMessage
) -> None:
    after = folders(ALICE)
    new = {uid for uid in after["INBOX"][1] if uid not in before["folders"]["INBOX"][1]}
    # That of the test above.
    assert len(new) <= 1
    for uid in new:
        del after["INBOX"][1][uid]
    assert after == before["folders"]


def test_mail_of_the_queue_is_held_and_can_be_sent(restored: str) -> None:
    assert queue("hold") == sorted([CAROL, NOBODY])
    assert "2 messages of the queue: held" in restored
    lab.on("mx", "postsuper -H ALL; postqueue -f")
    lab.eventually("the end of it", lambda: queue("hold") == [] or None)


def test_a_second_run_changes_nothing(restored: str) -> None:
    assert lab.changed(lab.site(*BACKUP)) == 0


def test_it_makes_backups_to_the_same_repository(restored: str) -> None:
    log = backup()
    assert "created the repository" not in log
    assert lab.on("mx", "systemctl is-active pillarbox-backup.timer") == "active\n"


def test_a_mailbox_of_the_other_release_comes_back_too(restored: str) -> None:
    before = folders(ALICE)
    oldest = lab.on("mx", "pillarbox backup list").splitlines()[0][:19]
    said = lab.on("mx", f"pillarbox backup restore {ALICE} --at '{oldest}.999'")
    place = said.strip().rpartition(" is in ")[2]
    after = folders(ALICE)
    assert {name: one for name, one in after.items() if place not in name} == before
    assert after[f'"{place}/Projekt 1.2/Caf&AOk-"'][1]


def test_a_host_whose_restore_was_interrupted_gets_no_new_keys(restored: str) -> None:
    lab.on("mx", "touch /etc/pillarbox/backup/restoring")
    run = lab.site(*BACKUP)
    lab.on("mx", "rm /etc/pillarbox/backup/restoring")
    assert run.returncode != 0 and "run restore.yml again" in run.stdout
    assert " changed=0 " in run.stdout

"""A real Dovecot from a generated config: free loopback ports, no privileges, gone without a trace.

    with Dovecot(users={"ada": "secret"}) as server:
        server.deliver(b"From: ...", to="ada")
        with server.client("ada") as imap: ...

For fixtures and plain scripts alike. ``stop``, ``kill`` and ``start`` keep ports and mail store, so that a restart
looks like one. IMAP speaks plain text and STARTTLS on ``port``, implicit TLS on ``tls_port``; ``ca_file`` is the CA to
trust.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Self

import imapclient
import trustme

DEADLINE_S = 20.0


def installed() -> bool:
    return shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin") is not None


def free_ports(count: int) -> list[int]:
    """Ports that were free just now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Polls, since a process of somebody else's has no event to wait for."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {deadline_s:g} s")
        time.sleep(0.02)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
        return bool(sock.recv(1))
    return False


class Dovecot:
    """One server with its own folder; see the module's text."""

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        capability: str = "",
        settings: str = "",
        plugins: str = "",
        quota: str = "",
        connections: int = 1000,
    ) -> None:
        """``capability`` replaces what the server says it can do (to play a poorer one); ``settings`` is added to the
        config as it stands; ``quota`` is a rule like ``*:storage=10kB``.
        """
        self.users = dict(users or {"ada": "secret", "bob": "hidden", "eve": "quiet"})
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.host = "127.0.0.1"  # a bare system has no /etc/hosts that knows localhost
        self.port, self.tls_port, self.lmtp_port = free_ports(3)
        self.ca_file = self.folder / "ca.pem"
        self._capability = capability
        self._settings = settings
        self._plugins = " ".join(filter(None, (plugins, "quota" if quota else "")))
        self._quota = quota
        self._connections = connections
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._certify()
        self._write_config()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Its life

    def start(self) -> None:
        user = self._user()
        command = ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(self.folder)], check=True)
            command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=self.folder, env={"PATH": path}, start_new_session=True
            )
        until(lambda: self._died() or all(map(answers, (self.port, self.lmtp_port))), "Dovecot's start")
        if self._died():
            raise RuntimeError(f"dovecot ended: {self.log()}")

    def _died(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """Ends it in order: it says BYE to everybody."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and all its processes at once, as a power cut would (but for the kernel, which closes the
        connections).
        """
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        group = self._process.pid  # start_new_session: its own group, and nobody else's
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, how)
        self._process.wait(DEADLINE_S)
        self._process = None
        until(lambda: not _alive(group), "the end of Dovecot's processes")

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        paths = (self.folder / "log", self.folder / "out")
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    # What tests do with it

    def client(self, user: str = "ada", *, folder: str | None = None) -> imapclient.IMAPClient:
        """A connection of its own, logged in; with ``folder`` opened for writing."""
        client = imapclient.IMAPClient(self.host, self.port, ssl=False, timeout=DEADLINE_S)
        try:
            client.login(user, self.users[user])
            if folder is not None:
                client.select_folder(folder)
        except BaseException:
            client.shutdown()
            raise
        return client

    def deliver(self, mail: bytes | str | None = None, *, to: str = "ada", subject: str = "", count: int = 1) -> None:
        """Delivers by LMTP: ``count`` mails in one session, each with its own Message-ID."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=DEADLINE_S) as lmtp:
            for _ in range(count):
                raw = mail if mail is not None else self.sample(subject=subject)
                lmtp.sendmail("camera@cameras.example", [to], raw)

    def sample(self, *, subject: str = "", text: str = "There is motion in the hall.") -> str:
        number = next(self._numbers)
        return (
            "From: Camera <camera@cameras.example>\r\nTo: ada@example.org\r\n"
            f"Subject: {subject or f'mail {number}'}\r\nMessage-ID: <{number}.{self.port}@cameras.example>\r\n"
            f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n{text}\r\n"
        )

    def fill(
        self,
        user: str,
        count: int,
        *,
        first: int = 0,
        folder: str = "INBOX",
        mail: Callable[[int], str] | None = None,
    ) -> None:
        """Puts many mails in place at once, by writing the Maildir that Dovecot then reads: for tests of size.

        ``mail(number)`` is the text of each; they are counted from ``first``.
        """
        below = "" if folder == "INBOX" else "." + folder.replace("/", ".")
        maildir = self.folder / "mail" / user / below
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            text = mail(number) if mail else self.sample()
            (maildir / "new" / f"{1700000000 + number}.M{number:06}.test").write_text(text, newline="")
        if os.geteuid() == 0:
            owner = self._user()
            subprocess.run(["chown", "-R", f"{owner.pw_uid}:{owner.pw_gid}", str(self.folder / "mail")], check=True)

    # Its files

    @staticmethod
    def _user() -> pwd.struct_passwd:
        return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())

    def _certify(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))

    def _write_config(self) -> None:
        user = self._user()
        name, group = user.pw_name, _group_name(user.pw_gid)
        root = self.folder
        (root / "users").write_text("".join(f"{n}:{{PLAIN}}{p}::::::\n" for n, p in self.users.items()))
        (root / "mail").mkdir(exist_ok=True)
        root.chmod(0o755)
        listeners = "\n".join(
            f"service {service} {{\n chroot =\n {extra}\n}}"
            for service, extra in {
                "anvil": "",
                "stats": f"client_limit = {self._connections * 3}",
                "imap-login": self._login_listeners(),
                "imap": f"process_limit = {self._connections}",
                "auth-worker": f"user = {name}",
                "auth": f"client_limit = {self._connections * 3 + 100}",
                "lmtp": (
                    f"inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {self.lmtp_port}\n }}\n"
                    " unix_listener lmtp {\n  mode = 0\n }"
                ),
            }.items()
        )
        (root / "dovecot.conf").write_text(
            f"""
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
default_internal_user = {name}
default_login_user = {name}
default_internal_group = {group}
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.pem
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{root}/mail/%n
mail_plugins = {self._plugins}
mailbox_list_index = yes
mail_max_userip_connections = 0
first_valid_uid = 1
{f"imap_capability = {self._capability}" if self._capability else ""}
passdb {{
 driver = passwd-file
 args = {root}/users
}}
userdb {{
 driver = static
 args = uid={user.pw_uid} gid={user.pw_gid} home={root}/mail/%n
}}
namespace inbox {{
 inbox = yes
 separator = /
}}
plugin {{
 {"quota = count:User quota" if self._quota else ""}
 {"quota_vsizes = yes" if self._quota else ""}
 {f"quota_rule = {self._quota}" if self._quota else ""}
}}
{listeners}
{self._settings}
"""
        )

    def _login_listeners(self) -> str:
        return (
            f"service_count = 0\n client_limit = {self._connections}\n process_min_avail = 1\n"
            f" inet_listener imap {{\n  address = 127.0.0.1\n  port = {self.port}\n }}\n"
            f" inet_listener imaps {{\n  address = 127.0.0.1\n  port = {self.tls_port}\n  ssl = yes\n }}"
        )


def _alive(group: int) -> bool:
    """Whether a process of the group still does something; the dead ones whose parent has not looked do not count."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def _group_name(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name

"""What all the real IMAP servers of the tests have in common.

Each is a process (with its children) on free loopback ports, from a generated configuration in a folder of its own, as
root without privileges, and gone without a trace. ``stop``, ``kill`` and ``start`` keep ports and mail store, so that a
restart looks like one.
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
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

import imapclient
import trustme

DEADLINE_S = 20.0
PATIENCE_S = 3.0  # with a server that was told to end
BESIDE = pathlib.Path("/opt/mailwire-tests")  # where install.sh unpacks what cannot be installed beside another
USERS = {"ada": "secret", "bob": "hidden", "eve": "quiet"}
FRESH = tuple(f"user{number}" for number in range(45))  # for tests that share a server: each takes its own


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


class ImapServer:
    """One server with its own folder; a subclass says how it is started.

    IMAP speaks plain text on ``port``, and implicit TLS on ``tls_port`` where the server has it; ``ca_file`` is the CA
    to trust. Mail comes by LMTP on ``lmtp_port``, or the way the server has instead.
    """

    name: ClassVar[str]
    separator: ClassVar[str] = "/"  # between a folder and the one in it
    prefix: ClassVar[str] = ""  # of every folder but INBOX
    keywords: ClassVar[bool] = True  # whether flags may have any name
    host: ClassVar[str] = "127.0.0.1"  # a bare system has no /etc/hosts that knows localhost

    def __init__(self, users: Mapping[str, str] | None = None) -> None:
        self.users = dict(users or USERS)
        self.user = "ada"  # whom a test means when it names nobody
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name.lower()}-"))
        self.folder.chmod(0o755)
        self.port, self.tls_port, self.lmtp_port = free_ports(3)
        self.ca_file = self.folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._taken = itertools.count()
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

    # What a subclass says

    @classmethod
    def installed(cls) -> bool:
        raise NotImplementedError

    def _write_config(self) -> None:
        raise NotImplementedError

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _listening(self) -> Sequence[int]:
        """The ports that answer when the server is ready."""
        return (self.port,)

    # Its life

    def start(self) -> None:
        """Returns when it answers."""
        own = self._owned()
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [*own, *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={"PATH": path, **self._environment()},
                start_new_session=True,
            )
        until(lambda: self._died() or all(map(answers, self._listening())), f"{self.name}'s start")
        if self._died():
            raise RuntimeError(f"{self.name} ended: {self.log()}")

    def _owned(self) -> Sequence[str]:
        """Gives the folder to whom the server runs as; what goes before its command for that."""
        if os.geteuid() != 0:
            return ()
        user = self._user()
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(self.folder)], check=True)
        return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")

    def _died(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """Ends it in order."""
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
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            # Cyrus' master waits for its children, one of which, seldom, does not hear of it
            os.killpg(group, signal.SIGKILL)
            self._process.wait()
        self._process = None
        until(lambda: not _alive(group), f"the end of {self.name}'s processes")

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        paths = (self.folder / "log", self.folder / "out")
        return "".join(path.read_text(errors="replace") for path in paths if path.is_file())

    # What tests do with it

    @classmethod
    def shared(cls) -> Self:
        """One for many tests: ``fresh`` gives each of them a user of its own."""
        return cls(USERS | dict.fromkeys(FRESH, USERS["ada"]))

    def fresh(self) -> str:
        """A user whom nobody has used yet."""
        return FRESH[next(self._taken)]

    def client(self, user: str = "", *, folder: str | None = None) -> imapclient.IMAPClient:
        """A connection of its own, logged in; with ``folder`` opened for writing."""
        client = imapclient.IMAPClient(self.host, self.port, ssl=False, timeout=DEADLINE_S)
        client.login(user or self.user, self.users[user or self.user])
        if folder is not None:
            client.select_folder(folder)
        return client

    def capabilities(self) -> frozenset[str]:
        """What it says of itself once somebody is logged in."""
        with self.client() as client:
            return frozenset(name.decode().upper() for name in client.capabilities())

    def called(self, *names: str) -> str:
        """What this server calls a folder in a folder: ``called("Box", "Done")``."""
        return self.prefix + self.separator.join(names)

    def deliver(self, mail: bytes | str | None = None, *, to: str = "", subject: str = "", count: int = 1) -> None:
        """Brings ``count`` mails, each with its own Message-ID, as the server's MTA would."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=DEADLINE_S) as lmtp:
            for _ in range(count):
                raw = mail if mail is not None else self.sample(subject=subject)
                lmtp.sendmail("camera@cameras.example", [to or self.user], raw)

    def sample(self, *, subject: str = "", text: str = "There is motion in the hall.") -> str:
        number = next(self._numbers)
        return (
            "From: Camera <camera@cameras.example>\r\nTo: ada@example.org\r\n"
            f"Subject: {subject or f'mail {number}'}\r\nMessage-ID: <{number}.{self.port}@cameras.example>\r\n"
            f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n{text}\r\n"
        )

    # Its files

    @staticmethod
    def _user() -> pwd.struct_passwd:
        return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())

    def _certify(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))


class MaildirServer(ImapServer):
    """One that has no LMTP: mail comes into the Maildir, as an MTA brings it."""

    def _maildir(self, user: str) -> pathlib.Path:
        raise NotImplementedError

    def deliver(self, mail: bytes | str | None = None, *, to: str = "", subject: str = "", count: int = 1) -> None:
        """Writes each mail in ``tmp`` and then moves it, so that nobody sees half of one."""
        maildir, owner = self._maildir(to or self.user), self._process_owner()
        for _ in range(count):
            raw = mail if mail is not None else self.sample(subject=subject)
            octets = (raw.encode() if isinstance(raw, str) else raw).replace(b"\r\n", b"\n")  # as on any disk
            seconds, rest = divmod(time.time_ns(), 10**9)
            name = f"{seconds}.M{rest // 1000:06}P{os.getpid()}Q{next(self._numbers)}.test"
            (maildir / "tmp" / name).write_bytes(octets)
            os.chown(maildir / "tmp" / name, *owner)
            (maildir / "tmp" / name).rename(maildir / "new" / name)

    def _process_owner(self) -> tuple[int, int]:
        return self._user().pw_uid, self._user().pw_gid


def _alive(group: int) -> bool:
    """Whether a process of the group still does something; the dead ones whose parent has not looked do not count."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False

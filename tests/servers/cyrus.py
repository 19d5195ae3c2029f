"""A real Cyrus (Debian's 3.6) from a generated config: CONDSTORE, QRESYNC, MOVE, METADATA, and no NOTIFY.

    with Cyrus() as server:
        server.deliver(subject="hi", to="ada")

It is unpacked beside the system by ``install.sh``. Mailboxes make themselves, at the first login or mail.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.servers import imap_server

_ROOT = imap_server.BESIDE / "cyrus" / "usr"
_BIN = _ROOT / "lib" / "cyrus" / "bin"
_REALM = "localhost"
_FOLDERS = ("conf/socket", "conf/lock", "conf/proc", "conf/db", "conf/log", "conf/user", "conf/quota", "mail", "tmp")


class Cyrus(imap_server.ImapServer):
    """One server with its own folder; see the module's text."""

    name = "Cyrus"

    @classmethod
    def installed(cls) -> bool:
        return (_BIN / "imapd").exists()

    def _command(self) -> Sequence[str]:
        root = self.folder
        files = ("-C", f"{root}/imapd.conf", "-M", f"{root}/cyrus.conf", "-p", f"{root}/pid", "-L", f"{root}/log")
        return (str(_ROOT / "sbin" / "cyrmaster"), *files)

    def _environment(self) -> Mapping[str, str]:
        return {"LD_LIBRARY_PATH": ":".join(map(str, (_ROOT / "lib").glob("*-linux-gnu")))}

    def _listening(self) -> Sequence[int]:
        return (self.port, self.lmtp_port)

    def _write_config(self) -> None:
        root = self.folder
        for name in _FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        for user, password in self.users.items():
            subprocess.run(
                [str(_ROOT / "sbin" / "saslpasswd2"), "-p", "-c", "-f", str(root / "sasldb"), "-u", _REALM, user],
                input=password.encode(),
                env={**os.environ, **self._environment()},
                check=True,
            )
        (root / "imapd.conf").write_text(self._imapd())
        (root / "cyrus.conf").write_text(self._services())

    def _services(self) -> str:
        def service(name: str, program: str, port: int) -> str:
            return (
                f' {name} cmd="{_BIN}/{program} -C {self.folder}/imapd.conf" listen="127.0.0.1:{port}" prefork=1'
                " maxfds=1024 maxforkrate=1000\n"
            )

        return (
            f'START {{\n recover cmd="{_BIN}/ctl_cyrusdb -C {self.folder}/imapd.conf -r"\n}}\n'
            "SERVICES {\n"
            + service("imap", "imapd -U 30", self.port)
            + service("imaps", "imapd -s -U 30", self.tls_port)
            + service("lmtp", "lmtpd -a", self.lmtp_port)
            + f'}}\nEVENTS {{\n}}\nDAEMON {{\n idled cmd="{_BIN}/idled -C {self.folder}/imapd.conf"\n}}\n'
        )

    def _imapd(self) -> str:
        root = self.folder
        return f"""configdirectory: {root}/conf
partition-default: {root}/mail
defaultpartition: default
temp_path: {root}/tmp
mboxname_lockpath: {root}/conf/lock
proc_path: {root}/conf/proc
idlesocket: {root}/conf/socket/idle
lmtpsocket: {root}/conf/socket/lmtp
notifysocket: {root}/conf/socket/notify
cyrus_user: {self._user().pw_name}
servername: {_REALM}
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {root}/sasldb
sasl_mech_list: PLAIN
tls_server_cert: {root}/server.pem
tls_server_key: {root}/server.pem
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
duplicatesuppression: no
"""

"""A real Dovecot from a generated config: free loopback ports, no privileges, gone without a trace.

    with Dovecot(users={"ada": "secret"}) as server:
        server.deliver(b"From: ...", to="ada")
        with server.client("ada") as imap: ...

For fixtures and plain scripts alike. ``stop``, ``kill`` and ``start`` keep ports and mail store, so that a restart
looks like one. IMAP speaks plain text and STARTTLS on ``port``, implicit TLS on ``tls_port``; ``ca_file`` is the CA to
trust.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

from tests.servers import imap_server


class Dovecot(imap_server.ImapServer):
    """One server with its own folder; see the module's text."""

    name = "Dovecot"

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        capability: str = "",
        settings: str = "",
        plugins: str = "",
        quota: str = "",
        connections: int = 1000,
        introspection_url: str = "",
        mechanisms: str = "",
    ) -> None:
        """``capability`` replaces what the server says it can do (to play a poorer one); ``settings`` is added to the
        config as it stands; ``quota`` is a rule like ``*:storage=10kB``. ``introspection_url`` is an issuer's, whose
        access tokens are accepted, by ``mechanisms``.
        """
        self._capability = capability
        self._settings = settings
        self._plugins = " ".join(filter(None, (plugins, "quota" if quota else "")))
        self._quota = quota
        self._connections = connections
        self._introspection_url = introspection_url
        self._mechanisms = mechanisms or ("plain oauthbearer xoauth2" if introspection_url else "plain")
        super().__init__(users)

    @classmethod
    def installed(cls) -> bool:
        return shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin") is not None

    def _command(self) -> Sequence[str]:
        return ("dovecot", "-F", "-c", str(self.folder / "dovecot.conf"))

    def _listening(self) -> Sequence[int]:
        return (self.port, self.lmtp_port)

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
auth_mechanisms = {self._mechanisms}
mail_location = maildir:{root}/mail/%n
mail_plugins = {self._plugins}
mailbox_list_index = yes
mail_max_userip_connections = 0
first_valid_uid = 1
{f"imap_capability = {self._capability}" if self._capability else ""}
{self._token_passdb()}
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

    def _token_passdb(self) -> str:
        """Access tokens are looked up at their issuer."""
        if not self._introspection_url:
            return ""
        (self.folder / "oauth2").write_text(
            f"introspection_mode = post\nintrospection_url = {self._introspection_url}\n"
            "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
        )
        return f"passdb {{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {self.folder}/oauth2\n}}"

    def _login_listeners(self) -> str:
        return (
            f"service_count = 0\n client_limit = {self._connections}\n process_min_avail = 1\n"
            f" inet_listener imap {{\n  address = 127.0.0.1\n  port = {self.port}\n }}\n"
            f" inet_listener imaps {{\n  address = 127.0.0.1\n  port = {self.tls_port}\n  ssl = yes\n }}"
        )


def _group_name(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name

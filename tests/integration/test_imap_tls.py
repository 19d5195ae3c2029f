"""TLS, verified."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Iterator

import pytest
import trustme

from tests import watching
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import ScriptedImap


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_mail_comes_over_tls_that_our_own_ca_vouches_for(dovecot: Dovecot, tls: str) -> None:
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    mailbox = watching.settings(dovecot, tls=tls, port=port, ca_file=dovecot.ca_file)
    async with watching.Watching(mailbox) as watched:
        await watched.are("live")
        await asyncio.to_thread(dovecot.deliver, count=20)
        await watched.have(20)
    assert ", TLS" in dovecot.log()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("ca", ["the system's", "another"])
async def test_a_certificate_of_an_unknown_ca_is_refused_before_the_password_is_sent(
    dovecot: Dovecot, tls: str, ca: str, tmp_path: pathlib.Path
) -> None:
    ca_file = tmp_path / "ca.pem" if ca == "another" else None
    if ca_file:
        trustme.CA().cert_pem.write_to_path(str(ca_file))
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    mailbox = watching.settings(dovecot, user="eve", password="quiet", tls=tls, port=port, ca_file=ca_file)
    async with watching.Watching(mailbox) as watched:
        reason = (await watched.are("retrying")).reason
    assert "certificate cannot be trusted" in reason
    assert "ca_file" in reason
    assert "user=<eve>" not in dovecot.log()


async def test_a_certificate_for_another_name_is_refused() -> None:
    with ScriptedImap(lambda _: None, tls=True, certified_for="mail.example.org") as server:
        mailbox = watching.settings(server, tls="implicit", ca_file=server.ca_file)
        async with watching.Watching(mailbox) as watched:
            reason = (await watched.are("retrying")).reason
    assert "mismatch" in reason
    assert server.heard == [], "nothing was said to it"


async def test_a_port_that_does_not_begin_with_tls_is_told_of(dovecot: Dovecot) -> None:
    mailbox = watching.settings(dovecot, tls="implicit", port=dovecot.port, ca_file=dovecot.ca_file)
    async with watching.Watching(mailbox) as watched:
        assert "does this port speak TLS" in (await watched.are("retrying")).reason


async def test_a_ca_file_that_is_missing_is_told_of(dovecot: Dovecot) -> None:
    mailbox = watching.settings(dovecot, tls="implicit", port=dovecot.tls_port, ca_file="/nonexistent/ca.pem")
    async with watching.Watching(mailbox) as watched:
        assert "/nonexistent/ca.pem cannot be read" in (await watched.are("retrying")).reason


async def test_old_versions_of_tls_are_refused() -> None:
    with Dovecot(settings="ssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0") as server:
        from bridge.sources.imap import tls

        context = tls.context(watching.settings(server, ca_file=server.ca_file))
        assert context.minimum_version.name == "TLSv1_2"
        assert context.check_hostname

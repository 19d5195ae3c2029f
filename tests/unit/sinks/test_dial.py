from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

import pytest

from bridge import dial, errors
from bridge.sinks import _dial


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name cannot be resolved"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens there"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "it closed the connection"),
        (TimeoutError(), "it does not answer"),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "no route to host"),
        (OSError(), "the connection failed"),
        (UnicodeError(), "this is no host name"),
        (tls_error("WRONG_VERSION_NUMBER"), "it does not speak TLS there; is that the port for TLS?"),
        (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), "the TLS connection failed (tlsv1 alert protocol version)"),
        (ssl.SSLError(), "the TLS connection failed (closed)"),
    ],
)
def test_a_failure_is_said_in_words(error: BaseException, said: str) -> None:
    assert dial.why_not(error) == said


@pytest.mark.parametrize(
    ("error", "is_about_certificates"),
    [
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True),
        (tls_error("TLSV1_ALERT_UNKNOWN_CA"), True),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), True),
        (tls_error("CERTIFICATE_VERIFY_FAILED"), False),  # ours of theirs
        (tls_error("UNEXPECTED_EOF_WHILE_READING"), False),
        (ConnectionResetError(), False),
        (None, False),
    ],
)
def test_an_alert_about_our_certificate_is_told_from_other_failures(
    error: BaseException | None, is_about_certificates: bool
) -> None:
    assert _dial.wants_certificate(error) is is_about_certificates


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_file_that_holds_no_certificate_is_a_fault_of_the_configuration(
    tmp_path: Path, field: str, content: bytes | None
) -> None:
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_bytes(content)
    files = {"ca_file": None, "cert_file": None, field: path}
    with pytest.raises(errors.ConfigError) as failed:
        _dial.tls_context(sink="broker", **files)
    assert failed.value.faults[0].path == f"sinks.broker.{field}"


def test_certificates_and_names_are_verified() -> None:
    context = _dial.tls_context(sink="broker", ca_file=None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_a_name_of_many_addresses_is_tried_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", closed.getsockname()),
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", server.getsockname()),
        ]
        (await dial.connected(found, timeout_s=5.0)).close()


@pytest.mark.parametrize("host", ["nosuch.invalid", "x" * 300, "a..b"])
async def test_a_name_that_leads_nowhere_is_unavailable(host: str) -> None:
    with pytest.raises(errors.Unavailable):
        await _dial.dial(host, 1, None, timeout_s=5.0)

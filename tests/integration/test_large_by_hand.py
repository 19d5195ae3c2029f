"""``mailwire explain``, ``fire`` and ``check --tests`` with a file that is too large for memory."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from pathlib import Path

from click.testing import CliRunner, Result

from bridge.cli import group
from bridge.mail import limits
from tests.servers.hashing import Hashing

OCTETS = random.Random(3).randbytes(limits.ATTACHMENT_BYTES)
CONFIG = """
mailboxes:
  home: {{ host: h.example, user: u, password: p }}
sinks:
  hook: {{ type: http, url: "{url}" }}
  out: {{ type: log }}
limits: {{ attachment: {most} }}
rules:
  - name: reports
    extract: {{ file: {{ attachment: "*.zip", type: bytes }} }}
    then:
      - {{ sink: hook, path: up, payload: "{{{{ file }}}}", headers: {{ X-Length: "{{{{ file | length }}}}" }} }}
      - {{ sink: out, payload: "{{{{ file }}}}" }}
    tests:
      - mail: a.eml
        expect: [{{ bytes: {size}, path: up }}, {{ sink: out }}]
"""


def run(folder: Path, *command: str, url: str = "http://127.0.0.1:9", most: str = "256MB") -> Result:
    (folder / "m.yaml").write_text(CONFIG.format(url=url, most=most, size=len(OCTETS)))
    head = "From: a@b.example\r\nSubject: report\r\nContent-Type: application/zip; name=a.zip\r\n"
    body = base64.encodebytes(OCTETS).replace(b"\n", b"\r\n")
    (folder / "a.eml").write_bytes(f"{head}Content-Transfer-Encoding: base64\r\n\r\n".encode() + body)
    name, *rest = command
    return CliRunner().invoke(group, [name, "-c", str(folder / "m.yaml"), *rest])


def test_explain_shows_what_would_be_sent_to_the_octet_and_the_beginning_of_it(tmp_path: Path) -> None:
    result = run(tmp_path, "explain", "--json", str(tmp_path / "a.eml"))
    (rule,) = json.loads(result.stdout)["rules"]
    hook, out = rule["deliveries"]
    assert (rule["matched"], hook["as"], hook["bytes"]) == (True, "bytes", len(OCTETS))
    assert OCTETS.startswith(bytes.fromhex(hook["payload_hex"]))
    assert (len(hook["payload_hex"]), hook["payload"]) == (2_048, "a.zip (12 MB)")
    assert hook["options"]["headers"] == {"X-Length": len(OCTETS)}
    assert out["options"]["dead"].endswith(
        "too large for anything but to be sent as it is (as: bytes); log takes no stream, http does"
    )
    shown = run(tmp_path, "explain", str(tmp_path / "a.eml")).stdout
    assert f"bytes, {len(OCTETS)} B: {OCTETS[:16].hex(' ')}" in shown
    assert "values: file = a.zip (12 MB)" in shown


def test_explain_says_what_the_limit_is(tmp_path: Path) -> None:
    result = run(tmp_path, "explain", "--json", str(tmp_path / "a.eml"), most="10MB")
    (rule,) = json.loads(result.stdout)["rules"]
    assert rule["conditions"][0]["saw"] == "a.zip has 12 MB; limits.attachment is 10 MB"


def test_fire_sends_it(tmp_path: Path) -> None:
    with Hashing() as hook:
        result = run(tmp_path, "fire", "reports", str(tmp_path / "a.eml"), url=hook.url)
        (posted,) = hook.posted
    assert (posted.octets, posted.sha256) == (len(OCTETS), hashlib.sha256(OCTETS).hexdigest())
    assert posted.headers["x-length"] == str(len(OCTETS))
    assert f"→ hook up: {len(OCTETS)} B, acknowledged 204" in result.output
    assert result.exit_code == 1, "the log takes none"


def test_a_rules_own_tests_know_its_size(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "--tests")
    assert result.exit_code == 0, result.output

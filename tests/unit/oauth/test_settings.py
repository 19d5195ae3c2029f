"""What may stand under ``oauth:``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bridge import config, errors
from bridge.config import settings as settings_
from bridge.sources.settings import Mailbox

GOOD = "provider: microsoft, client_id: x"


def told(tmp_path: Path, mailbox: str) -> str:
    path = tmp_path / "m.yaml"
    path.write_text(f"mailboxes: {{a: {{host: h, user: u, {mailbox}}}}}\n")
    with pytest.raises(errors.ConfigError) as caught:
        config.load(path, environ={})
    assert len(caught.value.faults) == 1
    return str(caught.value.faults[0]).removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("mailbox", "line"),
    [
        ("", "1:13: mailboxes.a.password: missing"),
        (f"password: x, oauth: {{{GOOD}}}", "mailboxes.a.oauth: either a password or oauth, not both"),
        ("oauth: {provider: google}", "mailboxes.a.oauth.client_id: missing"),
        ("oauth: microsoft", "mailboxes.a.oauth: expected a map, got a text"),
        ("oauth: {provider: gogle, client_id: x}", "no provider is called 'gogle'; did you mean \"google\"?"),
        ("oauth: {provider: outlook, client_id: x}", "no provider is called 'outlook'; did you mean \"microsoft\"?"),
        ("oauth: {provider: mine, client_id: x}", "no provider is called 'mine'; write google, microsoft or https:"),
        ("oauth: {provider: 'http://id.lan', client_id: x}", "http://id.lan is not encrypted: it has to"),
        (f"oauth: {{{GOOD}, client_secrt: y}}", 'client_secrt: unknown key; did you mean "client_secret"?'),
        (f"oauth: {{{GOOD}, client_secret: ä}}", "client_secret: has characters that no issuer gives out"),
        ("oauth: {provider: google, client_id: x, flow: device}", "flow: Google gives no mail access by device code"),
        (f"oauth: {{{GOOD}, flow: phone}}", "flow: "),
        (f"oauth: {{{GOOD}, scopes: []}}", "scopes: must not be empty"),
        (f"oauth: {{{GOOD}, scopes: ['a b']}}", "'a b' is no scope"),
        (f"oauth: {{{GOOD}, redirect_uri: 'http://bridge.lan/'}}", "redirect_uri: "),
        (f"oauth: {{{GOOD}, redirect_uri: 'https://127.0.0.1/'}}", "redirect_uri: is an address on this machine"),
        (f"oauth: {{{GOOD}, client_secret_file: nix}}", "client_secret_file: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, mailbox: str, line: str) -> None:
    assert line in told(tmp_path, mailbox)


def test_a_secret_comes_from_a_file_and_shows_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    path = tmp_path / "m.yaml"
    path.write_text(f"mailboxes: {{a: {{host: h, user: u, oauth: {{{GOOD}, client_secret_file: secret}}}}}}\n")
    found = config.load(path, environ={})
    oauth = found.mailboxes["a"].oauth
    assert oauth is not None
    assert oauth.client_secret is not None
    assert oauth.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("scopes", ["a b", ["a", "b"]])
def test_scopes_are_a_list_or_as_the_protocol_has_them(scopes: object) -> None:
    made = Mailbox.model_validate(
        {"host": "h", "user": "u", "oauth": {"provider": "google", "client_id": "x", "scopes": scopes}}
    )
    assert made.oauth is not None
    assert made.oauth.scopes == ("a", "b")


@pytest.mark.parametrize(
    ("mailbox", "valid"),
    [
        ({"password": "x"}, True),
        ({"password_file": "x"}, True),
        ({"oauth": {"provider": "google", "client_id": "x"}}, True),
        ({"oauth": {"provider": "google", "client_id": "x", "client_secret_file": "y"}}, True),
        ({}, False),
        ({"password": "x", "password_file": "x"}, False),
        ({"password": "x", "oauth": {"provider": "google", "client_id": "x"}}, False),
        ({"oauth": {"provider": "google"}}, False),
    ],
)
def test_editors_know_that_it_is_one_of_them(mailbox: dict[str, Any], valid: bool) -> None:
    schema = jsonschema.Draft202012Validator(Mailbox.model_json_schema())
    assert schema.is_valid({"host": "h", "user": "u", **mailbox}) is valid


def test_tokens_are_kept_beside_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/mailwire")
    assert config.state_folder("sqlite:////data/mail.db") == Path("/data")
    assert config.state_folder("postgresql://db/mail") == Path("/var/lib/mailwire")
    assert config.state_folder(settings_.default_state()) == Path("/var/lib/mailwire")


def test_without_authlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert 'mailboxes.a.oauth: oauth needs Authlib; install "mailwire[oauth]"' in told(tmp_path, f"oauth: {{{GOOD}}}")

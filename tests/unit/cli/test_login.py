"""``mailwire login``: what is wrong before anything is asked. (The sign-ins themselves: tests/integration.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import login
from bridge.oauth.settings import OAuth

CONFIG = """
mailboxes:
  home: {host: h, user: u, oauth: {provider: google, client_id: x}}
  work: {host: h, user: u, password: p}
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["hom"], 'no mailbox is called "hom"; did you mean "home"?'),
        (["garden"], 'no mailbox is called "garden"; there are: home, work'),
        (["work"], '"work" has a password; to sign in with OAuth, write `oauth:` instead'),
        (["home", "--device"], "Google gives no mail access by device code; sign in by browser"),
        ([], "Missing argument 'MAILBOX'"),
    ],
)
def test_what_cannot_be_is_how_the_command_is_used(tmp_path: Path, arguments: list[str], told: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(CONFIG)
    done = CliRunner().invoke(login.command, ["-c", str(path), *arguments], terminal_width=200)
    assert done.exit_code == 2
    assert told in done.output


@pytest.mark.parametrize(
    ("provider", "flow", "device", "no_browser", "has_browser", "wanted"),
    [
        ("google", None, False, False, False, "browser"),
        ("microsoft", None, False, False, True, "browser"),
        ("microsoft", None, False, False, False, "device"),
        ("microsoft", None, False, True, False, "browser"),
        ("microsoft", "browser", False, False, False, "browser"),
        ("microsoft", "browser", True, False, True, "device"),
        ("https://id.example.org", None, False, False, False, "browser"),
        ("https://id.example.org", "device", False, False, True, "device"),
    ],
)
def test_which_way_it_goes(
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    flow: str | None,
    device: bool,
    no_browser: bool,
    has_browser: bool,
    wanted: str,
) -> None:
    monkeypatch.setattr(login, "_has_browser", lambda: has_browser)
    oauth = OAuth.model_validate({"provider": provider, "client_id": "x", "flow": flow})
    assert login._flow(oauth, device=device, no_browser=no_browser) == wanted

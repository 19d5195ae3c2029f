"""One login, to see whether the server lets this mailbox in."""

from __future__ import annotations

from bridge import oauth
from bridge.sources import settings as settings_
from bridge.sources.imap import account, hub


async def log_in(name: str, settings: settings_.Mailbox, tokens: oauth.Tokens | None = None) -> None:
    """Connects, logs in, and closes.

    Raises:
        errors.SourceError: it does not work, and why.
    """
    (await account.Account(name, settings, hub=hub.Hub(), tokens=tokens).connect()).close()

"""One login, to see whether the server lets this mailbox in."""

from __future__ import annotations

import concurrent.futures

from bridge import oauth
from bridge.sources import settings as settings_
from bridge.sources.imap import account, hub


async def log_in(name: str, settings: settings_.Mailbox, tokens: oauth.Tokens | None = None) -> None:
    """Connects, logs in, and closes.

    Raises:
        errors.SourceError: it does not work, and why.
    """
    with concurrent.futures.ThreadPoolExecutor(1, "imap") as pool:
        trying = account.Account(name, settings, pool=pool, hub=hub.Hub(), tokens=tokens)
        (await trying.connect()).close()

"""Mailwire turns mail into small messages for small things.

It watches IMAP mailboxes with IDLE, runs an admin's rules over each new mail, and delivers the result as a compact
MQTT publish, CoAP request or HTTP call, so that no device ever parses a mail.

    source ──Batch──▶ rules ──Delivery──▶ outbox ──Delivery──▶ sink
      ▲                                     │  ▲                 │
      │ IDLE, cursor                        │  └────Receipt──────┘
      └──────────mail change (seen, move) ◀─┘   only after every delivery of that mail is acknowledged

Data moves left to right; the only thing that travels back is an acknowledgement. Reading ``app.py`` top to bottom is
reading the product.
"""

__version__ = "0.1.0"

"""The floor: a bare loop, one mailbox, one topic; no rules, no store, no second look. ``python -m tests.bench.bare
IMAP_PORT MQTT_PORT``.

It fetches the items that the bridge fetches, 500 mails at a time, and publishes one small JSON a mail with QoS 1 and
a window of 100.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import sys
import threading

import paho.mqtt.client as mqtt
from imapclient import IMAPClient

ITEMS = [
    "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODYSTRUCTURE", "BODY.PEEK[HEADER]<0.65536>", "BODY.PEEK[TEXT]<0.8192>",
]  # fmt: skip
WINDOW = 100


def main(imap_port: int, mqtt_port: int) -> None:
    window = threading.Semaphore(WINDOW)
    connected = threading.Event()
    publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    publisher.on_connect = lambda *_: connected.set()
    publisher.on_publish = lambda *_: window.release()
    publisher.max_inflight_messages_set(WINDOW)
    publisher.connect("127.0.0.1", mqtt_port)
    publisher.loop_start()
    connected.wait(10)
    client = IMAPClient("127.0.0.1", imap_port, ssl=False)
    client.login("bench", "secret")
    client.select_folder("INBOX", readonly=True)
    uids = client.search("ALL")
    parser = email.parser.BytesParser(policy=email.policy.compat32)
    for start in range(0, len(uids), 500):
        for uid, items in client.fetch(uids[start : start + 500], ITEMS).items():
            head = parser.parsebytes(items[b"BODY[HEADER]<0>"], headersonly=True)
            window.acquire()
            publisher.publish("bench/bare", json.dumps({"uid": uid, "subject": head["Subject"]}), qos=1)
    for _ in range(WINDOW):
        window.acquire()
    publisher.disconnect()
    publisher.loop_stop()
    client.logout()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

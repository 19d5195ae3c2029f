"""A small display that subscribes at an MQTT broker: short JSON in, one line out.

    pip install paho-mqtt
    python display.py --host broker.lan

It moves to MicroPython easily: replace paho by umqtt.simple, and ``print`` by the display's own text call.
"""

import argparse
import contextlib
import json

import paho.mqtt.client as mqtt

TOPIC = "kitchen/display"


def show(message):
    """One message is {code, from}, {parcel} or {clear: code}."""
    if "code" in message:
        print(f"{message['from']}: {message['code']}", flush=True)
    elif "parcel" in message:
        print(f"Parcel today: {message['parcel']}", flush=True)
    elif message.get("clear") == "code":
        print("(code cleared)", flush=True)


def on_connect(client, _data, _flags, _reason, _properties):
    client.subscribe(TOPIC, qos=1)


def on_subscribe(_client, _data, _mid, _reasons, _properties):
    print(f"ready on {TOPIC}", flush=True)


def on_message(_client, _data, message):
    try:
        show(json.loads(message.payload))
    except (ValueError, TypeError, KeyError) as error:
        print(f"not understood: {error}", flush=True)


def main():
    options = argparse.ArgumentParser(description="An MQTT text display.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=1883)
    given = options.parse_args()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="kitchen-display")
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(given.host, given.port)
    client.loop_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

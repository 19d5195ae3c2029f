"""A lamp that speaks CoAP: PUT a CBOR map to /light, {on: true, camera: ..., level: ...} or {on: false}.

    pip install aiocoap cbor2
    python device.py --host 192.168.1.20

On a real device, ``switch`` sets a pin; here it prints a line.
"""

import argparse
import asyncio
import contextlib

import aiocoap
import aiocoap.resource
import cbor2


class Light(aiocoap.resource.Resource):
    """One resource. Doing the same PUT twice does no harm, so a repeated delivery needs no care."""

    def __init__(self):
        super().__init__()
        self.state = {"on": False}

    async def render_put(self, request):
        try:
            wanted = cbor2.loads(request.payload)
            on = bool(wanted["on"])
        except (ValueError, TypeError, KeyError, cbor2.CBORError):
            return aiocoap.Message(code=aiocoap.BAD_REQUEST)
        self.state = wanted
        switch(on, wanted)
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_get(self, request):
        return aiocoap.Message(payload=cbor2.dumps(self.state), content_format=60)


def switch(on, wanted):
    print(f"on: {wanted.get('camera')}, level {wanted.get('level')}" if on else "off", flush=True)


async def main():
    options = argparse.ArgumentParser(description="A CoAP lamp.")
    options.add_argument("--host", default="127.0.0.1", help="the address of this device (default: loopback only)")
    options.add_argument("--port", type=int, default=5683)
    given = options.parse_args()
    site = aiocoap.resource.Site()
    site.add_resource(["light"], Light())
    await aiocoap.Context.create_server_context(site, bind=(given.host, given.port), transports=["simplesocketserver"])
    print(f"ready at coap://{given.host}:{given.port}/light", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())

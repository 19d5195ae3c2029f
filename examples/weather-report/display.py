"""A weather display that speaks CoAP: POST a SenML pack in CBOR (RFC 8428) to /weather.

    pip install aiocoap cbor2
    python display.py --host 192.168.1.30

On a real device, ``show`` draws; here it prints a line.
"""

import argparse
import asyncio
import contextlib

import aiocoap
import aiocoap.resource
import cbor2

BASE_NAME, NAME, UNIT, VALUE = -2, 0, 1, 2  # SenML's labels in CBOR (RFC 8428, section 6)


class Weather(aiocoap.resource.Resource):
    """Showing the same pack twice does no harm, so a repeated delivery needs no care."""

    async def render_post(self, request):
        try:
            pack = cbor2.loads(request.payload)
            place = pack[0].get(BASE_NAME, "").rstrip("-")
            values = [f"{record[VALUE]:g} {record.get(UNIT, '')}".rstrip() for record in pack if VALUE in record]
        except (ValueError, TypeError, LookupError, AttributeError, cbor2.CBORError):
            return aiocoap.Message(code=aiocoap.BAD_REQUEST)
        show(f"{place}: {', '.join(values)}")
        return aiocoap.Message(code=aiocoap.CHANGED)


def show(line):
    print(line, flush=True)


async def main():
    options = argparse.ArgumentParser(description="A CoAP weather display.")
    options.add_argument("--host", default="127.0.0.1", help="the address of this device (default: loopback only)")
    options.add_argument("--port", type=int, default=5683)
    given = options.parse_args()
    site = aiocoap.resource.Site()
    site.add_resource(["weather"], Weather())
    await aiocoap.Context.create_server_context(site, bind=(given.host, given.port), transports=["simplesocketserver"])
    print(f"ready at coap://{given.host}:{given.port}/weather", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())

"""``make bench``: the bridge on real servers, beside a bare loop that does the same I/O in the same run.

Absolute times drift from machine to machine and from minute to minute; the ratios are what to look at.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import big, burst, bytes_read, hostile, idle, idle_many, latency, old, outages, payload, rules

PARTS = {
    "latency": latency.run,
    "burst": burst.run,
    "bytes": bytes_read.run,
    "big": big.run,
    "old": old.run,
    "outages": outages.run,
    "idle": idle.run,
    "idle-many": idle_many.run,
    "payload": payload.run,
    "rules": rules.run,
    "hostile": hostile.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which measurements; all of them unless told")
    wanted = parser.parse_args().parts or list(PARTS)
    for name in wanted:
        print(f"\n{name}: {(sys.modules[PARTS[name].__module__].__doc__ or '').strip()}")
        for what, figure in PARTS[name]():
            print(f"  {what:<66} {figure}")


if __name__ == "__main__":
    main()

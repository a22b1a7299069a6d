"""pytezos looks at what jwtis signed: `node taquito.mjs … | python verify.py` prints what held as JSON.

pytezos knows tz4 signatures of version 1 alone; Taquito has looked at those of version 2.
"""

import json
import sys

import pytezos
from pytezos.crypto.key import Key


def verifies(signed):
    key = Key.from_encoded_key(signed["public_key"])
    try:
        return bool(key.verify(signed["signature"], bytes.fromhex(signed["message"])))
    except ValueError:
        return False


def main():
    checks = []
    for signed in json.load(sys.stdin)["signatures"]:
        if signed["curve"] == "tz4" and signed["version"] != "1":
            continue
        other = dict(signed, message=signed["message"][:-2] + "ff")
        name = f"{signed['curve']}: a signature of version {signed['version']} verifies, and not for another message"
        checks.append({"name": name, "ok": verifies(signed) and not verifies(other)})
    print(json.dumps({"client": f"pytezos {pytezos.__version__}", "checks": checks}, indent=1))


main()

"""joserfc, PyJWT and jwcrypto against a running jwtis: a task on standard input, what held on standard output (see README.md)."""

import json
import sys
import time
import urllib.request
from importlib.metadata import version

import joserfc.errors
import jwt as pyjwt
from joserfc import jwe as joserfc_jwe
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet, import_key
from jwcrypto import jwe, jwk, jws, jwt

SIGNATURES = ["ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ENCRYPTION = [
    "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW",
    "A128GCM", "A192GCM", "A256GCM",
]


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


class Joserfc:
    """Each method raises what the library raises. `BAD` is a wrong signature, `LATE` an expired token, `SEALED` a failed decryption."""

    NAME, DISTRIBUTION = "PyPI joserfc", "joserfc"
    BAD = joserfc.errors.BadSignatureError
    LATE = joserfc.errors.ExpiredTokenError
    SEALED = joserfc.errors.DecodeError

    def verify(self, url, alg, issuer, token):
        keys = KeySet.import_key_set(json.loads(fetch(url)))
        token = joserfc_jwt.decode(token, keys, algorithms=[alg])
        joserfc_jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}).validate(token.claims)
        return token.claims

    def sign(self, key, header, payload):
        header = {"alg": key["alg"], "kid": key["kid"], **header}
        return joserfc_jws.serialize_compact(header, payload, import_key(key), algorithms=SIGNATURES)

    def encrypt(self, key, header, message):
        header = {"alg": key["alg"], "kid": key["kid"], **header}
        return joserfc_jwe.encrypt_compact(header, message, import_key(key), algorithms=ENCRYPTION)

    def decrypt(self, key, token):
        return joserfc_jwe.decrypt_compact(token, import_key(key), algorithms=ENCRYPTION).plaintext

    def thumbprint(self, key):
        return import_key(key).thumbprint()


class Jwcrypto:
    NAME, DISTRIBUTION = "PyPI jwcrypto", "jwcrypto"
    BAD = jws.InvalidJWSSignature
    LATE = jwt.JWTExpired
    SEALED = jwe.InvalidJWEData

    def verify(self, url, alg, issuer, token):
        parsed = jwt.JWT(algs=[alg], check_claims={"iss": issuer, "exp": None}, expected_type="JWS")
        parsed.leeway = 0
        parsed.deserialize(token)
        kid = parsed.token.jose_header["kid"]
        parsed.validate(jwk.JWKSet.from_json(fetch(url)).get_key(kid))
        return json.loads(parsed.claims)

    def sign(self, key, header, payload):
        token = jws.JWS(payload)
        token.allowed_algs = SIGNATURES
        token.add_signature(jwk.JWK(**key), None, json.dumps({"alg": key["alg"], "kid": key["kid"], **header}))
        return token.serialize(compact=True)

    def encrypt(self, key, header, message):
        header = {"alg": key["alg"], "kid": key["kid"], **header}
        token = jwe.JWE(message.encode(), json.dumps(header), algs=ENCRYPTION, recipient=jwk.JWK(**key))
        return token.serialize(compact=True)

    def decrypt(self, key, token):
        opened = jwe.JWE(algs=ENCRYPTION)
        opened.deserialize(token, jwk.JWK(**key))
        return opened.payload

    def thumbprint(self, key):
        return jwk.JWK(**key).thumbprint()


class Pyjwt:
    """No JWE and no thumbprints, by its documentation."""

    NAME, DISTRIBUTION = "PyPI PyJWT", "pyjwt"
    BAD = pyjwt.InvalidSignatureError
    LATE = pyjwt.ExpiredSignatureError

    def verify(self, url, alg, issuer, token):
        key = pyjwt.PyJWKClient(url).get_signing_key_from_jwt(token)
        return pyjwt.decode(token, key, algorithms=[alg], issuer=issuer)

    def sign(self, key, header, payload):
        return pyjwt.PyJWS().encode(payload.encode(), pyjwt.PyJWK(key), key["alg"], {"kid": key["kid"], **header})


def refused(what, reason, call, *arguments):
    try:
        call(*arguments)
    except reason:
        return
    except Exception as error:
        raise AssertionError(f"{what} is refused for the wrong reason: {error!r}") from error
    raise AssertionError(f"{what} is accepted")


def verifies(library, task, case):
    url = f"{task['url']}/keys/{case['client']}/jwks.json"

    def verify(token):
        return library.verify(url, case["algorithm"], case["issuer"], token)

    assert verify(case["token"])["sub"] == task["subject"]
    refused("a changed payload", library.BAD, verify, case["changed"])
    refused("another key", library.BAD, verify, case["other"])
    while time.time() < case["expires"] + 1:
        time.sleep(0.1)
    refused("an expired token", library.LATE, verify, case["expired"])


def decrypts(library, task, recipient, tokens):
    opened = library.decrypt(recipient["private"], tokens["token"])
    assert opened == task["message"].encode(), opened
    refused("a changed token", library.SEALED, library.decrypt, recipient["private"], tokens["changed"])


def nests(library, task, recipient, enc):
    inner = library.sign(task["keys"][recipient["signer"]], {}, task["message"])
    token = library.encrypt(recipient["public"], {"enc": enc, "typ": "JWT", "cty": "JWT"}, inner)
    return {"recipient": recipient["public"]["kid"], "enc": enc, "token": token}


def renews(library, task, client):
    key = json.loads(fetch(f"{task['url']}/keys/{client['client']}"))["pub_enc_key"]
    hostile = client["hostile"]
    forger = next(key for key in task["keys"] if key["alg"] == hostile["alg"])
    forged = library.sign({**forger, "kid": client["kid"]}, {"typ": task["refresh_type"]}, hostile["payload"])
    header = {"enc": client["enc"], "typ": "JWT", "cty": "JWT"}
    tokens = {name: library.encrypt(key, header, token) for name, token in [("ours", client["token"]), ("theirs", forged)]}
    return {"client": client["client"], **tokens}


def thumbprint_is(library, case):
    assert library.thumbprint(case["jwk"]) == case["thumbprint"], library.thumbprint(case["jwk"])


def report(library, task):
    checks, made = [], []

    def check(operation, algorithm, needs, call, *arguments):
        entry = {"operation": operation, "algorithm": algorithm}
        if not hasattr(library, needs):
            checks.append({**entry, "verdict": "not supported"})
            return
        try:
            result = call(library, *arguments)
        except Exception as error:
            checks.append({**entry, "verdict": "no", "why": repr(error)})
            return
        checks.append({**entry, "verdict": "yes"})
        if result is not None:
            made.append({**entry, **result})

    for case in task["signatures"]:
        check("verify", case["algorithm"], "verify", verifies, task, case)
    for key in task["keys"]:
        check("sign", key["alg"], "sign", lambda library, key: {"token": library.sign(key, {}, task["message"])}, key)
    for recipient in task["recipients"]:
        for enc, tokens in recipient["tokens"].items():
            check("decrypt", recipient["group"], "decrypt", decrypts, task, recipient, tokens)
            check("nest", recipient["group"], "encrypt", nests, task, recipient, enc)
    for client in task["clients"]:
        check("renew", client["algorithm"], "encrypt", renews, task, client)
    for case in task["thumbprints"]:
        check("thumbprint", case["name"], "thumbprint", thumbprint_is, case)
    return {"library": library.NAME, "version": version(library.DISTRIBUTION), "checks": checks, "made": made}


def main():
    task = json.load(sys.stdin)
    print(json.dumps({"reports": [report(library, task) for library in [Joserfc(), Pyjwt(), Jwcrypto()]]}))


main()

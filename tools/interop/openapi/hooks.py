"""What schemathesis cannot know: names and tokens of the server under test, so that requests get past the first refusal.

JWTIS_URL and JWTIS_ADMIN_TOKEN are an issuer's; JWTIS_SIGNER_KEYS are hashes of a signer's keys. Only values that are well formed are
replaced, so a request that is wrong on purpose stays wrong for the reason that it was made for.
"""

import json
import os
import re
import urllib.error
import urllib.request

import schemathesis

# Keys are renewed of a client of their own, so that the other's stay fresh.
CLIENT, RENEWED, NOBODY = "shop", "bank", "nobody"
KID = re.compile(r"^[A-Za-z0-9._~-]{1,128}$")
HASH = re.compile(r"^tz[1-4][1-9A-HJ-NP-Za-km-z]{33}$")
SIGNER_KEYS = os.environ.get("JWTIS_SIGNER_KEYS", "").split()
# A `failing_noop` with the text `abc`, and an attestation: signed once, and then, at the same level, refused.
MESSAGES = [
    "0300000000000000000000000000000000000000000000000000000000000000001100000003616263",
    "13b3d79f99" + "00" * 32 + "1500070000000100000000" + "00" * 32,
]

# What JSON Schema cannot say. Of any body: numbers and depth of members that nobody knows, names that are nearly known, two names of
# one thing.
RULES = {"number_out_of_range", "body_too_deep", "unknown_member", "conflicting_members"}
# Of durations, sizes and names: their bounds in the other unit, and that they go together.
OPTIONS = {"invalid_member"}
CLAIMS = {
    "owned_claim",
    "foreign_issuer",
    "claims_too_deep",
    "claims_number_out_of_range",
    "claims_too_large",
    "invalid_claim",
    "expiry_in_past",
    "expiry_beyond_limit",
}
RULES_OF = {
    "/register/{kid}": RULES | OPTIONS,
    "/renew_keys": RULES | OPTIONS,
    "/issue_token": RULES | OPTIONS | CLAIMS,
    # Any text may stand where a token is wanted.
    "/revoke_token": RULES | {"not_a_token"},
}


def call(path, body):
    request = urllib.request.Request(
        os.environ["JWTIS_URL"] + path,
        json.dumps(body).encode(),
        {"Authorization": "Bearer " + os.environ["JWTIS_ADMIN_TOKEN"], "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)


if not SIGNER_KEYS:
    for kid in (CLIENT, RENEWED):
        try:
            call("/register/" + kid, {"refresh_strategy": "refreshBoth"})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise


def is_kid(value):
    return isinstance(value, str) and KID.match(value)


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, **kwargs):
    path, parameters, body = case.operation.path, case.path_parameters, case.body
    if parameters and is_kid(parameters.get("kid")):
        if case.method == "GET":
            parameters["kid"] = CLIENT
        elif path.endswith("/disable"):
            parameters["kid"] = NOBODY
        elif case.method == "DELETE" and parameters["kid"] in (CLIENT, RENEWED):
            parameters["kid"] = NOBODY
    if parameters and SIGNER_KEYS and HASH.match(str(parameters.get("pkh"))):
        parameters["pkh"] = SIGNER_KEYS[ord(parameters["pkh"][-1]) % len(SIGNER_KEYS)]
    if isinstance(body, str) and len(body) % 4 == 0 and is_positive(case):
        case.body = MESSAGES[len(body) // 4 % 2]
    if not isinstance(body, dict):
        return
    if is_kid(body.get("kid")):
        body["kid"] = RENEWED if path == "/renew_keys" else CLIENT
        present_real_tokens(body)
    if is_positive(case) and len(str(body)) % 2:
        obey_rules(body)


def present_real_tokens(body):
    names = [name for name in ("auth_token", "access_token", "refresh_token") if body.get(name) and isinstance(body[name], str)]
    if names and len(body) % 2:
        real = call("/issue_token", {"kid": CLIENT, "claims": {"sub": "alice"}})
        for name in names:
            body[name] = real[name]


def obey_rules(body):
    """Makes a body that the document allows into one that the rules allow, too."""
    for name in ("sig_bits", "enc_bits", "enc_alg"):
        body.pop(name, None)
    for name in ("auth_ttl", "refresh_ttl", "expiry"):
        if name in body:
            body[name] = {"auth_ttl": "1h", "refresh_ttl": 72 * 3600 * 10**9, "expiry": "1440h"}[name]
    for name in list(body):
        if name.endswith("_valid_time"):
            body[name] = "90s"
    claims = body.get("claims")
    if isinstance(claims, dict):
        for name in ("iss", "exp"):
            claims.pop(name, None)


@schemathesis.check
def refused_for_a_rule_only(ctx, response, case):
    """A body that the document allows is refused for a rule that it cannot say, and for nothing else."""
    if SIGNER_KEYS or case.body is None or not is_positive(case) or response.status_code not in (400, 422):
        return
    if "requestBody" in case.operation.definition.raw:
        code = response.json()["code"]
        assert code in RULES_OF.get(case.operation.path, RULES), f"a body that the document allows is refused: {code}"

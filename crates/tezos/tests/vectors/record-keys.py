# Makes keys-pytezos.json: what pytezos does with the keys of keys-taquito.json, which it checks on the way, and points of
# BLS12-381 that are no keys and no signatures, found with py_ecc.
#
#   python3 -m venv /tmp/tz-py && /tmp/tz-py/bin/pip install pytezos 'fastecdsa<4'     (and libsodium)
#   /tmp/tz-py/bin/python record-keys.py
#
# Salts of encrypted keys and pytezos's P-256 nonces may differ from run to run; all else is the same.

import json
import pathlib

import pytezos
from py_ecc.bls import G2ProofOfPossession
from py_ecc.bls.g2_primitives import G1_to_pubkey, G2_to_signature
from py_ecc.bls.point_compression import compress_G1, compress_G2
from py_ecc.fields import optimized_bls12_381_FQ as FQ, optimized_bls12_381_FQ2 as FQ2
from py_ecc.optimized_bls12_381 import curve_order, field_modulus as p, is_inf, is_on_curve, multiply, b, b2
from pytezos.crypto.encoding import base58_encode
from pytezos.crypto.key import Key

here = pathlib.Path(__file__).parent
taquito = json.loads((here / 'keys-taquito.json').read_text())
messages = taquito['messages']
PASSWORDS = ['correct horse battery staple', 'пароль с пробелами ☕', 'x' * 200]


def record_key(index, recorded):
    key = Key.from_encoded_key(recorded['secret_key'])
    assert key.public_key() == recorded['public_key']
    assert key.public_key_hash() == recorded['pkh']
    bls = recorded['curve'] == 'Bls12381'
    # Six pairings a key are enough: py_ecc takes a second for each.
    names = ['failing_noop', 'attestation'] if bls else list(messages)
    for name in messages:
        # pytezos knows tz4 signatures of version 1 only; Taquito those of version 2 only.
        if not bls:
            for signature in recorded['signatures'][name]:
                assert key.verify(signature, messages[name])
    if bls:
        for name in names[:1]:
            point = recorded['signatures'][name][0]
            assert G2ProofOfPossession.Verify(key.public_point, bytes.fromhex(messages[name]), decode(point))
        assert G2ProofOfPossession.PopVerify(key.public_point, decode(recorded['possession']))
    return {
        'curve': recorded['curve'],
        'secret_key': key.secret_key(),
        'public_key': key.public_key(),
        'pkh': key.public_key_hash(),
        'signatures': {name: key.sign(messages[name]) for name in names},
        'encrypted': [
            {'password': password, 'text': key.secret_key(passphrase=password)}
            for password in ([PASSWORDS[index % 3]] if index % 6 else PASSWORDS)
        ],
    }


def decode(text):
    from pytezos.crypto.encoding import base58_decode

    return base58_decode(text.encode())


def square_root(value, exponent, field):
    root = value**exponent
    return root if root * root == value else None


def g1_outside_the_subgroup():
    x = 1
    while True:
        y = square_root(FQ(x) ** 3 + b, (p + 1) // 4, FQ)
        if y is not None:
            point = (FQ(x), y, FQ(1))
            assert is_on_curve(point, b)
            if not is_inf(multiply(point, curve_order)):
                return compress_G1(point).to_bytes(48, 'big')
        x += 1


def g2_outside_the_subgroup():
    from py_ecc.bls.point_compression import modular_squareroot_in_FQ2

    x = 1
    while True:
        y = modular_squareroot_in_FQ2(FQ2([x, 0]) ** 3 + b2)
        if y is not None:
            point = (FQ2([x, 0]), y, FQ2([1, 0]))
            assert is_on_curve(point, b2)
            if not is_inf(multiply(point, curve_order)):
                high, low = compress_G2(point)
                return high.to_bytes(48, 'big') + low.to_bytes(48, 'big')
        x += 1


def g1_off_the_curve():
    x = 1
    while square_root(FQ(x) ** 3 + b, (p + 1) // 4, FQ) is not None:
        x += 1
    return (x + 2**383).to_bytes(48, 'big')


def public_key_with_x_above_p():
    secret = 1
    while True:
        encoded = int.from_bytes(G2ProofOfPossession.SkToPk(secret), 'big')
        flags, x = encoded >> 381, encoded & (2**381 - 1)
        if x + p < 2**381:
            return ((flags << 381) | (x + p)).to_bytes(48, 'big')
        secret += 1


def ethereum_sign_case():
    # The first case of ethereum/bls12-381-tests, computed again rather than copied.
    secret = 0x263DBD792F5B1BE47ED85F8938C0F29586AF0D3AC7B977F21C278FE1462040E3
    message = bytes(32)
    signature = G2ProofOfPossession.Sign(secret, message)
    public = G2ProofOfPossession.SkToPk(secret)
    text = base58_encode(secret.to_bytes(32, 'little'), b'BLsk').decode()
    return {'secret_key': text, 'public_key': public.hex(), 'message': message.hex(), 'signature': signature.hex()}


keys = [record_key(index, recorded) for index, recorded in enumerate(taquito['keys'])]
document = {
    'made_by': f'pytezos {pytezos.__version__}',
    'keys': keys,
    'bls': {
        'ethereum_sign_case': ethereum_sign_case(),
        'public_key_outside_the_subgroup': g1_outside_the_subgroup().hex(),
        'public_key_off_the_curve': g1_off_the_curve().hex(),
        'public_key_with_x_above_p': public_key_with_x_above_p().hex(),
        'signature_outside_the_subgroup': g2_outside_the_subgroup().hex(),
    },
}
(here / 'keys-pytezos.json').write_text(json.dumps(document, indent=1, ensure_ascii=False) + '\n')

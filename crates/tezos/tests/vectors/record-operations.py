"""Forges one operation of every kind that pytezos 3.20.0 knows, and batches up to 200 of them.

    pip install pytezos==3.20.0
    python record-operations.py > operations-pytezos.json

The other half, and what the members mean: record-operations.mjs. The legacy kinds `endorsement` and
`endorsement_with_slot` (tags 0 and 10) are of no protocol since Ithaca and are left out.
"""

import json

from pytezos.crypto.encoding import base58_encode
from pytezos.operation.forge import forge_operation_group


def fill(byte, length):
    return bytes((byte + index) % 256 for index in range(length))


def text(prefix, byte, length):
    return base58_encode(fill(byte, length), prefix).decode()


BRANCH = text(b'B', 1, 32)
TZ = [text(prefix, 10 * n, 20) for n, prefix in enumerate([b'tz1', b'tz2', b'tz3', b'tz4'], 1)]
KEYS = [text(b'edpk', 50, 32), text(b'sppk', 2, 33), text(b'p2pk', 3, 33), text(b'BLpk', 60, 48)]
KT = text(b'KT1', 70, 20)
ROLLUP = text(b'sr1', 80, 20)
COMMITMENT = text(b'src1', 90, 32)
PAYLOAD = text(b'vh', 110, 32)
PROOF = text(b'BLsig', 120, 96)
SIGNATURE = text(b'sig', 130, 64)


def manager(source, n=1):
    return {
        'source': source,
        'fee': str(374 * n),
        'counter': str(1_000_000 * n + 7),
        'gas_limit': str(1420 * n),
        'storage_limit': str(257 * (n - 1)),
    }


def transaction(source, destination, amount, parameters=None, n=1):
    content = {'kind': 'transaction', **manager(source, n), 'amount': amount, 'destination': destination}
    return content if parameters is None else {**content, 'parameters': parameters}


PAIR = {'prim': 'Pair', 'args': [{'string': TZ[0]}, {'int': '-123456789012345678901234567890'}], 'annots': ['%both']}
UNIT = {'prim': 'Unit'}
SCRIPT = {
    'code': [
        {'prim': 'parameter', 'args': [{'prim': 'unit'}]},
        {'prim': 'storage', 'args': [{'prim': 'pair', 'args': [{'prim': 'int'}, {'prim': 'nat'}, {'prim': 'bytes'}]}]},
        {'prim': 'code', 'args': [[{'prim': 'CDR'}, {'prim': 'NIL', 'args': [{'prim': 'operation'}]}, {'prim': 'PAIR'}]]},
    ],
    'storage': {'prim': 'Pair', 'args': [{'int': '-1'}, {'int': '64'}, {'bytes': 'ff'}]},
}
SLOTTED = {'slot': 7, 'level': 120, 'round': 3, 'block_payload_hash': PAYLOAD}


def inlined(kind, round_, **more):
    operations = {'kind': kind, **SLOTTED, 'round': round_, **more}
    return {'branch': BRANCH, 'operations': operations, 'signature': SIGNATURE}


def singles():
    for n, source in enumerate(TZ):
        proof = {'proof': PROOF} if n == 3 else {}
        yield f'reveal of tz{n + 1}', {'kind': 'reveal', **manager(source), 'public_key': KEYS[n], **proof}
        yield f'transaction of tz{n + 1}', transaction(source, TZ[(n + 1) % 4], '1500000')
        yield f'delegation of tz{n + 1}', {'kind': 'delegation', **manager(source), 'delegate': TZ[(n + 1) % 4]}
    yield 'withdrawn delegation', {'kind': 'delegation', **manager(TZ[0])}
    for entrypoint in ['default', 'root', 'do', 'set_delegate', 'remove_delegate', 'deposit', 'transfer']:
        parameters = {'entrypoint': entrypoint, 'value': PAIR}
        yield f'transaction that calls {entrypoint}', transaction(TZ[2], KT, '0', parameters)
    for entrypoint in ['stake', 'unstake', 'finalize_unstake', 'set_delegate_parameters']:
        parameters = {'entrypoint': entrypoint, 'value': UNIT}
        yield f'{entrypoint} of the own account', transaction(TZ[0], TZ[0], '2000000', parameters)
        yield f'{entrypoint} of another account', transaction(TZ[0], TZ[1], '0', parameters)
    yield 'origination', {'kind': 'origination', **manager(TZ[1]), 'balance': '1000000', 'script': SCRIPT}
    yield 'origination with a delegate', {'kind': 'origination', **manager(TZ[1]), 'balance': '0', 'delegate': TZ[2], 'script': SCRIPT}
    yield 'activate_account', {'kind': 'activate_account', 'pkh': TZ[0], 'secret': fill(6, 20).hex()}
    yield 'failing_noop', {'kind': 'failing_noop', 'arbitrary': 'hello'}
    yield 'preattestation', {'kind': 'preattestation', **SLOTTED}
    yield 'attestation', {'kind': 'attestation', **SLOTTED}
    yield 'attestation_with_dal', {'kind': 'attestation_with_dal', **SLOTTED, 'dal_attestation': str(2**40 + 5)}
    aggregate = {'level': 120, 'round': 3, 'block_payload_hash': PAYLOAD}
    yield 'preattestations_aggregate', {'kind': 'preattestations_aggregate', 'consensus_content': aggregate, 'committee': [0, 7, 65535]}
    members = [{'slot': 0}, {'slot': 7, 'dal_attestation': '0'}, {'slot': 9, 'dal_attestation': str(2**70)}]
    yield 'attestations_aggregate', {'kind': 'attestations_aggregate', 'consensus_content': aggregate, 'committee': members}
    for kind, more in [('preattestation', {}), ('attestation', {}), ('attestation_with_dal', {'dal_attestation': '64'})]:
        yield f'double_consensus_operation_evidence of {kind}', {
            'kind': 'double_consensus_operation_evidence',
            'slot': 7,
            'op1': inlined(kind, 0, **more),
            'op2': inlined(kind, 0, **more),
        }
    yield 'register_global_constant', {'kind': 'register_global_constant', **manager(TZ[0]), 'value': PAIR}
    yield 'transfer_ticket', {
        'kind': 'transfer_ticket',
        **manager(TZ[0]),
        'ticket_contents': PAIR,
        'ticket_ty': {'prim': 'pair', 'args': [{'prim': 'string'}, {'prim': 'int'}]},
        'ticket_ticketer': KT,
        'ticket_amount': str(2**80),
        'destination': KT,
        'entrypoint': 'receive',
    }
    yield 'smart_rollup_add_messages', {'kind': 'smart_rollup_add_messages', **manager(TZ[0]), 'message': ['00', fill(8, 40).hex(), '']}
    yield 'smart_rollup_execute_outbox_message', {
        'kind': 'smart_rollup_execute_outbox_message',
        **manager(TZ[0]),
        'rollup': ROLLUP,
        'cemented_commitment': COMMITMENT,
        'output_proof': fill(9, 70).hex(),
    }


def forge(contents):
    return '03' + forge_operation_group({'branch': BRANCH, 'contents': contents}).hex()


def rows():
    alone = list(singles())
    for name, content in alone:
        yield {'name': name, 'message': forge([content]), 'contents': [content]}
    everything = [content for _, content in alone]
    names = [name for name, _ in alone]
    yield {'name': 'everything at once', 'message': forge(everything), 'count': len(everything), 'of': names}
    payouts = [transaction(TZ[0], TZ[n % 4], str(1000 * n + 1), None, n + 1) for n in range(200)]
    yield {'name': '200 payouts', 'message': forge(payouts), 'count': 200, 'kinds': ['transaction']}
    turns = [
        lambda n: transaction(TZ[1], KT, '0', {'entrypoint': 'transfer', 'value': {'int': str(n)}}, n + 1),
        lambda n: {'kind': 'reveal', **manager(TZ[1], n + 1), 'public_key': KEYS[n % 4]},
        lambda n: transaction(TZ[1], TZ[1], '5', {'entrypoint': 'finalize_unstake', 'value': UNIT}, n + 1),
        lambda n: {'kind': 'failing_noop', 'arbitrary': 'x' * (n % 7)},
    ]
    mixed = [turns[n % 4](n) for n in range(200)]
    kinds = ['transaction', 'reveal', 'finalize_unstake', 'failing_noop']
    yield {'name': '200 of four kinds', 'message': forge(mixed), 'count': 200, 'kinds': kinds}


print(f'{{"tool": "pytezos 3.20.0", "branch": "{BRANCH}", "operations": [')
print(',\n'.join(json.dumps(row, separators=(',', ':')) for row in rows()))
print(']}')

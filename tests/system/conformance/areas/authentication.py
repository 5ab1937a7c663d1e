# SPDX-License-Identifier: Apache-2.0
"""Digest authentication (RFC 7616, RFC 8760): challenges, proofs, replays, guessing."""
import asyncio
import time

from conformance.check import check
from rig.case import equal, true
from rig.digest import challenges

PASSWORD = 'secret'  # of everybody, in the script
UDP = ('udp', 'tcp6')


def outcome(response):
    """What the script got from pv_www_authenticate()."""
    return int(response.get('X-Outcome') or 0)


async def challenged(phone, name='Digest'):
    response = await phone.ask(phone.registration())
    equal(response.status, 401, name)
    return challenges(response)


async def try_once(phone, challenge, password=PASSWORD, draft=None, user=None, **changes):
    """The answer to a REGISTER (or the draft) with credentials."""
    draft = draft or phone.registration()
    value = challenge.value(draft.method, draft.uri, user or phone.user, password, **changes)
    return await phone.ask(draft.set(challenge.name, value))


async def outcome_of(phone, challenge, *args, **more):
    return outcome(await try_once(phone, challenge, *args, **more))


@check(*UDP, script='digest')
async def right_password(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    equal((challenge.qop, challenge.algorithm, challenge.is_stale), ('auth', 'MD5', False), 'challenge')
    for _ in range(3):
        equal((await try_once(phone, challenge)).status, 200, 'with a new count each time')


@check(*UDP, script='digest')
async def wrong_password(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    response = await try_once(phone, challenge, 'wrong')
    equal((response.status, outcome(response)), (401, -2), 'answer')
    true(not challenges(response)[0].is_stale, 'a wrong password is not stale')
    equal((await try_once(phone, challenge)).status, 200, 'afterwards')


@check(*UDP, script='digest')
async def replay_is_refused(stage):
    phone, thief = await stage.peer(), await stage.peer()
    [challenge] = await challenged(phone)
    draft = phone.registration()
    equal((await try_once(phone, challenge, draft=draft)).status, 200, 'the first time')
    stolen = thief.registration().set('From', f'<{phone.aor}>;tag=stolen').set('To', f'<{phone.aor}>')
    stolen.set('Authorization', draft.get('Authorization'))
    response = await thief.ask(stolen)
    equal((response.status, outcome(response)), (401, -4), 'from another address')
    true(challenges(response)[0].is_stale, 'the right client would try again')


@check(*UDP, script='digest')
async def counts_may_be_late(stage):
    """A window of 64 below the highest."""
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    for count, wanted in ((5, 1), (3, 1), (3, -4), (5, -4), (4, 1), (90, 1), (26, -4), (27, 1), (27, -4), (91, 1)):
        equal(await outcome_of(phone, challenge, nc=f'{count:08x}'), wanted, f'count {count}')


@check(*UDP, script='digest')
async def wrong_password_uses_up_no_count(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    equal(await outcome_of(phone, challenge, 'wrong', nc='00000009'), -2, 'wrong')
    equal(await outcome_of(phone, challenge, nc='00000009'), 1, 'right, same count')


@check(*UDP, script='digest')
async def without_qop_a_nonce_is_good_once(stage):
    """A client of RFC 2069 works, and cannot be repeated."""
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    plain = {'qop': None, 'nc': None, 'cnonce': None}
    equal(await outcome_of(phone, challenge, **plain), 1, 'first')
    equal(await outcome_of(phone, challenge, **plain), -4, 'second')
    equal(await outcome_of(phone, challenge), -4, 'with qop afterwards')


@check(*UDP, script='digest')
async def strange_counts(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    for count in ('1', 'ffffffff', '0000000g', '000000001', '-0000001'):
        true(await outcome_of(phone, challenge, nc=count) < 0, f'count {count}')
    equal((await try_once(phone, challenge)).status, 200, 'a good one')


@check(*UDP, script='digest')
async def nonces_of_others(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    good = challenge.nonce
    for nonce in ('', 'x', good[:-1], good + '0', good[:8] + 'ffffffff' + good[16:], 'f' * 8 + good[8:], good[:16] + '02' + good[18:], good[:-1] + ('0' if good[-1] != '0' else '1')):
        response = await try_once(phone, challenge, nonce=nonce)
        equal(response.status, 401, f'nonce {nonce!r}')
        true(outcome(response) in (-1, -4) and challenges(response)[0].is_stale, f'nonce {nonce!r}: {outcome(response)}')
    equal((await try_once(phone, challenge)).status, 200, 'ours')


@check(*UDP, script='digest')
async def other_algorithms_are_not_taken(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    for algorithm in ('SHA-256', 'SHA-512-256'):
        challenge.algorithm = algorithm
        equal((await try_once(phone, challenge)).status, 401, algorithm)


@check(*UDP, script='digest')
async def basic_is_never_taken(stage):
    phone = await stage.peer()
    response = await phone.ask(phone.registration().set('Authorization', 'Basic ' + 'YWxpY2U6c2VjcmV0'))
    equal((response.status, outcome(response)), (401, -5), 'Basic')


@check(*UDP, script='digest')
async def response_of_another_length(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    for text in ('', 'a', '0' * 31, '0' * 33, '0' * 64, 'g' * 32):
        equal((await try_once(phone, challenge, response=text)).status, 401, f'{len(text)} digits')


@check(*UDP, script='digest')
async def credentials_for_another_method(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    draft = phone.registration()
    value = challenge.value('INVITE', draft.uri, phone.user, PASSWORD)
    equal(outcome(await phone.ask(draft.set('Authorization', value))), -2, 'the proof of an INVITE')


@check(*UDP, script='digest')
async def nonce_expires(stage):
    phone = await stage.peer()
    [challenge] = await challenged(phone)
    equal((await try_once(phone, challenge)).status, 200, 'now')
    await asyncio.sleep(int(challenge.nonce[:8], 16) - time.time() + 1)
    response = await try_once(phone, challenge)
    equal((response.status, outcome(response)), (401, -4), 'later')
    true(challenges(response)[0].is_stale, 'stale')


@check(*UDP, script='sha')
async def stronger_hash_is_offered_first(stage):
    phone = await stage.peer()
    offers = await challenged(phone)
    equal([one.algorithm for one in offers], ['SHA-512-256', 'SHA-256', 'MD5'], 'algorithms')
    for one in offers:
        fresh = [again for again in await challenged(phone) if again.algorithm == one.algorithm]
        equal((await try_once(phone, fresh[0], algorithm=one.algorithm)).status, 200, one.algorithm)
        equal(await outcome_of(phone, fresh[0], 'wrong', algorithm=one.algorithm), -2, one.algorithm)


@check(*UDP, script='sha')
async def body_is_covered(stage):
    """qop=auth-int."""
    phone = await stage.peer()
    offers = [one for one in await challenged(phone) if one.algorithm == 'SHA-256']
    body = 'v=0\r\n'
    for sent, wanted in ((body, 1), (body + 'a=x\r\n', -2)):
        draft = phone.registration().carry(sent)
        equal(await outcome_of(phone, offers[0], draft=draft, qop='auth-int', body=body), wanted, f'{len(sent)} bytes')


@check(*UDP, script='sha')
async def server_proves_itself(stage):
    phone = await stage.peer()
    [challenge] = [one for one in await challenged(phone) if one.algorithm == 'SHA-256']
    response = await try_once(phone, challenge)
    info = response.get('Authentication-Info')
    true('rspauth="' in info and 'nextnonce="' in info and 'nc=00000001' in info, info)


@check('udp', script='sha')
async def nonce_is_bound_to_its_source(stage):
    """auth_checks_register has 8."""
    phone, other = await stage.peer(), await stage.peer()
    [challenge, *_] = await challenged(phone)
    value = challenge.value('REGISTER', f'sip:{phone.domain}', phone.user, PASSWORD)
    stolen = other.registration().set('Authorization', value)
    equal(outcome(await other.ask(stolen)), -4, 'from elsewhere')
    equal(outcome(await phone.ask(phone.registration().set('Authorization', value))), 1, 'from here')


@check('udp', script='digest')
async def guessing_is_slowed_down(stage):
    """Ten wrong ones, and that source waits; whoever was at home there does not, nor do others elsewhere."""
    attacker, victim = await stage.peer(), await stage.peer()
    [at_home] = await challenged(victim)
    equal((await try_once(victim, at_home)).status, 200, 'the victim is known at his place')
    for _ in range(10):
        [challenge] = await challenged(attacker)
        equal(await outcome_of(attacker, challenge, 'guess', user=victim.user), -2, 'a guess')
    equal(await outcome_of(attacker, challenge, user=victim.user), -2, 'even the right one, for now')
    equal((await try_once(victim, at_home)).status, 200, 'the victim himself')
    stranger = await stage.peer()
    [challenge] = await challenged(stranger)
    equal((await try_once(stranger, challenge)).status, 200, 'somebody else')


@check('udp', script='digest')
async def challenges_are_no_failures(stage):
    phone = await stage.peer()
    for _ in range(30):
        [challenge] = await challenged(phone)
    equal((await try_once(phone, challenge)).status, 200, 'after many challenges')

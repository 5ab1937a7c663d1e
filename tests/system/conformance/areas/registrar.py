# SPDX-License-Identifier: Apache-2.0
"""The registrar (RFC 3261 10): bindings made, refreshed, ordered, removed, listed."""
import asyncio

from conformance.check import check
from conformance.message import Address
from rig.case import equal, true, within


def contacts(response):
    """URIs in the response."""
    return sorted(str(one.uri) for one in response.addresses('contact'))


def expires_of(response, uri):
    return next(int(one.params['expires']) for one in response.addresses('contact') if str(one.uri) == uri)


async def listed(phone):
    """What a query answers."""
    return await phone.ask(phone.registration(None, expires=None))


@check()
async def binding_is_listed(stage):
    phone = await stage.peer()
    answer = await phone.register(expires=600)
    equal(contacts(answer), [phone.uri], 'contacts')
    within(expires_of(answer, phone.uri), 590, 600, 'expires')


@check()
async def query_changes_nothing(stage):
    phone = await stage.peer()
    equal(contacts(await listed(phone)), [], 'contacts before')
    await phone.register()
    for _ in range(2):
        equal(contacts(await listed(phone)), [phone.uri], 'contacts after')


@check()
async def refresh_keeps_one_binding(stage):
    phone = await stage.registered()
    answer = await phone.register(expires=1200)
    equal(contacts(answer), [phone.uri], 'contacts')
    within(expires_of(answer, phone.uri), 1190, 1200, 'expires')


@check()
async def refresh_in_one_call_id(stage):
    phone = await stage.peer()
    for cseq in (1, 2, 300):
        equal(contacts(await phone.register(call_id=f'one-{phone.tag}', cseq=cseq)), [phone.uri], f'CSeq {cseq}')


@check()
async def two_contacts_in_two_lines(stage):
    phone = await stage.peer()
    other = f'sip:{phone.user}@192.0.2.9:5070'
    equal(contacts(await phone.register(phone.contact, f'<{other}>')), sorted([phone.uri, other]), 'contacts')


@check()
async def two_contacts_in_one_line(stage):
    phone = await stage.peer()
    other = f'sip:{phone.user}@192.0.2.9:5070'
    answer = await phone.register(f'{phone.contact};q=0.7;expires=100 , <{other}>;expires=200')
    equal(contacts(answer), sorted([phone.uri, other]), 'contacts')
    within(expires_of(answer, other), 190, 200, 'expires')
    within(expires_of(answer, phone.uri), 90, 100, 'expires')


@check()
async def three_phones_share_an_address(stage):
    phones = [await stage.peer('shared' + stage.transport + str(stage.family)) for _ in range(3)]
    for count, phone in enumerate(phones, 1):
        equal(len(contacts(await phone.register())), count, 'contacts')
    equal(contacts(await listed(phones[0])), sorted(phone.uri for phone in phones), 'all')


@check()
async def parameter_beats_header(stage):
    phone = await stage.peer()
    answer = await phone.register(f'{phone.contact};expires=300', expires=900)
    within(expires_of(answer, phone.uri), 290, 300, 'expires')


@check()
async def default_expires(stage):
    phone = await stage.peer()
    within(expires_of(await phone.register(expires=None), phone.uri), 3590, 3600, 'expires')


@check()
async def short_expires_is_raised(stage):
    """registrar's min_expires is 60 s, and lower values are raised to it."""
    phone = await stage.peer()
    within(expires_of(await phone.register(expires=5), phone.uri), 55, 60, 'expires')


@check()
async def malformed_expires_is_an_hour(stage):
    """RFC 3261 10.2.1.1."""
    for value in ('abc', '-5', '1.5', ''):
        phone = await stage.peer()
        answer = await phone.ask(phone.registration(expires=None).add('Expires', value))
        true(answer.status in (200, 400), f'{value!r}: {answer.first_line}')
        if answer.status == 200:
            within(expires_of(answer, phone.uri), 3590, 3600, f'expires for {value!r}')


@check()
async def malformed_expires_parameter_is_an_hour(stage):
    phone = await stage.peer()
    answer = await phone.ask(phone.registration(f'{phone.contact};expires=xyz', expires=None))
    true(answer.status in (200, 400), answer.first_line)
    if answer.status == 200:
        within(expires_of(answer, phone.uri), 3590, 3600, 'expires')


@check()
async def largest_expires(stage):
    phone = await stage.peer()
    answer = await phone.register(expires=(1 << 32) - 1)
    true(expires_of(answer, phone.uri) > 3600, 'expires')


@check()
async def expires_beyond_all_numbers(stage):
    phone = await stage.peer()
    answer = await phone.ask(phone.registration(expires='99999999999999999999'))
    true(answer.status in (200, 400), answer.first_line)
    await stage.alive()


@check()
async def zero_removes(stage):
    phone = await stage.registered()
    equal(contacts(await phone.register(expires=0)), [], 'contacts')
    equal(contacts(await listed(phone)), [], 'contacts afterwards')
    caller = await stage.peer()
    equal((await caller.ask(caller.invite(phone))).status, 404, 'INVITE')


@check()
async def zero_parameter_removes_one_of_two(stage):
    phone = await stage.peer()
    other = f'<sip:{phone.user}@192.0.2.9:5070>'
    await phone.register(phone.contact, other)
    equal(contacts(await phone.register(f'{other};expires=0')), [phone.uri], 'contacts')


@check()
async def zero_for_nobody(stage):
    phone = await stage.peer()
    equal(contacts(await phone.register(expires=0)), [], 'contacts')


@check()
async def add_and_remove_in_one(stage):
    phone = await stage.registered()
    new = f'sip:{phone.user}@192.0.2.9:5072'
    equal(contacts(await phone.register(f'{phone.contact};expires=0', f'<{new}>')), [new], 'contacts')


@check()
async def star_removes_all(stage):
    phone = await stage.peer()
    await phone.register(phone.contact, '<sip:x@192.0.2.9>')
    equal(contacts(await phone.register('*', expires=0)), [], 'contacts')
    equal(contacts(await listed(phone)), [], 'contacts afterwards')


@check()
async def star_in_compact_form(stage):
    phone = await stage.registered()
    draft = phone.registration('*', expires=0).rename('Contact', 'm')
    equal(contacts(await phone.ask(draft)), [], 'contacts')


@check()
async def star_needs_expires_zero(stage):
    phone = await stage.registered()
    for expires in (None, 1, 600):
        equal((await phone.ask(phone.registration('*', expires=expires))).status, 400, f'Expires {expires}')
    equal(contacts(await listed(phone)), [phone.uri], 'contacts')


@check()
async def star_stands_alone(stage):
    phone = await stage.registered()
    equal((await phone.ask(phone.registration('*', phone.contact, expires=0))).status, 400, 'star first')
    equal((await phone.ask(phone.registration(phone.contact, '*', expires=0))).status, 400, 'star last')
    equal(contacts(await listed(phone)), [phone.uri], 'contacts')


@check()
async def old_cseq_is_refused(stage):
    """RFC 3261 10.3 step 7: within a Call-ID the CSeq must grow, else nothing changes."""
    phone = await stage.peer()
    name = f'order-{phone.tag}'
    await phone.register(call_id=name, cseq=10)
    answer = await phone.ask(phone.registration(call_id=name, cseq=9, expires=0))
    true(answer.status in (400, 500), answer.first_line)
    equal(contacts(await listed(phone)), [phone.uri], 'contacts')


@check()
async def old_cseq_of_a_star_is_refused(stage):
    phone = await stage.peer()
    name = f'order-{phone.tag}'
    await phone.register(call_id=name, cseq=10)
    answer = await phone.ask(phone.registration('*', call_id=name, cseq=9, expires=0))
    true(answer.status in (400, 500), answer.first_line)
    equal(contacts(await listed(phone)), [phone.uri], 'contacts')


@check()
async def another_call_id_starts_anew(stage):
    phone = await stage.peer()
    await phone.register(call_id=f'a-{phone.tag}', cseq=100)
    equal(contacts(await phone.register(call_id=f'b-{phone.tag}', cseq=1, expires=0)), [], 'contacts')


@check()
async def cseq_may_be_large(stage):
    phone = await stage.peer()
    await phone.register(cseq=(1 << 31) - 1)
    draft = phone.registration(cseq=1 << 31)
    equal((await phone.ask(draft)).status, 400, 'CSeq 2^31')


@check()
async def q_is_listed(stage):
    phone = await stage.peer()
    answer = await phone.register(f'{phone.contact};q=0.3')
    (one,) = answer.addresses('contact')
    true(one.params.get('q') in ('0.3', '0.30', '0.300', '.3'), str(one))


@check()
async def bad_q(stage):
    phone = await stage.peer()
    for q in ('5', '-1', 'x', '1.001'):
        answer = await phone.ask(phone.registration(f'{phone.contact};q={q}'))
        true(answer.status in (200, 400), f'q={q}: {answer.first_line}')


@check()
async def bad_contacts(stage):
    phone = await stage.peer()
    for bad in ('<sip:', '<>', '"x <sip:a@192.0.2.1>', '<sip:a@192.0.2.1', ';q=1', 'sip:', '<sip:a@b@c:x>', '@'):
        answer = await phone.ask(phone.registration(bad))
        equal(answer.status, 400, f'{bad!r}')
    equal(contacts(await listed(phone)), [], 'contacts')


@check()
async def one_bad_contact_spoils_all(stage):
    """RFC 3261 10.3: all or nothing."""
    phone = await stage.peer()
    equal((await phone.ask(phone.registration(phone.contact, '<sip:'))).status, 400, 'answer')
    equal(contacts(await listed(phone)), [], 'contacts')


@check()
async def display_name_with_comma(stage):
    phone = await stage.peer()
    answer = await phone.register(f'"A, \\"B\\" <sip:no@body>" {phone.contact};q=0.5')
    equal(contacts(answer), [phone.uri], 'contacts')


@check()
async def contact_without_brackets(stage):
    """Parameters behind a bare URI are the header's."""
    phone = await stage.peer()
    bare = f'sip:{phone.user}@192.0.2.44:5066'
    answer = await phone.register(f'{bare};expires=120')
    equal(contacts(answer), [bare], 'contacts')
    within(expires_of(answer, bare), 110, 120, 'expires')


@check()
async def parameters_of_the_uri_stay(stage):
    phone = await stage.peer()
    uri = f'{phone.uri};line=a1;x-y'
    equal(contacts(await phone.register(f'<{uri}>')), [uri], 'contacts')
    caller = await stage.peer()
    caller.send(caller.invite(phone))
    seen = await phone.serve('INVITE', 486)
    equal(seen.uri, uri, 'Request-URI')


@check()
async def contacts_that_are_equal(stage):
    """RFC 3261 19.1.4: case of the host, escapes, order of parameters."""
    pairs = [
        ('<sip:a@EXAMPLE.com:5070>', '<sip:a@example.COM:5070>'),
        ('<sip:%61b@192.0.2.7>', '<sip:ab@192.0.2.7>'),
        ('<sip:a@192.0.2.7;x=1;y=2>', '<sip:a@192.0.2.7;y=2;x=1>'),
        ('<sip:a@192.0.2.7;transport=UDP>', '<sip:a@192.0.2.7;transport=udp>'),
        ('<SIP:a@192.0.2.8>', '<sip:a@192.0.2.8>'),
    ]
    for one, other in pairs:
        phone = await stage.peer()
        await phone.register(one)
        equal(len(contacts(await phone.register(other))), 1, f'{one} and {other}')


@check()
async def contacts_that_differ(stage):
    pairs = [
        ('<sip:alice@192.0.2.7>', '<sip:Alice@192.0.2.7>'),
        ('<sip:a@192.0.2.7>', '<sip:a@192.0.2.7:5060>'),
        ('<sip:a@192.0.2.7>', '<sip:a@192.0.2.7;transport=udp>'),
        ('<sip:a@192.0.2.7:5061>', '<sip:a@192.0.2.7:5062>'),
        ('<sip:a:pw@192.0.2.7>', '<sip:a@192.0.2.7>'),
    ]
    for one, other in pairs:
        phone = await stage.peer()
        await phone.register(one)
        equal(len(contacts(await phone.register(other))), 2, f'{one} and {other}')


@check()
async def escaped_user_is_the_same_user(stage):
    phone = await stage.registered()
    caller = await stage.peer()
    escaped = f'%{ord(phone.user[0]):02x}{phone.user[1:]}'
    caller.send(caller.invite(f'sip:{escaped}@{stage.domain}'))
    await phone.serve('INVITE', 486)


@check()
async def user_of_the_address_ignores_case(stage):
    """registrar's case_sensitive is 0."""
    phone = await stage.registered()
    caller = await stage.peer()
    caller.send(caller.invite(f'sip:{phone.user.upper()}@{stage.domain}'))
    await phone.serve('INVITE', 486)


@check()
async def port_of_the_domain(stage):
    phone = await stage.registered()
    caller = await stage.peer()
    host = stage.domain if stage.family == 6 else f'{stage.domain}:5060'
    caller.send(caller.invite(f'sip:{phone.user}@{host}'))
    await phone.serve('INVITE', 486)


@check()
async def address_with_parameters(stage):
    phone = await stage.registered()
    caller = await stage.peer()
    caller.send(caller.invite(f'{phone.aor};user=phone'))
    await phone.serve('INVITE', 486)


@check()
async def compact_forms(stage):
    phone = await stage.peer()
    draft = phone.registration(phone.contact)
    for name, short in (('Via', 'v'), ('From', 'f'), ('To', 't'), ('Call-ID', 'i'), ('Contact', 'm')):
        draft.rename(name, short)
    answer = await phone.ask(draft.add('l', '0'), within=5) if False else await ask_compact(phone, draft)
    equal(contacts(answer), [phone.uri], 'contacts')


async def ask_compact(phone, draft):
    phone.send(draft.add('l', '0'))
    return await phone.expect(200)


@check()
async def odd_spelling_of_names(stage):
    phone = await stage.peer()
    draft = phone.registration()
    for name in ('Via', 'From', 'To', 'Contact', 'Expires', 'CSeq'):
        draft.rename(name, name.upper())
    phone.send(draft)
    equal(contacts(await phone.expect(200)), [phone.uri], 'contacts')


@check()
async def folded_contact(stage):
    phone = await stage.peer()
    answer = await phone.register(f'{phone.contact}\r\n ;q=0.4\r\n\t;expires=180')
    within(expires_of(answer, phone.uri), 170, 180, 'expires')


@check()
async def long_contact(stage):
    phone = await stage.peer()
    uri = f'{phone.uri};x=' + 'a' * (240 - len(phone.uri))
    equal(contacts(await phone.register(f'<{uri}>')), [uri], 'contacts')


@check()
async def very_long_contact(stage):
    phone = await stage.peer()
    for size in (300, 600, 3000):
        answer = await phone.ask(phone.registration(f'<{phone.uri};x={"a" * size}>'))
        true(answer.status in (200, 400, 413, 513), f'{size}: {answer.first_line}')
    await stage.alive()


@check()
async def many_contacts(stage):
    phone = await stage.peer()
    uris = sorted(f'sip:{phone.user}@192.0.2.{n}:5060' for n in range(1, 11))
    equal(contacts(await phone.register(', '.join(f'<{uri}>' for uri in uris))), uris, 'contacts')


@check()
async def same_contact_twice_in_one(stage):
    phone = await stage.peer()
    answer = await phone.ask(phone.registration(phone.contact, phone.contact))
    true(answer.status in (200, 400), answer.first_line)
    true(len(contacts(await listed(phone))) <= 1, 'contacts')


@check('udp', 'udp6')
async def repeated_request_has_the_same_answer(stage):
    phone = await stage.peer()
    draft = phone.registration()
    first = await phone.ask(draft)
    phone.send(draft)
    again = await phone.receive()
    equal((again.status, again.to_tag, contacts(again)), (200, first.to_tag, contacts(first)), 'answer')


@check()
async def require_of_the_unknown(stage):
    """RFC 3261 10.3 step 2."""
    phone = await stage.peer()
    answer = await phone.ask(phone.registration().add('Require', 'teleportation'))
    equal(answer.status, 420, 'answer')
    equal(answer.all('unsupported'), ['teleportation'], 'Unsupported')
    equal(contacts(await listed(phone)), [], 'contacts')


@check()
async def who_answers_where_the_contact_says(stage):
    """Without NAT functions in the script, requests go to the Contact, whoever registered it."""
    callee = await stage.peer(transport='udp')
    clerk = await stage.peer(callee.user)
    await clerk.register(callee.contact)
    caller = await stage.peer()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    await caller.expect(486)
    await clerk.hears_nothing()


@check('tcp', 'tcp6')
async def connects_to_a_contact_on_tcp(stage):
    """A Contact with transport=tcp that listens is dialled, whoever registered it."""
    callee = await stage.peer(listening=True, dialling=False)
    clerk = await stage.peer(callee.user, 'udp')
    await clerk.register(callee.contact)
    caller = await stage.peer()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    await caller.expect(486)


@check('tcp', 'tcp6')
async def over_the_connection_of_the_registration(stage):
    phone = await stage.registered()
    caller = await stage.peer()
    caller.send(caller.invite(phone))
    equal((await phone.serve('INVITE', 486)).uri, phone.uri, 'Request-URI')
    await caller.expect(486)


@check(script='fast')
async def expired_bindings_are_gone(stage):
    phone = await stage.peer()
    within(expires_of(await phone.register(expires=1), phone.uri), 1, 1, 'expires')
    await asyncio.sleep(2.1)
    equal(contacts(await listed(phone)), [], 'contacts')
    caller = await stage.peer()
    equal((await caller.ask(caller.invite(phone))).status, 404, 'INVITE')


@check(script='limits')
async def too_many_contacts(stage):
    """max_contacts 2: 503, and nothing is touched."""
    phone = await stage.peer()
    two = ['<sip:a@192.0.2.1>', '<sip:b@192.0.2.1>']
    await phone.register(*two)
    equal((await phone.ask(phone.registration('<sip:c@192.0.2.1>'))).status, 503, 'a third')
    equal(len(contacts(await listed(phone))), 2, 'contacts')
    await phone.register(two[0])
    await phone.register(f'{two[0]};expires=0', '<sip:c@192.0.2.1>')
    equal(contacts(await listed(phone)), ['sip:b@192.0.2.1', 'sip:c@192.0.2.1'], 'contacts')


@check(script='limits')
async def long_expires_is_lowered(stage):
    phone = await stage.peer()
    within(expires_of(await phone.register(expires=7200), phone.uri), 890, 900, 'expires')


@check(script='limits')
async def own_default_expires(stage):
    phone = await stage.peer()
    within(expires_of(await phone.register(expires=None), phone.uri), 690, 700, 'expires')


@check(script='limits')
async def path_needs_support(stage):
    """RFC 3327 5.3 and registrar's path_mode 2."""
    phone = await stage.peer()
    answer = await phone.ask(phone.registration().add('Path', '<sip:192.0.2.5;lr>'))
    equal((answer.status, answer.all('unsupported')), (420, ['path']), 'without Supported')


@check(script='limits')
async def path_is_walked(stage):
    """RFC 3327: requests go along the path of the binding."""
    edge, phone, caller = [await stage.peer() for _ in range(3)]
    path = f'<sip:{edge.sent_by};transport={edge.transport};lr>'
    other = '<sip:192.0.2.5;lr>'
    draft = phone.registration().add('Supported', 'path').add('Path', f'{path}, {other}')
    answer = await phone.ask(draft)
    equal((answer.status, answer.all('path')), (200, [path, other]), 'answer')
    if stage.transport == 'tcp':
        return
    caller.send(caller.invite(phone))
    seen = await edge.serve('INVITE', 486)
    equal((seen.all('route'), seen.uri), ([path, other], phone.uri), 'Route, Request-URI')
    await caller.expect(486)


@check()
async def no_contact_header_when_nothing_is_bound(stage):
    phone = await stage.peer()
    answer = await phone.register(expires=0)
    equal(answer.count('contact'), 0, 'Contact')


@check()
async def registration_of_another_user(stage):
    """The To is what is registered, not the From."""
    clerk, boss = await stage.peer(), await stage.peer()
    draft = clerk.registration(boss.contact).set('To', f'<{boss.aor}>')
    equal((await clerk.ask(draft)).status, 200, 'answer')
    equal(contacts(await listed(boss)), [boss.uri], 'contacts of the To')
    equal(contacts(await listed(clerk)), [], 'contacts of the From')


@check()
async def users_with_odd_characters(stage):
    for user in ("o'neil", 'a.b-c_d', '+4930123', 'x%20y', 'a;b=c', 'a&b=c+d$e,f', 'q?/x'):
        phone = await stage.registered(user + stage.transport + str(stage.family))
        caller = await stage.peer()
        caller.send(caller.invite(phone))
        await phone.serve('INVITE', 486)
        await caller.expect(486)


@check()
async def tag_and_headers_of_the_answer(stage):
    phone = await stage.peer()
    draft = phone.registration().edit('From', 'tag=', 'tag=x.Y-_').set('Call-ID', f'"odd"{phone.tag}@!%*')
    answer = await phone.ask(draft)
    equal(answer.get('from'), draft.get('From'), 'From')
    equal(answer.get('call-id'), draft.call_id, 'Call-ID')
    equal(answer.get('cseq'), draft.get('CSeq'), 'CSeq')
    equal(Address(answer.get('to')).uri.text, phone.aor, 'To')
    true(answer.has('content-length'), 'Content-Length')

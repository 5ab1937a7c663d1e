# SPDX-License-Identifier: Apache-2.0
"""The scenarios that collections for SIPp hold, each between two SIPps through the script of an operator."""
from cases.calls import no_transactions
from cases.listen import has_ipv6
from conformance.scripts import SCRIPTS
from rig.case import Skip, case, equal
from rig.rig import free_port
from rig.sip import Phone, in_brackets
from rig.sipp import Sipp
from rig.sipp_script import Callee, Caller, sdp

CHAIN = [f'Record-Route: <sip:hop{n}.example.net;lr>' for n in range(8)]
VIAS = [f'Via: SIP/2.0/UDP hop{n}.example.net;branch=z9hG4bKhop{n}' for n in range(8)]


def plain_call():
    near = Caller().begin('INVITE', body=sdp()).expect(200, rrs='true').ack().pause(50).within('BYE').expect(200)
    far = Callee().take().answer(180, 'Ringing', tag=True).answer(200, tag=True, body=sdp()).hear('ACK').hear('BYE').answer(200)
    return near, far


def callee_hangs_up():
    near = Caller().begin('INVITE', body=sdp()).expect(200, rrs='true').ack().hear('BYE').answer(200)
    far = Callee().take().answer(200, tag=True, body=sdp()).hear('ACK').pause(50).say('BYE', 1).expect(200)
    return near, far


def early_media():
    near = Caller().begin('INVITE', body=sdp()).expect(183, 200, optional=(100,), rrs='true').ack().within('BYE').expect(200)
    far = Callee().take().answer(183, 'Session Progress', tag=True, body=sdp()).pause(50)
    return near, far.answer(200, tag=True, body=sdp()).hear('ACK').hear('BYE').answer(200)


def busy():
    return Caller().begin('INVITE', body=sdp()).expect(486).ack_failure(), Callee().take().answer(486, 'Busy Here', tag=True).hear('ACK')


def redirected():
    near = Caller().begin('INVITE', body=sdp()).expect(302).ack_failure()
    far = Callee().take().answer(302, 'Moved Temporarily', 'Contact: <sip:elsewhere@192.0.2.4>', tag=True).hear('ACK')
    return near, far


def cancelled():
    near = Caller().begin('INVITE', body=sdp()).expect(180, optional=(100,)).cancel()
    near.expect(200, optional=(100,)).expect(487, optional=()).ack_failure()
    far = Callee().take().answer(180, 'Ringing', tag=True).hear('CANCEL').answer(200)
    far.steps.append(
        '  <send><![CDATA[\nSIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:];tag=s[pid]-[call_number]\n'
        '[last_Call-ID:]\nCSeq: 1 INVITE\nContent-Length: 0\n\n]]></send>'
    )
    return near, far.hear('ACK')


def held_and_back():
    near = Caller().begin('INVITE', body=sdp()).expect(200, rrs='true').ack()
    far = Callee().take().answer(200, tag=True, body=sdp()).hear('ACK')
    for version, direction in ((2, 'sendonly'), (3, 'sendrecv')):
        near.within('INVITE', body=sdp(version, direction)).expect(200).ack()
        far.hear('INVITE').answer(200, body=sdp(version)).hear('ACK')
    return near.within('BYE').expect(200), far.hear('BYE').answer(200)


def reliable_provisionals():
    near = Caller().begin('INVITE', 'Supported: 100rel', body=sdp()).expect(183, optional=(100,), rrs='true')
    near.within('PRACK', 'RAck: 1 1 INVITE').expect(200, optional=()).within('UPDATE', body=sdp(2)).expect(200, optional=())
    far = Callee().take()
    far.answer(183, 'Session Progress', 'Require: 100rel', 'RSeq: 1', tag=True, body=sdp())
    far.hear('PRACK').answer(200).hear('UPDATE').answer(200, body=sdp(2))
    return near, far


def late_offer():
    near = Caller().begin('INVITE').expect(200, rrs='true').ack(sdp()).within('BYE').expect(200)
    far = Callee().take().answer(200, tag=True, body=sdp()).hear('ACK').hear('BYE').answer(200)
    return near, far


def updated_and_informed():
    near = Caller().begin('INVITE', body=sdp()).expect(200, rrs='true').ack()
    far = Callee().take().answer(200, tag=True, body=sdp()).hear('ACK')
    for method in ('UPDATE', 'INFO', 'MESSAGE', 'OPTIONS'):
        near.within(method).expect(200, optional=())
        far.hear(method).answer(200)
    return near.within('BYE').expect(200), far.hear('BYE').answer(200)


def referred():
    near = Caller().begin('INVITE', body=sdp()).expect(200, rrs='true').ack()
    near.within('REFER', 'Refer-To: <sip:carol@192.0.2.8>').expect(202, optional=()).hear('NOTIFY').answer(200)
    far = Callee().take().answer(200, tag=True, body=sdp()).hear('ACK').hear('REFER').answer(202, 'Accepted')
    far.say('NOTIFY', 1, 'Event: refer', 'Subscription-State: terminated').expect(200, optional=())
    return near.within('BYE').expect(200), far.hear('BYE').answer(200)


def challenged_by_the_callee():
    near = Caller().begin('INVITE', body=sdp())
    near.steps.append('  <recv response="100" optional="true"/>\n  <recv response="407" auth="true"/>')
    near.ack_failure().begin('INVITE', '[authentication username=sipp password=secret]', body=sdp())
    near.expect(200, rrs='true').ack().within('BYE').expect(200)
    far = Callee().take().answer(407, 'Proxy Authentication Required', 'Proxy-Authenticate: Digest realm="far", nonce="n1"', tag=True)
    far.hear('ACK').take().answer(200, tag=True, body=sdp()).hear('ACK').hear('BYE').answer(200)
    return near, far


def long_chains():
    near = Caller().begin('INVITE', *VIAS, *CHAIN, body=sdp()).expect(486).ack_failure()
    return near, Callee().take().answer(486, 'Busy Here', tag=True).hear('ACK')


def alone(method, *headers):
    return lambda: (Caller().begin(method, *headers).expect(200, optional=(100,)), Callee().take(method).answer(200, tag=True))


def subscribed():
    near = Caller().begin('SUBSCRIBE', 'Event: presence', 'Expires: 60').expect(202, optional=(100,), rrs='true')
    far = Callee().take('SUBSCRIBE').answer(202, 'Accepted', 'Expires: 60', tag=True)
    for number, state in enumerate(('active', 'terminated'), 1):
        near.hear('NOTIFY').answer(200)
        far.say('NOTIFY', number, 'Event: presence', f'Subscription-State: {state}').expect(200, optional=())
    return near, far


SCENARIOS = {
    'plain_call': plain_call, 'callee_hangs_up': callee_hangs_up, 'early_media': early_media, 'busy': busy,
    'redirected': redirected, 'cancelled': cancelled, 'held_and_back': held_and_back, 'late_offer': late_offer,
    'reliable_provisionals': reliable_provisionals, 'updated_and_informed': updated_and_informed, 'referred': referred,
    'challenged_by_the_callee': challenged_by_the_callee, 'long_chains': long_chains, 'subscribed': subscribed,
    'message': alone('MESSAGE'), 'options': alone('OPTIONS'), 'publish': alone('PUBLISH', 'Event: presence'),
}  # fmt: skip
CALLS = 10


class Pair:
    """Two SIPps with one scenario; the callee is registered under the scenario's name."""

    def __init__(self, rig, server, name, host, transport):
        self.name = name
        self.addresses = [(host, free_port(address=host, family=server_family(host))) for _ in range(2)]
        phone = rig.keep(Phone(name, (host, 0), server))
        contact = f'<sip:{name}@{in_brackets(host)}:{self.addresses[1][1]};transport={transport}>'
        equal(phone.register(headers=[f'Contact: {contact}']).status, 200, 'REGISTER')
        texts = SCENARIOS[name]() if name in SCENARIOS else (None, None)
        self.far = self._sipp(rig, server, 'uas', texts[1], 1, transport).wait_until_open()
        self.near = self._sipp(rig, server, 'uac', texts[0], 0, transport, '-s', name, '-r', 20)

    def _sipp(self, rig, server, side, script, index, transport, *switches):
        scenario = f'-sn {side}'
        if script:
            path = rig.folder / f'{self.name}-{side}-{transport}.xml'
            path.write_text(script.text(self.name))
            scenario = path
        return Sipp(rig, scenario, self.addresses[index], server, transport=transport, switches=['-m', CALLS, *switches])

    def finish(self):
        self.near.finish(30)
        self.far.finish(30)


def server_family(host):
    import socket

    return socket.AF_INET6 if ':' in host else socket.AF_INET


def run_all(rig, transport, is_ipv6=False):
    if is_ipv6 and not has_ipv6():
        raise Skip('no IPv6')
    address = ('::1', free_port()) if is_ipv6 else (rig.address, 5060)
    server = rig.server(SCRIPTS['classic'], listen=[f'{in_brackets(address[0])}:{address[1]}'])
    host = '::1' if is_ipv6 else rig.host(20)
    pairs = [Pair(rig, address, name, host, transport) for name in ['default', *SCENARIOS]]
    for pair in pairs:
        pair.finish()
    stats = server.stats()
    equal((stats['core.malformed'], stats['core.dropped']), (0, 0), 'malformed, dropped')
    return f'{len(pairs)} scenarios, {len(pairs) * CALLS} calls'


@case()
def over_udp(rig):
    """Calls, cancels, holds, PRACK, UPDATE, REFER, SUBSCRIBE…: every scenario, ten times."""
    return run_all(rig, 'udp')


@case()
def over_tcp(rig):
    """The same over TCP: the server dials the callee."""
    return run_all(rig, 'tcp')


@case()
def over_udp_and_ipv6(rig):
    """The same over IPv6."""
    return run_all(rig, 'udp', is_ipv6=True)


@case()
def over_tcp_and_ipv6(rig):
    """The same over TCP and IPv6."""
    return run_all(rig, 'tcp', is_ipv6=True)

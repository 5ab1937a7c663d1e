# SPDX-License-Identifier: Apache-2.0
"""TLS on the wire: phones, gateways, certificates, and those who only pretend."""
import socket
import ssl
import threading
import time

from cases.hostile import read_to_end
from rig.call import Call, is_idle
from rig.case import case, equal, lacks, matches, true
from rig.certs import Authority, client_context, server_context


class Secured:
    """A server with TLS and certificates of a CA of its own."""

    def __init__(self, rig, config='automatic', before='', after='', params=''):
        self.rig = rig
        self.folder = rig.make_folder('certificates')
        self.authority = Authority(self.folder)
        self.certificate = self.authority.issue('sip.test', f'DNS:sip.test,IP:{rig.address}')
        self.params = f'loadmodule "tls"\nmodparam("tls", "certificate", "{self.certificate}")\n{params}\n'
        self.server = rig.server(config, before=f'enable_tls=yes\n{self.params}{before}', after=after)

    def phone(self, host, user='alice', context=None, name=None):
        context = context or client_context(self.authority)
        return self.rig.phone(
            host, user, 'tls', server=(self.rig.address, 5061), context=context, server_name=name
        )  # fmt: skip

    def subject(self, name=None):
        """The common name of the certificate that a client gets which asks for that name."""
        phone = self.phone(98, context=client_context(self.authority), name=name)
        subject = dict(pair[0] for pair in phone.socket.getpeercert()['subject'])
        phone.close()
        return subject['commonName']


# ---- calls ----


@case()
def calls_both_ways(rig):
    """A phone on TLS and one on UDP call each other; each leg says what it is."""
    stage = Secured(rig)
    alice, bob = stage.phone(11, 'alice'), rig.phone(12, 'bob')
    for phone in (alice, bob):
        equal(phone.register().status, 200, f'REGISTER of {phone.user}')
    for caller, callee in ((alice, bob), (bob, alice)):
        call = Call(rig, caller, callee).set_up()
        invite = call.offer_seen
        matches(invite.all('Via')[0], f'^SIP/2.0/{callee.transport.upper()} ', 'Via of the leg')
        routes = invite.all('Record-Route')
        equal(len(routes), 2, 'Record-Routes of a call that changes transport')
        own, other = (0, 1) if callee.transport == 'tls' else (1, 0)
        matches(routes[own], ';transport=tls', 'the side of TLS')
        lacks(routes[other], 'transport=', 'the side of UDP')
        call.talk()
        call.hang_up()
        call = Call(rig, caller, callee).set_up()
        call.callee.cseq = 100
        bye_from_callee(call)
    stage.server.wait_for('nothing is left', is_idle)


def bye_from_callee(call):
    """Along the route set that the callee learned from the INVITE."""
    invite, callee, caller = call.offer_seen, call.callee, call.caller
    routes = [f'Route: {route}' for route in invite.all('Record-Route')]
    target = invite.get('Contact').split('<')[1].split('>')[0]
    text = callee.request('BYE', target, to=caller.aor, to_tag=caller.tag, headers=routes)
    text = text.replace(f'Call-ID: {callee.call_id}', f"Call-ID: {invite.get('Call-ID')}")
    text = text.replace(f'From: <{callee.aor}>', f"From: {invite.get('To').split(';tag=')[0]}")
    callee.send(text)
    caller.reply(caller.expect('BYE'), 200)
    while (answer := callee.receive()).method != 'BYE':
        pass
    equal(answer.status, 200, 'answer to the BYE of the callee')


@case()
def a_lost_connection_fails_at_once(rig):
    """A phone on TLS that is gone is never dialled: its callers hear of it within 100 ms."""
    stage = Secured(rig)
    alice, bob = stage.phone(11, 'alice'), rig.phone(12, 'bob')
    alice.register()
    alice.close()
    stage.server.wait_for('the connection is gone', lambda stats: stats['net.connections'] == 0)
    started = time.monotonic()
    bob.send(bob.request('INVITE', alice.aor))
    status = bob.final('INVITE').status
    true(time.monotonic() - started < 0.1, 'the answer comes within 100 ms')
    true(status in (404, 430, 480), f'{status} is a failure of the binding')
    equal(stage.server.stats()['net.dialled'], 0, 'connections dialled')


@case()
def keepalives_both_ways(rig):
    """Two line ends are answered with one; the server pings phones on TLS down their connection."""
    stage = Secured(rig, after='modparam("nat", "keepalive_interval", 1)\n')
    alice = stage.phone(11)
    alice.register()
    alice.socket.settimeout(5)
    alice.send('\r\n\r\n')
    equal(alice.socket.recv(16), b'\r\n', 'pong')
    ping = alice.socket.recv(65536)
    true(ping.startswith(b'OPTIONS ') or ping == b'\r\n\r\n', f'a ping of the server, not {ping!r}')


# ---- certificates ----


CONFIG = """
[server:default]
certificate = {default}
[server:any]
certificate = {other}
server_name = other.test
"""


@case()
def the_name_chooses_the_certificate(rig):
    """SNI: each name has its certificate, others get the default; also with OpenSER's blocks."""
    folder = rig.make_folder('more')
    more = Authority(folder)
    files = {'default': more.issue('default.test'), 'other': more.issue('other.test')}
    config = folder / 'tls.cfg'
    config.write_text(CONFIG.format(**files))
    stage = Secured(rig, params=f'modparam("tls", "config", "{config}")')
    stage.authority = more
    rows = [(None, 'default.test'), ('default.test', 'default.test'), ('other.test', 'other.test')]
    for name, subject in rows:
        equal(stage.subject(name), subject, f'certificate for {name}')
    stage.server.stop()
    blocks = (
        f'disable_tls=0\ntls_certificate="{files["default"]}"\ntls_verify_client=0\n'
        f'tls_require_client_certificate=0\ntls_server_domain["other.test"] {{\n'
        f'  tls_certificate="{files["other"]}"\n  tls_private_key="{files["other"]}"\n}}\n'
    )
    rig.server('openser', before=blocks)
    for name, subject in rows:
        equal(stage.subject(name), subject, f'certificate for {name}, OpenSER')


VERIFYING = """
[server:default]
ca_list = {ca}
verify_certificate = yes
require_certificate = {required}
"""

ASKING = """#!KAMAILIO
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "textops.so"
request_route {
	append_to_reply("X-TLS: $tls_version|$tls_peer_subject_cn|$tls_peer_verified|$tls_peer_server_name\\r\\n");
	if (is_peer_verified()) sl_send_reply("200", "Verified");
	else sl_send_reply("202", "Unknown");
}
"""


@case()
def phones_show_certificates(rig):
    """With verification on a wrong CA is refused, a right one let in; scripts see whose it is."""
    folder = rig.make_folder('phones')
    ours, theirs = Authority(folder, 'Ours'), Authority(folder, 'Theirs')
    config = folder / 'tls.cfg'
    config.write_text(VERIFYING.format(ca=ours.file, required='no'))
    stage = Secured(rig, ASKING, params=f'modparam("tls", "config", "{config}")')
    good, wrong = ours.issue('good.test'), theirs.issue('wrong.test')
    phone = stage.phone(11, context=client_context(certificate=good), name='sip.test')
    answer = phone.ask('OPTIONS', f'sip:{rig.address}')
    equal(answer.status, 200, 'with a good certificate')
    equal(answer.get('X-TLS'), 'TLSv1.3|good.test|1|sip.test', 'what the script knows')
    equal(stage.phone(12).ask('OPTIONS', f'sip:{rig.address}').status, 202, 'without a certificate')
    equal(is_refused(stage, client_context(certificate=wrong)), True, 'a certificate of another CA is refused')
    config.write_text(VERIFYING.format(ca=ours.file, required='yes'))
    stage.server.ask('tls.reload')
    equal(is_refused(stage, client_context()), True, 'none at all is refused, once one is required')
    equal(phone.ask('OPTIONS', f'sip:{rig.address}').status, 200, 'who was connected stays')


def is_refused(stage, context):
    """In TLS 1.3 the client hears of it only when it reads."""
    try:
        phone = stage.phone(13, context=context)
        phone.send(phone.request('OPTIONS', f'sip:{stage.rig.address}'))
        return phone.receive() is None
    except (ssl.SSLError, ConnectionError):
        return True


# ---- gateways ----


GATEWAY = """#!KAMAILIO
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "siputils.so"
request_route {{
	if (has_totag()) {{ if (loose_route()) {{ t_relay(); exit; }} }}
	record_route();
	$du = "{destination}";
	if (!t_relay()) sl_reply_error();
}}
"""


class Gateway:
    """Accepts TLS connections and keeps what it was sent; answers requests with 200."""

    def __init__(self, rig, certificate, address='127.0.0.1'):
        self.context = server_context(certificate)
        self.listener = rig.keep(socket.create_server((address, 0)))
        self.listener.settimeout(5)
        self.port = self.listener.getsockname()[1]
        self.connections, self.names, self.received = 0, [], []
        self.context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                self.connections += 1
                while data := connection.recv(65536):
                    self.received.append(data.decode())
                    lines = data.decode().split('\r\n')
                    keep = [line for line in lines if line.split(':')[0] in KEPT]
                    if not lines[0].startswith('ACK'):
                        connection.sendall('\r\n'.join(['SIP/2.0 200 OK', *keep, 'Content-Length: 0', '', '']).encode())
        except OSError:
            pass


KEPT = ('Via', 'From', 'To', 'Call-ID', 'CSeq', 'Record-Route')


@case()
def gateways_prove_their_name(rig):
    """A gateway is asked for by its name and has to prove it; one connection serves; else 4xx or 5xx."""
    folder = rig.make_folder('gateways')
    ours, theirs = Authority(folder, 'Ours'), Authority(folder, 'Theirs')
    rows = [
        (ours.issue('right', 'DNS:localhost'), True),
        (ours.issue('uri', 'URI:sip:localhost'), True),
        (ours.issue('localhost'), True),
        (ours.issue('another', 'DNS:other.test'), False),
        (theirs.issue('foreign', 'DNS:localhost'), False),
    ]
    config = folder / 'tls.cfg'
    config.write_text(f'[client:default]\nca_list = {ours.file}\n')
    for number, (certificate, is_good) in enumerate(rows):
        gateway = Gateway(rig, certificate)
        destination = f'sip:localhost:{gateway.port};transport=tls'
        script = GATEWAY.format(destination=destination)
        tls = f'loadmodule "tls"\nmodparam("tls", "self_signed", "own.pem")\nmodparam("tls", "config", "{config}")\n'
        server = rig.server(script, before=f'enable_tls=yes\n{tls}')
        phone = rig.phone(20 + number)
        for _ in range(3):
            phone.new_call()
            status = phone.ask('MESSAGE', 'sip:someone@example.com').status
            equal(status == 200, is_good, f'{certificate.name}: {status}')
        equal(bool(gateway.received), is_good, f'{certificate.name}: something was sent')
        if is_good:
            equal((gateway.connections, set(gateway.names)), (1, {'localhost'}), 'connections, name asked for')
            matches(gateway.received[0], '^Via: SIP/2.0/TLS ', 'Via')
        else:
            server.wait_for_log('put its CA into ca_list')
        server.stop()


@case()
def verification_may_be_switched_off(rig):
    """For one peer, by its address."""
    folder = rig.make_folder('gateways')
    gateway = Gateway(rig, Authority(folder).issue('whoever'))
    config = folder / 'tls.cfg'
    config.write_text(f'[client:127.0.0.1:{gateway.port}]\nverify_certificate = no\n')
    tls = f'loadmodule "tls"\nmodparam("tls", "self_signed", "own.pem")\nmodparam("tls", "config", "{config}")\n'
    script = GATEWAY.format(destination=f'sip:127.0.0.1:{gateway.port};transport=tls')
    rig.server(script, before=f'enable_tls=yes\n{tls}')
    equal(rig.phone(20).ask('MESSAGE', 'sip:someone@example.com').status, 200, 'MESSAGE')


@case()
def sips_goes_over_tls_alone(rig):
    """A sips URI finds a gateway on TLS; a binding on UDP does not get the request."""
    folder = rig.make_folder('gateways')
    authority = Authority(folder)
    gateway = Gateway(rig, authority.issue('localhost', 'DNS:localhost'))
    script = GATEWAY.format(destination=f'sips:localhost:{gateway.port}')
    tls = f'loadmodule "tls"\nmodparam("tls", "self_signed", "own.pem")\nmodparam("tls", "ca_list", "{authority.file}")\n'
    server = rig.server(script, before=f'enable_tls=yes\n{tls}')
    equal(rig.phone(20).ask('MESSAGE', 'sip:someone@example.com').status, 200, 'MESSAGE')
    matches(gateway.received[0], '^Via: SIP/2.0/TLS ', 'Via')
    server.stop()
    stage = Secured(rig)
    alice, bob, carol = stage.phone(21, 'alice'), rig.phone(22, 'bob'), stage.phone(23, 'carol')
    for phone in (alice, bob, carol):
        phone.register()
    for callee, is_reached in ((bob, False), (carol, True)):
        alice.new_call()
        alice.send(alice.request('MESSAGE', callee.aor.replace('sip:', 'sips:')))
        if is_reached:
            callee.reply(callee.expect('MESSAGE'), 200)
        status = alice.final('MESSAGE').status
        equal(status == 200, is_reached, f'MESSAGE to {callee.user}: {status}')
    equal(bob.is_silent(), True, 'nothing reached the phone on UDP')


# ---- reload ----


@case()
def reload_while_calls_go_on(rig):
    """Hundreds of reloads: no connection is lost, no answer is missing, memory does not grow."""
    stage = Secured(rig)
    phones = [stage.phone(11 + number, f'user{number}') for number in range(3)]
    for phone in phones:
        phone.register()
    stop, failures, answers = threading.Event(), [], [0]

    def work(phone):
        while not stop.wait(0.005):
            try:
                phone.new_call()
                equal(phone.ask('REGISTER', f'sip:{phone.domain}', to=phone.aor).status, 200, 'answer')
                answers[0] += 1
            except Exception as failure:  # of whatever kind: told by the case
                failures.append(failure)
                return

    threads = [threading.Thread(target=work, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    reload_often(stage, 50)
    before = stage.server.rss_bytes()
    descriptors = stage.server.descriptors()
    reload_often(stage, 500)
    grown = stage.server.rss_bytes() - before
    stop.set()
    for thread in threads:
        thread.join()
    equal(failures, [], 'failures')
    true(answers[0] > 100, f'{answers[0]} answers during the reloads')
    true(grown < 4 << 20, f'memory grew by {grown} bytes')
    true(stage.server.descriptors() <= descriptors, 'descriptors do not grow')


def reload_often(stage, count):
    for number in range(count):
        stage.server.ask('tls.reload')
        if number % 25 == 0:
            equal(stage.subject(), 'sip.test', 'certificate')


@case()
def a_bad_file_changes_nothing(rig):
    """A reload that fails says which file is to blame; the old certificate serves on; a new one comes with the next."""
    stage = Secured(rig)
    good = stage.certificate.read_bytes()
    stage.certificate.write_text('nothing of the kind')
    answer = stage.server.control.request('tls.reload')
    matches(answer['error']['message'], 'nothing has changed: .*sip.test.pem', 'the reason')
    equal(stage.subject(), 'sip.test', 'certificate')
    stage.certificate.write_bytes(stage.authority.issue('new.test').read_bytes())
    stage.server.ask('tls.reload')
    equal(stage.subject(), 'new.test', 'certificate after the next reload')
    stage.certificate.write_bytes(good)


# ---- those who only pretend ----


@case()
def wrong_protocols(rig):
    """HTTP and SIP on the port of TLS, TLS on that of TCP: closed, counted, and nothing else."""
    stage = Secured(rig)
    rows = [
        (5061, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
        (5061, b'OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n'),
        (5061, bytes(range(256))),
        (5060, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(100)),
    ]
    for port, data in rows:
        with socket.create_connection((rig.address, port), 5, (rig.host(11), 0)) as client:
            client.sendall(data)
            true(read_to_end(client, 7), f'{data[:10]} at {port} is closed')
    equal(stage.phone(12).ask('OPTIONS', f'sip:nobody@{rig.address}').status, 404, 'the server is well')
    stage.server.wait_for('all are gone', lambda stats: stats['net.connections'] <= 1)


@case()
def handshakes_that_never_end(rig):
    """A thousand connections that stop in the middle of their handshake: calls go on, and they are closed after 5 s."""
    stage = Secured(rig)
    alice, bob = stage.phone(11, 'alice'), rig.phone(12, 'bob')
    for phone in (alice, bob):
        phone.register()
    hello = client_hello()
    before = stage.server.rss_bytes()
    count = rig.quick_or_all(1000, 5000)
    stuck = []
    for number in range(count):
        client = socket.create_connection((rig.address, 5061), 5, (rig.host(20 + number % 200), 0))
        client.sendall(hello[: 1 + number % (len(hello) - 1)] if number % 2 else hello)
        stuck.append(client)
        if number % 100 == 50:
            Call(rig, alice, bob).set_up().hang_up()
    per_connection = (stage.server.rss_bytes() - before) / count
    true(per_connection < 100000, f'{per_connection:.0f} bytes for each of them')
    Call(rig, bob, alice).set_up().hang_up()
    stage.server.wait_for('they are closed', lambda stats: stats['net.connections'] <= 1, 15)
    for client in stuck:
        client.close()
    Call(rig, alice, bob).set_up().hang_up()
    true(stage.server.stats()['net.closed_slow'] >= count * 0.9, 'they were too slow')


def client_hello():
    """The first flight of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


# ---- the start ----


@case()
def a_certificate_of_its_own(rig):
    """Without a certificate the start says what to do; "self_signed" makes one, once, for its owner alone."""
    done = rig.command('-f', rig.script('automatic'), '-D', '-E', '-w', rig.folder, '-l', f'tls:{rig.address}:5061')
    true(done.returncode != 0, 'it does not start')
    matches(done.stderr, 'there is no certificate: .*"self_signed"', 'what to do')
    before = 'enable_tls=yes\nloadmodule "tls"\nmodparam("tls", "self_signed", "own.pem")'
    server = rig.server(before=before)
    file = rig.folder / 'own.pem'
    equal(file.stat().st_mode & 0o777, 0o600, 'mode of the file')
    first = file.read_bytes()
    phone = rig.phone(11, transport='tls', server=(rig.address, 5061), context=client_context())
    equal(phone.register().status, 200, 'REGISTER')
    server.stop()
    server.start()
    equal(file.read_bytes(), first, 'the file after a second start')


@case()
def where_tls_listens(rig):
    """enable_tls adds TLS to each address, on the port behind; disable_tls leaves it out; listen=tls: names it."""
    tls = 'loadmodule "tls"\nmodparam("tls", "self_signed", "own.pem")'
    rows = [
        ('enable_tls=yes', [rig.address], {'udp:5060', 'tcp:5060', 'tls:5061'}),
        ('enable_tls=1\ntls_port_no=5071', [rig.address], {'udp:5060', 'tcp:5060', 'tls:5071'}),
        ('disable_tls=no', [f'{rig.address}:5080'], {'udp:5080', 'tcp:5080', 'tls:5081'}),
        ('', [f'tls:{rig.address}:5061'], {'tls:5061'}),
        ('disable_tls=yes', [f'tls:{rig.address}:5061', f'udp:{rig.address}:5060'], {'udp:5060'}),
    ]
    for setting, listen, wanted in rows:
        server = rig.server(before=f'{tls}\n{setting}', listen=listen)
        found = {row['name'].replace(f'{rig.address}:', '') for row in server.ask('listeners')['listeners']}
        equal(found, wanted, setting)
        server.stop()

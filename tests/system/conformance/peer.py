# SPDX-License-Identifier: Apache-2.0
"""A party on a real socket: says exactly what the check tells it, and reads strictly what it hears."""
import asyncio
import re
import socket
import struct
import time

from conformance.draft import Draft, ack_for, in_brackets, new_branch, new_name, response_to, session
from conformance.message import Address, Message, Uri, Violation
from rig.case import Failure

REASONS = {
    100: 'Trying', 180: 'Ringing', 181: 'Call Is Being Forwarded', 183: 'Session Progress', 200: 'OK', 202: 'Accepted',
    301: 'Moved Permanently', 302: 'Moved Temporarily', 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found',
    407: 'Proxy Authentication Required', 408: 'Request Timeout', 415: 'Unsupported Media Type', 480: 'Unavailable',
    481: 'Call/Transaction Does Not Exist', 486: 'Busy Here', 487: 'Request Terminated', 488: 'Not Acceptable Here',
    500: 'Server Internal Error', 501: 'Not Implemented', 503: 'Service Unavailable', 600: 'Busy Everywhere', 603: 'Decline',
}  # fmt: skip
PATIENCE = 5  # seconds; generous, the machine may be busy
QUIET = 0.25  # seconds of silence that prove that nothing comes


class Datagrams:
    """A UDP socket whose kernel says when each datagram came: we may be late to look."""

    TIMESTAMPS = getattr(socket, 'SO_TIMESTAMPNS', 35)

    def __init__(self, peer, address):
        self.peer, self.loop = peer, asyncio.get_running_loop()
        self.socket = socket.socket(socket.AF_INET6 if ':' in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, self.TIMESTAMPS, 1)
        self.socket.bind(address)
        self.loop.add_reader(self.socket, self._read)

    def _read(self):
        try:
            data, notes, _, address = self.socket.recvmsg(65535, 64)
        except OSError:  # nothing there, or an ICMP error
            return
        self.peer.take(data, lambda answer: self.socket.sendto(answer, address), self._age(notes))

    def _age(self, notes):
        """Seconds since it came."""
        for level, kind, data in notes:
            if (level, kind) == (socket.SOL_SOCKET, self.TIMESTAMPS):
                seconds, nanoseconds = struct.unpack('@ll', data[:16])
                return max(0.0, time.time() - seconds - nanoseconds / 1e9)
        return 0.0

    def sendto(self, data, address):
        self.socket.sendto(data, address)

    def close(self):
        self.loop.remove_reader(self.socket)
        self.socket.close()


STUN_COOKIE = bytes.fromhex('2112a442')  # answers to keepalives (RFC 5626 3.5.2)


class Peer:
    def __init__(self, user, transport, host, server, domain):
        self.user, self.transport, self.host, self.server, self.domain = user, transport, host, server, domain
        self.aor = f'sip:{user}@{domain}'
        self.tag = new_name()
        self.cseqs = 0
        self.inbox = asyncio.Queue()
        self.seen = set()
        self.pongs = 0
        self.is_closed = asyncio.Event()
        self.own = self.link = self.listener = self.reader = self.writer = None
        self.tasks, self.writers = [], []

    # ---- sockets ----

    async def open(self, port=0, listening=False, dialling=True):
        if self.transport == 'udp':
            self.link = Datagrams(self, (self.host, port))
            self.own = self.link.socket.getsockname()[:2]
            return self
        if listening:
            self.listener = await asyncio.start_server(self._accepted, self.host, port)
            self.own = self.listener.sockets[0].getsockname()[:2]
        if dialling:
            await self.dial()
        return self

    async def dial(self):
        reader, self.writer = await asyncio.open_connection(*self.server, local_addr=(self.host, 0))
        if not self.listener:
            self.own = self.writer.get_extra_info('sockname')[:2]
        self.is_closed = asyncio.Event()
        self._read(reader, self.writer)

    async def _accepted(self, reader, writer):
        self._read(reader, writer)

    def _read(self, reader, writer):
        self.writers.append(writer)
        self.tasks.append(asyncio.create_task(self._frames(reader, writer)))

    async def _frames(self, reader, writer):
        """Cuts a stream into messages as RFC 3261 18.3 says."""
        buffer = b''
        while True:
            while buffer.startswith(b'\r\n'):
                self.pongs += 1
                buffer = buffer[2:]
            head, end, rest = buffer.partition(b'\r\n\r\n')
            length = re.search(rb'\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)', head, re.I)
            size = int(length[1]) if length else 0
            if end and len(rest) >= size:
                self.take(head + end + rest[:size], writer.write)
                buffer = rest[size:]
                continue
            try:
                more = await reader.read(65536)
            except ConnectionError:
                more = b''
            if not more:
                self.is_closed.set()
                return
            buffer += more

    def take(self, data, reply, age=0.0):
        """Into the inbox; a message against the rules too, as what is wrong with it."""
        if not data.strip(b'\r\n\0') or data[4:8] == STUN_COOKIE:
            self.pongs += 1
            return
        try:
            message = Message(data, self.transport, asyncio.get_running_loop().time() - age)
            message.reply = reply
        except Violation as violation:
            message = violation
        self.inbox.put_nowait(message)

    def hang_up(self):
        """Closes the connection to the server."""
        self.writer.close()

    def reset(self):
        self.writer.transport.abort()

    async def close(self):
        for task in self.tasks:
            task.cancel()
        if self.transport == 'udp' and self.link:
            self.link.close()
        for writer in self.writers:
            writer.close()
        if self.listener:
            self.listener.close()

    # ---- bytes out ----

    def send(self, draft):
        data = draft if isinstance(draft, bytes) else draft.data()
        if self.transport == 'udp':
            self.link.sendto(data, self.server)
        else:
            self.writer.write(data)
        return draft

    # ---- messages in ----

    async def receive(self, within=PATIENCE, repeats=True):
        """The next message, None after the time."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            try:
                message = await asyncio.wait_for(self.inbox.get(), max(0, deadline - asyncio.get_running_loop().time()))
            except asyncio.TimeoutError:
                return None
            if isinstance(message, Violation):
                raise Failure(f'{self.user} got a message against the rules: {message}')
            is_repeat = message.data in self.seen
            self.seen.add(message.data)
            if repeats or not is_repeat:
                return message

    async def expect(self, *wanted, within=PATIENCE):
        """The next message is one of these (a method, a status, '4xx'). Repetitions and 100s are passed over."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            message = await self.receive(deadline - asyncio.get_running_loop().time(), repeats=False)
            if message is None:
                raise Failure(f'{self.user}: no {wanted} within {within} s')
            if message.what == 100 and 100 not in wanted:
                continue
            if not any(is_wanted(message, one) for one in wanted):
                raise Failure(f'{self.user}: {message!r} instead of {wanted}')
            return message

    async def final(self, draft, within=PATIENCE):
        """The final response to a request of ours, past provisional ones; a failed INVITE is ACKed."""
        while True:
            message = await self.expect('1xx', '2xx', '3xx', '4xx', '5xx', '6xx', within=within)
            if message.status < 200:
                continue
            if message.cseq != draft.cseq or message.call_id != draft.call_id or message.method != draft.method:
                raise Failure(f'{self.user}: {message!r} answers another request than {draft.first_line!r}')
            if message.status >= 300 and message.method == 'INVITE':
                self.send(ack_for(draft, message))
            return message

    async def ask(self, draft, within=PATIENCE):
        return await self.final(self.send(draft), within)

    async def hears_nothing(self, seconds=QUIET, but=()):
        """No message that is new, except 100 and those named."""
        while True:
            message = await self.receive(seconds, repeats=False)
            if message is None:
                return
            if message.what != 100 and not any(is_wanted(message, one) for one in but):
                raise Failure(f'{self.user} should hear nothing: {message!r}')

    # ---- what it says ----

    @property
    def sent_by(self):
        return f'{in_brackets(self.own[0])}:{self.own[1]}'

    @property
    def uri(self):
        parameter = '' if self.transport == 'udp' else ';transport=tcp'
        return f'sip:{self.user}@{self.sent_by}{parameter}'

    @property
    def contact(self):
        return f'<{self.uri}>'

    def via(self, branch=None, rport=True):
        return f'SIP/2.0/{self.transport.upper()} {self.sent_by};branch={branch or new_branch()}' + ';rport' * rport

    def request(self, method, to, uri=None, call_id=None, cseq=None):
        """Out of dialog; `to` is a URI or a peer, whose address-of-record is meant."""
        to = to if isinstance(to, str) else to.aor
        self.cseqs += 1
        draft = Draft(f'{method} {uri or to} SIP/2.0')
        draft.add('Via', self.via()).add('Max-Forwards', '70').add('From', f'<{self.aor}>;tag={new_name()}')
        draft.add('To', f'<{to}>').add('Call-ID', call_id or new_name()).add('CSeq', f'{cseq or self.cseqs} {method}')
        if method in ('INVITE', 'SUBSCRIBE', 'REFER', 'NOTIFY', 'UPDATE'):
            draft.add('Contact', self.contact)
        return draft

    def invite(self, to, uri=None, with_session=True):
        draft = self.request('INVITE', to, uri)
        return draft.carry(session(self.own[0])) if with_session else draft

    def registration(self, *contacts, expires=600, **more):
        """Of its own contact, unless others are given; one None: none."""
        draft = self.request('REGISTER', self.aor, f'sip:{self.domain}', **more)
        if expires is not None:
            draft.add('Expires', str(expires))
        return draft.add('Contact', *((self.contact,) if not contacts else [one for one in contacts if one]))

    async def register(self, *contacts, **more):
        response = await self.ask(self.registration(*contacts, **more))
        if response.status != 200:
            raise Failure(f'{self.user}: REGISTER is answered {response.first_line}')
        return response

    def response(self, request, status, reason=None):
        draft = response_to(request, status, reason or REASONS[status], self.tag, self.contact)
        if status in (200, 183) and request.method == 'INVITE':
            draft.carry(session(self.own[0]))
        return draft

    def reply(self, request, status, draft=None):
        """To where the request came from, over its connection."""
        draft = draft or self.response(request, status)
        request.reply(draft.data())
        return draft

    async def serve(self, what, status=200, within=PATIENCE):
        """Expects a request and answers it."""
        request = await self.expect(what, within=within)
        self.reply(request, status)
        return request


def is_wanted(message, wanted):
    if isinstance(wanted, str) and wanted.endswith('xx'):
        return message.status // 100 == int(wanted[0])
    return message.what == wanted


class Dialog:
    """One side of a dialog (RFC 3261 12): makes requests along its route set."""

    def __init__(self, peer, call_id, local, remote, target, routes, cseq):
        self.peer, self.call_id, self.local, self.remote = peer, call_id, local, remote
        self.target, self.routes, self.cseq = target, routes, cseq

    @classmethod
    def of_caller(cls, peer, invite, response):
        routes = list(reversed(response.all('record-route')))
        return cls(peer, invite.call_id, invite.get('From'), response.get('to'), response.contact, routes, invite.cseq)

    @classmethod
    def of_callee(cls, peer, request, answer):
        return cls(peer, request.call_id, answer.get('To'), request.get('from'), request.contact, request.all('record-route'), 100)

    def request(self, method, cseq=None):
        if cseq is None and method != 'ACK':
            self.cseq += 1
        draft = Draft(f'{method} {self.target} SIP/2.0')
        draft.add('Via', self.peer.via()).add('Max-Forwards', '70').add('From', self.local).add('To', self.remote)
        draft.add('Call-ID', self.call_id).add('CSeq', f'{cseq or self.cseq} {method}').add('Route', *self.routes)
        if method in ('INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER'):
            draft.add('Contact', self.peer.contact)
        return draft

    def send(self, method, **more):
        return self.peer.send(self.request(method, **more))


class Call:
    """A call that stands: INVITE, 180, 200, ACK."""

    def __init__(self, caller, callee):
        self.caller, self.callee = caller, callee

    async def set_up(self, invite=None):
        self.invite = self.caller.send(invite or self.caller.invite(self.callee))
        self.seen = await self.callee.expect('INVITE')
        self.callee.reply(self.seen, 180)
        self.ringing = await self.caller.expect(180)
        self.answer = self.callee.reply(self.seen, 200)
        self.ok = await self.caller.expect(200)
        self.remember()
        self.ack = self.near.send('ACK')
        self.ack_seen = await self.callee.expect('ACK')
        return self

    def remember(self):
        """The dialog of each side."""
        self.near = Dialog.of_caller(self.caller, self.invite, self.ok)
        self.far = Dialog.of_callee(self.callee, self.seen, self.answer)

    async def pass_on(self, method, from_near=True, status=200, edit=None):
        """A request within the dialog and its answer: (what the other side saw, what came back)."""
        dialog, other = (self.near, self.callee) if from_near else (self.far, self.caller)
        draft = dialog.request(method)
        if edit:
            edit(draft)
        dialog.peer.send(draft)
        seen = await other.serve(method, status)
        answer = await dialog.peer.final(draft)
        if method == 'INVITE' and answer.status == 200:
            dialog.send('ACK', cseq=draft.cseq)
            await other.expect('ACK')
        return seen, answer

    async def hang_up(self, from_near=True):
        return await self.pass_on('BYE', from_near)


__all__ = ['Address', 'Call', 'Dialog', 'Draft', 'Peer', 'Uri']

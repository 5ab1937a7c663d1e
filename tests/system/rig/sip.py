# SPDX-License-Identifier: Apache-2.0
"""Phones driven by the case, step by step: they send what they are told and keep what they get."""
import itertools
import random
import re
import socket

from rig.case import Failure

COMPACT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length', 'c': 'content-type'}
NAMES = itertools.count(random.randrange(1 << 20) << 20)


def new_name():
    """Unlike all others of this process, and most likely of all processes."""
    return f'{next(NAMES):x}'


def sdp(address, port):
    family = 'IP6' if ':' in address else 'IP4'
    return (
        f'v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n'
        f'm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n'
    )


def sdp_target(body):
    """Address and port of the first stream."""
    address = re.search(r'^c=IN IP[46] (\S+)', body, re.M)
    port = re.search(r'^m=\w+ (\d+)', body, re.M)
    if not address or not port:
        raise Failure(f'no session description: {body!r}')
    return address[1], int(port[1])


class Message:
    """Just enough of a parser for messages that the server wrote."""

    def __init__(self, text):
        self.text = text
        head, _, self.body = text.partition('\r\n\r\n')
        self.first_line, *lines = head.split('\r\n')
        self.headers = []
        for line in lines:
            name, _, value = line.partition(':')
            name = name.strip().lower()
            self.headers.append((COMPACT.get(name, name), value.strip()))

    def all(self, name):
        """Every value, also those that share a line."""
        values = [value for header, value in self.headers if header == name.lower()]
        return [part.strip() for value in values for part in re.split(r',(?=\s*[<\w])', value)]

    def get(self, name):
        values = [value for header, value in self.headers if header == name.lower()]
        return values[0] if values else ''

    @property
    def is_request(self):
        return not self.first_line.startswith('SIP/2.0')

    @property
    def status(self):
        return 0 if self.is_request else int(self.first_line.split()[1])

    @property
    def method(self):
        return self.get('CSeq').split()[-1]

    @property
    def uri(self):
        return self.first_line.split()[1]

    def tag_of(self, name):
        found = re.search(r';tag=([^;>\s]+)', self.get(name))
        return found[1] if found else ''


def in_brackets(address):
    return f'[{address}]' if ':' in address else address


class Phone:
    def __init__(self, user, own, server, transport='udp', context=None, server_name=None):
        """context: of ssl, for the transport tls."""
        self.user, self.own, self.server, self.transport = user, own, server, transport
        self.context, self.server_name = context, server_name
        self.family = socket.AF_INET6 if ':' in own[0] else socket.AF_INET
        default_port = 5061 if transport == 'tls' else 5060
        self.domain = in_brackets(server[0]) + ('' if server[1] == default_port else f':{server[1]}')
        self.aor = f'sip:{user}@{self.domain}'
        self.call_id, self.tag, self.cseq = new_name(), new_name(), 0
        self.buffer = b''
        self.socket = None
        self.open()

    # ---- bytes ----

    def open(self):
        kind = socket.SOCK_DGRAM if self.transport == 'udp' else socket.SOCK_STREAM
        self.socket = socket.socket(self.family, kind)
        self.socket.bind((self.own[0], self.own[1] if self.transport == 'udp' else 0))
        if self.transport != 'udp':
            self.socket.settimeout(10)
            self.socket.connect(self.server)
        self.own = self.socket.getsockname()[:2]
        if self.transport == 'tls':
            self.socket = self.context.wrap_socket(self.socket, server_hostname=self.server_name)

    def close(self):
        self.socket.close()

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        if self.transport == 'udp':
            self.socket.sendto(data, self.server)
        else:
            self.socket.sendall(data)

    def receive(self, seconds=5):
        """The next message; None when there is none in time or the peer has closed."""
        self.socket.settimeout(seconds)
        try:
            while True:
                text = self._datagram() if self.transport == 'udp' else self._from_stream()
                if text is None or text.strip():
                    return Message(text) if text else None
        except TimeoutError:
            return None

    def _datagram(self):
        return self.socket.recv(65535).decode(errors='replace')

    def _from_stream(self):
        while True:
            self.buffer = self.buffer.lstrip(b'\r\n')
            head, end, rest = self.buffer.partition(b'\r\n\r\n')
            length = re.search(rb'^(?:content-length|l)\s*:\s*(\d+)', head, re.M | re.I)
            size = int(length[1]) if length else 0
            if end and len(rest) >= size:
                self.buffer = rest[size:]
                return (head + end + rest[:size]).decode(errors='replace')
            more = self.socket.recv(65535)
            if not more:
                return None
            self.buffer += more

    def is_silent(self, seconds=0.3):
        """Nothing arrives: for what must not be sent."""
        return self.receive(seconds) is None

    # ---- messages ----

    @property
    def contact(self):
        parameter = '' if self.transport == 'udp' else f';transport={self.transport}'
        return f'<sip:{self.user}@{in_brackets(self.own[0])}:{self.own[1]}{parameter}>'

    def via(self):
        return f'SIP/2.0/{self.transport.upper()} {in_brackets(self.own[0])}:{self.own[1]};branch=z9hG4bK{new_name()};rport'

    def request(self, method, uri, to=None, headers=(), body='', to_tag='', via=None):
        """The text of a request; an own Via, From, CSeq."""
        if method not in ('ACK', 'CANCEL'):
            self.cseq += 1
        tag = f';tag={to_tag}' if to_tag else ''
        lines = [
            f'{method} {uri} SIP/2.0',
            f'Via: {via or self.via()}',
            'Max-Forwards: 70',
            f'From: <{self.aor}>;tag={self.tag}',
            f'To: <{to or uri}>{tag}',
            f'Call-ID: {self.call_id}',
            f'CSeq: {self.cseq} {method}',
            *headers,
        ]
        if method in ('INVITE', 'REGISTER', 'SUBSCRIBE') and not any(line.startswith('Contact:') for line in headers):
            lines.append(f'Contact: {self.contact}')
        if body:
            lines.append('Content-Type: application/sdp')
        lines.append(f'Content-Length: {len(body)}')
        return '\r\n'.join(lines) + '\r\n\r\n' + body

    def new_call(self):
        self.call_id, self.tag, self.cseq = new_name(), new_name(), 0

    def final(self, method=None, seconds=5):
        """The next final response of the current call, past provisional ones; a failed INVITE is ACKed."""
        while True:
            message = self.receive(seconds)
            if message is None:
                raise Failure(f'{self.user}: no answer within {seconds} s')
            if message.status >= 200 and method in (None, message.method) and message.get('Call-ID') == self.call_id:
                if message.status >= 300 and message.method == 'INVITE':
                    self._acknowledge(message)
                return message

    def _acknowledge(self, failure):
        """Within the transaction of the INVITE: the same branch."""
        branch = re.search(r';branch=([^;]+)', failure.get('Via'))[1]
        via = re.sub(r';branch=.*', f';branch={branch};rport', self.via())
        uri = re.search(r'<([^>]+)>', failure.get('To'))[1]
        self.send(self.request('ACK', uri, via=via, to_tag=failure.tag_of('To')))

    def ask(self, method, uri, **more):
        """Sends a request and waits for its final response."""
        self.send(self.request(method, uri, **more))
        return self.final(method)

    def register(self, expires=600, **more):
        headers = [f'Expires: {expires}', *more.pop('headers', ())]
        return self.ask('REGISTER', f'sip:{self.domain}', to=self.aor, headers=headers, **more)

    def expect(self, method, seconds=5):
        """The next request of this method; retransmissions of others are passed over."""
        while True:
            message = self.receive(seconds)
            if message is None:
                raise Failure(f'{self.user}: no {method} within {seconds} s')
            if message.is_request and message.method == method:
                return message

    def reply(self, request, status, reason='OK', body='', headers=()):
        tag = '' if request.tag_of('To') or status == 100 else f';tag={self.tag}'
        lines = [f'SIP/2.0 {status} {reason}']
        lines += [f'Via: {value}' for name, value in request.headers if name == 'via']
        lines += [f'Record-Route: {value}' for name, value in request.headers if name == 'record-route']
        lines += [f"From: {request.get('From')}", f"To: {request.get('To')}{tag}"]
        lines += [f"Call-ID: {request.get('Call-ID')}", f"CSeq: {request.get('CSeq')}", *headers]
        if request.method == 'INVITE':
            lines.append(f'Contact: {self.contact}')
        if body:
            lines.append('Content-Type: application/sdp')
        lines.append(f'Content-Length: {len(body)}')
        self.send('\r\n'.join(lines) + '\r\n\r\n' + body)

    # ---- within a call of this phone ----

    def within(self, method, answer, **more):
        """A request along the route set of the 2xx that this phone got."""
        contact = re.search(r'<([^>]+)>', answer.get('Contact'))[1]
        routes = [f'Route: {route}' for route in reversed(answer.all('Record-Route'))]
        headers = [*routes, *more.pop('headers', ())]
        return self.request(method, contact, to=answer_to(answer), to_tag=answer.tag_of('To'), headers=headers, **more)


def answer_to(answer):
    return re.search(r'<([^>]+)>', answer.get('To'))[1]

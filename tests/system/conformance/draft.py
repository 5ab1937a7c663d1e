# SPDX-License-Identifier: Apache-2.0
"""Messages in the making: sensible from the start, and every line open to change."""
import itertools
import random

NAMES = itertools.count(random.randrange(1 << 30) << 16)


def new_name():
    return f'{next(NAMES):x}'


def new_branch():
    return 'z9hG4bK' + new_name()


def in_brackets(host):
    return f'[{host}]' if ':' in host else host


class Draft:
    """First line, headers and a body. Content-Length follows the body unless it is set."""

    def __init__(self, first_line, headers=(), body=b''):
        self.first_line = first_line
        self.headers = [list(header) for header in headers]
        self.body = body if isinstance(body, bytes) else body.encode()
        self.with_length = True

    def copy(self):
        copy = Draft(self.first_line, self.headers, self.body)
        copy.with_length = self.with_length
        return copy

    @property
    def method(self):
        return self.first_line.split()[0]

    @property
    def uri(self):
        return self.first_line.split()[1]

    def get(self, name):
        return next((value for header, value in self.headers if header.lower() == name.lower()), None)

    def all(self, name):
        return [value for header, value in self.headers if header.lower() == name.lower()]

    def set(self, name, value):
        """Of the first such header, else a new one at the end."""
        for header in self.headers:
            if header[0].lower() == name.lower():
                header[1] = value
                return self
        return self.add(name, value)

    def add(self, name, *values):
        self.headers += [[name, value] for value in values]
        return self

    def first(self, name, *values):
        """In front of all others."""
        self.headers[:0] = [[name, value] for value in values]
        return self

    def remove(self, name):
        self.headers = [header for header in self.headers if header[0].lower() != name.lower()]
        return self

    def rename(self, name, other):
        for header in self.headers:
            if header[0].lower() == name.lower():
                header[0] = other
        return self

    def edit(self, name, old, new):
        return self.set(name, self.get(name).replace(old, new, 1))

    def carry(self, body, kind='application/sdp'):
        self.body = body.encode()
        return self.set('Content-Type', kind)

    @property
    def branch(self):
        return self.get('Via').partition('branch=')[2].partition(';')[0]

    @property
    def cseq(self):
        return int(self.get('CSeq').split()[0])

    @property
    def call_id(self):
        return self.get('Call-ID')

    def data(self):
        lines = [self.first_line, *(f'{name}: {value}' for name, value in self.headers)]
        if self.with_length and not any(name.lower() in ('content-length', 'l') for name, _ in self.headers):
            lines.append(f'Content-Length: {len(self.body)}')
        return '\r\n'.join(lines).encode(errors='surrogateescape') + b'\r\n\r\n' + self.body


def response_to(request, status, reason, tag, contact=None):
    """What a correct UAS answers to a Message."""
    draft = Draft(f'SIP/2.0 {status} {reason}')
    for name in ('via', 'record-route', 'timestamp'):
        if name != 'timestamp' or status == 100:
            draft.add(name.title(), *(value for header, value in request.headers if header == name))
    to = request.get('to')
    if status > 100 and not request.to_tag:
        to += f';tag={tag}'
    draft.add('From', request.get('from')).add('To', to)
    draft.add('Call-ID', request.call_id).add('CSeq', request.get('cseq'))
    if contact and status < 300 and status > 100:
        draft.add('Contact', contact)
    return draft


def ack_for(invite, response):
    """The ACK to a failure: within the transaction of the INVITE (RFC 3261 17.1.1.3)."""
    draft = Draft(f'ACK {invite.uri} SIP/2.0')
    draft.add('Via', invite.get('Via')).add('Max-Forwards', '70').add('From', invite.get('From'))
    draft.add('To', response.get('to')).add('Call-ID', invite.call_id).add('CSeq', f'{invite.cseq} ACK')
    return draft.add('Route', *invite.all('Route'))


def cancel_for(invite):
    """RFC 3261 9.1."""
    draft = Draft(f'CANCEL {invite.uri} SIP/2.0')
    draft.add('Via', invite.get('Via')).add('Max-Forwards', '70').add('From', invite.get('From'))
    draft.add('To', invite.get('To')).add('Call-ID', invite.call_id).add('CSeq', f'{invite.cseq} CANCEL')
    return draft.add('Route', *invite.all('Route'))


def session(host, port=4000):
    family = 'IP6' if ':' in host else 'IP4'
    return (
        f'v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n'
        f'm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n'
    )

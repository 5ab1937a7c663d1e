# SPDX-License-Identifier: Apache-2.0
"""A strict reader of SIP messages, which owes nothing to the server: what breaks a rule raises Violation."""
import re

COMPACT = {
    'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length', 'c': 'content-type',
    'k': 'supported', 's': 'subject', 'e': 'content-encoding', 'o': 'event', 'r': 'refer-to', 'b': 'referred-by',
    'x': 'session-expires', 'u': 'allow-events', 'a': 'accept-contact', 'j': 'reject-contact', 'd': 'request-disposition',
}  # fmt: skip
SINGLE = ('from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type', 'expires', 'min-expires', 'timestamp')
MANDATORY = ('via', 'from', 'to', 'call-id', 'cseq')
LISTS = ('via', 'record-route', 'route', 'contact', 'path', 'supported', 'require', 'proxy-require', 'unsupported', 'allow', 'service-route')
TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
VIA = re.compile(rf'{TOKEN}\s*/\s*{TOKEN}\s*/\s*({TOKEN})\s+(\[[0-9A-Fa-f:.]+\]|[^\s:;\[\]]+)(?::(\d+))?\s*((?:;.*)?)$', re.S)
URI = re.compile(
    r'(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?:(?P<user>[^@?]*)@)?'
    r'(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;?\[\]@]*)(?::(?P<port>\d+))?(?P<params>(?:;[^?]*)?)(?:\?(?P<headers>.*))?$'
)


class Violation(Exception):
    """What of a message is against the RFC."""


def require(condition, what):
    if not condition:
        raise Violation(what)


def split_list(text, separator=','):
    """Parts outside of quotes and angle brackets."""
    parts, depth, quoted, start, i = [], 0, False, 0, 0
    while i < len(text):
        char = text[i]
        if quoted:
            if char == '\\':
                i += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in '<>':
            depth += 1 if char == '<' else -1
        elif char == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    require(not quoted and depth == 0, f'open quotes or brackets: {text!r}')
    return [part.strip() for part in [*parts, text[start:]]]


def parameters(text):
    """Of `;a=b;c`: names in lower case, None for one without a value."""
    found = {}
    for part in split_list(text, ';')[1:]:
        name, equals, value = part.partition('=')
        require(re.fullmatch(r'[^\s=;,"<>]+', name.strip()), f'no parameter name: {part!r}')
        found[name.strip().lower()] = value.strip() if equals else None
    return found


class Uri:
    def __init__(self, text):
        found = URI.match(text)
        require(found, f'no URI: {text!r}')
        self.text = text
        self.scheme, self.user, self.host = found['scheme'].lower(), found['user'], found['host']
        self.port = int(found['port']) if found['port'] else None
        self.params = parameters(found['params']) if self.scheme in ('sip', 'sips') else {}
        self.headers = found['headers']

    def __str__(self):
        return self.text


class Address:
    """name-addr or addr-spec, with its parameters."""

    def __init__(self, text):
        self.text = text
        found = re.match(r'\s*((?:"(?:[^"\\]|\\.)*"|[^"<]*?)\s*)<([^<>]*)>\s*((?:;.*)?)$', text, re.S)
        if found:
            self.name, uri, rest = found[1].strip(), found[2], found[3]
        else:
            self.name, (uri, _, rest) = '', text.strip().partition(';')
            rest = ';' + rest if rest else ''
        self.uri, self.params = Uri(uri), parameters(rest)

    def __str__(self):
        return self.text


class Via:
    def __init__(self, text):
        found = VIA.match(text)
        require(found, f'no Via: {text!r}')
        self.text, self.transport, self.host = text, found[1].upper(), found[2]
        self.port = int(found[3]) if found[3] else None
        self.params = parameters(found[4])
        self.branch = self.params.get('branch')


class Message:
    """`data`: the bytes of exactly one message."""

    def __init__(self, data, transport='udp', at=0.0):
        self.data, self.transport, self.at = data, transport, at
        head, end, self.body = data.partition(b'\r\n\r\n')
        require(end, f'no empty line: {data!r}')
        require(b'\0' not in head, f'NUL in the head: {data!r}')
        require(not re.search(rb'\r(?!\n)|(?<!\r)\n', head), f'bare CR or LF: {data!r}')
        self.text = data.decode(errors='surrogateescape')
        self.first_line, *lines = head.decode(errors='surrogateescape').split('\r\n')
        self.headers = [self._header(line) for line in self._unfolded(lines)]
        self._read_first_line()
        try:
            self._check()
        except Violation:
            if self.status not in (400, 505):  # which tell what was wrong as it was
                raise
            self.vias, self.cseq, self.method = [], 0, ''

    @staticmethod
    def _unfolded(lines):
        whole = []
        for line in lines:
            if line[:1] in ' \t':
                require(whole, 'a fold without a header')
                whole[-1] += ' ' + line.strip()
            else:
                whole.append(line)
        return whole

    @staticmethod
    def _header(line):
        found = re.match(rf'({TOKEN})[ \t]*:[ \t]*(.*?)[ \t]*$', line, re.S)
        require(found, f'no header: {line!r}')
        name = found[1].lower()
        return COMPACT.get(name, name), found[2]

    def _read_first_line(self):
        request = re.fullmatch(rf'({TOKEN}) (\S+) SIP/2\.0', self.first_line)
        status = re.fullmatch(r'SIP/2\.0 ([1-6]\d\d) (.*)', self.first_line)
        require(request or status, f'first line: {self.first_line!r}')
        self.is_request = bool(request)
        self.status = 0 if request else int(status[1])
        self.reason = '' if request else status[2]
        self.uri = request[2] if request else ''

    def _check(self):
        for name in MANDATORY:
            require(self.has(name), f'no {name} in {self.text}')
        for name in SINGLE:
            require(self.count(name) <= 1, f'{self.count(name)} {name} in {self.text}')
        self.vias = [Via(text) for text in self.all('via')]
        self.cseq, self.method = self._cseq()
        if self.is_request:
            require(self.first_line.startswith(self.method + ' '), f'CSeq of another method: {self.text}')
            require(self.has('max-forwards'), f'no Max-Forwards: {self.text}')
            require((self.vias[0].branch or '').startswith('z9hG4bK'), f'branch: {self.text}')
            require(self.vias[0].transport == self.transport.upper(), f'top Via is not of {self.transport}: {self.text}')
        elif self.status > 100:
            require(self.to_tag, f'no To tag: {self.text}')
        if self.has('content-length'):
            require(self.get('content-length') == str(len(self.body)), f'Content-Length: {self.text}')
        require(self.transport == 'udp' or self.has('content-length'), f'no Content-Length in a stream: {self.text}')
        for name in ('record-route', 'route', 'path', 'contact'):
            for text in self.all(name):
                require(text == '*' or Address(text), name)

    def _cseq(self):
        found = re.fullmatch(rf'(\d+)\s+({TOKEN})', self.get('cseq'))
        require(found and (not self.is_request or int(found[1]) < 1 << 31), f'CSeq: {self.text}')
        return int(found[1]), found[2]

    # ---- reading ----

    def count(self, name):
        return sum(header == name.lower() for header, _ in self.headers)

    def has(self, name):
        return self.count(name) > 0

    def get(self, name):
        """The first value as it stands; '' for none."""
        return next((value for header, value in self.headers if header == name.lower()), '')

    def all(self, name):
        """Every value in order, lists taken apart."""
        values = [value for header, value in self.headers if header == name.lower()]
        return [part for value in values for part in split_list(value)] if name.lower() in LISTS else values

    def addresses(self, name):
        return [Address(text) for text in self.all(name)]

    @property
    def what(self):
        """The method of a request, the number of a response."""
        return self.method if self.is_request else self.status

    @property
    def branch(self):
        return self.vias[0].branch

    @property
    def call_id(self):
        return self.get('call-id')

    @property
    def from_tag(self):
        return Address(self.get('from')).params.get('tag')

    @property
    def to_tag(self):
        return Address(self.get('to')).params.get('tag')

    @property
    def contact(self):
        """The URI of the only contact."""
        (one,) = self.addresses('contact')
        return str(one.uri)

    def __repr__(self):
        return f'{self.first_line} [{self.get("cseq")}]'

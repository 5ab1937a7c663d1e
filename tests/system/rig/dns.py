# SPDX-License-Identifier: Apache-2.0
"""A name server that says what the case wants: the truth, nothing, nonsense."""
import socket
import struct
import threading

A, CNAME, AAAA, SRV, NAPTR = 1, 5, 28, 33, 35
PORT = 5353


def encoded(name):
    labels = [label.encode() for label in name.split('.') if label]
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def string(text):
    return bytes([len(text)]) + text.encode()


def a(address):
    return A, socket.inet_aton(address)


def cname(target):
    return CNAME, encoded(target)


def srv(priority, weight, port, target):
    return SRV, struct.pack('!HHH', priority, weight, port) + encoded(target)


def naptr(order, preference, flag, service, replacement):
    return NAPTR, struct.pack('!HH', order, preference) + string(flag) + string(service) + string('') + encoded(replacement)


def read_question(query):
    """The name, the type, and the bytes of the question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    return '.'.join(labels).lower(), struct.unpack('!H', query[at + 1 : at + 3])[0], query[12 : at + 5]


class NameServer:
    """Answers from `records`: name -> list of (type, data). While `is_silent` it only counts."""

    def __init__(self, address):
        self.records, self.is_silent, self.spoil = {}, False, None
        self.questions = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, PORT))
        self.text = f'{address}:{PORT}'
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if not query:
                return
            self.questions += 1
            if not self.is_silent:
                self.socket.sendto(self.answer(query), client)

    def answer(self, query):
        name, kind, question = read_question(query)
        known = self.records.get(name)
        found = [(kind_, data) for kind_, data in known or () if kind_ in (kind, CNAME)]
        flags = 0x8180 if known is not None else 0x8183
        body = b''.join(b'\xc0\x0c' + struct.pack('!HHIH', kind_, 1, 60, len(data)) + data for kind_, data in found)
        answer = query[:2] + struct.pack('!HHHHH', flags, 1, len(found), 0, 0) + question + body
        return self.spoil(answer) if self.spoil else answer

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b'', self.socket.getsockname())
        self.thread.join()
        self.socket.close()

# SPDX-License-Identifier: Apache-2.0
"""Many phones that register at a rate from one socket, and remember what was answered."""
import re
import socket
import time

from rig.sip import new_name

ANSWER = re.compile(rb'SIP/2\.0 (\d+).*?\r\nCall-ID: *(\S+)\r\n.*?CSeq: *(\d+)', re.S | re.I)
RETRANSMIT_SECONDS = 0.5
LISTEN_SECONDS = 0.0005


class Registrations:
    """AoR number n registers with its own Call-ID, and with the next CSeq each time it is its turn."""

    def __init__(self, local, server, count, gone_each=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(local)
        self.socket.setblocking(False)
        self.local = '%s:%d' % self.socket.getsockname()
        self.server = server
        self.name = new_name()
        self.count = count
        self.gone_each = gone_each  # each so manieth request takes its binding away; 0: none
        self.turns = 0
        self.sent = {}  # user -> (CSeq, expires) of the last request
        self.acknowledged = {}  # user -> (CSeq, expires) of the last one answered 200
        self.waiting = {}  # (user, CSeq) -> [bytes, when it was sent first, when last]
        self.times = []  # from a request to its 200, in seconds
        self.refused = 0

    def close(self):
        self.socket.close()

    def request(self, user, cseq, expires):
        return (
            f'REGISTER sip:{self.server[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};rport;branch=z9hG4bK{self.name}{user}x{cseq}\r\n'
            f'From: <sip:{user}@{self.server[0]}>;tag=a\r\nTo: <sip:{user}@{self.server[0]}>\r\n'
            f'Call-ID: {user}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n'
            f'Contact: <sip:{user}@{self.local}>\r\nExpires: {expires}\r\nUser-Agent: many\r\nContent-Length: 0\r\n\r\n'
        ).encode()

    def send_next(self):
        """A user whose last request is not answered yet is passed over: its outcome is not known."""
        user = f'u{self.turns % self.count}'
        self.turns += 1
        cseq = self.sent.get(user, (0, 0))[0] + 1
        if (user, cseq - 1) in self.waiting:
            return
        expires = 0 if self.gone_each and self.turns % self.gone_each == 0 else 3600
        self.sent[user] = (cseq, expires)
        now = time.monotonic()
        self.waiting[user, cseq] = [self.request(user, cseq, expires), now, now]
        self.socket.sendto(self.waiting[user, cseq][0], self.server)

    def listen(self):
        """Takes what has arrived; how much that was."""
        taken = 0
        while True:
            try:
                answer = ANSWER.match(self.socket.recv(65536))
            except BlockingIOError:
                return taken
            except ConnectionError:
                continue
            taken += 1
            if answer and int(answer[1]) >= 200:
                self._note(int(answer[1]), answer[2].decode(), int(answer[3]))

    def _note(self, status, user, cseq):
        waited = self.waiting.pop((user, cseq), None)
        if waited is None:
            return
        if status != 200:
            self.refused += 1
            return
        self.times.append(time.monotonic() - waited[1])
        self.acknowledged[user] = self.sent[user]

    def retransmit(self):
        now = time.monotonic()
        for waited in self.waiting.values():
            if now - waited[2] > RETRANSMIT_SECONDS:
                waited[2] = now
                self.socket.sendto(waited[0], self.server)

    def run(self, rate, seconds):
        """Sends at the rate, whatever becomes of it."""
        start = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - start) < seconds:
            while sent < passed * rate:
                self.send_next()
                sent += 1
            if not self.listen():
                self.retransmit()
                time.sleep(LISTEN_SECONDS)

    def flood(self, window, seconds):
        """Keeps so many requests under way; how many were answered in a second."""
        start, before = time.monotonic(), len(self.times)
        while time.monotonic() - start < seconds:
            while len(self.waiting) < window:
                self.send_next()
            if not self.listen():
                time.sleep(LISTEN_SECONDS / 5)
        return (len(self.times) - before) / (time.monotonic() - start)

    def settle(self, seconds=10):
        """Waits for the answers that are still missing."""
        end = time.monotonic() + seconds
        while self.waiting and time.monotonic() < end:
            self.retransmit()
            self.listen()
            time.sleep(LISTEN_SECONDS)

    def forget_waiting(self):
        """Those who asked when the server died know nothing: either outcome is right until they ask again."""
        for user, cseq in self.waiting:
            self.acknowledged.pop(user, None)
        self.waiting.clear()

    def percentile(self, part):
        times = sorted(self.times)
        return times[min(len(times) - 1, int(len(times) * part))] if times else float('nan')

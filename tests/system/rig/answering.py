# SPDX-License-Identifier: Apache-2.0
"""A phone that answers calls on a thread of its own, for what SIPp cannot: one TCP connection for all."""
import threading
from collections import Counter

from rig.sip import sdp


class Answering:
    def __init__(self, phone):
        self.phone = phone
        self.counts = Counter()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.is_ending = False

    def register(self):
        return self.phone.register()

    def start(self):
        self.thread.start()
        return self

    def count(self, method):
        return self.counts[method]

    def _run(self):
        while not self.is_ending:
            try:
                request = self.phone.receive(0.2)
            except OSError:
                return
            if request is not None and request.is_request:
                self._take(request)

    def _take(self, request):
        self.counts[request.method] += 1
        if request.method == 'INVITE':
            self.phone.reply(request, 180, 'Ringing')
            self.phone.reply(request, 200, body=sdp(self.phone.own[0], 40000))
        elif request.method != 'ACK':
            self.phone.reply(request, 200)

    def close(self):
        """The phone is closed by its rig."""
        self.is_ending = True
        if self.thread.is_alive():
            self.thread.join()

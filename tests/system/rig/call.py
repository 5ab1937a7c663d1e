# SPDX-License-Identifier: Apache-2.0
"""A call between two phones of a case, with a few packets of media both ways."""
import socket
import struct

from rig.case import Failure, equal
from rig.sip import sdp, sdp_target

RTP_PORT = 40000  # every host has its own address


class Call:
    def __init__(self, rig, caller, callee):
        self.rig, self.caller, self.callee = rig, caller, callee
        self.media = [self._media_socket(phone) for phone in (caller, callee)]
        self.answer = self.offer_seen = None

    def _media_socket(self, phone):
        media = self.rig.keep(socket.socket(phone.family, socket.SOCK_DGRAM))
        media.bind((phone.own[0], 0))
        media.settimeout(5)
        return media

    def _sdp(self, side):
        return sdp(*self.media[side].getsockname()[:2])

    def invite(self):
        self.caller.new_call()
        self.caller.send(self.caller.request('INVITE', self.callee.aor, body=self._sdp(0)))

    def set_up(self):
        """INVITE, 180, 200, ACK."""
        self.invite()
        self.offer_seen = self.callee.expect('INVITE')
        self.callee.reply(self.offer_seen, 180, 'Ringing')
        self.callee.reply(self.offer_seen, 200, body=self._sdp(1))
        self.answer = self.caller.final('INVITE')
        equal(self.answer.status, 200, 'answer to the INVITE')
        self.caller.send(self.caller.within('ACK', self.answer))
        self.callee.expect('ACK')
        return self

    def relay_addresses(self):
        """Where the caller, then the callee, is told to send."""
        return sdp_target(self.answer.body), sdp_target(self.offer_seen.body)

    def talk(self, packets=5):
        """Both sides send until each has heard the other."""
        targets = self.relay_addresses()
        for number in range(packets):
            for media, target in zip(self.media, targets):
                media.sendto(rtp_packet(number), target)
        for side, media in enumerate(self.media):
            try:
                media.recv(2048)
            except TimeoutError:
                raise Failure(f"no media for the {('caller', 'callee')[side]}") from None

    def hang_up(self):
        self.caller.send(self.caller.within('BYE', self.answer))
        self.callee.reply(self.callee.expect('BYE'), 200)
        equal(self.caller.final('BYE').status, 200, 'answer to the BYE')


def rtp_packet(number):
    return struct.pack('!BBHII', 0x80, 0, number, number * 160, 0x1234) + bytes(160)


def is_idle(stats):
    """Nothing is left of any call."""
    return not stats['media.sessions'] and not stats['media.ports_used']

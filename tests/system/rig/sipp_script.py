# SPDX-License-Identifier: Apache-2.0
"""Scenario files for SIPp, written from a list of steps: what each side says and hears in a call."""

SDP = """v=0
o=- 1 {version} IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a={direction}
"""
HERE = '[local_ip]:[local_port]'
CONTACT = f'Contact: <sip:sipp@{HERE};transport=[transport]>'
DOMAIN = '[remote_ip]:[remote_port]'


def send(lines, body='', retrans=True):
    head = '\n'.join(line for line in lines if line)
    kind = 'Content-Type: application/sdp\n' if body else ''
    timer = ' retrans="500"' if retrans else ''
    return f'  <send{timer}><![CDATA[\n{head}\n{kind}Content-Length: [len]\n\n{body}]]></send>'


def sdp(version=1, direction='sendrecv'):
    return SDP.format(version=version, direction=direction)


class Caller:
    """Steps of the side that begins; each method adds some."""

    closing = ''

    def __init__(self):
        self.steps, self.cseq = [], 0

    def text(self, name):
        steps = '\n'.join([*self.steps, self.closing])
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{name}">\n{steps}\n</scenario>\n'

    def _request(self, method, uri, to_tag, cseq, headers, body, retrans):
        self.steps.append(send([
            f'{method} {uri} SIP/2.0',
            f'Via: SIP/2.0/[transport] {HERE};branch=[branch]',
            'Max-Forwards: 70',
            '[routes]' if to_tag else '',
            f'From: "caller" <sip:sipp@{DOMAIN}>;tag=c[pid]-[call_number]',
            f'To: <sip:[service]@{DOMAIN}>{to_tag}',
            'Call-ID: [call_id]',
            f'CSeq: {cseq} {method}',
            CONTACT,
            *headers,
        ], body, retrans))  # fmt: skip
        return self

    def begin(self, method, *headers, body=''):
        """Out of dialog."""
        self.cseq += 1
        return self._request(method, f'sip:[service]@{DOMAIN}', '', self.cseq, headers, body, True)

    def within(self, method, *headers, body=''):
        self.cseq += 1
        return self._request(method, '[next_url]', '[peer_tag_param]', self.cseq, headers, body, True)

    def ack(self, body='', cseq=None):
        return self._request('ACK', '[next_url]', '[peer_tag_param]', cseq or self.cseq, (), body, False)

    def ack_failure(self):
        """Within the transaction of the INVITE: SIPp keeps the branch for an ACK that follows a failure."""
        self.steps.append(send([
            f'ACK sip:[service]@{DOMAIN} SIP/2.0',
            '[last_Via:]',
            'Max-Forwards: 70',
            '[last_From:]',
            '[last_To:]',
            'Call-ID: [call_id]',
            f'CSeq: {self.cseq} ACK',
        ], retrans=False))  # fmt: skip
        return self

    def cancel(self):
        self.steps.append(send([
            f'CANCEL sip:[service]@{DOMAIN} SIP/2.0',
            '[last_Via:]',
            'Max-Forwards: 70',
            '[last_From:]',
            f'To: <sip:[service]@{DOMAIN}>',
            'Call-ID: [call_id]',
            f'CSeq: {self.cseq} CANCEL',
        ]))  # fmt: skip
        return self

    def expect(self, *statuses, optional=(100, 180, 183), **attributes):
        """The last one must come; provisional ones may come before."""
        for status in optional:
            if status not in statuses:
                self.steps.append(f'  <recv response="{status}" optional="true"/>')
        for status in statuses:
            more = ''.join(f' {name}="{value}"' for name, value in attributes.items())
            self.steps.append(f'  <recv response="{status}"{more}/>')
        return self

    def hear(self, method, **attributes):
        more = ''.join(f' {name}="{value}"' for name, value in attributes.items())
        self.steps.append(f'  <recv request="{method}"{more}/>')
        return self

    def answer(self, status, reason='OK', *headers, body='', tag=False):
        """To the request heard last; `tag`: it is the first of the dialog."""
        self.steps.append(send([
            f'SIP/2.0 {status} {reason}',
            '[last_Via:]',
            '[last_Record-Route:]',
            '[last_From:]',
            '[last_To:]' + (';tag=s[pid]-[call_number]' if tag else ''),
            '[last_Call-ID:]',
            '[last_CSeq:]',
            CONTACT,
            *headers,
        ], body, retrans=False))  # fmt: skip
        return self

    def pause(self, milliseconds):
        self.steps.append(f'  <pause milliseconds="{milliseconds}"/>')
        return self


class Callee(Caller):
    """The side that is called. Its own requests turn From and To of the INVITE round."""

    closing = '  <Reference variables="near,far"/>'

    def take(self, method='INVITE'):
        """The first request of the dialog."""
        self.steps.append(f"""  <recv request="{method}" rrs="true"><action>
    <ereg regexp=".*" search_in="hdr" header="From:" assign_to="far"/>
    <ereg regexp=".*" search_in="hdr" header="To:" assign_to="near"/>
  </action></recv>""")
        return self

    def say(self, method, cseq, *headers):
        self.steps.append(send([
            f'{method} [next_url] SIP/2.0',
            f'Via: SIP/2.0/[transport] {HERE};branch=[branch]',
            'Max-Forwards: 70',
            '[routes]',
            'From: [$near];tag=s[pid]-[call_number]',
            'To: [$far]',
            'Call-ID: [call_id]',
            f'CSeq: {cseq} {method}',
            CONTACT,
            *headers,
        ]))  # fmt: skip
        return self

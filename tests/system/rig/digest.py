# SPDX-License-Identifier: Apache-2.0
"""The client's side of digest authentication (RFC 7616, RFC 8760)."""
import hashlib
import re

HASHES = {'MD5': 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512_256'}


def hash_of(algorithm, *parts):
    return hashlib.new(HASHES[algorithm], ':'.join(parts).encode()).hexdigest()


class Challenge:
    """One header line of a 401 or 407; counts how often it was answered."""

    def __init__(self, text, is_proxy=False):
        given = dict((name.lower(), quoted or plain) for name, quoted, plain in re.findall(r'([\w-]+)=(?:"([^"]*)"|([^,\s]+))', text))
        self.realm, self.nonce = given['realm'], given['nonce']
        self.qop, self.algorithm = given.get('qop', ''), given.get('algorithm', 'MD5')
        self.is_stale = given.get('stale') == 'true'
        self.name = 'Proxy-Authorization' if is_proxy else 'Authorization'
        self.count = 0

    def value(self, method, uri, user, password, **changes):
        """Credentials; `changes` replaces fields before the response is made, None leaves one out."""
        self.count += 1
        body = changes.pop('body', '')
        algorithm = changes.get('algorithm', self.algorithm)
        fields = {'username': user, 'realm': self.realm, 'nonce': self.nonce, 'uri': uri}
        if self.qop:
            fields |= {'qop': self.qop, 'nc': f'{self.count:08x}', 'cnonce': 'cafe'}
        fields |= {name: value for name, value in changes.items() if name != 'response'}
        fields = {name: value for name, value in fields.items() if value is not None}
        covered = [method, fields['uri']] + ([hash_of(algorithm, body)] if fields.get('qop') == 'auth-int' else [])
        proof = [hash_of(algorithm, user, fields['realm'], password), fields['nonce']]
        if 'qop' in fields:
            proof += [fields['nc'], fields['cnonce'], fields['qop']]
        fields['response'] = changes.get('response', hash_of(algorithm, *proof, hash_of(algorithm, *covered)))
        if self.algorithm != 'MD5':
            fields.setdefault('algorithm', algorithm)
        bare = ('qop', 'nc', 'algorithm')
        return 'Digest ' + ', '.join(f'{name}={value}' if name in bare else f'{name}="{value}"' for name, value in fields.items())


def challenges(response):
    is_proxy = response.status == 407
    return [Challenge(text, is_proxy) for text in response.all('Proxy-Authenticate' if is_proxy else 'WWW-Authenticate')]


def answer_challenge(response, method, uri, user, password):
    """The header line that goes with the request sent again."""
    is_proxy = response.status == 407
    challenge = Challenge(response.get('Proxy-Authenticate' if is_proxy else 'WWW-Authenticate'), is_proxy)
    return f'{challenge.name}: {challenge.value(method, uri, user, password)}'

# SPDX-License-Identifier: Apache-2.0
"""The answer of a client to a challenge (RFC 2617, MD5)."""
import hashlib
import re


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def answer_challenge(response, method, uri, user, password):
    """The header line that goes with the request sent again."""
    is_proxy = response.status == 407
    challenge = response.get('Proxy-Authenticate' if is_proxy else 'WWW-Authenticate')
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm, nonce = given['realm'], given['nonce']
    secrets = md5(f'{user}:{realm}:{password}'), md5(f'{method}:{uri}')
    fields = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}"'
    if 'qop' in given:
        proof = md5(f'{secrets[0]}:{nonce}:00000001:cafe:auth:{secrets[1]}')
        fields += ', qop=auth, nc=00000001, cnonce="cafe"'
    else:
        proof = md5(f'{secrets[0]}:{nonce}:{secrets[1]}')
    name = 'Proxy-Authorization' if is_proxy else 'Authorization'
    return f'{name}: Digest {fields}, response="{proof}"'

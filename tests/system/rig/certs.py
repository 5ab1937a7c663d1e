# SPDX-License-Identifier: Apache-2.0
"""Certificates of a case's own, made with the openssl tool."""
import ssl
import subprocess

KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']


class Authority:
    """A CA whose files are in a folder of the case."""

    def __init__(self, folder, name='Test CA'):
        self.folder, self.name = folder, name.replace(' ', '-')
        self.file = folder / f'{self.name}.pem'
        self.key = folder / f'{self.name}.key'
        openssl('req', '-x509', *KEY, '-keyout', self.key, '-out', self.file, '-subj', f'/CN={name}', '-days', 3)

    def issue(self, name, alternatives=None, file=None):
        """One file with the key and the certificate of that common name."""
        path = self.folder / (file or f'{name}.pem')
        key, certificate = path.with_suffix('.k'), path.with_suffix('.c')
        extra = ['-addext', f'subjectAltName={alternatives}'] if alternatives else []
        openssl(
            'req', '-x509', *KEY, '-keyout', key, '-out', certificate, '-subj', f'/CN={name}', '-days', 3,
            '-CA', self.file, '-CAkey', self.key, '-addext', 'basicConstraints=critical,CA:FALSE', *extra,
        )  # fmt: skip
        path.write_bytes(key.read_bytes() + certificate.read_bytes())
        return path


def openssl(*words):
    subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, timeout=30)


def client_context(authority=None, certificate=None):
    """Believes that CA alone, or everybody; shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority.file)
    if certificate:
        context.load_cert_chain(certificate)
    return context


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context

# SPDX-License-Identifier: Apache-2.0
"""The control socket: one JSON-RPC request a line."""
import json
import socket


class Control:
    def __init__(self, path):
        self.path = str(path)

    def request(self, method, *params):
        """The whole answer, also when it tells of an error."""
        request = {'jsonrpc': '2.0', 'method': method, 'params': params, 'id': 1}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(self.path)
            client.sendall(json.dumps(request).encode() + b'\n')
            with client.makefile('r') as answers:
                return json.loads(answers.readline())

    def ask(self, method, *params):
        answer = self.request(method, *params)
        if 'error' in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer['result']

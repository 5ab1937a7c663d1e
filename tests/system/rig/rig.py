# SPDX-License-Identifier: Apache-2.0
"""What one case has: a folder, a network of loopback addresses, and servers that end with it."""
import random
import socket
import subprocess
from pathlib import Path

from rig.background import Background
from rig.server import Server
from rig.sip import Phone

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGS = {
    'culvert': REPOSITORY / 'conf' / 'culvert.cfg',
    'automatic': REPOSITORY / 'conf' / 'examples' / 'automatic.cfg',
    'openser': REPOSITORY / 'conf' / 'examples' / 'openser-mediaproxy.cfg',
}
SERVER_HOST = 1  # of the case's network


def free_network():
    """127.a.b: of no other case, also not of another run."""
    while True:
        network = f'127.{random.randint(16, 250)}.{random.randint(1, 250)}'
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((f'{network}.{SERVER_HOST}', 5060))
                return network
            except OSError:
                continue


def free_port(family=socket.AF_INET6, address='::1'):
    """Free for UDP and TCP."""
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((address, 0))
            try:
                udp.bind(tcp.getsockname()[:2])
                return tcp.getsockname()[1]
            except OSError:
                continue


class Rig:
    def __init__(self, build, extent, folder):
        self.build = build
        self.extent = extent
        self.folder = folder
        self.network = free_network()
        self.address = self.host(SERVER_HOST)
        self._open = []  # things with close(), closed in reverse

    def host(self, number):
        return f'{self.network}.{number}'

    def make_folder(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def quick_or_all(self, quick, full):
        return quick if self.extent == 'quick' else full

    def keep(self, thing):
        """Closes the thing with the case."""
        self._open.append(thing)
        return thing

    def close(self):
        failure = None
        while self._open:
            try:
                self._open.pop().close()
            except Exception as error:  # go on: the others must end too
                failure = failure or error
        if failure:
            raise failure

    def script(self, config, before='', after=''):
        """The path of a configuration: a name of CONFIGS, or the text of a script; with lines added."""
        text = CONFIGS[config].read_text() if config in CONFIGS else config
        if before:
            head, first, rest = text.partition('\n')
            text = f'{head}\n{before}\n{rest}' if head.startswith('#!') else f'{before}\n{head}{first}{rest}'
        path = self.folder / f'script{len(list(self.folder.glob("script*")))}.cfg'
        path.write_text(text + after)
        return path

    def server(self, config='automatic', *switches, before='', after='', listen=None, build=None, start=True, **more):
        """A server in the foreground, running, on this case's own address unless told otherwise."""
        listen = [f'{self.address}:5060'] if listen is None else listen
        words = [word for one in listen for word in ('-l', one)]
        server = Server(
            (build or self.build) / 'culvert', self.folder, self.script(config, before, after), [*words, *switches], **more
        )
        self.keep(server)
        return server.start() if start else server

    def phone(self, host, user='alice', transport='udp', port=5060, server=None, **more):
        server = server or (self.address, 5060)
        return self.keep(Phone(user, (self.host(host), port), server, transport, **more))

    def background(self, config='automatic', *switches, before='', listen=None, **more):
        """Starts a daemon as init scripts do; (what the command printed, the daemon or None)."""
        script = config if isinstance(config, Path) else self.script(config, before)
        words = ['-f', script, '-n', '2', '-w', self.folder, '-P', self.folder / 'culvert.pid']
        words += ['-l', listen or f'{self.address}:5060', *switches]
        done = self.command(*words, **more)
        return done, self.keep(Background(self.folder)) if done.returncode == 0 else None

    def daemon(self):
        """The daemon that the pid file names."""
        return Background(self.folder)

    def command(self, *words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **more):
        """A culvert that is expected to end, or to go into the background."""
        return subprocess.run(
            [self.build / 'culvert', *map(str, words)], stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
            text=True, timeout=30, cwd=self.folder, **more
        )  # fmt: skip

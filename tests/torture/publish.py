#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/torture.md from verdicts.txt; with --check it only says whether that is up to date.

usage: publish.py [--check]
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / 'docs' / 'torture.md'
HEAD = '''# What becomes of odd messages

The messages of RFC 4475 (49), of RFC 5118 (11), and some of our own, in `tests/torture`. Those of the RFCs are
equivalents: of the same kind under the same name, but not always the same bytes. This page is made from
`tests/torture/verdicts.txt` by `tests/torture/publish.py`; the tests hold the parser to it, and send every message, whole
and damaged in every byte, through a whole server.

`accepted` means that the script decides about it. A status is what a request is answered with; a response that is
refused is dropped, and so is an ACK. Over streams a message that cannot be cut out of the stream closes the connection,
and one that is not there as a whole is waited for, with a limit in time.

| message | as a datagram | on a stream |
|---|---|---|
'''
WORDS = {
    'ok': 'accepted',
    'more': 'waited for',
    'broken': 'connection closed',
    'keepalive': 'taken as a keepalive',
}


def row(name, datagram, stream):
    return f'| {name} | {WORDS.get(datagram, datagram)} | {WORDS.get(stream, stream)} |'


def page():
    lines = (HERE / 'verdicts.txt').read_text().splitlines()
    return HEAD + '\n'.join(row(*line.split()[:3]) for line in lines if line and not line.startswith('#')) + '\n'


def main(arguments):
    if arguments == ['--check']:
        if PAGE.read_text() == page():
            return 0
        print('docs/torture.md is not what verdicts.txt says: run tests/torture/publish.py', file=sys.stderr)
        return 1
    PAGE.write_text(page())
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

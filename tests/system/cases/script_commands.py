# SPDX-License-Identifier: Apache-2.0
"""What culvertctl shows of the script: what it was compiled to, and where its time goes."""
from rig.case import case, equal, matches, true


@case()
def shows_what_runs(rig):
    """script.disasm: all routes, or one by its name."""
    server = rig.server(after='route[OTHER] { sl_send_reply("200", "OK"); }\n')
    lines = server.ask('script.disasm')['script']
    true(any(line.startswith('route[]') for line in lines), 'the main route is there')
    lines = server.ask('script.disasm', 'OTHER')['script']
    matches(lines[0], r'^route\[OTHER\]', 'first line')
    true(any('sl_send_reply("200", "OK")' in line for line in lines), 'the call is there')
    equal(server.ask('script.disasm', 'route[OTHER]')['script'], lines, 'the same by its whole name')
    equal(server.control.request('script.disasm', 'NONE')['error']['code'], 404, 'a route that is not there')


@case()
def shows_where_the_time_goes(rig):
    """script.profile: lines by their time, of all workers together, also after a reload."""
    server = rig.server()
    equal(server.control.request('script.profile', 'show')['error']['code'], 500, 'nothing is measured yet')
    server.ask('script.profile', 'on')
    phone = rig.phone(11)
    for _ in range(20):
        phone.ask('OPTIONS', f'sip:nobody@{rig.address}')
    shown = server.ask('script.profile', 'show')
    line = next(line for line in shown['lines'] if 'mf_process_maxfwd' in line['text'])
    equal(line['hits'], 20, 'hits of the first line')
    matches(line['place'], r'script0\.cfg:\d+$', 'place')
    times = [line['microseconds'] for line in shown['lines']]
    equal(times, sorted(times, reverse=True), 'order')
    equal(len(server.ask('script.profile', 'show', '2')['lines']), 2, 'lines when two are wanted')
    server.ask('reload')
    phone.ask('OPTIONS', f'sip:nobody@{rig.address}')
    line = next(line for line in server.ask('script.profile', 'show')['lines'] if 'mf_process_maxfwd' in line['text'])
    equal(line['hits'], 1, 'hits in the new edition')
    server.ask('script.profile', 'off')
    equal(server.control.request('script.profile', 'show')['error']['code'], 500, 'nothing is measured any more')

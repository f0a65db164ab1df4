# SPDX-License-Identifier: GPL-2.0-only
"""What the traffic generators print, read into figures.

Each reader takes the text and returns a dict with "value" and "unit" (what
the test is about: Mb/s received, or transactions per second), and what else is
known: "sent", "loss" (a share), "latency" (microseconds by percentile).
ValueError: the text does not have it; its message quotes the end.
"""

import json
import re

NETPERF_KEYS = ['THROUGHPUT', 'THROUGHPUT_UNITS', 'ELAPSED_TIME',
                'LOCAL_SEND_THROUGHPUT', 'REMOTE_RECV_THROUGHPUT']
NETPERF_LATENCY = ['P50_LATENCY', 'P90_LATENCY', 'P99_LATENCY',
                   'MEAN_LATENCY', 'MAX_LATENCY']


def netperf(text, test):
    """Read netperf's keyed output ("-k")."""
    found = dict(line.split('=', 1) for line in text.splitlines()
                 if '=' in line)
    missing = [key for key in NETPERF_KEYS if key not in found]
    if missing:
        raise ValueError(f'netperf gave no {missing[0]}: '
                         f'{" ".join(text.split())[-200:]}')
    result = {'value': float(found['THROUGHPUT']),
              'seconds': float(found['ELAPSED_TIME'])}
    if test.endswith('RR'):
        result['unit'] = '/s'
    else:
        result['unit'] = 'Mb/s'
        if found['THROUGHPUT_UNITS'] != '10^6bits/s':
            raise ValueError('netperf gave a throughput in '
                             f'{found["THROUGHPUT_UNITS"]}')
    if test == 'UDP_STREAM':
        sent = float(found['LOCAL_SEND_THROUGHPUT'])
        result['value'] = float(found['REMOTE_RECV_THROUGHPUT'])
        result['sent'] = sent
        result['loss'] = max(0.0, 1 - result['value'] / sent) if sent else 0.0
    if NETPERF_LATENCY[0] in found:
        result['latency'] = {key.split('_')[0].lower(): float(found[key])
                             for key in NETPERF_LATENCY if key in found}
    return result


def iperf3(text, test):
    """Read iperf3's "--json"."""
    begin = text.find('{')
    try:
        found = json.loads(text[begin:]) if begin >= 0 else {}
    except json.JSONDecodeError as error:
        raise ValueError(f'iperf3 printed no JSON: {error}') from None
    if 'error' in found or 'end' not in found:
        raise ValueError(f'iperf3: {found.get("error", text[-200:])}')
    end = found['end']
    if test == 'UDP_STREAM':
        total = end['sum']
        lost = total['lost_percent'] / 100
        sent = total['bits_per_second'] / 1e6
        return {'value': sent * (1 - lost), 'unit': 'Mb/s', 'sent': sent,
                'loss': lost, 'seconds': total['seconds']}
    total = end['sum_received']
    return {'value': total['bits_per_second'] / 1e6, 'unit': 'Mb/s',
            'seconds': total['seconds'],
            'retransmits': end['sum_sent'].get('retransmits', 0)}


def ping(text, test):
    """Read ping's lines: how many were answered, and the longest silence."""
    del test
    seqs = sorted({int(seq) for seq in re.findall(r'seq=(\d+) ttl', text)})
    sent = re.search(r'^(\d+) packets transmitted', text, re.M)
    if not sent or not seqs:
        raise ValueError(f'ping: {" ".join(text.split())[-200:]}')
    sent = int(sent[1])
    # BusyBox counts from 0, iputils from 1.
    first = 0 if ' packets received' in text else 1
    silence = max(later - one - 1 for one, later in
                  zip([first - 1, *seqs], [*seqs, first + sent]))
    return {'value': 100 * len(seqs) / sent, 'unit': '%',
            'silence': silence, 'pings': sent}


def sockperf(text, test):
    """Read sockperf's ping-pong: rate and percentiles of the whole trip."""
    del test
    valid = re.search(r'\[Valid Duration\] RunTime=([0-9.]+) sec; '
                      r'SentMessages=\d+; ReceivedMessages=(\d+)', text)
    found = {f'p{float(share):g}': float(us) for share, us in re.findall(
        r'percentile +([0-9.]+) = +([0-9.]+)', text)
        if share in ('50.000', '90.000', '99.000', '99.900')}
    most = re.search(r'<MAX> observation = +([0-9.]+)', text)
    if not valid or not float(valid[1]) or 'p99.9' not in found or not most:
        raise ValueError(f'sockperf: {" ".join(text.split())[-200:]}')
    return {'value': int(valid[2]) / float(valid[1]), 'unit': '/s',
            'seconds': float(valid[1]),
            'latency': {**dict(sorted(found.items())), 'max': float(most[1])}}


def octets(text, seconds):
    """Read "sent N" or "got N" (bytes): {'sent' or 'value': Mb/s}."""
    found = re.search(r'^(sent|got) (\d+)$', text, re.M)
    if not found:
        raise ValueError(f'no count of bytes: {" ".join(text.split())[-200:]}')
    key = {'sent': 'sent', 'got': 'value'}[found[1]]
    return {key: int(found[2]) * 8 / seconds / 1e6, 'unit': 'Mb/s'}


def fan_out(each):
    """Add up what one sent and what many received: the last counts."""
    sent, got = each[0].get('sent'), [one.get('value') for one in each[1:]]
    if sent is None or None in got:
        raise ValueError('no count of who sent and who received')
    return {'value': sum(got), 'unit': 'Mb/s', 'each': got,
            'sent': sent * len(got),
            'loss': max(0.0, 1 - sum(got) / (sent * len(got))) if sent else 0.0}


def domcpu(text):
    """Read domcpu's window: {domain id or 'idle' or 'clock': ns}."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            raise ValueError(f'domcpu printed "{line}"')
        found[words[0]] = int(words[1])
    if 'clock' not in found or 'idle' not in found:
        raise ValueError('domcpu did not end')
    return found


def _value(point, raw):
    """Read each flow's output, and put them together."""
    if point['tool'] in ('udpxfer', 'objserve'):
        each = [octets(text, point['seconds']) for text in raw['outputs']]
        if point['tool'] == 'udpxfer':
            return fan_out(each)
    else:
        read = {'netperf': netperf, 'iperf3': iperf3, 'ping': ping,
                'sockperf': sockperf}[point['tool']]
        each = [read(text, point['test']) for text in raw['outputs']]
    result = {'value': sum(one['value'] for one in each),
              'unit': each[0]['unit'], 'each': [one['value'] for one in each]}
    if 'sent' in each[0]:
        result['sent'] = sum(one['sent'] for one in each)
        result['loss'] = (max(0.0, 1 - result['value'] / result['sent'])
                          if result['sent'] else 0.0)
    if 'latency' in each[0]:
        result['latency'] = each[0]['latency']
    if 'silence' in each[0]:
        result['silence_ms'] = (max(one['silence'] for one in each) *
                                float(point['rate']) * 1000)
    return result


def figures(point, raw):
    """Turn what the agent recorded of a point into figures."""
    result = _value(point, raw)
    if 'held' in raw:
        result['held'] = raw['held']
    cpu = domcpu(raw['domcpu'])
    names = {str(ident): name for name, ident in raw['domids'].items()}
    result['window'] = cpu['clock'] / 1e9
    result['cpu'] = {names.get(key, key): ns / 1e9 for key, ns in cpu.items()
                     if key not in ('clock', 'idle') and
                     (key == '0' or key in names)}
    result['cpu']['idle'] = cpu['idle'] / 1e9
    busy = sum(s for key, s in result['cpu'].items() if key != 'idle')
    result['dom0_share'] = result['cpu'].get('0', 0) / busy if busy else 0.0
    # CPU seconds per unit of work: a transaction, or 64 KiB.
    unit = 1 if result['unit'] == '/s' else 65536 * 8 / 1e6
    work = result['value'] * result['window'] / unit
    # sockperf's own start, of unknown length, falls into the window.
    told = result['unit'] != '%' and point['tool'] != 'sockperf'
    result['cpu_per_unit'] = busy / work if work and told else None
    result['per_packet'] = _per_packet(raw)
    return result


def _per_packet(raw):
    """Doorbells, events and the like by packet, from the ports' counters."""
    before, after = raw.get('before'), raw.get('after')
    if not before or not after:
        return {}
    total = {}
    for port, counters in after.items():
        for key, value in counters.items():
            total[key] = (total.get(key, 0) + value -
                          before.get(port, {}).get(key, 0))
    packets = total.get('tx_packets', 0)
    if not packets:
        return {}
    found = {key: total[key] / packets for key in (
        'doorbells', 'events', 'completions', 'tx_gso', 'upcalls',
        'events_held', 'idle_packets') if key in total}
    # Each packet is copied when it is delivered, and some before, when they
    # wait: those would otherwise hold their sender's pages.
    found['copies'] = sum(total.get(key, 0) for key in (
        'rx_packets', 'copied_port', 'copied_pair', 'copied_age',
        'copied_revoke')) / packets
    found['packets'] = packets
    drops = {key: value for key, value in total.items()
             if key.startswith('drop_') and value}
    return {**found, **drops}

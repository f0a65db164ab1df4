# SPDX-License-Identifier: GPL-2.0-only
"""The demonstration: stock networking against hicamp and against loopback."""

import os
import threading

from . import common, modules, qemu
from .common import say

TESTS = [
    ('stream64k', 'TCP_STREAM, 64 KB sends'),
    ('stream1k', 'TCP_STREAM, 1 KB sends'),
    ('rr', 'TCP_RR, 1 byte'),
    ('udp1400', 'UDP_STREAM, 1400 B'),
]


def read_bench(folder):
    """Read bench.tsv of a run: {(net, test): (value, unit, dom0 share)}."""
    path = folder / 'results' / 'bench.tsv'
    found = {}
    if not path.is_file():
        return found
    for line in path.read_text().splitlines():
        words = line.split('\t')
        if len(words) != 10:
            continue
        net, test, value, unit = words[1:5]
        dom0, a, b = (float(word) for word in words[6:9])
        total = dom0 + a + b
        found[net, test] = (float(value), unit,
                            100 * dom0 / total if total else 0)
    return found


def _number(value):
    """Print a throughput with a sensible number of digits."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}'


def table(figures):
    """Return the comparison as lines of text."""
    rows = [('test', 'stock', 'hicamp', 'ratio to stock', 'loopback',
             'hicamp/loopback', 'dom0 CPU stock', 'hicamp')]
    for test, title in TESTS:
        stock, ours, loop = (figures.get((net, test))
                             for net in ('stock', 'hicamp', 'loopback'))
        unit = next((f[1] for f in (stock, ours, loop) if f), '')

        def ratio(base):
            return f'{ours[0] / base[0]:.2f}' if ours and base else '-'

        rows.append((
            title, *(f'{_number(f[0])} {unit}' if f else '-'
                     for f in (stock, ours)), ratio(stock),
            f'{_number(loop[0])} {unit}' if loop else '-', ratio(loop),
            *(f'{f[2]:.1f} %' if f else '-' for f in (stock, ours))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(cell.ljust(w) if i == 0 else cell.rjust(w)
                       for i, (cell, w) in enumerate(zip(row, widths)))
             for row in rows]
    lines.insert(1, '-' * len(lines[0]))
    return lines


def demo(args, build_all):
    """Build everything, run both benchmarks, print the table."""
    clock = os.environ.get('CLOCK', 'cost')
    if not args.no_build:
        say('step 1 of 2: build (about 6 minutes the first time)')
        build_all(not args.stock_only)
    secs = os.environ.get('SECS', '2')
    ours = bool(modules.built('guest')) and not args.stock_only
    runs = [qemu.Run('bench', 'stock', clock, timeout=900, label='stock',
                     env={'NET': 'stock', 'LOOPBACK': '1', 'SECS': secs})]
    if ours:
        runs.append(qemu.Run('bench', 'release', clock, timeout=900,
                             label='hicamp',
                             env={'NET': 'hicamp', 'SECS': secs}))
    else:
        say('the hicamp modules are not built: the stock side alone')
    say(f'step 2 of 2: {len(runs)} benchmark run(s) on the {clock} clock '
        '(about 3 minutes)')
    passed = _run_all(runs, parallel=clock == 'cost')
    figures = {}
    for one in runs:
        figures.update(read_bench(one.folder))
    lines = table(figures)
    text = '\n'.join(lines) + '\n'
    if clock == 'cost':
        text += ('\nCost clock: every instruction takes 2 ns, so these are '
                 'instructions of work,\nnot wall time; ratios are what '
                 'count. "loopback" is netperf inside one guest.\n')
    print('\n' + text, flush=True)
    (common.BUILD / 'demo.txt').write_text(text)
    say('raw output: ' + ', '.join(
        str(one.folder.relative_to(common.ROOT)) for one in runs) +
        '; this table: build/demo.txt')
    return 0 if passed else 1


def _run_all(runs, parallel):
    """Run the boots, at the same time where the clock does not mind."""
    outcome = {}

    def go(index, one):
        try:
            outcome[index] = one.go()
        except (common.TestbedError, OSError) as error:
            say(f'{one.label}{error}')
            outcome[index] = False

    threads = [threading.Thread(target=go, args=pair, daemon=True)
               for pair in enumerate(runs)]
    for thread in threads:
        thread.start()
        if not parallel:
            thread.join()
    for thread in threads:
        thread.join()
    return all(outcome.get(index) for index in range(len(runs)))

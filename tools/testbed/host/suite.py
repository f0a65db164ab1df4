# SPDX-License-Identifier: GPL-2.0-only
"""Run a list of boot scenarios and count what passed.

A line of the list is "SCENARIO FLAVOUR CLOCK TIMEOUT [K=V ...]". Put long ones
first.
"""

import concurrent.futures

from . import common, image, modules, qemu, xen
from .common import TestbedError, say


def read_list(name):
    """Read a list of scenarios."""
    path = common.TESTBED / 'scenarios' / name
    if not path.is_file():
        raise TestbedError(f'{path} is not there')
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split('#', 1)[0].split()
        if not words:
            continue
        if (len(words) < 4 or words[1] not in xen.FLAVOURS
                or words[2] not in qemu.CLOCKS
                or not words[3].isdigit()
                or not all('=' in word for word in words[4:])):
            raise TestbedError(f'{path}:{number}: want "SCENARIO FLAVOUR '
                               f'CLOCK TIMEOUT [K=V ...]", not "{line}"')
        rows.append((words[0], words[1], words[2], int(words[3]),
                     dict(word.split('=', 1) for word in words[4:])))
    return rows


def _go(one):
    """Run one boot; what breaks the testbed itself is a problem of its own."""
    try:
        one.go()
    except (TestbedError, OSError) as error:
        one.problems.append(str(error))
        say(f'{one.label}{error}')


def test(args):
    """Build what the list needs, run it, print counts."""
    rows = read_list(args.list)
    if args.only:
        unknown = set(args.only) - {row[0] for row in rows}
        if unknown:
            raise TestbedError(f'{args.list} does not have: '
                               f'{", ".join(sorted(unknown))}')
        rows = [row for row in rows if row[0] in args.only]
    repeat = args.repeat
    with common.build_lock('xen'):
        xen.build([name for name in xen.FLAVOURS
                   if any(row[1] == name for row in rows)])
    with common.build_lock():
        modules.build()
        image.dom0()
        image.guest()
    runs, total = [], len(rows) * repeat
    for name, flavour, clock, limit, env in rows * repeat:
        runs.append(qemu.Run(name, flavour, clock, timeout=limit, env=env,
                             label=f'{len(runs) + 1}/{total}'))
    # A host on the wall clock has two CPUs and wants both of the builder's: with
    # another one beside it, each waits for CPUs of its own that do not run. The
    # others have one CPU each, and do not mind waiting.
    alone = [one for one in runs if one.cpus > 1]
    for one in alone:
        _go(one)
    with concurrent.futures.ThreadPoolExecutor(common.jobs()) as pool:
        list(pool.map(_go, [one for one in runs if one not in alone]))
    failed = [f'{one.scenario} on {one.flavour}, {one.clock} clock: '
              f'{one.folder.relative_to(common.ROOT)}'
              for one in runs if one.problems]
    passed = sum(one.passed for one in runs)
    problems = sum(len(one.problems) for one in runs)
    say(f'{total - len(failed)} of {total} scenario runs passed')
    for line in failed:
        say(f'failed: {line}')
    print(f'{passed} passed, {problems} failed', flush=True)
    return 1 if failed else 0

# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios: small declarative files, read and turned into points.

A point is one test with one set of values on one system, repeated or not: what
one line of a table says. Its id names all that it depends on, so that results
of different runs can be laid beside each other.
"""

import collections
import itertools
import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TESTS = ('TCP_STREAM', 'TCP_MAERTS', 'TCP_RR', 'TCP_CRR', 'UDP_STREAM')
TOOLS = {'netperf': TESTS, 'iperf3': ('TCP_STREAM', 'UDP_STREAM'),
         'ping': ('PING',), 'sockperf': ('TCP_RR', 'UDP_RR'),
         'udpxfer': ('BROADCAST', 'MULTICAST'),
         'objserve': ('FILE', 'SEGMENT')}
FLOWS = ('one', 'loopback', 'pairwise', 'all-to-all', 'external', 'fan-out',
         'from-one')
CLOCKS = ('cost', 'wall')
SIZE_MAX = {'objserve': 1 << 24}    # else 65536
# What a boot is: the testbed's hypervisor, and CPUs as QEMU's -smp has them.
Boot = collections.namedtuple('Boot', 'xen cpus')
OUTSIDE = 'outside'             # who is no guest; see the agent
GUESTS_MAX = 26                 # they are called a to z


class EvalError(Exception):
    """Something that the person can act on."""


def _read(path):
    """Read one TOML file."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EvalError(f'{path.name}: {error}') from None


def _need(where, table, known):
    """Refuse keys that nobody reads: they are spelling mistakes."""
    unknown = set(table) - set(known)
    if unknown:
        raise EvalError(f'{where}: unknown: {", ".join(sorted(unknown))}')


def systems():
    """Return the systems by name."""
    table = _read(HERE / 'systems.toml')
    for name, system in table.items():
        _need(f'systems.toml: {name}', system,
              ('title', 'xen', 'cpus', 'net', 'script', 'bridge', 'uplink',
               'host', 'undo', 'guest'))
        for key in ('title', 'xen', 'net'):
            if key not in system:
                raise EvalError(f'systems.toml: {name} has no {key}')
    return table


def names():
    """List the scenarios that there are."""
    return sorted(path.stem for path in (HERE / 'scenarios').glob('*.toml'))


def load(name):
    """Read and check one scenario."""
    path = HERE / 'scenarios' / f'{name}.toml'
    if not path.is_file():
        raise EvalError(f'there is no scenario {name}; --list shows them')
    scenario = _read(path)
    _need(name, scenario,
          ('title', 'about', 'clock', 'systems', 'thesis', 'x', 'tests'))
    known = systems()
    for key in ('title', 'about', 'systems', 'x', 'tests'):
        if not scenario.get(key):
            raise EvalError(f'{name}: no {key}')
    if scenario['x'] not in ('size', 'guests'):
        raise EvalError(f'{name}: x is size or guests')
    if scenario.setdefault('clock', 'cost') not in CLOCKS:
        raise EvalError(f'{name}: clock is one of {", ".join(CLOCKS)}')
    for test in scenario['tests']:
        _check_test(name, test)
        for system in test.get('systems', scenario['systems']):
            if system not in known:
                raise EvalError(f'{name}: no system {system} in systems.toml')
    scenario['name'] = name
    return scenario


def _check_test(name, test):
    """Check one [[tests]] stanza and fill in what it leaves out."""
    _need(name, test, ('name', 'tool', 'test', 'flows', 'size', 'guests',
                       'seconds', 'repeat', 'vcpus', 'latency', 'rate',
                       'systems', 'beside', 'event', 'placement'))
    tool = test.setdefault('tool', 'netperf')
    if test.get('test') not in TOOLS.get(tool, ()):
        raise EvalError(f'{name}: {tool} has no test {test.get("test")}')
    if test.setdefault('flows', 'one') not in FLOWS:
        raise EvalError(f'{name}: flows is one of {", ".join(FLOWS)}')
    test.setdefault('name', test['test'].lower())
    if not re.fullmatch('[a-z0-9_-]+', test['name']):
        raise EvalError(f'{name}: a test is not called "{test["name"]}"')
    alone = test['flows'] in ('loopback', 'external')
    test.setdefault('guests', [1 if alone else 2])
    if tool == 'udpxfer' and test['flows'] != 'fan-out':
        raise EvalError(f'{name}: udpxfer needs flows = "fan-out"')
    for who, cpus in test.setdefault('placement', {}).items():
        if not (re.fullmatch('dom0|[a-z]', who) and isinstance(cpus, str) and
                re.fullmatch('[0-9,-]+', cpus)):
            raise EvalError(f'{name}: placement is of dom0 or guests, to CPUs '
                            'as xl vcpu-pin has them')
    for key, low, high in (('size', 1, SIZE_MAX.get(tool, 65536)),
                           ('guests', 1, GUESTS_MAX)):
        values = test.get(key)
        if not values or not all(isinstance(v, int) and low <= v <= high
                                 for v in values):
            raise EvalError(f'{name}: {key} is a list of {low} to {high}')
    for key, default, low, high in (('seconds', 2, 2, 600),
                                    ('repeat', 1, 1, 99), ('vcpus', 1, 1, 8)):
        if not low <= test.setdefault(key, default) <= high:
            raise EvalError(f'{name}: {key} is {low} to {high}')


def flows(kind, guests):
    """List (source, destination) guests of a test, by letter."""
    letters = [chr(ord('a') + i) for i in range(guests)]
    if kind == 'loopback':
        return [('a', 'a')]
    if kind == 'external':
        return [(letter, OUTSIDE) for letter in letters]
    if kind == 'all-to-all':
        return [(s, d) for s in letters for d in letters if s != d]
    if kind == 'fan-out' and guests > 1:
        # The sender's own flow first, to all; then what each one receives.
        return [('a', 'all')] + [(d, 'a') for d in letters[1:]]
    if kind == 'from-one' and guests > 1:
        return [(d, 'a') for d in letters[1:]]
    if guests < 2 or (kind == 'pairwise' and guests % 2):
        raise EvalError(f'{kind} does not go with {guests} guests')
    if kind == 'one':
        return [('a', 'b')]
    return list(zip(letters[::2], letters[1::2]))


def points(scenario, repeat=None, seconds=None, only=None):
    """List the points of a scenario, in the order in which they are run."""
    found = []
    for test in scenario['tests']:
        for system, guests, size, rep in itertools.product(
                test.get('systems', scenario['systems']), test['guests'],
                test['size'], range(repeat or test['repeat'])):
            if only and system not in only:
                continue
            point = {
                'scenario': scenario['name'], 'system': system,
                'name': test['name'], 'tool': test['tool'],
                'test': test['test'], 'guests': guests, 'size': size,
                'rep': rep, 'seconds': seconds or test['seconds'],
                'vcpus': test['vcpus'], 'latency': test.get('latency', False),
                'rate': test.get('rate', ''),
                'beside': test.get('beside', ''),
                'event': test.get('event', ''),
                'placement': test['placement'],
                'flows': flows(test['flows'], guests),
            }
            point['id'] = '/'.join(str(point[key]) for key in (
                'scenario', 'system', 'name', 'guests', 'size', 'rep'))
            found.append(point)
    return found


def boots(found):
    """Group points by what one boot of a host can serve: {Boot: points}."""
    known, groups = systems(), {}
    for point in found:
        system = known[point['system']]
        boot = Boot(system['xen'], system.get('cpus', ''))
        groups.setdefault(boot, []).append(point)
    for group in groups.values():
        # Guests stay from point to point when the next one needs them.
        group.sort(key=lambda p: (p['system'], p['vcpus'], p['beside'],
                                  p['tool'] == 'sockperf', p['guests']))
    return groups

# SPDX-License-Identifier: GPL-2.0-only
"""Where points are run: a host booted under QEMU, or this very host.

Both run eval/agent in dom0 with a plan and get a file of records back.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from . import parse
from .scenario import HERE, EvalError, systems

ROOT = HERE.parent
TESTBED = ROOT / 'tools' / 'testbed'


def plan(points):
    """Return what the agent needs, as text."""
    known, listed = systems(), []
    for point in points:
        keys = list(parse.NETPERF_KEYS)
        if point['latency']:
            keys += parse.NETPERF_LATENCY
        listed.append({**point, 'keys': keys})
    used = {point['system'] for point in points}
    return json.dumps({'systems': {name: known[name] for name in used},
                       'points': listed})


def read_records(path):
    """Read the agent's records; a last line that was cut off does not count."""
    records = []
    if path.is_file():
        for line in path.read_text(errors='replace').splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return records


def command_output(argv):
    """Return what a command prints, in one line, or ''."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, timeout=30,
                              stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return ' '.join(done.stdout.split())


def environment():
    """Tell what the figures depend on, beside the plan."""
    git = ['git', '-C', str(ROOT)]
    cpu = ''
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            cpu = line.split(':', 1)[1].strip()
            break
    return {
        'commit': command_output([*git, 'rev-parse', 'HEAD']),
        'changed': bool(command_output([*git, 'status', '--porcelain', '-uno'])),
        'kernel': platform.release(), 'cpu': cpu, 'cpus': os.cpu_count(),
        'compiler': command_output(['gcc', '-dumpfullversion']),
    }


class Testbed:
    """Hosts under QEMU, on the cost clock or in wall time."""

    name = 'testbed'

    def __init__(self, clock, build, say):
        sys.path.insert(0, str(TESTBED))
        from host import apt, common, image, modules, qemu, xen
        self.apt, self.common, self.image = apt, common, image
        self.modules, self.qemu, self.xen = modules, qemu, xen
        self.clock, self.build, self.say = clock, build, say

    def prepare(self, boots):
        """Bring what the boots need up to date."""
        if not self.build:
            return
        with self.common.build_lock('xen'):
            self.xen.build(sorted({boot.xen for boot in boots}))
        with self.common.build_lock():
            self.modules.build()
            self.image.dom0()
            self.image.guest()

    def environment(self):
        """Add what is the testbed's."""
        version = command_output(['qemu-system-x86_64', '--version'])
        return {**environment(), 'target': 'testbed', 'clock': self.clock,
                'qemu': version.split(' Copyright')[0],
                'qemu_cpu': self.qemu.CPU, 'xen_options': self.qemu.XEN_ARGS,
                'dom0_options': self.qemu.DOM0_ARGS,
                'topology': f'{self.qemu.CLOCKS[self.clock][0]} CPU(s), or as '
                            'the system says',
                'guest_kernel': self.modules.kernel()[1]}

    def run(self, boot, points, limit):
        """Boot a host and run points; return records and problems."""
        one = self.qemu.Run(
            'eval', boot.xen, self.clock, cpus=boot.cpus, timeout=limit,
            memory=1536 + 256 * (1 + max(p['guests'] for p in points)),
            label=f'{boot.xen} {boot.cpus}'.rstrip(),
            env={'EVAL_PLAN': plan(points)})
        one.go()
        problems = [text for text in one.problems
                    if not text.startswith('not ok - point')]
        return read_records(one.folder / 'results/eval.jsonl'), problems


class Host:
    """This host: run in dom0, with Xen as it was booted."""

    name = 'host'

    def __init__(self, folder, say):
        self.folder, self.say = folder, say

    def prepare(self, boots):
        """Check that this is a dom0, and make what the agent calls."""
        if os.geteuid() or not os.path.exists('/proc/xen/capabilities'):
            raise EvalError('--target host: run it as root in dom0')
        built = shutil.which('domcpu')
        for tool in ('xl', 'xenstore-read', *(() if built else ('gcc',))):
            if not shutil.which(tool):
                raise EvalError(f'--target host needs {tool}')
        tools = self.folder / 'bin'
        tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(TESTBED / 'dom0/guest', tools / 'guest')
        if built:
            return
        if subprocess.run(['gcc', '-std=gnu99', '-O2', '-o',
                           tools / 'domcpu', TESTBED / 'dom0/domcpu.c',
                           '-lxenctrl']).returncode:
            raise EvalError('domcpu does not build: install libxen-dev')

    def environment(self):
        """Add what is this host's."""
        return {**environment(), 'target': 'host', 'clock': 'wall',
                'xen': command_output(['xl', 'info', 'xen_version']),
                'topology': command_output(['xl', 'info', '-n'])[:4000]}

    def run(self, boot, points, limit):
        """Run points here; a system of another hypervisor needs a reboot."""
        ours = shutil.which('hicampctl') and not subprocess.run(
            ['hicampctl', 'info'], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode
        if boot.xen == 'release' and not ours:
            self.say('this host runs without hicamp: its points are left out; '
                     'boot it with hicamp=on and use --resume')
            return [], []
        path = self.folder / f'plan-{boot.xen}.json'
        path.write_text(plan(points))
        records = self.folder / f'records-{boot.xen}.jsonl'
        records.unlink(missing_ok=True)
        env = dict(os.environ, PATH=f'{self.folder}/bin:{os.environ["PATH"]}')
        try:
            subprocess.run([HERE / 'agent', path, records], env=env,
                           timeout=limit)
        except subprocess.TimeoutExpired:
            return read_records(records), [f'time limit of {limit} s passed']
        return read_records(records), []

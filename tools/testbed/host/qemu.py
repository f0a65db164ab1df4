# SPDX-License-Identifier: GPL-2.0-only
"""One boot of the host under QEMU: start, watch, collect, judge."""

import datetime
import os
import re
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from . import common, image, xen
from .common import TestbedError, run, say

RUNS = common.BUILD / 'runs'

# -smap,-smep: this QEMU's iret reads the stack with supervisor rights, so PV
# kernels die at once with SMAP. -erms,-fsrm: TCG counts "rep movsb" byte by
# byte; without it copies go by 8 bytes, nearer to a real machine.
# Without xsave: QEMU 7.2 loses AVX registers now and then when a PV guest is
# switched, and processes die of it (2 of 3,000 on stock Xen, against 0 of
# 6,000 without).
CPU = 'max,-smap,-smep,-erms,-fsrm,-xsave,-avx,-avx2'
# bootscrub=0: QEMU's memory is zero already, and scrubbing takes long.
# guest_loglvl: a hostile guest makes Xen write tens of thousands of lines about
# it, by a serial port that is slow to emulate; below warnings, some are enough.
XEN_ARGS = ('console=com1 com1=115200,8n1 loglvl=warning '
            'guest_loglvl=warning/all '
            'dom0_mem=1024M,max:1024M dom0_max_vcpus=1 bootscrub=0')
# CPUs, and nanoseconds of an instruction, as a power of two. wall: two CPUs that
# run as they can; one: a single one. cost: instructions take 2 ns each, so
# figures are work. slow: the same with 8 ns, so that what lasts for a time (a
# flood, Xen's 3 s of warning) is less to emulate.
CLOCKS = {'wall': (2, None), 'one': (1, None), 'cost': (1, 1), 'slow': (1, 3)}
# loglevel=5: a kernel's WARNING must reach the console, or nobody sees it.
# cryptomgr.notests: testing Linux's ciphers takes a sixth of a guest's boot.
DOM0_ARGS = ('console=hvc0 quiet loglevel=5 nokaslr mitigations=off '
             'cryptomgr.notests')

# A run fails when a console holds any of these. The one place for them.
BAD = re.compile(
    r'Xen BUG|Xen WARN|Assertion|[Pp]anic|Oops|BUG:|rcu.*stall|RCU.*stall'
    r'|\bmm\.c:|WARNING: CPU|Call Trace|hung task|blocked for more than'
    r'|[Ss]egmentation fault|segfault at|general protection fault'
    r'|FATAL TRAP|Double fault')
# Harmless lines that the above would catch.
HARMLESS = re.compile(r'rcu: .*stall.*(suppress|timeout set)|panic=')


def bad_lines(path, allow):
    """List (line number, text) of a log's alarming lines."""
    found = []
    for number, line in enumerate(
            path.read_text(errors='replace').splitlines(), 1):
        if BAD.search(line) and not HARMLESS.search(line) and not any(
                re.search(pattern, line) for pattern in allow):
            found.append((number, line.strip()))
    return found


def directives(scenario, word):
    """Read a scenario's lines "# WORD: TEXT".

    "# allow: REGEX" makes lines of logs harmless, "# xen: OPTION" goes onto
    Xen's command line, "# qemu: OPTIONS" onto QEMU's, where {image} is dom0's.
    """
    path = common.TESTBED / 'scenarios' / f'{scenario}.sh'
    if not path.is_file():
        return []
    return re.findall(f'^# {word}: (.+)$', path.read_text(), re.M)


def _new_run(scenario):
    """Make a folder for this run and point latest-SCENARIO at it."""
    RUNS.mkdir(parents=True, exist_ok=True)
    stamp = datetime.datetime.now().strftime('%Y%m%d-%H%M%S')
    for number in range(100):
        folder = RUNS / (f'{stamp}-{scenario}' +
                         (f'-{number}' if number else ''))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        link = RUNS / f'.latest-{os.getpid()}-{number}'
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
        link.rename(RUNS / f'latest-{scenario}')
        return folder
    raise TestbedError(f'cannot make a new folder in {RUNS}')


def command(folder, flavour, clock, cpus, memory, xen_extra):
    """Return QEMU's command line, without its serial port."""
    hypervisor = xen.OUT / flavour / 'xen'
    append = XEN_ARGS + ('' if flavour == 'stock' else ' hicamp=on')
    append += f' {xen_extra}' if xen_extra else ''
    _, shift = CLOCKS[clock]
    if shift is None:
        accel = ['-accel', 'tcg,thread=multi']
    else:
        accel = ['-accel', 'tcg,thread=single', '-icount',
                 f'shift={shift},sleep=off']
    drive = 'format=raw,if=virtio'
    return ['qemu-system-x86_64', '-M', 'q35', '-cpu', CPU, *accel,
            '-smp', str(cpus), '-m', str(memory), '-display', 'none',
            '-no-reboot', '-net', 'none', '-kernel', str(hypervisor),
            '-append', append,
            '-initrd', f'{image.IMAGE}/vmlinux {DOM0_ARGS},'
                       f'{image.IMAGE}/initramfs.gz',
            '-drive', f'file={image.IMAGE}/dom0.img,{drive},snapshot=on',
            '-drive', f'file={folder}/payload.img,{drive},readonly=on',
            '-drive', f'file={folder}/results.img,{drive},cache=unsafe']


class Run:
    """A boot of the host with one scenario."""

    def __init__(self, scenario, flavour='stock', clock='cost', cpus=None,
                 timeout=600, memory=4096, xen_extra='', env=None, label=''):
        if scenario != 'shell' and not (
                common.TESTBED / 'scenarios' / f'{scenario}.sh').is_file():
            raise TestbedError(f'there is no scenario {scenario} in '
                               'tools/testbed/scenarios')
        for path in (xen.OUT / flavour / 'xen', image.IMAGE / 'dom0.img',
                     image.GUEST / 'initramfs'):
            if not path.is_file():
                raise TestbedError(f'{path} is not built yet; run "make deps '
                                   'xen modules image"')
        self.scenario, self.flavour, self.clock = scenario, flavour, clock
        self.cpus = cpus or CLOCKS[clock][0]
        self.timeout, self.memory = timeout, memory
        self.xen_extra = ' '.join([*directives(scenario, 'xen'), xen_extra])
        self.env = dict(env or {})
        if flavour != 'stock':
            self.env.setdefault('HICAMP', '1')
        self.label = f'{label}: ' if label else ''
        self.problems = []
        self.passed = 0     # promises kept, known after go()
        self.plugin = None  # TCG's, with its arguments
        self.folder = _new_run(scenario)

    def prepare(self):
        """Write the payload and an empty result disk."""
        with common.build_lock():
            image.payload(self.folder, self.scenario, self.env)
        (self.folder / 'empty').mkdir(exist_ok=True)
        image.ext4(self.folder / 'empty', self.folder / 'results.img', '256M')
        (self.folder / 'empty').rmdir()

    def argv(self):
        """Return QEMU's command line, and keep it with the run."""
        argv = command(self.folder, self.flavour, self.clock, self.cpus,
                       self.memory, self.xen_extra)
        for options in directives(self.scenario, 'qemu'):
            argv += shlex.split(options.replace('{image}',
                                                str(image.IMAGE / 'dom0.img')))
        if self.plugin:
            # Xen's boot polls the clock for a second's begin; let that be the
            # same in all runs that are compared.
            argv += ['-plugin', self.plugin,
                     '-rtc', 'base=2026-01-01T00:00:00,clock=vm']
        (self.folder / 'command').write_text(shlex.join(argv) + '\n')
        return argv

    def go(self):
        """Boot, follow the console, collect and judge; return success."""
        begin = time.monotonic()
        say(f'{self.label}{self.scenario} on {self.flavour} Xen, '
            f'{self.clock} clock, {self.cpus} CPU(s), limit {self.timeout} s; '
            f'output in {self.folder.relative_to(common.ROOT)}')
        self.prepare()
        self._boot()
        self._unpack()
        self._judge()
        took = time.monotonic() - begin
        verdict = 'FAILED' if self.problems else 'passed'
        say(f'{self.label}{self.scenario} {verdict} in {took:.1f} s')
        for problem in self.problems:
            say(f'{self.label}  {problem}')
        (self.folder / 'verdict').write_text(
            '\n'.join([verdict, *self.problems]) + '\n')
        return not self.problems

    def _boot(self):
        """Run QEMU until it ends or its time is over."""
        serial = self.folder / 'serial.log'
        serial.touch()
        with open(self.folder / 'qemu.log', 'w') as log, \
                open(serial, errors='replace') as console:
            child = subprocess.Popen(
                [*self.argv(), '-serial', f'file:{serial}'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, TMPDIR=str(self.folder)),
                start_new_session=True)
            try:
                self._follow(child, console)
            finally:
                if child.poll() is None:
                    child.kill()
                child.wait()
        if child.returncode > 0:
            self.problems.append(f'QEMU ended with {child.returncode}: '
                                 f'{common.tail(log.name, 3)}')

    def _follow(self, child, console):
        """Show progress lines as they come."""
        deadline = time.monotonic() + self.timeout
        rest, fatal = '', None
        while True:
            ended = child.poll() is not None
            chunk = console.read()
            *lines, rest = (rest + chunk).split('\n')
            for line in lines:
                if '## ' in line:
                    say(self.label + line[line.index('## ') + 3:].strip())
                elif BAD.search(line) and not HARMLESS.search(line):
                    say(f'{self.label}console: {line.strip()}')
                    # Xen and Linux print their state after this line.
                    if re.search(r'Panic on CPU|Kernel panic', line):
                        fatal = fatal or time.monotonic() + 10
            if ended:
                return
            now = time.monotonic()
            if fatal and now > fatal:
                self.problems.append('the host crashed')
                return
            if now > deadline:
                self.problems.append(f'time limit of {self.timeout} s passed')
                return
            select.select([], [], [], 0.2)

    def _unpack(self):
        """Take the results out of the result disk, also after a crash."""
        disk = self.folder / 'results.img'
        out = self.folder / 'results'
        out.mkdir(exist_ok=True)
        run(['debugfs', '-R', f'rdump / {out}', disk], 'results', limit=60)
        common.remove(out / 'lost+found')
        for name in ('results.img', 'payload.img'):
            (self.folder / name).unlink(missing_ok=True)

    def _judge(self):
        """Look for failed promises, bad lines and a missing end."""
        out = self.folder / 'results'
        tap = out / 'results.tap'
        if not (out / 'end').is_file():
            self.problems.append('the scenario did not reach its end')
        else:
            code = out / 'exit'
            if code.is_file() and code.read_text().strip() != '0':
                self.problems.append('the scenario ended with '
                                     f'{code.read_text().strip()}')
        lines = []
        if tap.is_file():
            lines = tap.read_text(errors='replace').splitlines()
        # After a crash the last lines may be on the console only.
        lines += [line for line in re.findall(
            r'^## dom0 \S+ ((?:not )?ok - .*?)\r?$',
            (self.folder / 'serial.log').read_text(errors='replace'), re.M)
            if line not in lines]
        self.problems += [line for line in lines if line.startswith('not ok')]
        self.passed = sum(line.startswith('ok') for line in lines)
        if not lines:
            self.problems.append('the scenario checked nothing')
        allow = directives(self.scenario, 'allow')
        for path in [self.folder / 'serial.log',
                     *sorted((out / 'console').glob('*.log')),
                     *sorted((out / 'log').glob('*dmesg.log'))]:
            for number, line in bad_lines(path, allow)[:20]:
                name = path.relative_to(self.folder)
                self.problems.append(f'{name}:{number}: {line}')

    def shell(self):
        """Boot with the console on this terminal."""
        self.prepare()
        serial = self.folder / 'serial.log'
        chardev = f'stdio,id=console,mux=on,signal=off,logfile={serial}'
        print('dom0\'s console follows: guests are ready after about 60 s. '
              'Leave with "exit" or Ctrl-A x.', flush=True)
        child = subprocess.Popen(
            [*self.argv(), '-chardev', chardev, '-serial', 'chardev:console',
             '-mon', 'chardev=console'],
            env=dict(os.environ, TMPDIR=str(self.folder)))
        try:
            child.wait()
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
        finally:
            if shutil.which('stty') and os.isatty(0):
                subprocess.run(['stty', 'sane'], timeout=10)
        self._unpack()
        say(f'output in {Path(self.folder).relative_to(common.ROOT)}')

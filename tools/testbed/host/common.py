# SPDX-License-Identifier: GPL-2.0-only
"""What every step needs: paths, progress lines, child processes, the lock.

A step announces itself, says how long it usually takes, and reports how long
it took. Children run with a time limit and their output goes to a file under
build/log; only when they fail does its end reach the screen.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTBED = ROOT / 'tools' / 'testbed'
BUILD = ROOT / 'build'
LOGS = BUILD / 'log'
PATCHES = ROOT / 'xen-patches'
PUBLIC = PATCHES / 'files' / 'xen' / 'include' / 'public'

_START = time.monotonic()


class TestbedError(Exception):
    """Something went wrong that the person can act on."""


_print_lock = threading.Lock()


def say(text):
    """Print one progress line, stamped with the seconds since the start."""
    with _print_lock:
        print(f'[{time.monotonic() - _START:7.1f} s] {text}', flush=True)


@contextlib.contextmanager
def step(what, usual):
    """Announce a step and its usual duration, and report the real one."""
    say(f'{what} (usually {usual})')
    begin = time.monotonic()
    yield
    say(f'{what}: done in {time.monotonic() - begin:.1f} s')


@contextlib.contextmanager
def build_lock(name='image'):
    """Serialise the steps that write a shared part of build/.

    "xen" guards the hypervisors, "image" everything else, so that a boot need
    not wait for a hypervisor that is being built.
    """
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f'.lock-{name}', 'w') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f'another testbed holds build/.lock-{name}; waiting for it')
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tail(path, lines=30):
    """Return the last lines of a text file."""
    text = Path(path).read_text(errors='replace')
    return '\n'.join(text.splitlines()[-lines:])


def run(argv, log, limit=600, cwd=None, env=None, append=False):
    """Run a child with a time limit and its output in build/log/LOG.log.

    The child gets a process group of its own, so that its children end with
    it when the limit passes or the person interrupts us.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f'{log}.log'
    argv = [str(word) for word in argv]
    with open(path, 'a' if append else 'w') as out:
        out.write('+ ' + ' '.join(argv) + '\n')
        out.flush()
        full_env = dict(os.environ, LC_ALL='C', **(env or {}))
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=subprocess.STDOUT,
                                     cwd=cwd, env=full_env,
                                     start_new_session=True)
        except FileNotFoundError:
            raise TestbedError(f'{argv[0]} is not installed; run '
                               '"tools/testbed/testbed deps"') from None
        try:
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.wait()
            raise TestbedError(f'{argv[0]} did not end within {limit} s; '
                               f'output in {path}') from None
        except BaseException:
            os.killpg(child.pid, 9)
            child.wait()
            raise
    if code:
        raise TestbedError(f'{argv[0]} failed with {code}; output in {path}, '
                           f'which ends:\n{tail(path)}')


def output(argv, limit=60, env=None):
    """Run a short child and return what it printed."""
    argv = [str(word) for word in argv]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=limit, text=True,
                              env=dict(os.environ, LC_ALL='C', **(env or {})))
    except FileNotFoundError:
        raise TestbedError(f'{argv[0]} is not installed; run '
                           '"tools/testbed/testbed deps"') from None
    except subprocess.TimeoutExpired:
        raise TestbedError(f'{argv[0]} did not end within {limit} s') from None
    if done.returncode:
        raise TestbedError(f'{" ".join(argv)} failed with '
                           f'{done.returncode}: {done.stderr.strip()}')
    return done.stdout


def jobs():
    """Return how many compilers to run at once."""
    return len(os.sched_getaffinity(0))


def sha256(path):
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, 'rb') as handle:
        for block in iter(lambda: handle.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(paths, extra=''):
    """Return one hash over files, folders (all files below) and a string."""
    digest = hashlib.sha256(extra.encode())
    for path in paths:
        path = Path(path)
        files = [path]
        if path.is_dir():
            files = sorted(p for p in path.rglob('*')
                           if p.is_file() and '__pycache__' not in p.parts)
        for name in files:
            if name.is_file():
                digest.update(f'{name}\n{sha256(name)}\n'.encode())
    return digest.hexdigest()


def is_fresh(stamp, value):
    """Tell whether a stamp file holds this fingerprint."""
    return stamp.is_file() and stamp.read_text() == value


def mirror_tree(source, target):
    """Make TARGET equal to SOURCE, touching only files that differ."""
    target.mkdir(parents=True, exist_ok=True)
    run(['rsync', '-rlp', '--checksum', '--delete', f'{source}/',
         f'{target}/'], 'rsync', limit=300)


def remove(path):
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def need_root():
    """Refuse to go on without root: apt and mmdebstrap need it."""
    if os.geteuid() != 0:
        raise TestbedError('this step needs root')


def die(error):
    """Print an error and end."""
    say(f'ERROR: {error}')
    sys.exit(1)

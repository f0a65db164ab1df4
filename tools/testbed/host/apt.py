# SPDX-License-Identifier: GPL-2.0-only
"""Packages and pinned sources, through an apt configuration of our own.

The machine's configuration often lacks deb-src and non-free. It is left as it
is: its mirror is looked up, and everything else (sources list, package lists)
lives under build/apt.
"""

import os
import shutil

from . import common
from .common import TestbedError, run, step

SUITE = 'bookworm'
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
APT = common.BUILD / 'apt'
DOWNLOADS = common.BUILD / 'dl'

BUILDER_PACKAGES = [
    'bc', 'bison', 'build-essential', 'busybox-static', 'cpio',
    'debian-archive-keyring', 'dpkg-dev', 'e2fsprogs', 'flex', 'git',
    'gnuplot-nox', 'kmod', 'libelf-dev', 'libxen-dev', 'linux-headers-amd64',
    'lz4', 'mmdebstrap', 'patch', 'pkg-config', 'python3', 'qemu-system-x86',
    'rsync', 'uuid-dev', 'xz-utils', 'zlib1g-dev', 'zstd',
]


def _candidates():
    """List (suite, URI, looks like Debian) of the machine's main indexes."""
    fields = '|'.join(f'$({name})' for name in
                      ('RELEASE', 'COMPONENT', 'REPO_URI', 'ORIGIN'))
    text = common.output(['apt-get', 'indextargets', '--format', fields,
                          'Created-By: Packages'])
    rows = []
    for line in text.splitlines():
        suite, component, uri, origin = line.split('|')
        if component == 'main':
            uri = uri.rstrip('/')
            tail = uri.rsplit('/', 1)[-1]
            rows.append((suite.replace('stable', SUITE, 1), uri,
                         origin == 'Debian' or tail.startswith('debian')))
    return rows


def _uri(rows, suite):
    """Pick the URI that serves a suite, Debian's own before others."""
    hits = sorted((not debian, index, uri)
                  for index, (name, uri, debian) in enumerate(rows)
                  if name == suite)
    return hits[0][2] if hits else None


def sources_list():
    """Write the project's own sources list and return its path."""
    rows = _candidates()
    main = _uri(rows, SUITE)
    if not main:
        raise TestbedError(f'this machine\'s apt has no source for {SUITE} '
                           'main, so no mirror could be found')
    lines = []
    wanted = [(SUITE, main), (f'{SUITE}-updates', main),
              (f'{SUITE}-security', _uri(rows, f'{SUITE}-security'))]
    for suite, uri in wanted:
        if not uri:
            continue
        for kind in ('deb', 'deb-src'):
            lines.append(f'{kind} [signed-by={KEYRING}] {uri} {suite} '
                         'main non-free')
    (APT / 'lists' / 'partial').mkdir(parents=True, exist_ok=True)
    (APT / 'parts').mkdir(exist_ok=True)
    path = APT / 'sources.list'
    text = '\n'.join(lines) + '\n'
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
    return path


def options():
    """Return the apt options that select the project's own sources."""
    return ['-o', f'Dir::Etc::sourcelist={sources_list()}',
            '-o', f'Dir::Etc::sourceparts={APT}/parts',
            '-o', f'Dir::State::lists={APT}/lists',
            '-o', 'Dir::Cache::pkgcache=',
            '-o', 'Dir::Cache::srcpkgcache=',
            '-o', 'APT::Sandbox::User=root',
            '-o', 'APT::Get::List-Cleanup=true',
            '-o', 'Acquire::Retries=3',
            '-o', 'DPkg::Lock::Timeout=300']


def update():
    """Fetch the package lists of the project's own sources."""
    with step('fetching package lists', '5 s'):
        run(['apt-get', *options(), 'update'], 'apt-update', limit=300)


def deps():
    """Install what the builder needs."""
    common.need_root()
    if not os.path.exists(KEYRING):
        with step('installing Debian\'s archive keyring', '5 s'):
            run(['apt-get', 'install', '-y', 'debian-archive-keyring'],
                'apt-keyring', limit=300)
    update()
    with step('installing packages on the builder', '60 to 180 s'):
        run(['apt-get', *options(), 'install', '-y',
             '--no-install-recommends', *BUILDER_PACKAGES], 'apt-install',
            limit=1800, env={'DEBIAN_FRONTEND': 'noninteractive'})


def upstream():
    """Read xen-patches/upstream: keys, and the files with their sums."""
    path = common.PATCHES / 'upstream'
    keys, sums = {}, {}
    for line in path.read_text().splitlines():
        words = line.split('#', 1)[0].split()
        if not words:
            continue
        if words[0] == 'sha256' and len(words) == 3:
            sums[words[1]] = words[2]
        elif len(words) == 2:
            keys[words[0]] = words[1]
        else:
            raise TestbedError(f'{path}: cannot read "{line}"')
    return keys, sums


def _check(name, wanted):
    """Tell whether a download is there; raise when its sum is wrong."""
    path = DOWNLOADS / name
    if not path.is_file():
        return False
    found = common.sha256(path)
    if found != wanted:
        raise TestbedError(f'{path} has SHA-256 {found}, but '
                           f'xen-patches/upstream wants {wanted}; remove the '
                           'file to fetch it again')
    return True


def fetch():
    """Fetch the pinned Xen source package into build/dl and check it."""
    keys, sums = upstream()
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    if all([_check(name, wanted) for name, wanted in sums.items()]):
        return
    if not shutil.which('dpkg-source'):
        raise TestbedError('dpkg-dev is not installed; run '
                           '"tools/testbed/testbed deps"')
    update()
    package, version = keys['package'], keys['version']
    with step(f'fetching the source of {package} {version}', '5 s'):
        run(['apt-get', *options(), 'source', '--download-only',
             f'{package}={version}'], 'fetch', limit=600, cwd=DOWNLOADS)
    for name, wanted in sums.items():
        if not _check(name, wanted):
            raise TestbedError(f'apt did not fetch {name}; output in '
                               f'{common.LOGS}/fetch.log')

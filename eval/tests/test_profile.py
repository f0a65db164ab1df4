# SPDX-License-Identifier: GPL-2.0-only
"""What eval/profile promises, without a host."""

import array
import importlib.machinery
import importlib.util
import tempfile
import unittest
from pathlib import Path

PROFILE = Path(__file__).resolve().parents[1] / 'profile'


def load():
    """Import the program, whose name has no suffix."""
    loader = importlib.machinery.SourceFileLoader('profile', str(PROFILE))
    spec = importlib.util.spec_from_loader('profile', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


profile = load()
XEN = ['ffff82d040200000 T start', 'ffff82d040201000 t copy',
       'ffff82d040202000 d data', '                 U outside']
DOM0 = ['ffffffff81000000 T _text', 'ffffffff81000100 t tcp_sendmsg',
        'ffffffffc0000200 t virtio_x [virtio]',
        'ffffffffc0100000 t ovs_x [openvswitch]']
GUEST = ['ffffffffc0000000 t hnf_xmit [hicamp_netfront]',
         'ffffffffc0000400 t hnf_rx [hicamp_netfront]']


class Profile(unittest.TestCase):
    """Names, counts, tables."""

    symbols = profile.Symbols(XEN, DOM0, [GUEST])

    def test_an_address_is_the_function_before_it(self):
        for address, wanted in (
                (0xffff82d040201004, ('xen', 'copy')),
                (0xffffffff81000100, ('linux', 'tcp_sendmsg')),
                (0xffffffff810000ff, ('linux', '_text')),
                (0xffffffffc0100010, ('openvswitch', 'ovs_x')),
                (0x401000, ('user', 'user space')),
                (0xffff82c000000000, ('xen', '?'))):
            self.assertEqual(self.symbols.name(address), wanted)

    def test_a_module_of_the_guest_hides_one_of_dom0(self):
        self.assertEqual(self.symbols.name(0xffffffffc0000220),
                         ('hicamp_netfront', 'hnf_xmit'))

    def test_blocks_count_with_their_instructions(self):
        rows = [0x400000, 5, 10, 0xffff82d040201000, 3, 7,
                0xffff82d040201010, 2, 1, 0xffffffff81000000, 9, 0]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'counts').write_bytes(
                array.array('Q', rows).tobytes())
            found = profile.counts(Path(folder), self.symbols)
        self.assertEqual(found, {('user', 'user space'): 50,
                                 ('xen', 'copy'): 23})

    def test_what_the_boot_does_for_a_random_time_does_not_count(self):
        symbols = profile.Symbols([*XEN, 'ffff82d040300000 T get_cmos_time',
                                   'ffff82d040300100 T get_s_time_fixed',
                                   'ffff82d040300200 T later'], DOM0, [GUEST])
        rows = [0xffff82d040300010, 5, 10, 0xffff82d040300110, 3, 7,
                0xffff82d040300210, 2, 1]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'counts').write_bytes(
                array.array('Q', rows).tobytes())
            found = profile.counts(Path(folder), symbols)
        self.assertEqual(found, {('xen', 'later'): 2})

    def test_units_follow_from_netperf(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'results').mkdir()
            out = Path(folder) / 'results/netperf.txt'
            out.write_text('THROUGHPUT=524.288\nELAPSED_TIME=2.00\n')
            self.assertEqual(profile.units(Path(folder), 'stream64k'), 2000)
            self.assertAlmostEqual(profile.units(Path(folder), 'rr'),
                                   1048.576)
            out.write_text('netperf: no route to host\n')
            with self.assertRaises(profile.TestbedError):
                profile.units(Path(folder), 'rr')

    def test_tables_have_sums_and_the_largest_first(self):
        text = profile.table('rr', {
            'stock': {('xen', 'a'): 100.4, ('linux', 'b'): 5},
            'hicamp': {('xen', 'a'): 10, ('linux', 'c'): 2000}}, 2)
        self.assertIn('| **all** | 105 | 2,010 |', text)
        self.assertIn('| linux | 5 | 2,000 |', text)
        self.assertLess(text.index('| c | linux |  | 2,000 |'),
                        text.index('| a | xen | 100 | 10 |'))
        self.assertNotIn('| b |', text)

    def test_the_first_stage_that_fits_has_a_function(self):
        known = profile.stages('# a comment\n\ncopies: xen/(mem.*|sink)\n'
                               'Xen: xen/.*\n')
        found = {('xen', 'memcpy'): 5, ('xen', 'sink'): 1, ('xen', 'x'): 2,
                 ('linux', 'memcpy'): 7}
        self.assertEqual(profile.by_stage(found, known),
                         {'copies': 6, 'Xen': 2, 'else': 7})
        self.assertIn('| copies | 6 |',
                      profile.table('rr', {'hicamp': found}, 2, known))

    def test_each_function_has_a_stage(self):
        known = profile.stages(profile.STAGES.read_text())
        self.assertGreater(len(known), 10)
        for area in ('xen', 'linux', 'user', 'xen, hicamp', 'new_module'):
            self.assertNotIn('else', profile.by_stage({(area, 'any'): 1},
                                                      known))
        self.assertEqual(profile.by_stage({('xen, hicamp', 'memcpy'): 1,
                                           ('linux', 'tcp_ack'): 2}, known),
                         {'switch and copy': 1, 'sockets, TCP, UDP, IP': 2})

    def test_functions_of_hicamp_are_told_apart_from_xen(self):
        symbols = profile.Symbols(XEN, DOM0, [GUEST], ['copy'])
        self.assertEqual(symbols.name(0xffff82d040201004),
                         ('xen, hicamp', 'copy'))
        self.assertEqual(symbols.name(0xffff82d040200004), ('xen', 'start'))

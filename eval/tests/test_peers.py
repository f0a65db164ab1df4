# SPDX-License-Identifier: GPL-2.0-only
"""eval/peers: what it reads, and that all get the same to do."""

import importlib.machinery
import importlib.util
import random
import struct
import sys
import tempfile
import unittest
from pathlib import Path

EVAL = Path(__file__).resolve().parent.parent


def load():
    """The script as a module, without leaving compiled files."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader('peers', str(EVAL / 'peers'))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('peers', loader))
    loader.exec_module(module)
    return module


PEERS = load()

PMD = '''pmd thread numa_id 0 core_id 1:
  packets received: 41373440
  phwol hits: 0
  simple match hits: 0
  emc hits: 41000000
  megaflow hits: 373440
  avg. subtable lookups per megaflow hit: 1.00
  miss with success upcall: {missed}
  miss with failed upcall: {failed}
  idle cycles: 0 (0.00%)
  processing cycles: 5212636140 (100.00%)
  avg cycles per packet: 125.99 (5212636140/41373440)
  avg processing cycles per packet: 125.99 (5212636140/41373440)
main thread:
  packets received: 0
  emc hits: 0
'''


class Reading(unittest.TestCase):
    """Outputs as they were seen."""

    def test_pmd_stats(self):
        got = PEERS.parse_pmd(PMD.format(missed=1, failed=12))
        self.assertAlmostEqual(got['cycles'], 125.99, 2)
        self.assertEqual(got['packets'], 41373440)
        self.assertEqual(got['emc hits'], 41000000)
        self.assertEqual(got['megaflow hits'], 373440)

    def test_packets_without_a_flow_are_refused(self):
        for missed, failed in ((41000000, 0), (0, 41000000)):
            with self.assertRaises(ValueError):
                PEERS.parse_pmd(PMD.format(missed=missed, failed=failed))
        with self.assertRaises(ValueError):
            PEERS.parse_pmd('main thread:\n  packets received: 0\n')

    def test_benchmark(self):
        got = PEERS.parse_hicamp('cycles 98.6 96.0 together 95.5 93.7 '
                                 'flows 1000 masks 1 exact 0\n')
        self.assertEqual(got, {'cycles': 98.6, 'alone': 98.6, 'together': 95.5,
                               'flows': 1000, 'masks': 1, 'exact': 0})
        got = PEERS.parse_hicamp('cycles 98.6 96.0 together 95.5 93.7 '
                                 'flows 10000 masks 1 exact 0\n')
        self.assertEqual(got['cycles'], 95.5)

    def test_testpmd(self):
        self.assertEqual(PEERS.parse_testpmd(
            '  CPU cycles/packet=90.0 (total cycles=9 / total io packets=1)\n'
            '  CPU cycles/packet=45.25 (total cycles=5 / total io packets=2)\n'
        ), {'cycles': 45.25})


def fields(data):
    """Addresses and ports of a frame."""
    return struct.unpack('!IIHH', data[26:38])


class Traces(unittest.TestCase):
    """Packets and flows."""

    def test_frames_are_whole(self):
        data = PEERS.frame(0x0a000001, 0x0b000002, 1024, 53, 1500)
        self.assertEqual(len(data), 1500)
        self.assertEqual(fields(data), (0x0a000001, 0x0b000002, 1024, 53))
        total = sum(struct.unpack('!10H', data[14:34]))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        self.assertEqual(total, 0xffff)

    def test_each_packet_has_exactly_one_flow(self):
        PEERS.PACKETS = 200
        for make, n in ((PEERS.flows_case, 50), (PEERS.masks_case, 40),
                        (PEERS.masks_case, 512)):
            matches, frames = make(n, random.Random(2))
            self.assertEqual(len(matches), n)
            for data in frames:
                found = [m for m in matches if all(
                    value & m[2 * i + 1] == m[2 * i]
                    for i, value in enumerate(fields(data)))]
                self.assertEqual(len(found), 1)
        self.assertEqual(len({m[1::2] for m in matches}), 512)

    def test_pcap(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'trace.pcap'
            PEERS.write_pcap(path, [b'x' * 60, b'y' * 61])
            data = path.read_bytes()
        self.assertEqual(len(data), 24 + 16 + 60 + 16 + 61)
        self.assertEqual(struct.unpack('=II', data[24 + 8:24 + 16]), (60, 60))

    def test_rules_for_open_vswitch(self):
        self.assertEqual(PEERS.rule(
            (0x0a000000, 0xffff8000, 0, 0x80000000, 0, 0, 0, 0)),
            'priority=1,ip,nw_src=10.0.0.0/255.255.128.0,'
            'nw_dst=0.0.0.0/128.0.0.0,actions=output:2')


if __name__ == '__main__':
    unittest.main()

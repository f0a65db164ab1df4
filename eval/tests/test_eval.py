# SPDX-License-Identifier: GPL-2.0-only
"""What eval promises, on outputs that were recorded and on a fake dom0."""

import contextlib
import copy
import importlib.machinery
import importlib.util
import io
import json
import os
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from evalrun import parse, report, results, scenario, target

HERE = Path(__file__).resolve().parent
EVAL = HERE.parent
RECORDED = HERE / 'recorded'


def recorded(name):
    """Return what a program printed once."""
    return (RECORDED / name).read_text()


def load_run():
    """Import eval/run, whose name has no suffix."""
    loader = importlib.machinery.SourceFileLoader('eval_run', str(EVAL / 'run'))
    run = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('eval_run', loader))
    loader.exec_module(run)
    return run


def gate_results():
    """Return results of the recorded run of the gate."""
    one = scenario.load('gate')
    found = {'environment': {'clock': 'cost'}, 'points': [],
             'scenarios': {'gate': {key: one[key] for key in
                                    ('title', 'about', 'x')}}}
    results.add(found, scenario.points(one),
                target.read_records(RECORDED / 'agent.jsonl'), [])
    return found


class Parsers(unittest.TestCase):
    """Readers of what traffic generators print."""

    def test_stream_counts_what_was_received(self):
        found = gate_results()['points'][0]['result']
        self.assertEqual((found['value'], found['unit']), (3294.26, 'Mb/s'))

    def test_cpu_is_attributed_to_guests_by_name(self):
        found = gate_results()['points'][0]['result']
        self.assertAlmostEqual(found['cpu']['a'], 0.853769461)
        self.assertAlmostEqual(found['cpu']['b'], 0.342795958)
        self.assertLess(found['dom0_share'], 0.01)

    def test_instructions_per_unit_follow_from_cpu_and_value(self):
        stream, rr = (p['result'] for p in gate_results()['points'])
        self.assertAlmostEqual(stream['cpu_per_unit'] * 1e9 / 2, 79581,
                               delta=5)
        self.assertAlmostEqual(rr['cpu_per_unit'] * 1e9 / 2, 68414, delta=5)

    def test_doorbells_and_events_are_per_packet(self):
        found = gate_results()['points'][0]['result']['per_packet']
        self.assertAlmostEqual(found['doorbells'], 1, delta=0.01)
        self.assertNotIn('drop_queue', found)

    def test_udp_reports_loss(self):
        found = parse.netperf(recorded('netperf-udp.txt'), 'UDP_STREAM')
        self.assertLess(found['value'], found['sent'])
        self.assertAlmostEqual(found['loss'],
                               1 - found['value'] / found['sent'])

    def test_latency_has_percentiles(self):
        found = parse.netperf(recorded('netperf-rr-latency.txt'), 'TCP_RR')
        self.assertLessEqual(found['latency']['p50'],
                             found['latency']['p99'])

    def test_sockperf_knows_the_long_tail(self):
        found = parse.sockperf(recorded('sockperf-tcp.txt'), 'TCP_RR')
        self.assertEqual(list(found['latency']),
                         ['p50', 'p90', 'p99', 'p99.9', 'max'])
        self.assertEqual(found['latency']['p99.9'], 17.631)
        self.assertAlmostEqual(found['value'], 340311 / 1.55)
        with self.assertRaisesRegex(ValueError, 'Connection refused'):
            parse.sockperf('sockperf: ERROR: Connection refused', 'TCP_RR')

    def test_fan_out_counts_what_all_received(self):
        point = {'tool': 'udpxfer', 'test': 'MULTICAST', 'seconds': 2}
        raw = {'outputs': ['sent 2000000', 'got 1000000', 'noise\ngot 500000']}
        found = parse._value(point, raw)
        self.assertEqual((found['value'], found['each']), (6, [4, 2]))
        self.assertEqual((found['sent'], found['loss']), (16, 0.625))
        for bad in (['got 1', 'got 1'], ['sent 1', 'sent 1'], ['sent 1', '']):
            with self.assertRaises(ValueError):
                parse._value(point, {'outputs': bad})

    def test_iperf3_tcp_and_udp(self):
        tcp = parse.iperf3(recorded('iperf3-tcp.json'), 'TCP_STREAM')
        self.assertEqual((tcp['unit'], tcp['retransmits']), ('Mb/s', 0))
        udp = parse.iperf3(recorded('iperf3-udp.json'), 'UDP_STREAM')
        self.assertAlmostEqual(udp['value'], 50, delta=2)

    def test_ping_tells_the_longest_silence(self):
        for first, received in ((0, 'packets received'), (1, 'received')):
            lines = [f'64 bytes from 10.0.0.2: icmp_seq={first + n} ttl=64 time'
                     f'=0.5 ms' for n in (1, 2, 5, 6)]
            lines.append(f'10 packets transmitted, 4 {received}, 60% loss')
            found = parse.ping('\n'.join(lines), 'PING')
            self.assertEqual((found['value'], found['unit'], found['silence']),
                             (40, '%', 3))
        with self.assertRaisesRegex(ValueError, 'Network is unreachable'):
            parse.ping('connect: Network is unreachable', 'PING')

    def test_half_an_output_is_an_error_that_quotes_it(self):
        for text in ('', 'establish control: are you sure there is a '
                     'netserver', 'THROUGHPUT=12\nTHROUGHPUT_UNITS=x\n'):
            with self.assertRaises(ValueError) as caught:
                parse.netperf(text, 'TCP_STREAM')
            self.assertIn(text.split('\n')[0][-40:], str(caught.exception))
        with self.assertRaises(ValueError):
            parse.iperf3('{"start": {', 'TCP_STREAM')
        with self.assertRaises(ValueError):
            parse.iperf3('{"error": "unable to connect"}', 'TCP_STREAM')
        with self.assertRaises(ValueError):
            parse.domcpu('0 12\n1 x\n')
        with self.assertRaises(ValueError):
            parse.domcpu('0 12\n')


class Scenarios(unittest.TestCase):
    """The files, and what points they become."""

    def test_every_file_is_good_and_has_points(self):
        self.assertGreaterEqual(len(scenario.names()), 9)
        for name in scenario.names():
            found = scenario.points(scenario.load(name))
            self.assertTrue(found)
            ids = [point['id'] for point in found]
            self.assertEqual(len(ids), len(set(ids)))

    def test_flows(self):
        self.assertEqual(scenario.flows('pairwise', 4),
                         [('a', 'b'), ('c', 'd')])
        self.assertEqual(len(scenario.flows('all-to-all', 5)), 20)
        self.assertEqual(scenario.flows("external", 1), [("a", "outside")])
        self.assertEqual(scenario.flows('loopback', 1), [('a', 'a')])
        self.assertEqual(scenario.flows('fan-out', 3),
                         [('a', 'all'), ('b', 'a'), ('c', 'a')])
        self.assertEqual(scenario.flows('from-one', 3),
                         [('b', 'a'), ('c', 'a')])
        for kind, guests in (('pairwise', 3), ('one', 1), ('fan-out', 1),
                             ('from-one', 1)):
            with self.assertRaises(scenario.EvalError):
                scenario.flows(kind, guests)

    def test_who_needs_several_cpus_is_not_run_on_one(self):
        for argv, says in ((['wall', '--clock', 'cost'], 'several CPUs'),
                           (['pinned', 'gate'], 'one kind after the other'),
                           (['gate', '--jobs', '0'], '--jobs')):
            done = subprocess.run([EVAL / 'run', '--dry-run', *argv],
                                  timeout=60, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)

    def test_one_boot_serves_all_points_of_a_hypervisor(self):
        found = [point for name in scenario.names()
                 for point in scenario.points(scenario.load(name))]
        groups = scenario.boots(found)
        self.assertEqual({boot.xen for boot in groups}, {'stock', 'release'})
        for boot, group in groups.items():
            known = scenario.systems()
            self.assertEqual({known[p['system']].get('cpus', '')
                              for p in group}, {boot.cpus})
        self.assertEqual(sum(map(len, groups.values())), len(found))

    def test_spelling_mistakes_are_errors(self):
        good = {'test': 'TCP_STREAM', 'size': [1]}
        for bad in ({'sizes': [1]}, {'test': 'TCP_STREAMS'}, {'size': [0]},
                    {'size': [70000]}, {'guests': [27]}, {'flows': 'ring'},
                    {'seconds': 1}, {'repeat': 0}, {'name': 'a/b'},
                    {'tool': 'iperf3', 'test': 'TCP_RR'},
                    {'tool': 'udpxfer', 'test': 'BROADCAST'},
                    {'placement': {'a': 0}}, {'placement': {'B': '0'}}):
            with self.assertRaises(scenario.EvalError, msg=str(bad)):
                scenario._check_test('x', {**good, **bad})


class Runs(unittest.TestCase):
    """Points that fail, sets that go on."""

    def test_a_point_without_a_record_says_so(self):
        one = scenario.load('gate')
        records = target.read_records(RECORDED / 'agent.jsonl')[:1]
        found = {'environment': {}, 'points': [], 'scenarios': {}}
        results.add(found, scenario.points(one), records, ['host crashed'])
        self.assertIn('result', found['points'][0])
        self.assertIn('host crashed', found['points'][1]['error'])

    def test_resume_runs_only_what_has_no_figure(self):
        found = gate_results()
        del found['points'][0]['result']
        found['points'][0]['error'] = 'guest died'
        left = [p for p in scenario.points(scenario.load('gate'))
                if p['id'] not in results.done(found)]
        self.assertEqual([p['name'] for p in left], ['stream'])
        results.add(found, left,
                    target.read_records(RECORDED / 'agent.jsonl'), [])
        self.assertEqual(len(found['points']), 2)
        self.assertEqual(len(results.done(found)), 2)

    def test_a_record_that_was_cut_off_does_not_count(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'cut.jsonl'
            path.write_text(recorded('agent.jsonl')[:-40])
            self.assertEqual(len(target.read_records(path)), 1)

    def test_a_guest_that_dies_costs_its_own_point_only(self):
        """The real agent, with a dom0 made of shell scripts."""
        fake = {
            'xl': 'echo 7',
            'domcpu': 'echo "0 1000"; echo "7 900000"; echo "idle 0"; '
                      'echo "clock 1000000"',
            'hicampctl': 'exit 1',
            # The first traffic of size 1 finds its guest dead.
            'guest': '''case "$1 $*" in
                start*"-r 1,1"*) if [ -e $STATE/died ]; then echo 5; else
                    : > $STATE/died; echo "guest a gave no result" >&2
                    exit 125; fi;;
                start*) echo 5;;
                run*" true"*) [ -e $STATE/died ] && [ ! -e $STATE/again ] &&
                    { : > $STATE/again; exit 125; }; exit 0;;
                destroy*) echo "$3$2" >> $STATE/destroyed;;
                wait*) cat $STATE/output;;
                esac''',
        }
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for name, body in fake.items():
                path = folder / name
                path.write_text(f'#!/bin/sh\n{body}\n')
                path.chmod(path.stat().st_mode | stat.S_IXUSR)
            (folder / 'output').write_text(
                'THROUGHPUT=5\nTHROUGHPUT_UNITS=Trans/s\nELAPSED_TIME=2\n'
                'LOCAL_SEND_THROUGHPUT=0\nREMOTE_RECV_THROUGHPUT=0\n')
            points = [p for p in scenario.points(scenario.load('pair-rr'))
                      if p['system'] == 'stock-ovs' and p['size'] < 4096]
            (folder / 'plan').write_text(target.plan(points))
            text = (EVAL / 'agent').read_text().replace(
                "'/run/eval-go'", f"'{folder}/go'")
            (folder / 'agent').write_text(text)
            done = subprocess.run(
                ['python3', folder / 'agent', folder / 'plan',
                 folder / 'records'], stdout=subprocess.PIPE, text=True,
                timeout=60, env=dict(os.environ, STATE=str(folder),
                                     PATH=f'{folder}:{os.environ["PATH"]}'))
            self.assertEqual(done.returncode, 1, done.stdout)
            records = target.read_records(folder / 'records')
            self.assertEqual([('error' in r) for r in records],
                             [True, False, False])
            self.assertIn('gave no result', records[0]['error'])
            self.assertTrue((folder / 'destroyed').exists())
            found = {'environment': {}, 'points': [], 'scenarios': {}}
            results.add(found, points, records, [])
            self.assertEqual(len(results.done(found)), 2)

    def test_boots_are_shared_out_and_nothing_is_lost(self):
        run = load_run()
        points = [point for name in run.STANDARD
                  for point in scenario.points(scenario.load(name))]
        for jobs in (1, 2, 4):
            found = run.share_out(points, 'cost', jobs)
            self.assertEqual(sorted(p['id'] for _, part in found for p in part),
                             sorted(p['id'] for p in points))
            times = [run.estimate(part, 'cost') for _, part in found]
            self.assertEqual(times, sorted(times, reverse=True))
            self.assertEqual(len(found) == 2, jobs == 1)
            for boot, part in found:
                self.assertEqual(set(scenario.boots(part)), {boot})
        self.assertLess(run.estimate_all(points, 'cost', 2), 60 * 60)

    def test_a_run_with_a_failed_point_ends_non_zero(self):
        run = load_run()
        records = target.read_records(RECORDED / 'agent.jsonl')

        class Fake:
            """A target whose second point fails."""

            def __init__(self, *args):
                pass

            def prepare(self, flavours):
                """Nothing to build."""

            def environment(self):
                """No environment."""
                return {'clock': 'cost'}

            def run(self, flavour, points, limit):
                """The recorded points, or one with an error."""
                bad = dict(records[1], error='guest died')
                return [records[0], bad if flag else records[1]], []

        with tempfile.TemporaryDirectory(dir=run.ROOT / 'eval') as folder:
            for flag, code in ((True, 1), (False, 0)):
                args = run.parser().parse_args(
                    ['gate', '--name', f'set{code}'])
                with mock.patch.object(run, 'OUT', Path(folder)), \
                        mock.patch.object(run.target, 'Testbed', Fake), \
                        contextlib.redirect_stdout(io.StringIO()) as out:
                    self.assertEqual(run.go(args), code)
                self.assertIn('rr', out.getvalue())
                for name in ('results.json', 'report.html', 'report.txt'):
                    self.assertTrue(
                        (Path(folder) / f'set{code}' / name).is_file())


class Comparison(unittest.TestCase):
    """What changed, and what got worse."""

    def compare(self, factor, *options):
        """Compare the recorded run with one that is factor times as fast."""
        new = copy.deepcopy(gate_results())
        new['points'][1]['result']['value'] *= factor
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ('a.json', 'b.json')]
            for path, found in zip(paths, (gate_results(), new)):
                results.save(path, found)
            return subprocess.run(
                [EVAL / 'compare', *options, *paths], text=True, timeout=30,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_within_the_noise_nothing_is_said(self):
        done = self.compare(0.98)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.count('\n'), 1)

    def test_a_regression_past_the_limit_fails_with_both_figures(self):
        done = self.compare(0.95)
        self.assertEqual(done.returncode, 1)
        self.assertIn('7,309.2', done.stdout)
        self.assertIn('6,943.7', done.stdout)
        self.assertIn('-5.0%', done.stdout)

    def test_the_limit_can_be_set(self):
        self.assertEqual(self.compare(0.95, '--limit', '6').returncode, 0)

    def test_better_is_named_and_no_error(self):
        done = self.compare(1.1)
        self.assertEqual(done.returncode, 0)
        self.assertIn('better', done.stdout)

    def test_a_missing_point_fails_when_all_are_wanted(self):
        new = gate_results()
        del new['points'][0]
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ('a.json', 'b.json')]
            for path, found in zip(paths, (gate_results(), new)):
                results.save(path, found)
            for options, code in (([], 0), (['--all-points'], 1)):
                done = subprocess.run(
                    [EVAL / 'compare', *options, *paths], timeout=30,
                    stdout=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, code)
                self.assertIn('missing  gate/hicamp/stream', done.stdout)

    def test_clocks_are_not_compared_with_each_other(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ('a.json', 'b.json')]
            for path, clock in zip(paths, ('cost', 'wall')):
                results.save(path, {**gate_results(),
                                    'environment': {'clock': clock}})
            done = subprocess.run([EVAL / 'compare', *paths], timeout=30,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn('nothing in common', done.stderr)


class Report(unittest.TestCase):
    """Tables and the page."""

    def test_table_has_a_row_per_point_and_the_cost(self):
        rows = report.table(gate_results(), 'gate')
        self.assertEqual(rows[0][3], 'hicamp')
        self.assertEqual({row[0] for row in rows[1:]}, {'stream', 'rr'})
        self.assertEqual([row for row in rows if row[0] == 'rr'][0][-1],
                         '68.4')

    def test_runs_that_are_too_far_apart_are_reported(self):
        found = gate_results()
        again = copy.deepcopy(found['points'][0])
        again['id'] = again['id'][:-1] + '1'
        again['result']['value'] *= 1.02
        found['points'].append(again)
        self.assertTrue(any('2.0% apart, more than the 1%' in line
                            for line in report.notes(found, 'gate')))
        again['result']['value'] = found['points'][0]['result']['value'] * 1.005
        lines = report.notes(found, 'gate')
        self.assertTrue(any('0.5% apart' in line for line in lines))
        self.assertFalse(any('more than' in line for line in lines))

    def test_systems_stand_in_the_scenario_s_order(self):
        found = gate_results()
        for point in copy.deepcopy(found['points']):
            point['id'] = point['id'].replace('/hicamp/', '/stock-ovs/')
            found['points'].append(point)
        found['scenarios']['gate']['systems'] = ['stock-ovs', 'hicamp']
        head = report.table(found, 'gate')[0]
        self.assertEqual(head[3:6], ['stock, Open vSwitch', 'hicamp',
                                     'hicamp / stock-ovs'])

    def test_the_work_is_told_by_domain_and_adds_up(self):
        found = gate_results()
        main, work = (part(found, 'gate') for part in (report.table,
                                                       report.work_table))
        for row, whole in zip(work[1:], main[1:]):
            self.assertAlmostEqual(sum(map(float, row[3:6])), float(whole[-1]),
                                   delta=0.5)
            self.assertGreater(float(row[7]), 0.9)      # doorbells a packet
            self.assertAlmostEqual(float(row[9]), 1, delta=0.1)     # copies

    def test_publish_shows_the_last_set_that_has_a_scenario(self):
        old, new = gate_results(), gate_results()
        old['scenarios']['gate']['about'] = 'of old'
        new['scenarios']['gate']['about'] = 'of new'
        with tempfile.TemporaryDirectory() as folder:
            for name, found in (('test-old', old), ('test-new', new)):
                results.save(Path(folder) / f'{name}.json', found)
            subprocess.run([EVAL / 'publish', folder, 'test-old', 'test-new'],
                           timeout=60, check=True)
            text = (Path(folder) / 'README.md').read_text()
            self.assertIn('(test-old.json)', text)
            self.assertIn('(test-new.json)', text)
            self.assertIn('of new', text)
            self.assertNotIn('of old', text)
            done = subprocess.run([EVAL / 'publish', folder, 'test-none'],
                                  timeout=60, stderr=subprocess.PIPE,
                                  text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn('test-none', done.stderr)

    def test_the_page_stands_alone_and_escapes(self):
        found = gate_results()
        found['scenarios']['gate']['title'] = 'a <b> & c'
        with tempfile.TemporaryDirectory() as folder:
            page = report.page(found, Path(folder))
        self.assertIn('a &lt;b&gt; &amp; c', page)
        for outside in ('src=', 'href=', '@import', 'url('):
            self.assertNotIn(outside, page.replace("xlink:href='#", ''))
        json.dumps(found)

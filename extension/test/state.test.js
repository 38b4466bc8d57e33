/** What is shown for what was heard. Run by `make extension`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { view } from '../lib/state.js';
import { snapshot } from './snapshots.js';

const heard = (changes = {}, ageMs = 100) => view({ kernel: 'idle', snapshot: snapshot(changes), ageMs });

test('a running engine is live, with lag, arming and level', () => {
  const { state, look, line } = heard();
  assert.equal(state, 'live');
  assert.equal(look, 'good');
  assert.equal(line, 'quantlab OK · lag 1 ms · armed · L0 paper');
});

test('without a kernel, or with a dead one, nothing of the engine is shown', () => {
  for (const kernel of [null, 'dead', 'terminating']) {
    const { state, line } = view({ kernel, snapshot: snapshot(), ageMs: 0 });
    assert.equal(state, 'no kernel');
    assert.equal(line, 'quantlab: no kernel');
  }
});

test('a kernel that never spoke has no engine, whatever it does', () => {
  for (const kernel of ['idle', 'busy', 'restarting', 'unknown']) {
    assert.equal(view({ kernel, snapshot: null, ageMs: 0 }).line, 'quantlab: no engine');
  }
});

test('two seconds of silence are live, one millisecond more is stale', () => {
  assert.equal(heard({}, 2000).state, 'live');
  const { state, word, line } = heard({}, 2001);
  assert.deepEqual([state, word], ['stale', 'STALE']);
  assert.equal(line, 'quantlab STALE 2 s · was OK · L0 paper');
});

test('the age of a stale heartbeat is in the line, not in the word that is announced', () => {
  assert.equal(heard({}, 5999).line, 'quantlab STALE 5 s · was OK · L0 paper');
  assert.equal(heard({}, 5999).word, heard({}, 900_000).word);
  assert.match(heard({}, 900_000).line, /STALE 15 min/);
});

test('silence beats HALTED, and says what it was', () => {
  assert.equal(heard({ halted: true }, 3000).line, 'quantlab STALE 3 s · was HALTED · L0 paper');
});

test('HALTED by the latch or by the rails', () => {
  for (const changes of [{ halted: true }, { trading: 'HALTED: account not reconciled' }]) {
    const { state, look, line } = heard(changes);
    assert.deepEqual([state, look], ['halted', 'halted']);
    assert.match(line, /^quantlab HALTED · lag 1 ms/);
  }
});

test('HALTED shows what was cancelled, and the venue where it is not OK', () => {
  const { line } = heard({ halted: true, cancelled: 3, state: 'DOWN' });
  assert.equal(line, 'quantlab HALTED · 3 cancelled · venue DOWN · lag 1 ms · L0 paper');
});

test('a kernel that is busy for more than a second shows for how long in place of its lag', () => {
  assert.match(heard({ busy_ms: 1000 }).line, /lag 1 ms/);
  assert.equal(heard({ busy_ms: 12_400 }).line, 'quantlab OK · busy 12 s · armed · L0 paper');
  assert.match(heard({ busy_ms: 12_400, halted: true }).line, /^quantlab HALTED · busy 12 s/);
});

test('what was not measured is no number, and the reason is told', () => {
  const { line, details } = heard({ kernel_lag_ms: null, missing: { kernel_lag_ms: 'clock is fixed' } });
  assert.match(line, /lag –/);
  assert.ok(details.includes("Lag of the kernel's loop: not measured (clock is fixed)"));
});

test('an engine that was stopped is not stale, and no heartbeat is expected of one that failed', () => {
  assert.equal(heard({ engine: 'stopped', state: 'STOPPED' }, 60_000).line, 'quantlab: engine stopped');
  const { state, line, details } = heard({ engine: 'failed', problem: 'port taken' }, 60_000);
  assert.equal(state, 'failed');
  assert.equal(line, 'quantlab FAILED · port taken · L0 paper');
  assert.equal(details[0], 'The engine failed: port taken');
});

test('each state of the venue has a look; unknown ones wait', () => {
  const looks = Object.fromEntries(['OK', 'DEGRADED', 'DOWN', 'SYNCING', 'NEW WORD'].map(state => [state, heard({ state }).look]));
  assert.deepEqual(looks, { OK: 'good', DEGRADED: 'warning', DOWN: 'bad', SYNCING: 'waiting', 'NEW WORD': 'waiting' });
  assert.equal(heard({ engine: 'starting' }).word, 'STARTING');
});

test('the reasons are told in the words of the kernel', () => {
  const reasons = ['user stream is deaf', '<b>not html</b>'];
  assert.deepEqual(heard({ state: 'DEGRADED', reasons }).details.slice(1, 3), reasons);
});

/** What is taken for a snapshot. Run by `make extension`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSnapshot } from '../lib/snapshot.js';
import { snapshot } from './snapshots.js';

test('a whole snapshot is taken as it is, with fields that we do not know', () => {
  const sent = snapshot({ of_a_later_version: [1] });
  assert.deepEqual(readSnapshot({ quantlab: sent }), sent);
});

test('null is a value where something was not measured', () => {
  const sent = snapshot({ rtt_ms: null, message_age_ms: null, kernel_lag_ms: null, cancelled: null });
  assert.deepEqual(readSnapshot({ quantlab: sent }), sent);
});

test('a snapshot that lacks any one field is ignored', () => {
  for (const name of Object.keys(snapshot())) {
    const { [name]: _, ...rest } = snapshot();
    assert.equal(readSnapshot({ quantlab: rest }), null, name);
  }
});

test('a value of another type, or of another version, is ignored', () => {
  const wrong = [
    { v: 2 }, { seq: 'x' }, { engine: 'flying' }, { state: 1 }, { reasons: 'one' }, { reasons: [1] },
    { rtt_ms: '1' }, { rtt_ms: NaN }, { kernel_lag_ms: -1 }, { busy_ms: null }, { missing: [] }, { missing: { a: 1 } },
    { halted: 'false' }, { as_of_ms: 1e17 }, { as_of_ms: null }, { armed: null }
  ];
  for (const changes of wrong) {
    assert.equal(readSnapshot({ quantlab: snapshot(changes) }), null, JSON.stringify(changes));
  }
});

test('anything else is ignored', () => {
  for (const data of [undefined, null, 1, 'text', [], {}, { quantlab: null }, { quantlab: [] }, { other: snapshot() }]) {
    assert.equal(readSnapshot(data), null);
  }
});

/** What is told of the kernel's answer to HALT. Run by `make extension`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHalted, readReply, sentence } from '../lib/answer.js';

const told = content => sentence({ ...readReply(content), ms: 7 });

test('a halt says when, and what follows', () => {
  const reply = { status: 'ok', halted: true, reason: 'shortcut', already: false };
  assert.deepEqual(readReply(reply), { outcome: 'halted', reason: 'shortcut' });
  assert.equal(told(reply), 'HALTED after 7 ms: no new order leaves; what is open is being cancelled');
});

test('an engine that was halted before says so', () => {
  assert.equal(told({ status: 'ok', halted: true, reason: 'lunch', already: true }), 'Was halted already: lunch (answered after 7 ms)');
});

test('an error is told, with the way that is left before it, as long texts are cut at their end', () => {
  const text = told({ status: 'error', ename: 'RuntimeError', evalue: '<b>boom</b>' });
  assert.equal(text, 'HALT failed. In a terminal: quantlab halt. The reason: RuntimeError: <b>boom</b>');
});

test('whatever does not say halted is no halt', () => {
  for (const reply of [{}, { status: 'ok' }, { status: 'ok', halted: 'true' }, { status: 'ok', halted: false }, { halted: true }]) {
    assert.equal(readReply(reply).outcome, 'refused');
    assert.equal(isHalted({ ...readReply(reply), ms: 1 }), false);
    assert.match(told(reply), /did not say that it halted/);
  }
});

test('silence fits into a notification of 140 characters whole', () => {
  assert.ok(sentence({ outcome: 'silent', ms: 3000, reason: '' }).length <= 140);
});

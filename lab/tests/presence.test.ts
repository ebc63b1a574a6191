// Only what a hand did is reported, and not often.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Presence } from '../src/presence.js';

function made() {
  const world = { now: 0, reports: 0, later: null as (() => void) | null };
  const presence = new Presence(
    () => (world.reports += 1),
    () => world.now,
    (what, ms) => {
      assert.equal(world.later, null, 'one at a time');
      assert.ok(ms > 0 && ms <= 10_000);
      world.later = () => {
        world.now += ms;
        world.later = null;
        what();
      };
    }
  );
  const key = (isTrusted = true) => presence.saw({ type: 'keydown', isTrusted });
  const move = (screenX: number) =>
    presence.saw({ type: 'pointermove', isTrusted: true, screenX, screenY: 0 });
  return { world, presence, key, move };
}

test('nothing without events', () => {
  assert.equal(made().world.reports, 0);
});

test('the first at once, then at most every 10 s', () => {
  const { world, key } = made();
  for (let i = 0; i < 50; i++) {
    key();
  }
  assert.equal(world.reports, 1);
  world.later?.();
  assert.equal(world.reports, 2);
  assert.equal(world.later, null, 'and none without a new event');
  world.now += 10_000;
  key();
  assert.equal(world.reports, 3);
});

test('what a script made does not count', () => {
  const { world, key } = made();
  key(false);
  assert.equal(world.reports, 0);
});

test('a pointer must have moved', () => {
  const { world, move } = made();
  move(5);
  move(5);
  assert.equal(world.reports, 0);
  move(6);
  assert.equal(world.reports, 1);
});

test('press and wheel count', () => {
  const { world, presence } = made();
  presence.saw({ type: 'wheel', isTrusted: true });
  assert.equal(world.reports, 1);
  world.now += 10_000;
  presence.saw({ type: 'pointerdown', isTrusted: true });
  assert.equal(world.reports, 2);
});

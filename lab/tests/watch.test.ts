// When the page asks, over a clock of the test's own.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { nextAskS } from '../src/schedule.js';
import type { Kept, Status } from '../src/status.js';
import { Watch } from '../src/watch.js';
import { at, Board, NOW, server } from './made.js';

const on = (changed = {}): Status => ({ kind: 'on', server: server(changed) });

test('seldom, sooner within a warning, and in time for one', () => {
  assert.equal(nextAskS(on({ endsInS: null }), false, 0), 15);
  assert.equal(nextAskS(on({ endsInS: 3000 }), false, 0), 15);
  assert.equal(nextAskS(on({ endsInS: 724 }), false, 0), 4.5, 'the first warning is due in 4 s');
  assert.equal(nextAskS(on({ warning: 'first' }), false, 0), 5);
  assert.equal(nextAskS(on({ warning: 'last', endsInS: 12 }), false, 0), 3);
  assert.equal(nextAskS(on({ warning: 'last', endsInS: 0 }), false, 0), 1);
  assert.equal(nextAskS({ kind: 'on', server: null }, false, 0), 15);
});

test('hidden pages ask once a minute, silent servers ever more seldom', () => {
  assert.equal(nextAskS(on({ warning: 'last', endsInS: 12 }), true, 0), 60);
  const lost = [0, 1, 2, 3, 99].map(misses => nextAskS({ kind: 'lost' }, false, misses));
  assert.deepEqual(lost, [15, 30, 60, 60, 60]);
  assert.equal(nextAskS({ kind: 'off' }, false, 0), null);
});

class World {
  answer: Status = on({ endsInS: null });
  kept: Promise<Kept> = new Promise(() => undefined);
  asked = 0;
  passedS = 0;
  shown: Status[] = [];
  hidden = false;
  readonly board = new Board();
  readonly watch = new Watch({
    ask: () => {
      this.asked += 1;
      return Promise.resolve(this.answer);
    },
    keep: () => this.kept,
    show: status => void this.shown.push(status),
    notices: this.board,
    hidden: () => this.hidden,
    now: () => new Date(NOW.getTime() + this.passedS * 1000)
  });

  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.passedS += 1;
      mock.timers.tick(1000);
      await settled();
    }
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await Promise.resolve();
  }
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('asks again and again, and at once when it comes into sight', async () => {
  const world = new World();
  await world.watch.look();
  await world.pass(31);
  assert.equal(world.asked, 3);
  world.hidden = true;
  await world.pass(70);
  assert.equal(world.asked, 4, 'the one that was planned in sight; then a minute later');
  world.hidden = false;
  world.answer = on({ warning: 'first' });
  await world.watch.look();
  assert.match(world.board.text(), /^warning/, 'what came meanwhile is there');
  await world.pass(5);
  assert.equal(world.asked, 6, 'and only one plan is left');
});

test('where there is no service it asks once', async () => {
  const world = new World();
  world.answer = { kind: 'off' };
  await world.watch.look();
  await world.pass(300);
  await world.watch.look();
  assert.equal(world.asked, 1);
  assert.equal(world.watch.isOff, true);
});

test('no notices where nobody answers', async () => {
  const world = new World();
  for (const answer of [{ kind: 'lost' }, { kind: 'unreachable', message: 'm' }] as Status[]) {
    world.answer = answer;
    await world.watch.look();
    await world.pass(100);
  }
  assert.equal(world.board.shown, 0);
});

test('what was warned of has happened: the notice goes with the time, not with a question', async () => {
  const world = new World();
  world.answer = on({ warning: 'last', endsInS: 40 });
  await world.watch.look();
  world.answer = { kind: 'lost' };
  await world.pass(39);
  assert.match(world.board.text(), /Last warning/);
  await world.pass(2);
  assert.equal(world.board.text(), '');
});

test('an answer from before Keep does not bring the warning back', async () => {
  const world = new World();
  world.answer = on({ warning: 'first' });
  await world.watch.look();
  let finish: (kept: Kept) => void = () => undefined;
  world.kept = new Promise(resolve => (finish = resolve));
  world.board.pressKeep();
  world.board.pressKeep();
  const looking = world.watch.look();
  const kept = server({ keptUntil: at(15, 30), endsAt: at(15, 30), endsInS: 5400 });
  world.answer = { kind: 'on', server: kept };
  finish({ kind: 'kept', server: kept });
  await looking;
  await settled();
  assert.equal(world.board.text(), 'success: Your server is kept until 15:30.');
  assert.equal(world.board.shown, 1);
});

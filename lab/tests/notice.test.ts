// One notice: shown once per level, changed in place, gone when the warning is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Notice } from '../src/notice.js';
import { at, Board, NOW, server } from './made.js';

const FIRST = server({ warning: 'first' });
const LAST = server({ warning: 'last', endsInS: 180 });

function made(): { board: Board; notice: Notice } {
  const board = new Board();
  const notice: Notice = new Notice(board, () => notice.pressed());
  return { board, notice };
}

test('a warning is shown, changed in place, and gone when it is over', () => {
  const { board, notice } = made();
  notice.tell(server(), NOW);
  assert.equal(board.text(), '');
  notice.tell(FIRST, NOW);
  assert.match(board.text(), /^warning: Your server ends at 14:12, in 12 min: .* \[Keep\]$/);
  notice.tell({ ...FIRST, endsInS: 600 }, NOW);
  assert.match(board.text(), /^warning: Your server ends at 14:12, in 10 min: .* \[Keep\]$/);
  notice.tell(LAST, NOW);
  assert.match(board.text(), /^warning: Last warning: .* \[Keep\]$/);
  assert.equal(board.shown, 1, 'they do not pile up');
  notice.tell(server(), NOW);
  assert.equal(board.text(), '');
});

test('who closes it is told again at the next level only, and after a reload', () => {
  const { board, notice } = made();
  notice.tell(FIRST, NOW);
  board.closeAll();
  notice.tell({ ...FIRST, endsInS: 300 }, NOW);
  assert.equal(board.text(), '');
  notice.tell(LAST, NOW);
  assert.match(board.text(), /Last warning/);
  const reloaded = new Notice(board, () => undefined);
  reloaded.tell(LAST, NOW);
  assert.equal(board.shown, 3);
});

test('a second warning period is a new notice', () => {
  const { board, notice } = made();
  notice.tell(FIRST, NOW);
  board.closeAll();
  notice.tell(server(), NOW);
  notice.tell(FIRST, NOW);
  assert.equal(board.shown, 2);
});

test('without Keep where it does nothing', () => {
  const { board, notice } = made();
  notice.tell({ ...FIRST, keepUntilMax: null, endsWhy: 'lifetime' }, NOW);
  assert.match(board.text(), /Save your work\.$/);
});

test('Keep says until when, and a later answer does not take that away', () => {
  const { board, notice } = made();
  notice.tell(FIRST, NOW);
  board.pressKeep();
  assert.equal(board.text(), 'in-progress: Keeping your server …');
  notice.tell(FIRST, NOW);
  assert.equal(board.text(), 'in-progress: Keeping your server …');
  const kept = server({ keptUntil: at(15, 30), endsAt: at(15, 30) });
  notice.kept({ kind: 'kept', server: kept }, NOW);
  assert.equal(board.text(), 'success: Your server is kept until 15:30.');
  notice.tell(kept, NOW);
  assert.equal(board.text(), 'success: Your server is kept until 15:30.');
  assert.equal(board.shown, 1);
  notice.tell(FIRST, NOW);
  assert.match(board.text(), /^warning: .*\[Keep\]$/, 'it takes the place of the old one');
});

test('Keep that cannot says why, until the next level', () => {
  const { board, notice } = made();
  notice.tell(FIRST, NOW);
  notice.pressed();
  notice.kept({ kind: 'refused', message: 'kept as long as it may be' }, NOW);
  const refused = 'error: Your server could not be kept: kept as long as it may be.';
  assert.equal(board.text(), refused);
  notice.tell({ ...FIRST, endsInS: 100 }, NOW);
  assert.equal(board.text(), refused);
  notice.tell(LAST, NOW);
  assert.match(board.text(), /^warning: Last warning/);
});

test('Keep that nobody answered can be pressed again', () => {
  const { board, notice } = made();
  notice.tell(FIRST, NOW);
  notice.pressed();
  notice.kept({ kind: 'failed', message: '' }, NOW);
  assert.match(board.text(), /^error: .*does not answer\. \[Keep\]$/);
});

test('a lost server: the notice stands until its time has passed', () => {
  const { board, notice } = made();
  notice.tell(LAST, NOW);
  assert.equal(notice.lost(new Date(NOW.getTime() + 179_000)), 1);
  assert.match(board.text(), /Last warning/);
  assert.equal(notice.lost(new Date(NOW.getTime() + 180_000)), null);
  assert.equal(board.text(), '');
});

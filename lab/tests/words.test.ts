// What people read, for every state that a server can be in.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readKept, readServer, readStatus, type Server } from '../src/status.js';
import * as words from '../src/words.js';
import { at, NOW, server } from './made.js';

const bar = (changed: Partial<Server> = {}) =>
  words.barText({ kind: 'on', server: server(changed) }, NOW);

test('the bar says which GPU, how busy, how long', () => {
  assert.equal(bar(), 'GPU 1 · 43 % · ends in 12 min');
  assert.equal(bar({ endsInS: null }), 'GPU 1 · 43 %');
  assert.equal(bar({ load: null }), 'GPU 1 · ends in 12 min');
  assert.equal(bar({ gpus: [] }), 'No GPU · ends in 12 min');
  assert.equal(bar({ gpus: [], endsInS: null }), 'No GPU');
  assert.equal(bar({ keptUntil: at(15, 30) }), 'GPU 1 · 43 % · kept until 15:30');
  assert.equal(bar({ keptUntil: at(13, 30) }), 'GPU 1 · 43 % · ends in 12 min', 'Keep is over');
  const warned = bar({ keptUntil: at(15, 30), warning: 'first' });
  assert.equal(warned, 'GPU 1 · 43 % · ends in 12 min', 'the lifetime ends it all the same');
});

test('the bar is empty where there is nothing to say', () => {
  assert.equal(words.barText({ kind: 'off' }, NOW), '');
  assert.equal(words.barText({ kind: 'lost' }, NOW), '');
  assert.equal(words.barText({ kind: 'on', server: null }, NOW), '');
  assert.equal(words.barText({ kind: 'unreachable', message: 'x' }, NOW), 'GPU: no status');
});

test('names of GPUs', () => {
  const gpus = (...indices: (number | null)[]) => indices.map(index => ({ index, model: 'A' }));
  assert.equal(words.gpuNames(gpus(0, 3)), 'GPUs 0, 3');
  assert.equal(words.gpuNames(gpus(0, 1, 2, 3, 4)), '5 GPUs');
  assert.equal(words.gpuNames(gpus(null)), 'GPU');
  assert.equal(words.gpuNames(gpus(null, 1)), '2 GPUs');
});

test('spans are rounded down', () => {
  const spans = [0.9, 59, 60, 119, 7199, 7200, 172_799, 172_800].map(words.span);
  assert.deepEqual(spans, ['0 s', '59 s', '1 min', '1 min', '119 min', '2 h', '47 h', '2 days']);
});

test('times of other days have the day', () => {
  assert.equal(words.clock(at(9, 5), NOW), '09:05');
  assert.equal(words.clock(new Date(2026, 10, 30, 9, 5), NOW), 'Mon 09:05');
  assert.equal(words.clock(new Date(2027, 0, 2, 9, 5), NOW), '2027-01-02 09:05');
});

test('the tooltip says why', () => {
  const long = server({ loadAverage: 0.1, memoryUsedMib: 1536 });
  assert.equal(
    words.tooltip({ kind: 'on', server: long }, NOW),
    'GPU 1: A100\nLoad 43 % (10 % over 5 minutes), 1.5 GiB of memory.\n' +
      'GPU idle for 48 minutes.\nEnds at 14:12 if it is not used until then.'
  );
  assert.match(
    words.tooltip({ kind: 'on', server: server({ endsWhy: 'lifetime' }) }, NOW),
    /Ends at 14:12: the longest time of this profile\.$/
  );
  assert.match(words.tooltip({ kind: 'unreachable', message: '' }, NOW), /does not answer/);
});

test('warnings', () => {
  assert.equal(
    words.warningText(server({ warning: 'first' }), NOW),
    'Your server ends at 14:12, in 12 min: GPU idle for 48 minutes. Files stay.'
  );
  assert.equal(
    words.warningText(server({ warning: 'last', endsInS: 40 }), NOW),
    'Last warning: your server ends at 14:12, in 40 s: GPU idle for 48 minutes. Files stay.'
  );
  assert.match(
    words.warningText(server({ warning: 'last', endsWhy: 'lifetime' }), NOW),
    /its longest time is over then\. Save your work\.$/
  );
});

test('notices fit into what JupyterLab shows', () => {
  const why = 'nothing of what there is to be heard was heard '.repeat(9);
  const warning = words.warningText(server({ warning: 'last', why }), NOW);
  assert.equal(warning.length, words.NOTICE_MAX);
  assert.match(warning, /…\. Files stay\.$/);
  const kept = words.notKeptText({ kind: 'refused', message: why });
  assert.equal(kept.length, words.NOTICE_MAX);
});

test('Keep is offered only where it does something', () => {
  assert.equal(words.canKeep(server()), true);
  assert.equal(words.canKeep(server({ keepUntilMax: null })), false);
  assert.equal(words.canKeep(server({ keepUntilMax: at(14, 12) })), false);
});

test('what came of Keep', () => {
  const kept = server({ keptUntil: at(15, 30), endsAt: at(15, 30) });
  assert.equal(words.keptText(kept, NOW), 'Your server is kept until 15:30.');
  assert.equal(
    words.keptText({ ...kept, lifetimeEndsAt: at(15, 0) }, NOW),
    'Your server is kept until 15:00, when its longest time is over.'
  );
  assert.equal(
    words.notKeptText({ kind: 'failed', message: 'The GPU status service does not answer.' }),
    'Your server could not be kept: the GPU status service does not answer.'
  );
});

test('answers of any kind are read without harm', () => {
  assert.deepEqual(readStatus(200, undefined), { kind: 'lost' });
  assert.deepEqual(readStatus(424, { message: 'not running' }), { kind: 'lost' });
  assert.deepEqual(readStatus(200, { enabled: false }), { kind: 'off' });
  assert.deepEqual(readStatus(200, { enabled: true, server: null }), { kind: 'on', server: null });
  const unreachable = { enabled: true, error: 'unreachable', message: 'm' };
  assert.deepEqual(readStatus(503, unreachable), { kind: 'unreachable', message: 'm' });
  assert.deepEqual(readKept(409, { message: 'm' }), { kind: 'refused', message: 'm' });
  assert.deepEqual(readKept(502, undefined), { kind: 'failed', message: '' });
  const odd = readServer({
    gpus: [1, null, { index: 'x' }],
    usage: { utilisation: { now: NaN } },
    ends_at: 'never',
    warning: 'loud',
    ends_in_s: -1
  });
  assert.deepEqual(odd.gpus, [{ index: null, model: '' }]);
  assert.deepEqual([odd.load, odd.endsAt, odd.warning, odd.endsInS], [null, null, null, null]);
});

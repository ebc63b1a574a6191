// When to ask next, in seconds; null: never again.

import type { Status } from './status.js';

export const SEEN_S = 15;
export const HIDDEN_S = 60;
export const WARNED_S = 5;
const LEAST_S = 1;
const FIRST_WARNING = 0.2; // of the limit, before the end
const LAST_WARNING = 0.05;

// `misses`: how often in a row there was no answer before this one.
export function nextAskS(status: Status, hidden: boolean, misses: number): number | null {
  if (status.kind === 'off') {
    return null;
  }
  if (hidden) {
    return HIDDEN_S;
  }
  if (status.kind !== 'on') {
    return Math.min(HIDDEN_S, SEEN_S * 2 ** Math.min(misses, 8));
  }
  const server = status.server;
  if (!server || server.endsInS === null) {
    return SEEN_S;
  }
  // Where limits are short a warning must not come and go between two questions.
  const usual = server.warning ? WARNED_S : SEEN_S;
  const untilWarning = [FIRST_WARNING, LAST_WARNING]
    .map(part => (server.endsInS ?? 0) - part * (server.limitS ?? 0) + 0.5)
    .filter(left => left > 0.5);
  const soonest = Math.min(usual, server.endsInS / 4, ...untilWarning);
  return Math.max(LEAST_S, soonest);
}

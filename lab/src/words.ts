// What a person reads: pure functions of a status and the time.

import type { Gpu, Kept, Server, Status } from './status.js';

// JupyterLab cuts what is longer.
export const NOTICE_MAX = 140;

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

// '' hides the item.
export function barText(status: Status, now: Date): string {
  if (status.kind === 'unreachable') {
    return 'GPU: no status';
  }
  if (status.kind !== 'on' || !status.server) {
    return '';
  }
  const server = status.server;
  const load = server.gpus.length > 0 && server.load !== null ? percent(server.load) : '';
  return [gpuNames(server.gpus), load, timeLeft(server, now)].filter(Boolean).join(' · ');
}

export function gpuNames(gpus: Gpu[]): string {
  const indices = gpus.map(gpu => gpu.index).filter(index => index !== null);
  if (gpus.length === 0) {
    return 'No GPU';
  }
  if (gpus.length === 1) {
    return indices.length === 1 ? `GPU ${indices[0]}` : 'GPU';
  }
  if (gpus.length > 4 || indices.length < gpus.length) {
    return `${gpus.length} GPUs`;
  }
  return `GPUs ${indices.join(', ')}`;
}

export function timeLeft(server: Server, now: Date): string {
  const kept = keptUntil(server, now);
  if (kept && !server.warning) {
    return `kept until ${clock(kept, now)}`;
  }
  return server.endsInS === null ? '' : `ends in ${span(server.endsInS)}`;
}

export function tooltip(status: Status, now: Date): string {
  if (status.kind === 'unreachable') {
    return status.message || 'The GPU status service does not answer.';
  }
  if (status.kind !== 'on' || !status.server) {
    return '';
  }
  const server = status.server;
  const lines = server.gpus.map(gpu => `${gpuNames([gpu])}: ${gpu.model || 'GPU'}`);
  if (server.load !== null && server.gpus.length > 0) {
    lines.push(usage(server, server.load));
  }
  if (server.why) {
    lines.push(sentence(server.why));
  }
  if (server.endsAt) {
    lines.push(ending(server, server.endsAt, now));
  }
  return lines.join('\n');
}

function usage(server: Server, load: number): string {
  const average =
    server.loadAverage === null ? '' : ` (${percent(server.loadAverage)} over 5 minutes)`;
  const memory =
    server.memoryUsedMib === null
      ? ''
      : `, ${(server.memoryUsedMib / 1024).toFixed(1)} GiB of memory`;
  return `Load ${percent(load)}${average}${memory}.`;
}

function ending(server: Server, at: Date, now: Date): string {
  const when = clock(at, now);
  return server.endsWhy === 'lifetime'
    ? `Ends at ${when}: the longest time of this profile.`
    : `Ends at ${when} if it is not used until then.`;
}

// The two warnings. Keep is offered beside them only where it does something.
export function warningText(server: Server, now: Date): string {
  const start = server.warning === 'last' ? 'Last warning: your' : 'Your';
  const at = server.endsAt ? ` at ${clock(server.endsAt, now)}` : '';
  const left = server.endsInS === null ? '' : `, in ${span(server.endsInS)}`;
  const head = `${start} server ends${at}${left}`;
  if (server.endsWhy === 'lifetime') {
    return `${head}: its longest time is over then. Save your work.`;
  }
  return fitted(`${head}: `, server.why || 'it is not used', '. Files stay.');
}

export function canKeep(server: Server): boolean {
  const { keepUntilMax, endsAt } = server;
  return keepUntilMax !== null && (endsAt === null || keepUntilMax > endsAt);
}

export function keptText(server: Server, now: Date): string {
  const until = keptUntil(server, now) ?? server.endsAt;
  if (!until) {
    return 'Your server is kept.';
  }
  const last = server.lifetimeEndsAt;
  const end = last && last <= until ? ', when its longest time is over' : '';
  return `Your server is kept until ${clock(last && end ? last : until, now)}${end}.`;
}

export function notKeptText(kept: Exclude<Kept, { kind: 'kept' }>): string {
  const message = kept.message || 'the GPU status service does not answer.';
  return fitted('Your server could not be kept: ', lower(message), '');
}

function keptUntil(server: Server, now: Date): Date | null {
  return server.keptUntil && server.keptUntil > now ? server.keptUntil : null;
}

// Rounded down: nobody is to have less time than he was told.
export function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes < 1) {
    return `${Math.floor(seconds)} s`;
  }
  if (hours < 2) {
    return `${minutes} min`;
  }
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

// In the browser's time zone; with the day if it is another one.
export function clock(at: Date, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) {
    return time;
  }
  const days = Math.abs(at.getTime() - now.getTime()) / 86_400_000;
  const day =
    days < 6
      ? `${DAYS[at.getDay()]}`
      : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${time}`;
}

function percent(part: number): string {
  return `${Math.round(Math.min(part, 1) * 100)} %`;
}

function fitted(head: string, middle: string, tail: string): string {
  const room = NOTICE_MAX - head.length - tail.length;
  const words = middle.replace(/\.$/, '');
  const cut = words.length > room ? `${words.slice(0, room - 1).trimEnd()}…` : words;
  return head + cut + (tail || (cut.endsWith('…') ? '' : '.'));
}

function sentence(words: string): string {
  const first = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

// "The service …" within a sentence; names like "GPU" stay.
function lower(words: string): string {
  return /^[A-Z][a-z]/.test(words) ? words.charAt(0).toLowerCase() + words.slice(1) : words;
}

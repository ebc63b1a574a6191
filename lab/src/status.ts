// What the server extension says, as types. Everything from outside is checked here and nowhere
// else: what is missing or of another kind becomes null, never a failure.

export interface Gpu {
  index: number | null;
  model: string;
}

export type Warning = 'first' | 'last';

export interface Server {
  gpus: Gpu[];
  load: number | null; // 0 to 1, now
  loadAverage: number | null; // 5 minutes
  memoryUsedMib: number | null;
  why: string; // why it counts as used or idle
  limitS: number | null;
  endsInS: number | null;
  endsAt: Date | null;
  endsWhy: 'idle' | 'unknown' | 'lifetime' | null;
  warning: Warning | null;
  keepUntilMax: Date | null; // null: Keep does nothing
  keptUntil: Date | null;
  lifetimeEndsAt: Date | null;
}

export type Status =
  | { kind: 'off' } // there is no status service behind this server
  | { kind: 'on'; server: Server | null } // null: nobody has looked at this server yet
  | { kind: 'unreachable'; message: string } // the status service is silent
  | { kind: 'lost' }; // this server itself does not answer

export type Kept =
  | { kind: 'kept'; server: Server }
  | { kind: 'refused'; message: string } // asking again does not help
  | { kind: 'failed'; message: string };

type Json = Record<string, unknown>;

// `body`: undefined if the answer was no JSON.
export function readStatus(code: number, body: unknown): Status {
  if (!isObject(body) || typeof body['enabled'] !== 'boolean') {
    return { kind: 'lost' };
  }
  if (!body['enabled']) {
    return { kind: 'off' };
  }
  if (code === 200) {
    return { kind: 'on', server: isObject(body['server']) ? readServer(body['server']) : null };
  }
  return { kind: 'unreachable', message: text(body['message']) };
}

export function readKept(code: number, body: unknown): Kept {
  if (code === 200 && isObject(body) && isObject(body['server'])) {
    return { kind: 'kept', server: readServer(body['server']) };
  }
  const message = isObject(body) ? text(body['message']) : '';
  if (code >= 400 && code < 500) {
    return { kind: 'refused', message };
  }
  return { kind: 'failed', message };
}

export function readServer(body: Json): Server {
  const usage = isObject(body['usage']) ? body['usage'] : {};
  const utilisation = isObject(usage['utilisation']) ? usage['utilisation'] : {};
  const gpus = Array.isArray(body['gpus']) ? body['gpus'] : [];
  return {
    gpus: gpus.filter(isObject).map(gpu => ({
      index: number(gpu['index']),
      model: text(gpu['model'])
    })),
    load: number(utilisation['now']),
    loadAverage: number(utilisation['5m']),
    memoryUsedMib: number(usage['memory_used_mib']),
    why: text(body['why']),
    limitS: number(body['limit_s']),
    endsInS: number(body['ends_in_s']),
    endsAt: date(body['ends_at']),
    endsWhy: oneOf(['idle', 'unknown', 'lifetime'] as const, body['ends_why']),
    warning: oneOf(['first', 'last'] as const, body['warning']),
    keepUntilMax: date(body['keep_until_max']),
    keptUntil: date(body['kept_until']),
    lifetimeEndsAt: date(body['lifetime_ends_at'])
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function date(value: unknown): Date | null {
  const at = typeof value === 'string' ? new Date(value) : null;
  return at && !Number.isNaN(at.getTime()) ? at : null;
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown): T | null {
  return allowed.find(one => one === value) ?? null;
}

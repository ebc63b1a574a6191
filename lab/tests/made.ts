// What the tests of the page share: a server to change, and doubles of JupyterLab's notices.

import type { Kind, Notices } from '../src/notice.js';
import { readServer, type Server } from '../src/status.js';

export const NOW = new Date(2026, 10, 29, 14, 0);

export function at(hours: number, minutes: number): Date {
  return new Date(2026, 10, 29, hours, minutes);
}

export function server(changed: Partial<Server> = {}): Server {
  return {
    ...readServer({ gpus: [{ index: 1, model: 'A100' }] }),
    load: 0.43,
    why: 'GPU idle for 48 minutes',
    limitS: 3600,
    endsInS: 750,
    endsAt: at(14, 12),
    endsWhy: 'idle',
    keepUntilMax: at(20, 0),
    ...changed
  };
}

// Prints what stands on the page as lines "kind: message [Keep]".
export class Board implements Notices {
  shown = 0;
  private readonly standing = new Map<string, string>();
  private press: (() => void) | null = null;

  show(kind: Kind, message: string, onKeep: (() => void) | null): string {
    this.shown += 1;
    const id = `n${this.shown}`;
    this.put(id, kind, message, onKeep);
    return id;
  }

  update(id: string, kind: Kind, message: string, onKeep: (() => void) | null): void {
    this.put(id, kind, message, onKeep);
  }

  has(id: string): boolean {
    return this.standing.has(id);
  }

  dismiss(id: string): void {
    this.standing.delete(id);
  }

  closeAll(): void {
    this.standing.clear();
  }

  pressKeep(): void {
    this.press?.();
  }

  text(): string {
    return [...this.standing.values()].join('\n');
  }

  private put(id: string, kind: Kind, message: string, onKeep: (() => void) | null): void {
    this.press = onKeep;
    this.standing.set(id, `${kind}: ${message}${onKeep ? ' [Keep]' : ''}`);
  }
}

// The one notice on the page. A warning is shown once per level (first, last) and then changed in
// place; who closes it is not told again before the next level. A reload begins anew.

import type { Kept, Server, Warning } from './status.js';
import { canKeep, keptText, notKeptText, warningText } from './words.js';

export type Kind = 'warning' | 'in-progress' | 'success' | 'error';

// JupyterLab's Notification, as far as it is needed. `onKeep`: shows the button.
export interface Notices {
  show(kind: Kind, message: string, onKeep: (() => void) | null): string;
  update(id: string, kind: Kind, message: string, onKeep: (() => void) | null): void;
  has(id: string): boolean;
  dismiss(id: string): void;
}

export class Notice {
  constructor(
    private readonly notices: Notices,
    private readonly keep: () => void
  ) {}

  // After each answer about the server.
  tell(server: Server | null, now: Date): void {
    if (this.keeping) {
      return;
    }
    if (!server?.warning) {
      this.level = null;
      if (this.kind !== 'success') {
        this.drop();
      }
      return;
    }
    this.endsAt = this.endOf(server, now);
    const onKeep = canKeep(server) ? this.keep : null;
    const message = warningText(server, now);
    if (this.level !== server.warning) {
      this.level = server.warning;
      this.put('warning', message, onKeep);
    } else if (this.kind === 'warning' && message !== this.message && this.stands()) {
      this.put('warning', message, onKeep);
    }
  }

  // The button was pressed; until `kept` nothing else changes the notice.
  pressed(): void {
    this.keeping = true;
    this.put('in-progress', 'Keeping your server …', null);
  }

  kept(kept: Kept, now: Date): void {
    this.keeping = false;
    if (kept.kind === 'kept') {
      this.put('success', keptText(kept.server, now), null);
      this.level = kept.server.warning; // still warned: the lifetime's end, say
      this.endsAt = this.endOf(kept.server, now);
    } else {
      this.put('error', notKeptText(kept), kept.kind === 'failed' ? this.keep : null);
    }
  }

  // The server is silent. Once its time has passed, JupyterLab's own dialog says so. Returns how
  // many seconds later that is the case; null: there is nothing to wait for.
  lost(now: Date): number | null {
    const left = this.id === null || !this.endsAt ? null : +this.endsAt - +now;
    if (left !== null && left <= 0) {
      this.drop();
      return null;
    }
    return left === null ? null : left / 1000;
  }

  private drop(): void {
    if (this.id !== null && this.stands()) {
      this.notices.dismiss(this.id);
    }
    this.id = null;
    this.kind = null;
  }

  private put(kind: Kind, message: string, onKeep: (() => void) | null): void {
    if (this.kind === 'success') {
      this.drop(); // it closes by itself; what comes after is a notice of its own
    }
    this.kind = kind;
    this.message = message;
    if (this.id !== null && this.stands()) {
      this.notices.update(this.id, kind, message, onKeep);
    } else {
      this.id = this.notices.show(kind, message, onKeep);
    }
  }

  private stands(): boolean {
    return this.id !== null && this.notices.has(this.id);
  }

  // By this computer's clock, which need not agree with the server's.
  private endOf(server: Server, now: Date): Date | null {
    return server.endsInS === null ? null : new Date(now.getTime() + server.endsInS * 1000);
  }

  private id: string | null = null;
  private level: Warning | null = null;
  private message = '';
  private kind: Kind | null = null; // of what stands there
  private keeping = false;
  private endsAt: Date | null = null;
}

// Asks, shows, and asks again: one question at a time, sooner when the page comes into sight.

import type { Kept, Status } from './status.js';
import { Notice, type Notices } from './notice.js';
import { nextAskS } from './schedule.js';

export interface Ports {
  ask(): Promise<Status>; // never rejects
  keep(): Promise<Kept>; // never rejects
  show(status: Status, now: Date): void;
  notices: Notices;
  hidden(): boolean;
  now(): Date;
}

export class Watch {
  constructor(private readonly ports: Ports) {
    this.notice = new Notice(ports.notices, () => void this.keep());
  }

  // Also: now, instead of at the time that was planned.
  async look(): Promise<void> {
    if (this.asking || this.off) {
      return;
    }
    clearTimeout(this.timer);
    this.asking = true;
    let status: Status;
    let keeps: number;
    do {
      keeps = this.keeps; // what was asked for before a Keep is old after it
      status = await this.ports.ask();
    } while (keeps !== this.keeps);
    this.asking = false;
    this.take(status);
  }

  async keep(): Promise<void> {
    if (this.keeping) {
      return;
    }
    this.keeping = true;
    this.notice.pressed();
    const kept = await this.ports.keep();
    this.keeping = false;
    this.keeps += 1;
    this.notice.kept(kept, this.ports.now());
    if (kept.kind === 'kept') {
      this.ports.show({ kind: 'on', server: kept.server }, this.ports.now());
    }
  }

  get isOff(): boolean {
    return this.off;
  }

  private take(status: Status): void {
    const now = this.ports.now();
    this.misses = status.kind === 'on' ? 0 : this.misses + 1;
    this.ports.show(status, now);
    let end: number | null = null;
    if (status.kind === 'on') {
      this.notice.tell(status.server, now);
    } else {
      end = this.notice.lost(now);
    }
    const next = nextAskS(status, this.ports.hidden(), this.misses - 1);
    this.off = next === null;
    if (next !== null) {
      const wait = end === null ? next : Math.min(next, end);
      this.timer = setTimeout(() => void this.look(), Math.ceil(wait * 1000));
    }
  }

  private readonly notice: Notice;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private keeping = false;
  private keeps = 0;
  private off = false;
  private misses = 0;
}

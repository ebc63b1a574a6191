// Is a person there? Only what a hand did counts: events that the browser itself vouches for, and
// a pointer that has moved (a page that scrolls below a resting one sends events too).

export const REPORT_EVERY_MS = 10_000;
export const EVENTS = ['keydown', 'pointerdown', 'pointermove', 'wheel'] as const;

export interface Seen {
  type: string;
  isTrusted: boolean;
  screenX?: number;
  screenY?: number;
}

// Reports the first event at once, later ones at most every 10 s, and nothing without events.
export class Presence {
  constructor(
    private readonly report: () => void,
    private readonly now: () => number = () => Date.now(),
    private readonly later: (what: () => void, ms: number) => unknown = (what, ms) =>
      setTimeout(what, ms)
  ) {}

  saw(event: Seen): void {
    if (!event.isTrusted || !this.byHand(event)) {
      return;
    }
    const wait = this.reportedAt + REPORT_EVERY_MS - this.now();
    if (wait <= 0) {
      this.send();
    } else if (!this.waiting) {
      this.waiting = true;
      this.later(() => {
        this.waiting = false;
        this.send();
      }, wait);
    }
  }

  private send(): void {
    this.reportedAt = this.now();
    this.report();
  }

  private byHand(event: Seen): boolean {
    if (event.type !== 'pointermove') {
      return true;
    }
    const at = `${event.screenX},${event.screenY}`;
    const moved = this.pointer !== null && this.pointer !== at;
    this.pointer = at;
    return moved;
  }

  private reportedAt = -Infinity;
  private waiting = false;
  private pointer: string | null = null;
}

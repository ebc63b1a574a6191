// The item in the status bar: a link to the page of one's GPUs. Hidden while there is nothing to say.

import { Widget } from '@lumino/widgets';

import type { Status } from './status.js';
import { barText, tooltip } from './words.js';

export class Item extends Widget {
  // `page` null: there is no hub in front, so no page to open.
  constructor(page: string | null) {
    super({ node: document.createElement('div') });
    this.addClass('gpuhub-Status');
    this.link = document.createElement('a');
    if (page !== null) {
      this.link.href = page;
      this.link.target = '_blank';
      this.link.rel = 'noopener';
    }
    this.node.append(this.link);
    this.hide();
  }

  tell(status: Status, now: Date): void {
    const text = barText(status, now);
    const server = status.kind === 'on' ? status.server : null;
    this.link.textContent = text;
    this.link.title = tooltip(status, now);
    this.toggleClass('gpuhub-mod-warned', server?.warning != null);
    this.toggleClass('gpuhub-mod-quiet', status.kind === 'unreachable');
    this.setHidden(text === '');
  }

  private readonly link: HTMLAnchorElement;
}

// gpuhub in JupyterLab: which GPUs, how busy, until when; warnings with Keep; reports that a person
// is there. In front ends without a status bar (Notebook 7's documents) the rest works all the same.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { IStatusBar } from '@jupyterlab/statusbar';

import { Item } from './item.js';
import type { Kind, Notices } from './notice.js';
import { EVENTS, Presence, type Seen } from './presence.js';
import { Server } from './server.js';
import { Watch } from './watch.js';

const KEPT_SHOWN_MS = 8000;

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'gpuhub-jupyterlab:plugin',
  description: "A server's GPUs and the time left, with warnings before it ends.",
  autoStart: true,
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, statusBar: IStatusBar | null) => {
    const server = new Server(app.serviceManager.serverSettings);
    const item = new Item(statusPage());
    statusBar?.registerStatusItem('gpuhub-jupyterlab:status', { item, align: 'right', rank: 900 });
    const watch = new Watch({
      ask: () => server.status(),
      keep: () => server.keep(),
      show: (status, now) => item.tell(status, now),
      notices,
      hidden: () => document.hidden,
      now: () => new Date()
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) {
        void watch.look();
      }
    });
    void app.started.then(() => watch.look());
    watchPerson(new Presence(() => void (watch.isOff || server.input())));
  }
};

function watchPerson(presence: Presence): void {
  const saw = (event: Event) => presence.saw(event as Event & Seen);
  for (const name of EVENTS) {
    window.addEventListener(name, saw, { capture: true, passive: true });
  }
}

function statusPage(): string | null {
  const prefix = PageConfig.getOption('hubPrefix');
  const host = PageConfig.getOption('hubHost');
  return prefix ? host + URLExt.join(prefix.replace(/hub\/?$/, ''), 'services/gpus/') : null;
}

const notices: Notices = {
  show: (kind, message, onKeep) => Notification.emit(message, kind, options(kind, onKeep)),
  update: (id, kind, message, onKeep) =>
    void Notification.update({ id, type: kind, message, ...options(kind, onKeep) }),
  has: id => Notification.manager.has(id),
  dismiss: id => Notification.dismiss(id)
};

function options(kind: Kind, onKeep: (() => void) | null): Notification.IOptions<null> {
  return {
    autoClose: kind === 'success' ? KEPT_SHOWN_MS : false,
    actions: onKeep
      ? [
          {
            label: 'Keep',
            caption: 'Keep this server although it is idle',
            displayType: 'accent',
            callback: event => {
              event.preventDefault(); // stays, and says what came of it
              onKeep();
            }
          }
        ]
      : []
  };
}

export default plugin;

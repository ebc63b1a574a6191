// The server extension under /user/NAME/gpuhub/, called the way JupyterLab calls its own API
// (log-in, XSRF). Failures become values: the page has JupyterLab's own dialog for a lost server.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { type Kept, readKept, readStatus, type Status } from './status.js';

export class Server {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  async status(): Promise<Status> {
    try {
      const { code, body } = await this.call('status', { method: 'GET' });
      // No such page, before any was there: an image with this half of the extension only.
      if (code === 404 && !this.wasThere) {
        return { kind: 'off' };
      }
      const status = readStatus(code, body);
      this.wasThere ||= status.kind !== 'lost';
      return status;
    } catch {
      return { kind: 'lost' };
    }
  }

  async keep(): Promise<Kept> {
    try {
      const { code, body } = await this.call('keep', { method: 'POST', body: '{}' });
      return readKept(code, body);
    } catch {
      return { kind: 'failed', message: 'your server does not answer.' };
    }
  }

  async input(): Promise<void> {
    try {
      await this.call('input', { method: 'POST' });
    } catch {
      // The next event reports again.
    }
  }

  private async call(name: string, init: RequestInit): Promise<{ code: number; body: unknown }> {
    const url = URLExt.join(this.settings.baseUrl, 'gpuhub', name);
    const response = await ServerConnection.makeRequest(url, init, this.settings);
    const body: unknown = await response.json().catch(() => undefined);
    return { code: response.status, body };
  }

  private wasThere = false;
}

import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Subscription } from 'rxjs';
import type { ChannelSubject } from 'rxwire';

/** What all who are in one sandbox share: a folder, a text, and a channel that tells of both. */
export interface Workspace {
  readonly id: string;
  /** Where its files are, and its programs run. */
  readonly folder: string;
  readonly channel: ChannelSubject;
  /** Ends with the workspace. */
  readonly life: Subscription;
}

/** Makes a workspace; the folder goes with its `life`. */
export function createWorkspace(id: string, channel: ChannelSubject): Workspace {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rxwire-workspace-')));
  const life = new Subscription(() => void rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined));
  return { id, folder, channel, life };
}

import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finalize, Subscription, tap, type Observable } from 'rxjs';
import { createMessage, type ChannelSubject } from 'rxwire';
import type { FileEntry } from '../messages.js';
import { MEMORY_MARGIN, runCode, type SandboxEvent, type SandboxOptions } from '../sandbox.js';
import { openDocument, type WorkspaceDocument } from './document.js';
import { createGauges } from './resources.js';
import { watchFolder, type FileEvent } from './watchFolder.js';

/** What all who are in one sandbox share: a folder, a text, and a channel that tells of both. */
export interface Workspace {
  readonly id: string;
  /** Where its files are, and its programs run. */
  readonly folder: string;
  /** What the channel has told of its files, by path. */
  readonly files: ReadonlyMap<string, FileEntry>;
  readonly channel: ChannelSubject;
  readonly document: WorkspaceDocument;
  /** Runs a program in its folder, and tells the channel what that uses. */
  readonly run: (code: string, limits: SandboxOptions) => Observable<SandboxEvent>;
  /** Ends with the workspace. */
  readonly life: Subscription;
}

/** From where on people are warned: nine tenths of a core, half of the memory that a program may have. */
const limitsOf = ({ memoryLimit = 64, timeLimit = 10_000, outputLimit = 1_048_576 }: SandboxOptions) => ({
  memory: (memoryLimit + MEMORY_MARGIN) * 1_048_576,
  time: timeLimit,
  output: outputLimit,
});

/** Makes a workspace; the folder goes with its `life`. */
export function createWorkspace(id: string, channel: ChannelSubject, limits: SandboxOptions = {}): Workspace {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rxwire-workspace-')));
  const life = new Subscription(() => void rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined));
  const files = new Map<string, FileEntry>();
  const gauge = createGauges(id, channel, { cpu: 0.9, memory: limitsOf(limits).memory / 2 }, limitsOf(limits));

  const tell = ({ path, size, operation }: FileEvent): void => {
    if (operation === 'delete') files.delete(path);
    else files.set(path, { path, size });
    channel.next(createMessage('file.change', { sandboxId: id, path, operation, result: { size } }));
  };
  life.add(watchFolder(folder).subscribe(tell));
  const document = openDocument({ folder, channel, life });

  return {
    ...{ id, folder, files, channel, document, life },
    run(code, options) {
      const { read, end } = gauge();
      let error: unknown;
      return runCode(code, { ...options, folder, onUsage: read }).pipe(
        tap({ error: (reason) => void (error = reason) }),
        finalize(() => end(error)),
      );
    },
  };
}

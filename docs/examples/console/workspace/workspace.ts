import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BehaviorSubject, defer, finalize, Subscription, tap, type Observable } from 'rxjs';
import { createMessage, type ChannelSubject } from 'rxwire';
import { MEMORY_MARGIN, runCode, type SandboxEvent, type SandboxOptions } from '../sandbox.js';
import { openDocument, type WorkspaceDocument } from './document.js';
import { createGauges, sum } from './resources.js';
import { watchFolder, type FileEvent } from './watchFolder.js';

/** All who are in one sandbox share it: a folder, a text, and two channels that tell of both. */
export interface Workspace {
  readonly id: string;
  /** Where its files are, and its programs run. */
  readonly folder: string;
  /** Returns the size of its files together, in bytes. */
  readonly size: () => number;
  readonly channel: ChannelSubject;
  readonly document: WorkspaceDocument;
  /** Runs a program in its folder, and tells the channel what that uses. */
  readonly run: (code: string, limits: SandboxOptions) => Observable<SandboxEvent>;
  /** How many programs run in it. */
  readonly programs$: Observable<number>;
  /** Ends with the workspace. */
  readonly life: Subscription;
}

/** From where on people are warned: nine tenths of a core, half of the memory that a program may have. */
const limitsOf = ({ memoryLimit = 64, timeLimit = 10_000, outputLimit = 1_048_576 }: SandboxOptions) => ({
  memory: (memoryLimit + MEMORY_MARGIN) * 1_048_576,
  time: timeLimit,
  output: outputLimit,
});

export interface WorkspaceChannels {
  readonly channel: ChannelSubject;
  /** A keyed channel: the newest message of each file, and of the resources. */
  readonly state: Pick<ChannelSubject, 'next'>;
}

/** Makes a workspace; the folder goes with its `life`. */
export function createWorkspace(id: string, { channel, state }: WorkspaceChannels, limits: SandboxOptions = {}): Workspace {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rxwire-workspace-')));
  const life = new Subscription(() => void rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined));
  const gauge = createGauges(id, { channel, state }, { cpu: 0.9, memory: limitsOf(limits).memory / 2 }, limitsOf(limits));

  const programs$ = new BehaviorSubject(0);

  const sizes = new Map<string, number>();
  const tell = ({ path, size, operation }: FileEvent): void => {
    if (operation === 'delete') sizes.delete(path);
    else sizes.set(path, size);
    state.next(createMessage('file.change', { sandboxId: id, path, operation, result: { size } }));
  };
  life.add(watchFolder(folder).subscribe(tell));
  const document = openDocument({ folder, channel, life });

  return {
    ...{ id, folder, size: () => sum([...sizes.values()]), channel, document, programs$, life },
    run: (code, options) =>
      defer(() => {
        const { read, end } = gauge();
        let error: unknown;
        programs$.next(programs$.value + 1);
        return runCode(code, { ...options, folder, onUsage: read }).pipe(
          tap({ error: (reason) => void (error = reason) }),
          finalize(() => {
            end(error);
            programs$.next(programs$.value - 1);
          }),
        );
      }),
  };
}

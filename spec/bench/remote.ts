import { fork, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { filter, firstValueFrom, map, Subject, type Observable } from 'rxjs';
import { bundle } from '../chaos/bundle.js';

/** A report of a process, by its kind. */
export type Report<Reports> = { readonly [K in keyof Reports]: { readonly kind: K; readonly value: Reports[K] } }[keyof Reports];

/** A process of its own, which is controlled over IPC. */
export interface Remote<Reports> {
  readonly pid: number;
  send(message: Serializable): void;
  /** Emits each value that the process reports of a kind. Fails when the process exits. */
  reports<K extends keyof Reports>(kind: K): Observable<Reports[K]>;
  /** Resolves with the next value that the process reports of a kind. */
  next<K extends keyof Reports>(kind: K): Promise<Reports[K]>;
  /** Resolves when the process has exited. */
  readonly exited: Promise<unknown>;
  /** Kills the process, and resolves when it has exited. */
  stop(): Promise<void>;
}

/**
 * Starts a program of this repository from a bundle.
 *
 * @param name Names the process in errors.
 */
export function startRemote<Reports>(name: string, program: string, args: readonly string[]): Remote<Reports> {
  const child = fork(bundle(program), args, { execArgv: ['--expose-gc'] });
  const reports$ = new Subject<Report<Reports>>();
  child.on('message', (report: Report<Reports>) => reports$.next(report));
  child.on('exit', (code) => reports$.error(new Error(`${name} exited with ${code}`)));
  const reports = <K extends keyof Reports>(kind: K): Observable<Reports[K]> =>
    reports$.pipe(
      filter((report) => report.kind === kind),
      map(({ value }) => value as Reports[K]),
    );
  return {
    pid: child.pid as number,
    exited: once(child, 'exit'),
    // A process that has exited receives nothing.
    send: (message) => void child.send(message, () => undefined),
    reports,
    next: (kind) => firstValueFrom(reports(kind)),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

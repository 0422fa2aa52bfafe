import { startRemote, type Report } from '../remote.js';
import type { ClientOptions } from './clients.js';

/** How long a client works: for `ms` at least, and until it has done `atLeast`; but no longer than `atMost`. */
export interface Run {
  readonly ms: number;
  /** @default 1 */
  readonly atLeast?: number;
  /** In ms. @default Infinity */
  readonly atMost?: number;
  /** What is open at any time. @default 1 */
  readonly open?: number;
}

export interface Ran {
  /** What was done, and completed. */
  readonly count: number;
  /** How long that took, in ms. */
  readonly ms: number;
  /** With one task open, the median of its latency, in ms; else null. */
  readonly p50: number | null;
  /** The same for the 99th percentile. */
  readonly p99: number | null;
}

/** The reports of a client, by kind: `cpu` is its CPU time so far, in ms. */
export interface ClientReports {
  readonly ready: true;
  readonly cpu: number;
  readonly ran: Ran;
}

export type ClientReport = Report<ClientReports>;

/** A client in a process of its own. */
export interface RemoteClient {
  run(run: Run): Promise<Ran>;
  /** Its CPU time so far, in ms. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

/** @param kind One of `clients`. */
export async function startClient(kind: string, url: string, options: ClientOptions): Promise<RemoteClient> {
  const args = [kind, url, JSON.stringify(options)];
  const remote = startRemote<ClientReports>(`the client ${kind}`, 'spec/bench/clients/child.ts', args);
  await remote.next('ready');
  return {
    run(run) {
      remote.send({ ...run });
      return remote.next('ran');
    },
    cpu() {
      remote.send('cpu');
      return remote.next('cpu');
    },
    stop: () => remote.stop(),
  };
}

import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { startRemote, type Report } from '../remote.js';

/** The reports of a process of members, by kind: `received` counts the messages that all of its members have received. */
export interface MembersReports {
  readonly ready: true;
  readonly received: number;
}

export type MembersReport = Report<MembersReports>;

/** Clients that receive what a server publishes, in a process of their own. */
export interface RemoteMembers {
  /** Resolves when every member has received this many messages since it joined. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param kind One of the ways to join in `membersChild.ts`. */
export async function startMembers(kind: string, url: string, count: number): Promise<RemoteMembers> {
  const remote = startRemote<MembersReports>(`members of ${kind}`, 'spec/bench/clients/membersChild.ts', [kind, url, String(count)]);
  const received$ = new ReplaySubject<number>(1);
  remote.reports('received').subscribe(received$);
  await remote.next('ready');
  return {
    async received(count) {
      await firstValueFrom(received$.pipe(filter((received) => received >= count)));
    },
    stop: () => remote.stop(),
  };
}

import { readFileSync } from 'node:fs';
import { catchError, defer, EMPTY, interval, map, type Observable } from 'rxjs';
import type { SandboxUsage } from './event.js';

/** How often a process is looked at, in ms. */
const INTERVAL = 100;

/** Linux tells processor time in hundredths of a second, whatever its own clock counts in; so many ms each. */
const TICK = 10;

/** What a process uses, ten times a second until it ends; nothing where the system does not tell. */
export function usageOf(pid: number | undefined): Observable<SandboxUsage> {
  if (process.platform !== 'linux') return EMPTY;
  return defer(() => {
    let last = { at: performance.now(), busy: busyTime(pid) };
    return interval(INTERVAL).pipe(
      map((): SandboxUsage => {
        const now = { at: performance.now(), busy: busyTime(pid) };
        const cpu = Math.max(0, (now.busy - last.busy) / (now.at - last.at));
        last = now;
        return { kind: 'usage', cpu, memory: residentMemory(pid) };
      }),
    );
  }).pipe(
    // It has just ended.
    catchError(() => EMPTY),
  );
}

/** Processor time since its start, in ms. */
function busyTime(pid: number | undefined): number {
  // Its name is in parentheses, and may hold spaces; user and system time are the 12th and 13th field behind it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** In bytes. */
function residentMemory(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
}

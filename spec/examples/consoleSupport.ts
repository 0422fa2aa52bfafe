import { filter, firstValueFrom, interval, take, timeout } from 'rxjs';

/** Waits until it holds, ten seconds at most. */
export async function eventually(holds: () => boolean): Promise<void> {
  await firstValueFrom(interval(5).pipe(filter(holds), take(1), timeout(10_000)));
}

/** Whether there is a process of that id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

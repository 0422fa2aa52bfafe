import { Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

type Callback = (...args: unknown[]) => unknown;
type Timer = (callback: Callback, ...args: unknown[]) => unknown;
type Globals = Record<'setTimeout' | 'setInterval' | 'setImmediate' | 'it' | 'test', unknown>;

/** Where an example runs: what it throws later is kept, and what it leaves running or listening ends with it. */
export interface Stage {
  readonly failures: unknown[];
  /** Runs what the example has registered as tests. */
  runTests(): Promise<void>;
  close(): Promise<void>;
}

export function openStage(): Stage {
  const failures: unknown[] = [];
  const tests: Callback[] = [];
  const timers = watchTimers((error) => failures.push(error));
  const servers = watchServers();
  const test = (_: string, body: Callback): unknown => tests.push(body);
  const restore = replace(globalThis, { ...timers.replacements, it: test, test });

  return {
    failures,
    runTests: async () => {
      for (const body of tests) await body();
    },
    close: async () => {
      await servers.close();
      await pause(10); // the clients notice, and want to reconnect
      timers.stop();
      restore();
    },
  };
}

function watchTimers(fail: (error: unknown) => void) {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearImmediate } = globalThis;
  const running: NodeJS.Timeout[] = [];
  const immediate: NodeJS.Immediate[] = [];
  let stopped = false;
  const guarded =
    (callback: Callback) =>
    (...args: unknown[]) => {
      try {
        if (!stopped) callback(...args);
      } catch (error) {
        fail(error);
      }
    };
  const noted = <T>(timer: T, list: T[]): T => {
    list.push(timer);
    return timer;
  };
  return {
    replacements: {
      setTimeout: ((callback, ms, ...args) => noted(setTimeout(guarded(callback), ms as number, ...args), running)) satisfies Timer,
      setInterval: ((callback, ms, ...args) => noted(setInterval(guarded(callback), ms as number, ...args), running)) satisfies Timer,
      setImmediate: ((callback, ...args) => noted(setImmediate(guarded(callback), ...args), immediate)) satisfies Timer,
    },
    stop: () => {
      stopped = true;
      running.forEach(clearTimeout);
      immediate.forEach(clearImmediate);
    },
  };
}

/** Notes each server that begins to listen, and who connects to it. */
function watchServers() {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    servers.push(this.on('connection', (socket: Socket) => sockets.push(socket)));
    return (listen as (...all: unknown[]) => Server).apply(this, args);
  };
  return {
    close: async () => {
      Server.prototype.listen = listen;
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function replace(target: Globals, values: Globals): () => void {
  const before = { ...target };
  Object.assign(target, values);
  return () => {
    for (const name of Object.keys(values) as (keyof Globals)[]) target[name] = before[name];
  };
}

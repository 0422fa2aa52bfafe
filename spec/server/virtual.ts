import { Subject, VirtualTimeScheduler } from 'rxjs';
import type { RxwireError } from '../../lib/message/errors.js';
import type { Frame } from '../../lib/io/link.js';
import { serve, type ServedLink, type ServeOptions } from '../../lib/server/serve.js';
import type { Principal } from '../../lib/server/principal.js';
import type { Wire } from '../../lib/wire/wire.js';
import { rawEnd } from '../support/rawEnd.js';
import { fieldsOf, helloFrame } from '../support/sessionFrames.js';

/** Lets all that waits for a turn of its own have it. */
export const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
};

/** A server by a clock that we turn, what it gets, and clients that say what we say. */
export function startVirtual(options: ServeOptions<Principal | undefined>) {
  const scheduler = new VirtualTimeScheduler();
  const links$ = new Subject<ServedLink>();
  const got: string[] = [];
  const errors: RxwireError[] = [];
  const wires: Wire[] = [];
  const running = serve(links$, { scheduler, ...options }).subscribe((wire) => {
    wires.push(wire);
    wire.errors$.subscribe((error) => errors.push(error));
    wire.subscribe(({ id }) => got.push(id));
  });
  const dial = (...first: readonly Frame[]) => {
    const [end, link] = rawEnd();
    links$.next(link);
    end.send(...first);
    return end;
  };
  /** A client that is welcome, and has shown that it knows. */
  const enter = async (fields: object = {}) => {
    const end = dial(helloFrame(fields));
    const [welcome] = await end.frames.take(1);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    return { ...end, welcome: fieldsOf(welcome) };
  };
  const pass = async (time: number): Promise<void> => {
    scheduler.maxFrames = scheduler.now() + time;
    scheduler.flush();
    scheduler.frame = scheduler.maxFrames;
    await turns();
  };
  return { dial, enter, got, errors, wires, pass, scheduler, stop: () => running.unsubscribe() };
}

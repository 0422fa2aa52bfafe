import { catchError, EMPTY, map, mergeMap, type Observable } from 'rxjs';
import { UnsupportedError } from '../../errors.js';
import { asObservable } from '../../internal/maybeAsync.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Hello } from '../../session/handshake.js';
import { inMemory } from '../../session/store/memoryOutbox.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';
import type { Attachment } from '../attachment.js';
import type { Drained } from '../draining.js';
import type { AnyWire } from '../principal.js';
import { agreeOn, createGuest, recall, type Guest, type GuestOptions, type Kept } from './guest.js';
import { openWire } from './openWire.js';
import type { Peer } from './peer.js';
import { createRounds } from './rounds.js';

export interface SessionWiresOptions extends Omit<GuestOptions, 'rounds'> {
  /** Where what is sent to a client is kept until it is acked. */
  readonly outbox?: (pid: string) => OutboxStore;
  /** Told why a client was not let in. */
  readonly onRefused: (error: unknown) => void;
}

/** All wires of a server whose clients speak the session protocol, by the names of the clients' outboxes. */
export function createSessionWires(options: SessionWiresOptions) {
  /** `undefined` while it is being found out what was stored. */
  const guests = new Map<string, Guest | undefined>();
  // One for all guests.
  const shared = { ...options, rounds: createRounds(options.pingInterval, options.scheduler) };
  const refuse = refuser(options.onRefused);
  /** @param leave Gives its place up. */
  const receive = (attachment: Attachment, hello: Hello, kept: Kept, leave: () => void): AnyWire[] => {
    const peer = recall(kept, attachment.principal);
    const codec = agreeOn(hello, options.codecs);
    if (codec && !isRefused(attachment, hello, peer, refuse)) {
      const guest = createGuest(attachment, peer, options);
      guests.set(hello.pid, guest);
      return [openWire(guest, { hello, codec, kept }, shared, leave)];
    }
    leave();
    kept.store.close();
    return codec ? [] : refuse(attachment, CloseCode.UNSUPPORTED_DATA, new UnsupportedError('no codec that both sides know'));
  };
  const look = (attachment: Attachment, hello: Hello): Observable<AnyWire> => {
    const unmoor = options.mooring.moor(attachment.principal?.id);
    const leave = (): void => {
      guests.delete(hello.pid);
      unmoor();
    };
    guests.set(hello.pid, undefined);
    return load(hello, options).pipe(
      mergeMap((kept) => receive(attachment, hello, kept, leave)),
      catchError((error: unknown) => {
        leave();
        return refuse(attachment, CloseCode.INTERNAL_ERROR, error);
      }),
    );
  };

  return {
    /**
     * Emits the wire of a new client; completes without one, when the client was known and has its wire already.
     *
     * @throws {RxwireError} When it may not have one.
     */
    admit(attachment: Attachment): Observable<AnyWire> {
      const hello = attachment.hello();
      const guest = guests.get(hello.pid);
      if (!guests.has(hello.pid)) return look(attachment, hello);
      if (!guest) refuse(attachment, CloseCode.TRY_AGAIN_LATER, new UnsupportedError('a hello while another is looked into'));
      else if (!isRefused(attachment, hello, guest.peer, refuse)) guest.berth.takeOver(attachment);
      return EMPTY;
    },
    /** The clients there are. */
    sides: (): readonly Drained[] => [...guests.values()].flatMap((guest) => guest?.sleeper?.side ?? []),
    /** Ends them all; the clients may look for another server. */
    close: (): void => {
      for (const guest of [...guests.values()]) guest?.berth.vacate();
    },
  };
}

function load({ pid }: Hello, { inbox, outbox = () => inMemory }: SessionWiresOptions): Observable<Kept> {
  const store = outbox(pid);
  return asObservable(() => inbox?.load(pid)).pipe(
    mergeMap((record) => asObservable(() => store.open()).pipe(map((contents) => ({ record, store, contents })))),
  );
}

function isRefused(attachment: Attachment, hello: Hello, peer: Peer, refuse: ReturnType<typeof refuser>): boolean {
  const code = peer.refusal(hello, attachment.principal);
  if (code === undefined) return false;
  refuse(attachment, code, new UnsupportedError(`a hello that is refused with ${code}`));
  return true;
}

function refuser(onRefused: (error: unknown) => void) {
  return (attachment: Attachment, code: CloseCode, error: unknown): [] => {
    const { reason, message } = Object(error) as Partial<UnsupportedError>;
    attachment.close(code, reason ?? message ?? '');
    onRefused(error);
    return [];
  };
}

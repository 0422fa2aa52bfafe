import { Incoming } from '../../../lib/core/incoming.js';
import { Keepalive } from '../../../lib/core/keepalive.js';
import { Outgoing } from '../../../lib/core/outgoing.js';
import { ReceiveProgress } from '../../../lib/core/receiveProgress.js';
import { PeerRejections } from '../../../lib/core/peerRejections.js';
import { SendWindow } from '../../../lib/core/sendWindow.js';

/** Replaces a method. Returns a function that restores it. */
export function replaced<T extends object, K extends keyof T & string>(prototype: T, name: K, wrap: (original: T[K]) => T[K]): () => void {
  const original = prototype[name];
  prototype[name] = wrap(original);
  return () => (prototype[name] = original);
}

/**
 * Faults in the core, each of which the simulation must find. Three others only cost time, and survive: a core that never pings finds a loss by the silence
 * of both sides; one that counts acked batches as in flight sends one batch at a time; and a ping finds an ack that was forgotten.
 */
export const mutants: readonly (readonly [name: string, mutate: () => () => void])[] = [
  [
    'acks what is not processed',
    () =>
      replaced(
        Incoming.prototype,
        'ackSent',
        (original) =>
          function (this: Incoming) {
            original.call(this);
            return this.rx;
          },
      ),
  ],
  [
    'accepts a repeated batch',
    () =>
      replaced(
        Incoming.prototype,
        'accept',
        (original) =>
          function (this: Incoming, batch, messages, source) {
            original.call(this, batch, messages, source);
            if (messages && batch.first > 1) this.acceptUnnumbered(messages, source);
          },
      ),
  ],
  [
    'passes a processed message before those in front of it',
    () =>
      replaced(
        ReceiveProgress.prototype,
        'add',
        (original) =>
          function (this: ReceiveProgress, number, rejection) {
            original.call(this, number, rejection);
            this.done = Math.max(this.done, number);
          },
      ),
  ],
  ['ignores the window', () => replaced(SendWindow.prototype, 'hasRoom', () => () => true)],
  [
    'takes a renumbered message for one that was never sent',
    () =>
      replaced(
        Outgoing.prototype,
        'attach',
        (original) =>
          function (this: Outgoing, agreement) {
            original.call(this, { ...agreement, isFresh: true });
          },
      ),
  ],
  [
    'continues with a server that has forgotten the session',
    () =>
      replaced(
        Outgoing.prototype,
        'attach',
        (original) =>
          function (this: Outgoing, agreement) {
            original.call(this, { ...agreement, isKnown: true });
          },
      ),
  ],
  ['forgets rejections', () => replaced(PeerRejections.prototype, 'of', () => () => undefined)],
  ['does not notice a lost rejection', () => replaced(PeerRejections.prototype, 'check', () => () => undefined)],
  ['ignores skips', () => replaced(Incoming.prototype, 'skip', () => () => undefined)],
  [
    'does not check whether the other side is silent',
    () =>
      replaced(
        Keepalive.prototype,
        'check',
        () =>
          function (this: Keepalive, now) {
            this.checkAt = now + 1_000;
            return true;
          },
      ),
  ],
];

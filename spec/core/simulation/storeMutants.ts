import { IncomingStore } from '../../../lib/core/incomingStore.js';
import { Outgoing } from '../../../lib/core/outgoing.js';
import { OutgoingStore } from '../../../lib/core/outgoingStore.js';
import { ReceiveProgress } from '../../../lib/core/receiveProgress.js';
import { SessionStores } from '../../../lib/core/sessionStores.js';
import { replaced, type mutants } from './mutants.js';

/** Faults in the stores of the core, each of which the simulation must find. */
export const storeMutants: typeof mutants = [
  ['sends what is not stored', () => replaced(OutgoingStore.prototype, 'maySend', () => () => true)],
  ['tells an outcome before it is stored', () => replaced(OutgoingStore.prototype, 'ended', () => () => false)],
  ['does not store that a number is skipped', () => replaced(OutgoingStore.prototype, 'skip', () => () => undefined)],
  ['does not replace the batches after a discontinuity', () => replaced(OutgoingStore.prototype, 'reencoded', () => () => undefined)],
  [
    'takes what may have been sent for unsent when it starts again',
    () =>
      replaced(
        Outgoing.prototype,
        'restore',
        (original) =>
          function (this: Outgoing, head, batches) {
            original.call(this, { ...head, mark: 0 }, batches);
          },
      ),
  ],
  ['forgets the progress of its inbox', () => replaced(ReceiveProgress.prototype, 'has', () => () => false)],
  [
    'acks before the commit',
    () =>
      replaced(
        IncomingStore.prototype,
        'answered',
        (original) =>
          function (this: IncomingStore, id, fault, now) {
            return original.call(this, id, fault === 'effect' ? undefined : fault, now);
          },
      ),
  ],
  [
    'does not wait for the record of its client',
    () =>
      replaced(
        SessionStores.prototype,
        'prepare',
        (original) =>
          function (this: SessionStores, date, isConnected) {
            original.call(this, date, isConnected);
            return true;
          },
      ),
  ],
];

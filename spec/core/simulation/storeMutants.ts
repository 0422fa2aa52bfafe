import { StoredIncoming } from '../../../lib/core/storedIncoming.js';
import { Outgoing } from '../../../lib/core/outgoing.js';
import { StoredOutgoing } from '../../../lib/core/storedOutgoing.js';
import { ReceiveProgress } from '../../../lib/core/receiveProgress.js';
import { SessionStores } from '../../../lib/core/sessionStores.js';
import { replaced, type mutants } from './mutants.js';

/** Faults in the stores of the core, each of which the simulation must find. */
export const storeMutants: typeof mutants = [
  ['sends what is not stored', () => replaced(StoredOutgoing.prototype, 'maySend', () => () => true)],
  ['tells an outcome before it is stored', () => replaced(StoredOutgoing.prototype, 'conclude', () => Outgoing.prototype.conclude)],
  ['does not store that a number is skipped', () => replaced(StoredOutgoing.prototype, 'skip', () => () => undefined)],
  ['does not replace the batches after a discontinuity', () => replaced(StoredOutgoing.prototype, 'reencoded', () => () => undefined)],
  [
    'takes what may have been sent for unsent when it starts again',
    () =>
      replaced(
        StoredOutgoing.prototype,
        'restore',
        (original) =>
          function (this: StoredOutgoing, head, batches) {
            original.call(this, { ...head, mark: 0 }, batches);
          },
      ),
  ],
  ['forgets the progress of its inbox', () => replaced(ReceiveProgress.prototype, 'has', () => () => false)],
  [
    'acks before the commit',
    () =>
      replaced(
        StoredIncoming.prototype,
        'answered',
        (original) =>
          function (this: StoredIncoming, id, fault, now) {
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
          function (this: SessionStores, date) {
            original.call(this, date);
            return true;
          },
      ),
  ],
];

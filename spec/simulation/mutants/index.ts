import { ACKING } from './acking.js';
import { ATTACHING } from './attaching.js';
import { COMMITTING } from './committing.js';
import { FAILING } from './failing.js';
import { OWNING } from './owning.js';
import { RECEIVING } from './receiving.js';
import { REJECTING } from './rejecting.js';
import { RESUMING } from './resuming.js';
import { RETURNING_MUTANTS } from './returning.js';
import { SENDING } from './sending.js';
import { SLEEPING } from './sleeping.js';
import type { Mutant } from './mutant.js';

export { RETURNING_MUTANTS, type Mutant };

export const MUTANTS: readonly Mutant[] = [
  ...RECEIVING,
  ...COMMITTING,
  ...SENDING,
  ...ACKING,
  ...RESUMING,
  ...ATTACHING,
  ...SLEEPING,
  ...REJECTING,
  ...OWNING,
  ...FAILING,
];

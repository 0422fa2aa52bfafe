import { byId } from './dom.js';

/** The three steps that the page suggests. */
export type Step = 'run' | 'break' | 'compare';

/** Marks a step as done. */
export function markStep(step: Step): void {
  byId(`step-${step}`).dataset['done'] = 'true';
}

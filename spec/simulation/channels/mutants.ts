import type { TextMutant } from '../textMutants.js';

export const channelsMutants: readonly TextMutant[] = [];

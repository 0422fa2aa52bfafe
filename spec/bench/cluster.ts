import type { Suite } from './bench.js';
import { channels } from './clusterChannels.js';
import { clusterPresence } from './clusterPresence.js';
import { sessions } from './clusterSessions.js';

export const suite: Suite = [...channels, ...sessions, clusterPresence];

import { asyncScheduler, tap, type SchedulerLike } from 'rxjs';
import type { Frame, Layer } from '../link/link.js';

/** What went over a wire, counted where it passes. */
export interface Traffic {
  bytesSent: number;
  bytesReceived: number;
  messagesSent: number;
  messagesReceived: number;
  errors: number;
  latency: number;
  lastActivity?: number;
}

/** Nothing yet. */
export function noTraffic(): Traffic {
  return { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, errors: 0, latency: 0 };
}

/** A frame passes: its bytes are counted, and when that was. */
export function pass(traffic: Traffic, direction: 'bytesSent' | 'bytesReceived', frame: Frame, scheduler: SchedulerLike): void {
  traffic[direction] += frame.length;
  traffic.lastActivity = scheduler.now();
}

/** Counts the bytes of a link, and notes when the last ones passed. */
export function counted(traffic: Traffic, scheduler: SchedulerLike = asyncScheduler): Layer<Frame> {
  const count = (direction: 'bytesSent' | 'bytesReceived') => (frame: Frame) => pass(traffic, direction, frame, scheduler);
  return (link) => (outgoing) => link(outgoing.pipe(tap(count('bytesSent')))).pipe(tap(count('bytesReceived')));
}

import { createMessage, type Message } from 'rxwire';

/** The types of the messages, which the sender and the server share. */
declare module 'rxwire' {
  interface MessageTypes {
    'reading.taken': { readonly number: number; readonly celsius: number };
  }
}

/** Reads a sensor, one reading after the other. Replace it by your own source. */
export function* takeReadings(count: number): Generator<Message> {
  for (let number = 1; number <= count; number++) yield createMessage('reading.taken', { number, celsius: 20 + (number % 10) / 10 });
}

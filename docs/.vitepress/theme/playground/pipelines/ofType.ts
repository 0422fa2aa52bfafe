import { map, type Observable } from 'rxjs';
import { createMessage, ofType, type Message } from 'rxwire';

export const lines = { source: '-a-b-c-a-|' };
export const choices = { type: ['a', 'b', 'c'] as const };
export const options = { type: 'a' as (typeof choices.type)[number] };

/** A letter is a message of that type. */
export const pipeline =
  ({ type }: typeof options) =>
  (source: Observable<string>) =>
    source.pipe(
      map((letter): Message => createMessage(letter, null)),
      ofType(type),
      map((message) => message.type),
    );

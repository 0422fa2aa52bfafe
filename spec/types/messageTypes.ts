import { EMPTY, type Observable } from 'rxjs';
import { createMessage, ofType, type Message } from 'rxwire';

interface Joined {
  readonly room: string;
}

// As an application does: by the name of the package, which re-exports the map.
declare module 'rxwire' {
  interface MessageTypes {
    'room.joined': Joined;
  }
}

export const joined$: Observable<Message<'room.joined', Joined>> = (EMPTY as Observable<Message>).pipe(ofType('room.joined'));
export const joined: Message<'room.joined', Joined> = createMessage('room.joined', { room: 'lobby' });

// @ts-expect-error the payload is the declared one
createMessage('room.joined', { room: 1 });

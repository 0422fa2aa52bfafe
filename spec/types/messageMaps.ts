import type { Server } from 'node:http';
import type { Observable } from 'rxjs';
import { channel, connect, createMessage, ofType, reply, request, sendAll, webSocket, type Channel, type Message, type Wire } from 'rxwire';
import { listen } from 'rxwire/server';

// Two maps in one application, and no augmentation.
interface Chat {
  'chat.typed': { readonly text: string };
  'chat.left': { readonly name: string };
}
interface Prices {
  'price.changed': { readonly symbol: string; readonly price: number };
}
interface User {
  readonly id: string;
  readonly name: string;
}
declare const server: Server;
declare const anything: Message;

const chat = connect<Chat>({ link: webSocket('ws://127.0.0.1:4870/wire') });
const prices = connect<Prices>({ link: webSocket('ws://127.0.0.1:4871/wire') });

chat.pipe(ofType('chat.typed')).subscribe(({ payload }) => payload.text.length);
chat.subscribe((message) => (message.type === 'chat.left' ? message.payload.name : message.payload.text));
prices.pipe(ofType('price.changed')).subscribe(({ payload }) => payload.price + 1);
chat.next(createMessage('chat.typed', { text: 'hello' }));
export const sent = chat.send(createMessage('chat.left', { name: 'Ann' }));

// A wire with a map is a wire for each function that takes one.
export const wires: readonly Wire[] = [chat, prices];
export const replies: Observable<unknown> = request(chat, createMessage('chat.count', null));
sendAll(chat, [createMessage('chat.typed', { text: 'hello' })]).subscribe();

// Answers go back over the same wire.
chat.pipe(reply({ 'chat.count': () => [1] })).subscribe(chat);

// @ts-expect-error the payload has another type
chat.next(createMessage('chat.typed', { text: 1 }));
// @ts-expect-error a type of the other map
chat.next(createMessage('price.changed', { symbol: 'A', price: 1 }));
// @ts-expect-error a type of no map
chat.pipe(ofType('chat.typd'));
// @ts-expect-error a message of which nothing is known
chat.next(anything);

const room: Channel = channel(chat, 'room.1');
export const typed = channel<Chat>(chat, 'room.2');
room.next(anything);
typed.next(createMessage('chat.typed', { text: 'hello' }));
typed.pipe(ofType('chat.left')).subscribe(({ payload }) => payload.name.length);
// @ts-expect-error a type of no map
typed.pipe(ofType('room.left'));

const served$ = listen<Chat>(server);
served$.subscribe((wire) => wire.pipe(ofType('chat.typed')).subscribe(({ payload }) => payload.text.length));
served$.subscribe((wire) => {
  wire.next(createMessage('chat.left', { name: 'Ann' }));
  // @ts-expect-error a type of no map
  wire.next(createMessage('chat.joined', { name: 'Ann' }));
});
const authenticate = (): User => ({ id: '1', name: 'Ann' });
listen<Chat, User>(server, { authenticate }).subscribe(({ principal }) => principal.name.length);
listen<User>(server, { authenticate }).subscribe((wire) => {
  wire.next(anything);
  return wire.principal.name.length;
});
listen(server, { authenticate }).subscribe(({ principal }) => principal.name.length);
listen<Chat>(server, { authenticate }).subscribe(({ principal }) => principal?.id.length);

import { InjectionToken, input, type Signal } from '@angular/core';
import type { Observable } from 'rxjs';
import {
  connect,
  createMessage,
  webSocket,
  type ConnectionState,
  type Message,
  type MessageIn,
  type PendingMessage,
  type Receipt,
  type Wire,
} from 'rxwire';
import { injectChannel, injectConnection, injectMessages, injectPending, injectReceipt, injectWire, provideWire } from 'rxwire/angular';
import { testWire, type TestWire } from 'rxwire/testing';

interface Chat {
  'chat.typed': { readonly text: string };
  'chat.left': { readonly name: string };
}
const CHAT = new InjectionToken<Wire<MessageIn<Chat>>>('chat');
declare const show: (typed: Chat['chat.typed']) => void;
const link = webSocket('ws://127.0.0.1:4870/wire');

// With a token, whose wire has a map.
export const providers = [provideWire(() => connect<Chat>({ link }), { token: CHAT }), provideWire(() => connect<Chat>({ link }))];
injectWire(CHAT).next(createMessage('chat.left', { name: 'Ann' }));
// @ts-expect-error a type of no map
injectWire(CHAT).next(createMessage('chat.joined', { name: 'Ann' }));
injectMessages(CHAT, 'chat.typed').subscribe(({ payload }) => payload.text.length);
export const both: Observable<MessageIn<Chat>> = injectMessages(CHAT, 'chat.typed', 'chat.left');
// @ts-expect-error a type of no map
injectMessages(CHAT, 'chat.typd');
// @ts-expect-error without a type
injectMessages(CHAT);
export const connection: Signal<ConnectionState> = injectConnection(CHAT);

// With the default token.
injectWire<Chat>().next(createMessage('chat.left', { name: 'Ann' }));
// @ts-expect-error a type of no map
injectWire<Chat>().next(createMessage('chat.joined', { name: 'Ann' }));
export const wire: Wire = injectWire();
export const output: Observable<unknown> = injectMessages('execution.output');
export const anyType: Observable<Message> = injectMessages('chat.typed');
// @ts-expect-error nothing is known of the payload
injectMessages('chat.typed').subscribe(({ payload }) => show(payload));

export const pending: Signal<readonly PendingMessage[]> = injectPending();
injectPending(CHAT)().map(({ message }) => message.type);
injectPending(CHAT, 'chat.typed')().map(({ message, status }) => message.payload.text + status);
injectPending('execution.start')().map(({ message }) => message.payload.executionId);
// @ts-expect-error a type of no map
injectPending(CHAT, 'chat.typd')().at(0);
// @ts-expect-error other messages, too, wait in the wire: those of channels
injectPending(CHAT)().forEach(({ message }) => show(message.payload));

export const receipts: Signal<Receipt | undefined>[] = [
  injectReceipt('a'),
  injectReceipt(() => undefined),
  injectReceipt(input<string>(), CHAT),
  injectReceipt(input.required<string>(), CHAT),
];
// @ts-expect-error no id
injectReceipt(1);

const room = injectChannel<Chat>(input('room.1'), { token: CHAT, from: 'start', keep: 10 });
room.messages().map((message) => (message.type === 'chat.typed' ? message.payload.text : message.payload.name));
room.next(createMessage('chat.typed', { text: 'hello' }));
room.updatePresence({ caret: 1 });
room.presence().others.map(({ id }) => id);
// @ts-expect-error a type of no map
room.next(createMessage('chat.joined', { name: 'Ann' }));
injectChannel('room.1').next(createMessage('chat.joined', { name: 'Ann' }));

// A test has the service of the application at the other end.
declare const serve: (wire: Wire<MessageIn<Chat>>) => void;
declare const serveAny: (wire: Wire) => void;
export const network: TestWire<MessageIn<Chat>> = testWire<Chat>({ serve });
testWire<Chat>({ serve: serveAny }).wire.next(createMessage('chat.left', { name: 'Ann' }));
testWire({ serve: serveAny }).wire.next(createMessage('chat.joined', { name: 'Ann' }));
// @ts-expect-error the service has another map
testWire<{ 'price.changed': number }>({ serve });

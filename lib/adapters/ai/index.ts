export { chatTransport, stopChat, type ChatTransportOptions, type RxwireChatTransport } from './chatTransport.js';
export { serveChat, type ChatAccess, type ChatAnswer, type ChatHandler, type ChatTurn, type ServeChatOptions } from './serveChat.js';

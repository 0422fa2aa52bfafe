export { chatTransport, stopChat, type ChatTransportOptions, type RxwireChatTransport } from './chatTransport.js';
export { serveChat, type ChatAccess, type ServeChatOptions } from './serveChat.js';
export type { ChatAnswer, ChatHandler, ChatTurn } from './chatHandler.js';
export type { ChatCluster } from './deadNodes.js';

export { chatTransport, stopChat, type ChatTransportOptions, type RxwireChatTransport } from './chatTransport.js';
export { serveChat, type ChatAccess, type ChatHandler, type ChatTurn, type ServeChatOptions } from './serveChat.js';
export type { ChatAnswer } from './answerWriter.js';
export type { ChatCluster } from './deadNodes.js';

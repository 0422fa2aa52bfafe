/**
 * The parts of the peers that the benchmark uses. The root of the repository does not install the peers, so that their own types may be missing;
 * these declarations apply in either case.
 */

declare module 'mqtt' {
  export interface MqttClient {
    publish(
      topic: string,
      message: string | Uint8Array,
      options: { readonly qos: 0 | 1 | 2 },
      callback?: (error?: Error | null) => void,
    ): void;
    subscribeAsync(topic: string, options: { readonly qos: 0 | 1 | 2 }): Promise<unknown>;
    on(event: 'message', listener: (topic: string, payload: Uint8Array) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    end(force?: boolean): void;
    readonly options: { readonly clientId?: string };
  }
  export interface MqttOptions {
    readonly clientId?: string;
    readonly clean?: boolean;
    readonly reconnectPeriod?: number;
  }
  export function connect(url: string, options?: MqttOptions): MqttClient;
  export function connectAsync(url: string, options?: MqttOptions): Promise<MqttClient>;
}

declare module 'aedes' {
  import type { Socket } from 'node:net';

  export interface AedesPacket {
    readonly topic: string;
    readonly payload: string | Buffer;
    readonly qos: 0 | 1 | 2;
  }
  export interface AedesClient {
    readonly id: string;
  }
  export class Aedes {
    static createBroker(options?: { readonly concurrency?: number }): Promise<Aedes>;
    readonly handle: (socket: Socket) => void;
    publish(packet: AedesPacket & { readonly cmd: 'publish'; readonly dup: boolean; readonly retain: boolean }, callback: () => void): void;
    on(event: 'publish', listener: (packet: AedesPacket, client: AedesClient | null) => void): void;
  }
}

declare module '@microsoft/signalr' {
  export interface HubConnection {
    start(): Promise<void>;
    stop(): Promise<void>;
    invoke(method: string, ...args: readonly unknown[]): Promise<unknown>;
  }
  export class HubConnectionBuilder {
    withUrl(url: string, options: { readonly skipNegotiation: boolean; readonly transport: number }): this;
    withHubProtocol(protocol: object): this;
    withAutomaticReconnect(): this;
    configureLogging(level: number): this;
    build(): HubConnection;
  }
  export const HttpTransportType: { readonly WebSockets: number };
  export const LogLevel: { readonly None: number };
}

declare module '@microsoft/signalr-protocol-msgpack' {
  export class MessagePackHubProtocol {
    readonly name: string;
  }
}

declare module 'rsocket-core' {
  export interface RSocketPayload {
    readonly data: Buffer;
    readonly metadata?: Buffer;
  }
  export interface RSocketSingle<T> {
    subscribe(subscriber: { readonly onComplete: (value: T) => void; readonly onError: (error: Error) => void }): void;
  }
  export interface ReactiveSocket {
    requestResponse(payload: RSocketPayload): RSocketSingle<RSocketPayload>;
    connectionStatus(): { subscribe(subscriber: object): void };
    close(): void;
  }
  export class RSocketClient {
    constructor(config: { readonly setup: object; readonly transport: object });
    connect(): RSocketSingle<ReactiveSocket>;
    close(): void;
  }
  export class RSocketServer {
    constructor(config: { readonly transport: object; readonly getRequestHandler: () => object });
    start(): void;
  }
  export const BufferEncoders: object;
}

declare module 'rsocket-flowable' {
  import type { RSocketPayload, RSocketSingle } from 'rsocket-core';

  export const Single: { of(value: RSocketPayload): RSocketSingle<RSocketPayload> };
}

declare module 'rsocket-websocket-client' {
  interface ClientModule {
    readonly default: new (options: { readonly url: string; readonly wsCreator: (url: string) => unknown }, encoders: object) => object;
  }
  const RSocketWebSocketClient: ClientModule;
  export = RSocketWebSocketClient;
}

declare module 'rsocket-websocket-server' {
  interface ServerModule {
    readonly default: new (options: { readonly server: unknown }, encoders: object) => object;
  }
  const RSocketWebSocketServer: ServerModule;
  export = RSocketWebSocketServer;
}

declare module 'graphql' {
  export interface GraphQLSchema {
    readonly description?: string | null;
  }
  export function buildSchema(source: string): GraphQLSchema;
}

declare module 'graphql-ws' {
  export interface Client {
    subscribe(
      payload: { readonly query: string; readonly variables: Readonly<Record<string, unknown>> },
      sink: { readonly next: () => void; readonly error: (error: unknown) => void; readonly complete: () => void },
    ): () => void;
    on(event: 'connected', listener: () => void): () => void;
    dispose(): void | Promise<void>;
    terminate(): void;
  }
  export function createClient(options: {
    readonly url: string;
    readonly webSocketImpl: unknown;
    readonly lazy: boolean;
    readonly retryAttempts: number;
    readonly shouldRetry?: () => boolean;
    readonly onNonLazyError?: (error: unknown) => void;
  }): Client;
}

declare module 'graphql-ws/use/ws' {
  import type { GraphQLSchema } from 'graphql';

  export function useServer(options: { readonly schema: GraphQLSchema; readonly roots: object }, server: object): object;
}

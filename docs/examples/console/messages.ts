import type { ExecutionFailure, ExecutionPayload, Message, ResourceAlert } from 'rxwire';

/**
 * The console's own kinds of messages, added to the map: from here on, they are as typed as the others. The payloads that all applications share are narrowed to
 * those of this one.
 */
declare module 'rxwire' {
  interface MessageTypes {
    'execution.start': ExecutionPayload & { readonly data: string };
    'execution.output': ExecutionPayload & { readonly data: string; readonly stream?: 'stdout' | 'stderr' };
    'execution.complete': ExecutionPayload & { readonly data?: { readonly exitCode: number; readonly duration: number } };
    'execution.error': ExecutionPayload & { readonly error: ExecutionFailure };
    'resource.metrics': SandboxResources;
    'resource.warning': SandboxResources;
    'resource.limit': SandboxResources;
    'execution.stop': { readonly executionId: string; readonly sandboxId: string };
    /** Asks what is in a workspace; it is made when the first comes into its channel. */
    'workspace.open': { readonly sandboxId: string };
    /** A piece of a file on its way into a workspace: acked when it is written. */
    'upload.chunk': FileChunk;
    /** Asks for the text that all edit, as far as the asker does not have it. */
    'document.sync': { readonly sandboxId: string; readonly vector: Uint8Array };
    /** Published in a workspace's channel: somebody has changed the text. */
    'document.edit': { readonly update: Uint8Array };
    /** Published in a workspace's channel: where somebody's selection is, in places that move with the text. */
    'document.caret': { readonly anchor: Uint8Array; readonly head: Uint8Array };
  }
  interface RequestTypes {
    'workspace.open': { readonly reply: { readonly files: readonly FileEntry[] } };
    'file.download': { readonly reply: Uint8Array };
    'file.delete': { readonly reply: null };
    'document.sync': { readonly reply: { readonly update: Uint8Array; readonly vector: Uint8Array } };
  }
}

/** The resources that the programs of a sandbox use together: cores, bytes, and the number of programs. */
export interface SandboxResources {
  readonly sandboxId: string;
  readonly metrics: { readonly cpu: number; readonly memory: number; readonly programs: number };
  readonly thresholds?: { readonly cpu: number; readonly memory: number };
  readonly alerts?: readonly ResourceAlert[];
}

/** What a server answers to `execution.start`: any number of outputs, then one of the other two. */
export type ExecutionMessage = Message<'execution.output'> | Message<'execution.complete'> | Message<'execution.error'>;

/** A file of a workspace; `path` begins with a slash, `size` is in bytes. */
export interface FileEntry {
  readonly path: string;
  readonly size: number;
}

export interface FileChunk {
  readonly sandboxId: string;
  /** The same for all chunks of a file. */
  readonly uploadId: string;
  readonly path: string;
  /** Where its bytes belong. */
  readonly offset: number;
  readonly data: Uint8Array;
  /** How many bytes the whole file has. */
  readonly size: number;
}

/** What a workspace may be called. Other sandboxes have none, and their programs a folder of their own. */
export const WORKSPACE_NAME = /^[A-Za-z0-9-]{1,64}$/;

/** The channel of a workspace: `file.*`, `resource.*` and `document.*`, in the same order for all who are in it. */
export const channelOf = (sandboxId: string): string => `workspace.${sandboxId}`;

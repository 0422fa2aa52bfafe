import type { ExecutionFailure, ExecutionPayload, FilePayload, Message, ResourceAlert } from 'rxwire';

/**
 * The console's own kinds of messages, added to the map: from here on, they are as typed as the others. The payloads that all applications share are narrowed to
 * those of this one.
 */
declare module 'rxwire' {
  interface MessageTypes {
    'execution.start': ExecutionPayload & { readonly data: string };
    'execution.output': ExecutionPayload & OutputPiece & PrintedBefore;
    'execution.complete': ExecutionPayload & PrintedBefore & { readonly data?: { readonly exitCode: number; readonly duration: number } };
    'execution.error': ExecutionPayload & PrintedBefore & { readonly error: ExecutionFailure };
    'resource.metrics': SandboxResources;
    'resource.warning': SandboxResources;
    'resource.limit': SandboxResources;
    /** Ends a run, by whoever. A client that leaves does not. */
    'execution.stop': RunNames;
    /** Kills the process of a run, as an accident would. */
    'execution.kill': RunNames;
    /** Asks the server to forget the session of the sender, as if it had been restarted. Sent at most once: a resent one would end the next session, too. */
    'session.forget': null;
    /** The first message of a run, in its channel and in that of all runs. `node` is that of the cluster which runs it. */
    'run.started': RunNames & { readonly node?: string };
    /** A piece of a file on its way into a workspace: acked when it is written. */
    'upload.chunk': FileChunk;
    /** Asks for the text that all edit, as far as the asker does not have it. */
    'document.sync': { readonly sandboxId: string; readonly vector: Uint8Array };
    /** Published in a workspace's channel: somebody has changed the text. */
    'document.edit': { readonly update: Uint8Array };
    /** Published in a workspace's channel: where somebody's selection is, in places that move with the text. */
    'document.caret': { readonly anchor: Uint8Array; readonly head: Uint8Array };
    /** A question to the assistant, and how its answer has ended. */
    'assistant.asked': { readonly chatId: string; readonly text: string };
    'assistant.answered': { readonly chatId: string; readonly text: string; readonly isStopped: boolean };
  }
  interface RequestTypes {
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

/** The names of a run: of its own, and of the workspace. */
export interface RunNames {
  readonly executionId: string;
  readonly sandboxId: string;
}

/** A part of what a program prints. */
export interface OutputPiece {
  readonly data: string;
  readonly stream?: 'stdout' | 'stderr';
}

/** A message that stands for several, since its channel was compacted. */
export interface PrintedBefore {
  /** The output of the program between the message in front of this one and this one. */
  readonly before?: readonly OutputPiece[];
}

/** A message of the channel of a run: any number of outputs, then one of the other two. */
export type ExecutionMessage = Message<'execution.output'> | RunEnd;

/** How a run has ended: with an exit code, or stopped, refused or interrupted. */
export type RunEnd = Message<'execution.complete'> | Message<'execution.error'>;

/** Returns the output in a message, and before it. */
export function outputIn({ type, payload }: ExecutionMessage): readonly OutputPiece[] {
  const { before = [] } = payload;
  return type === 'execution.output' ? [...before, { data: payload.data, stream: payload.stream ?? 'stdout' }] : before;
}

/** A file of a workspace; `path` begins with a slash, `size` is in bytes. */
export interface FileEntry {
  readonly path: string;
  readonly size: number;
}

/** Returns the file of a `file.change`. */
export function fileIn({ path, result }: FilePayload): FileEntry {
  return { path, size: (Object(result) as Partial<FileEntry>).size ?? 0 };
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

/** The channel of a workspace: `file.upload`, alerts and `document.*`, in the same order for all who are in it. */
export const channelOf = (sandboxId: string): string => `workspace.${sandboxId}`;

/** The keyed channel of the state of a workspace: the newest `file.change` of each file, and the newest `resource.metrics`. */
export const stateChannelOf = (sandboxId: string): string => `state.${sandboxId}`;

/** Returns the workspace that a channel of the two kinds above belongs to. */
export const workspaceIn = (channel: string): string | undefined => /^(?:workspace|state)\.(.*)$/.exec(channel)?.[1];

/** The channel of a run: `run.started`, all that its program prints, how it has ended, and then the end of the channel. */
export const runChannelOf = ({ sandboxId, executionId }: RunNames): string => `run.${sandboxId}.${executionId}`;

/** The channel of all runs of a workspace: `run.started` and a {@link RunEnd} of each. */
export const runsChannelOf = (sandboxId: string): string => `runs.${sandboxId}`;

/** The two channels that a name may be that of: whoever knows the name of a workspace may read them. */
export const RUN_CHANNEL = /^(run\.[A-Za-z0-9-]{1,64}\.[A-Za-z0-9-]{1,48}|runs\.[A-Za-z0-9-]{1,64})$/;

/** The channel of the questions to the assistant of a workspace, and of the answers that have ended. */
export const assistantChannelOf = (sandboxId: string): string => `assistant.${sandboxId}`;

/** Names a new question, which is a chat with one answer. */
export const newQuestion = (sandboxId: string): string => `${sandboxId}.${crypto.randomUUID().slice(0, 8)}`;

/** Returns the workspace of a question. */
export const questionIn = (chatId: string): { readonly sandboxId: string } => ({ sandboxId: chatId.split('.')[0] ?? '' });

/** Returns the workspace of a channel of the assistant: of the questions, or of an answer. */
export const assistantIn = (channel: string): string | undefined => /^(?:assistant\.|ai\/)([^./]*)/.exec(channel)?.[1];

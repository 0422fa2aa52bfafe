/** The messages of the examples in this folder. */
declare module 'rxwire' {
  interface MessageTypes {
    'transfer.begin': { readonly name: string };
    'transfer.part': { readonly name: string; readonly offset: number; readonly bytes: Uint8Array };
    'transfer.end': { readonly name: string; readonly sha256: string };
    'mirror.files': { readonly paths: readonly string[] };
    'mirror.part': { readonly path: string; readonly offset: number; readonly bytes: Uint8Array };
    'mirror.done': { readonly path: string };
    'mirror.removed': { readonly path: string };
    'job.done': { readonly job: string; readonly result: number };
  }
}

export {};

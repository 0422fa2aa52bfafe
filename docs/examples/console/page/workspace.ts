import { channel, type Channel, type Wire } from 'rxwire';
import { channelOf, stateChannelOf, WORKSPACE_NAME } from '../messages.js';

/** What this page shares with all who have the same address open. */
export interface SharedWorkspace {
  readonly id: string;
  readonly wire: Wire;
  /** Tells what happens in it. */
  readonly channel: Channel;
  /** Tells what is in it: first all, then each change. A gap means to forget all. */
  readonly state: Channel;
}

/** The workspace that the address names, or a new one. */
export function workspaceName(): string {
  const asked = location.hash.slice(1);
  if (WORKSPACE_NAME.test(asked)) return asked;
  const id = crypto.randomUUID().slice(0, 8);
  history.replaceState(null, '', `#${id}`);
  return id;
}

/** Comes into a workspace, and comes back into it whenever the server has forgotten that. */
export function openWorkspace(wire: Wire, id: string): SharedWorkspace {
  return { id, wire, channel: channel(wire, channelOf(id)), state: channel(wire, stateChannelOf(id)) };
}

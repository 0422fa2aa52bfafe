/** The invariants of a session, and what else must hold, by name. */
export const INVARIANTS = {
  dense: '(1) effects are the dense prefix 1..done',
  acked: '(2) acked ≤ done',
  window: '(3) sent − acked ≤ window',
  attachment: '(4) never two live attachments',
  drains: '(5) when faults stop, the outbox drains',
  atMostOnce: '(6) an at-most-once message has at most one effect',
  bounded: '(7) every buffer is bounded',
  exactlyOnce: 'an exactly-once message has one effect, or its sender learns why not',
  atLeastOnce: 'an at-least-once message has an effect, and a second one only when its receiver has forgotten the first',
  order: 'messages of one level and priority keep their order',
  outcome: 'each message has one outcome, and the true one',
  blamed: 'a failure of a store is no failure of a handler',
  lastReceipt: 'a message has one last receipt, and no receipt follows it',
  handshakes: 'a client that makes no progress connects less and less often',
  expired: 'expired messages are not delivered',
  secret: 'only the holder of the token may return',
  resent: 'accepted messages are not sent again, and the rest follows without a gap',
  ackWait: 'an ack waits no longer than its sender allows, and not at all when the application waits for it, or the session ends',
  ackOrder: 'an ack that travels with a batch is applied after the batch',
  owner: 'a client has one owner at a time: its cursor never falls, and a session that is fenced acks nothing',
  handled: 'each message is handled once, or becomes a dead letter',
  reason: 'a dead letter has the reason, and the number of attempts',
  core: 'both sides of the core keep the promises of each level',
  tabs: 'tabs that share a connection lose, double and reorder nothing, and soon have one connection again',
  channels: 'a message that one member cannot receive stops nobody: this member gets one gap for it, and all else is received in order',
  share: 'a member that is slow, or sleeps, delays no other member',
  mutant: 'a seed finds each deliberate fault',
  surprise: 'no unexpected error occurs',
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** Says that an invariant does not hold. */
export type Violate = (invariant: Invariant, detail: string) => void;

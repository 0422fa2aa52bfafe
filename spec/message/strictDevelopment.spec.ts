import { reactive } from 'vue';
import { noteSent } from '../../lib/message/strictDevelopment.js';

describe('freezing of sent messages', () => {
  it('freezes the message and its plain objects and arrays, also if they are circular', () => {
    const inner: { list: number[]; self?: unknown } = { list: [1] };
    inner.self = inner;
    const message = { id: 'm', payload: inner };
    noteSent(message);
    expect([message, inner, inner.list].every((one) => Object.isFrozen(one))).toBe(true);
  });

  it('leaves class instances, bytes, maps and dates as they are', () => {
    class Cart {
      items = ['tea'];
    }
    const payload = { cart: new Cart(), bytes: new Uint8Array(3), map: new Map(), date: new Date(0) };
    noteSent({ id: 'm', payload });
    expect(Object.values(payload).some((value) => Object.isFrozen(value))).toBe(false);
    expect(Object.isFrozen(payload.cart.items)).toBe(false);
  });

  it('leaves reactive objects of Vue as they are, which the page continues to change', () => {
    const state = reactive({ order: { count: 1 } });
    noteSent({ id: 'm', payload: state });
    noteSent({ id: 'm', payload: { ...state } });
    state.order.count++;
    expect(state.order.count).toBe(2);
  });

  it('does not throw for objects that cannot be frozen or read', () => {
    const draft = new Proxy({ count: 1 }, { preventExtensions: () => false, defineProperty: () => false });
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    const failing = {
      get total(): number {
        throw new Error('not computed');
      },
    };
    const sibling = { count: 1 };
    for (const payload of [draft, revoked, failing, new Proxy({}, { ownKeys: () => [1] as never })])
      expect(() => noteSent({ id: 'm', payload: [sibling, payload] })).not.toThrow();
    expect(Object.isFrozen(sibling)).toBe(true);
  });
});

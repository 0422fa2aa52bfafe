import { defer, map, merge, Subject } from 'rxjs';
import { createRouter, route } from '../../lib/operators/routing/route.js';
import { use } from '../../lib/operators/routing/use.js';
import { ofType } from '../../lib/operators/ofType.js';
import { connect } from '../../lib/wire/connect.js';
import { subscriptionsOf, type WireSubscriptions } from '../../lib/wire/subscriptionsOf.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { cuttableLinks } from './wires.js';

const nothing = (): void => undefined;

describe('subscriptionsOf', () => {
  const wires: Wire[] = [];
  afterEach(() => wires.splice(0).forEach((wire) => wire.unsubscribe()));

  function watched() {
    const wire = connect({ link: cuttableLinks().near, reconnect: false });
    wires.push(wire);
    const seen = record(subscriptionsOf(wire));
    return { wire, seen, now: (): WireSubscriptions | undefined => seen.values.at(-1) };
  }

  it('tells at once that there is nobody', () => {
    expect(watched().seen.values).toEqual([{ count: 0, patterns: [] }]);
  });

  it('counts who subscribes and who leaves', () => {
    const { wire, seen } = watched();
    const first = wire.subscribe();
    const second = wire.pipe(map(({ id }) => id)).subscribe();
    first.unsubscribe();
    second.unsubscribe();
    expect(seen.values.map(({ count }) => count)).toEqual([0, 1, 2, 1, 0]);
  });

  it('names types and patterns, each once', () => {
    const { wire, now } = watched();
    wire.pipe(ofType('chat.said', 'system.ping')).subscribe();
    const routed = wire.pipe(route({ 'file.*': nothing, 'chat.said': nothing }, { patterns: [[/^x/, nothing]] })).subscribe();
    expect(now()).toEqual({ count: 2, patterns: ['chat.said', 'system.ping', 'file.*', /^x/] });
    routed.unsubscribe();
    expect(now()).toEqual({ count: 1, patterns: ['chat.said', 'system.ping'] });
  });

  it('follows routes that come and go', () => {
    const { wire, seen } = watched();
    const router = createRouter();
    router.add('a', nothing);
    wire.pipe(router.route).subscribe();
    const removes = [router.add('b', nothing), router.add('b', nothing)];
    removes[0]!();
    removes[0]!();
    removes[1]!();
    expect(seen.values.map(({ patterns }) => patterns.join())).toEqual(['', 'a', 'a,b', 'a,b', 'a,b', 'a,b', 'a']);
  });

  it('sees through what subscribes in the same moment, and not what is beside it', () => {
    const { wire, now } = watched();
    const other = new Subject<never>();
    merge(
      defer(() => wire.pipe(use(nothing))),
      other,
    )
      .pipe(route({ 'a.*': nothing }))
      .subscribe();
    wire.subscribe();
    expect(now()).toEqual({ count: 2, patterns: ['a.*'] });
  });

  it('says what is nearest to the wire: that is all that can come', () => {
    const { wire, now } = watched();
    wire.pipe(ofType('a.b'), route({ 'a.*': nothing })).subscribe();
    expect(now()?.patterns).toEqual(['a.b']);
  });

  it('completes with the wire, also while routers live on', async () => {
    const { wire, seen } = watched();
    const router = createRouter();
    wire.pipe(router.route).subscribe();
    wire.unsubscribe();
    expect(await seen.ended).toBe('complete');
    router.add('late', nothing);
    expect(seen.values.at(-1)?.patterns).toEqual([]);
  });
});

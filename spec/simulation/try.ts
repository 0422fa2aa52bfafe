import { runSeed } from './world.js';
const [a = '1', b] = process.argv.slice(2);
if (b) {
  const start = Date.now();
  const t = { messages: 0, cuts: 0, crashes: 0 };
  const found = new Map<string, string[]>();
  for (let seed = Number(a); seed < Number(b); seed++) {
    const o = runSeed(seed);
    t.messages += o.messages; t.cuts += o.cuts; t.crashes += o.crashes;
    if (o.violation) { const k = o.violation.invariant; found.set(k, [...(found.get(k) ?? []), `${seed} @${o.violation.at.toFixed(0)} ${o.violation.detail}`]); }
  }
  for (const [k, v] of found) { console.log(k, v.length); for (const l of v.slice(0, 6)) console.log('   ', l.slice(0, 200)); }
  console.log(t, (Date.now() - start) / (Number(b) - Number(a)), 'ms/seed');
} else {
  const o = runSeed(Number(a), (at, who, what) => console.log(at.toFixed(1).padStart(9), who.padEnd(10), what));
  console.log(o);
}

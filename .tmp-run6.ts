import { runHour, SHORT } from './spec/simulation/hour/world.js';
for (let s = 1; s <= 8; s++) { const r = runHour(s, SHORT); console.log(s, r.violation?.invariant, r.violation?.detail.slice(0, 300), r.cuts, r.crashes, JSON.stringify(r.ends), r.messages); }

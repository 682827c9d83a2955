import { html, useRef } from '/admin/lib/preact-htm.js';
import { get, numbers } from '/admin/api.js';
import { Chart } from '/admin/chart.js';
import { t } from '/admin/words.js';
import { Badge, Failure, Table, bytes, usePoll } from '/admin/parts.js';

const every = 2000, window = 150; // five minutes

const sum = (m, name, only = () => true) => (m.get(name) || []).filter((s) => only(s.labels)).reduce((n, s) => n + s.value, 0);

// quantile of what a histogram saw between two scrapes, in its own unit.
function quantile(q, was, now, name) {
  const before = new Map((was.get(name + '_bucket') || []).map((b) => [b.labels.le, b.value]));
  const buckets = (now.get(name + '_bucket') || []).map((b) => ({ le: b.labels.le === '+Inf' ? Infinity : Number(b.labels.le), n: b.value - (before.get(b.labels.le) || 0) })).sort((a, b) => a.le - b.le);
  const total = buckets.length ? buckets[buckets.length - 1].n : 0;
  if (total <= 0) return null;
  let low = 0, seen = 0;
  for (const b of buckets) {
    if (b.n >= q * total) return b.le === Infinity ? low : low + (b.le - low) * ((q * total - seen) / Math.max(b.n - seen, 1));
    low = b.le; seen = b.n;
  }
  return low;
}

export function Overview() {
  const kept = useRef({ last: null, at: 0, rows: [[], [], [], [], [], [], [], []] });
  const { value, error } = usePoll(async () => {
    const [status, now] = await Promise.all([get('/admin/status'), numbers()]);
    const k = kept.current, at = performance.now() / 1000;
    if (k.last) {
      const rate = (name, only) => Math.max(0, (sum(now, name, only) - sum(k.last, name, only)) / (at - k.at));
      const ms = (q) => { const s = quantile(q, k.last, now, 'stoker_commit_seconds'); return s == null ? null : s * 1000; };
      const row = [Date.now() / 1000, rate('stoker_http_requests_total'), ms(0.5), ms(0.99),
        Object.values(status.queue.ready).reduce((a, b) => a + b, 0), status.queue.leases,
        rate('stoker_items_total', (l) => Object.values(l).includes('done')), rate('stoker_items_total', (l) => Object.values(l).includes('failed'))];
      k.rows = k.rows.map((r, i) => [...r, row[i]].slice(-window));
    }
    k.last = now; k.at = at;
    return { status, rows: k.rows };
  }, every, []);
  if (!value) return html`<h1>${t('overview')}</h1><${Failure} error=${error} />${!error && html`<p>${t('loading')}</p>`}`;
  const s = value.status, r = value.rows, votes = s.members.filter((m) => m.voter).length;
  const card = (name, what) => html`<div class="card"><dt>${name}</dt><dd>${what}</dd></div>`;
  return html`<h1>${t('overview')}</h1><${Failure} error=${error} />
    <dl class="cards">${card(t('leader'), s.leader || t('noleader'))}${card(t('ready'), r[4].length ? r[4][r[4].length - 1] : Object.values(s.queue.ready).reduce((a, b) => a + b, 0))}
      ${card(t('leases'), s.queue.leases)}${card(t('dead'), s.queue.dead)}${card(t('index'), s.index)}${card(t('state'), bytes(s.state_bytes))}</dl>
    <div class="charts">
      <${Chart} title=${t('chart.requests')} unit=${t('per.second')} names=${[t('series.requests')]} data=${[r[0], r[1]]} />
      <${Chart} title=${t('chart.commit')} unit="ms" names=${['p50', 'p99']} data=${[r[0], r[2], r[3]]} />
      <${Chart} title=${t('chart.queue')} unit="" names=${[t('series.ready'), t('series.leases')]} data=${[r[0], r[4], r[5]]} />
      <${Chart} title=${t('chart.items')} unit=${t('per.second')} names=${[t('series.done'), t('series.failed')]} data=${[r[0], r[6], r[7]]} />
    </div>
    <h2>${t('members')} <small>${votes} ${t('votes')}, ${t('node')} ${s.node}, ${s.version}</small></h2>
    <${Table} caption=${t('members')} none=${t('none')} head=${[t('node'), t('role'), t('alive'), t('lag'), t('contact'), t('disk'), t('version')]}
      rows=${s.members.map((m) => ({ key: m.id, cells: [html`<strong>${m.id}</strong> <small>${m.http}</small>`, html`<${Badge} of=${m.draining ? 'draining' : m.role || 'unknown'} />`, m.alive ? t('yes') : html`<span class="failed">${t('no')}</span>`,
        `${m.lag} ${t('entries')}`, m.last_contact_ms < 0 ? '–' : `${m.last_contact_ms} ms`, html`${bytes(m.disk_free)} ${m.room !== 'ample' && html`<${Badge} of=${m.room} />`}`, m.version] }))} />`;
}

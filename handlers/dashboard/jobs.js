import { html, useEffect, useRef, useState } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Badge, Failure, Table, When, query, usePages, usePoll } from '/admin/parts.js';

const statuses = ['created', 'uploaded', 'queued', 'running', 'done', 'failed', 'canceled'];
const ended = (s) => s === 'done' || s === 'failed' || s === 'canceled';
const Bar = ({ p }) => html`<progress max=${p.total} value=${p.done + p.failed} aria-label=${t('progress')}></progress> ${p.done}${p.failed > 0 && html`<span class="failed"> −${p.failed}</span>`} / ${p.total}`;
const link = (id) => html`<a class="id" href=${'#/jobs/' + encodeURIComponent(id)}>${id}</a>`;
const person = (id) => html`<a class="id" href=${'#/users/' + encodeURIComponent(id)}>${id}</a>`;

export function Jobs() {
  const [f, set] = useState({ status: '', user: '', preset: '' });
  const list = usePages(async (cursor) => {
    const p = await get('/admin/jobs' + query({ ...f, cursor, limit: 50 }));
    return { rows: p.jobs, next: p.next_cursor };
  }, [f.status, f.user, f.preset]);
  const pick = (name) => (e) => set({ ...f, [name]: e.target.value.trim() });
  return html`<h1>${t('jobs')}</h1>
    <form class="filters" onSubmit=${(e) => { e.preventDefault(); const id = new FormData(e.target).get('id').trim(); if (id) location.hash = '#/jobs/' + encodeURIComponent(id); }}>
      <label>${t('jobs.id')}<input name="id" placeholder="j_…" /></label><button>${t('jobs.open')}</button>
      <label>${t('status')}<select onChange=${pick('status')}><option value="">${t('all')}</option>${statuses.map((s) => html`<option value=${s}>${t('status.' + s, s)}</option>`)}</select></label>
      <label>${t('user')}<input onChange=${pick('user')} placeholder="u_…" /></label><label>${t('preset')}<input onChange=${pick('preset')} /></label></form>
    <${Failure} error=${list.error} />
    <${Table} caption=${t('jobs')} none=${list.value ? t('jobs.none') : t('loading')} head=${[t('job'), t('status'), t('progress'), t('preset'), t('user'), t('created')]}
      rows=${(list.value?.rows || []).map((j) => ({ key: j.job_id, cells: [link(j.job_id), html`<${Badge} of=${j.status} />`, html`<${Bar} p=${j.progress} />`, j.preset, person(j.user_id), html`<${When} at=${j.created_at} />`] }))} />
    ${list.buttons}`;
}

// useStream asks again whenever the cluster says that something became of the job.
function useStream(id, again) {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    const s = new EventSource('/admin/tail' + query({ job: id }));
    let timer;
    s.addEventListener('change', () => { clearTimeout(timer); timer = setTimeout(() => latest.current(), 100); });
    return () => { s.close(); clearTimeout(timer); };
  }, [id]);
}

export function Job({ id, may }) {
  const path = '/admin/jobs/' + encodeURIComponent(id);
  const { value, error, again } = usePoll(async () => {
    const [{ job }, why, life, pictures] = await Promise.all([get(path), get(path + '/why'), get(path + '/log'), get(path + '/pictures')]);
    return { job, why, life, pictures: pictures.pictures };
  }, 15000, [id]);
  useStream(id, again);
  if (!value) return html`<h1 class="id">${id}</h1><${Failure} error=${error} />${!error && html`<p>${t('loading')}</p>`}`;
  const { job, why, life } = value;
  return html`<h1><span class="id">${id}</span> <${Badge} of=${job.status} /></h1><${Failure} error=${error} />
    <dl class="cards"><div class="card"><dt>${t('progress')}</dt><dd><${Bar} p=${job.progress} /></dd></div><div class="card"><dt>${t('user')}</dt><dd>${person(job.user_id)}</dd></div>
      <div class="card"><dt>${t('preset')}</dt><dd>${job.preset}</dd></div><div class="card"><dt>${t('price')}</dt><dd>${job.price}</dd></div></dl>
    <p class="buttons">${!ended(job.status) && html`<${Act} label=${t('cancel')} ask=${t('cancel.ask')} danger disabled=${!may.operate} act=${() => change('POST', path + '/cancel').finally(again)} />`}
      ${ended(job.status) && html`<${Act} label=${t('retry')} ask=${t('retry.ask')} disabled=${!may.operate} act=${() => change('POST', path + '/retry')} done=${(a) => link(a.job_id)} />`}</p>
    <h2>${t('why')}</h2>${ended(job.status) ? html`<p>${t('why.nothing')}</p>` : html`<p>${why.reason}</p>
      <ul>${why.position > 0 && html`<li>${t('position')}: ${why.position}</li>`}${why.eta_s != null && html`<li>${t('eta')}: ${why.eta_s} ${t('seconds')}</li>`}
      ${why.leases.map((l) => html`<li>${t('items')} ${l.items.join(', ')} ${t('holds')} <span class="id">${l.worker}</span></li>`)}${why.next_timer && html`<li>${t('nexttimer')}: <${When} at=${why.next_timer} /></li>`}</ul>`}
    <h2>${t('pictures')}</h2><ul class="pictures">${job.items.map((it) => html`<li key=${it.idx}><p>${it.idx} <${Badge} of=${it.status} /> ${it.error && html`<span class="failed">${it.error}</span>`}</p>
      <div class="pair"><${Picture} name=${t('input')} url=${value.pictures[it.idx]?.input_url} /><${Picture} name=${t('output')} url=${value.pictures[it.idx]?.preview_url || value.pictures[it.idx]?.output_url} full=${value.pictures[it.idx]?.output_url} /></div></li>`)}</ul>
    <h2>${t('history')}</h2><${Table} caption=${t('history')} none="" head=${[t('index'), t('at'), t('event'), t('item'), t('by'), t('detail')]}
      rows=${life.lines.map((l) => ({ key: `${l.index}.${l.ordinal}`, cells: [`${l.index}.${l.ordinal}`, html`<${When} at=${l.at} />`, l.event, l.item ?? '', l.by, html`${l.detail} ${l.amount !== 0 && `${l.amount > 0 ? '+' : ''}${l.amount} → ${l.balance}`}`] }))} />`;
}

// Picture keeps the address it began with: a new signature is not a new picture.
function Picture({ name, url, full }) {
  const bare = url && url.split('?')[0];
  const first = useRef({ bare, url });
  if (first.current.bare !== bare) first.current = { bare, url };
  return html`<figure>${url ? html`<a href=${full || url} target="_blank" rel="noopener"><img loading="lazy" src=${first.current.url} alt=${name} /></a>` : html`<p><small>${t('pictures.gone')}</small></p>`}<figcaption>${name}</figcaption></figure>`;
}

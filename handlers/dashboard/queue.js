import { html } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Failure, Table, When, query, usePages, usePoll } from '/admin/parts.js';

export function Queue({ may }) {
  const { value: q, error, again } = usePoll(() => get('/admin/queue'), 2000, []);
  const dead = usePages(async (cursor) => {
    const p = await get('/admin/queue/dead' + query({ cursor, limit: 50 }));
    return { rows: p.dead, next: p.next_cursor };
  }, []);
  if (!q) return html`<h1>${t('queue')}</h1><${Failure} error=${error} />${!error && html`<p>${t('loading')}</p>`}`;
  const card = (name, what) => html`<div class="card"><dt>${name}</dt><dd>${what}</dd></div>`;
  const stopped = (preset) => q.paused.includes(preset) || q.paused.includes('*');
  return html`<h1>${t('queue')}</h1><${Failure} error=${error} />
    <dl class="cards">${card(t('ready'), q.classes.reduce((n, c) => n + c.depth, 0))}${card(t('waiting'), q.waiting_workers)}${card(t('leases'), q.leases)}${card(t('grants'), `${Math.round(q.grants_per_s * 10) / 10} ${t('per.second')}`)}${card(t('dead'), q.dead)}</dl>
    <${Table} caption=${t('queue')} none=${t('queue.none')} head=${[t('class'), t('preset'), t('depth'), t('oldest'), '']}
      rows=${q.classes.map((c) => ({ key: c.class + c.preset, cells: [c.class, html`${c.preset} ${stopped(c.preset) && html`<span class="badge">${t('paused')}</span>`}`, c.depth, `${c.oldest_s} ${t('seconds')}`,
        stopped(c.preset) ? html`<${Act} label=${t('resume')} ask=${t('resume.ask')} disabled=${!may.operate} act=${() => change('POST', '/admin/queue/resume', { preset: c.preset }).finally(again)} />`
          : html`<${Act} label=${t('pause')} ask=${t('pause.ask')} disabled=${!may.operate} act=${() => change('POST', '/admin/queue/pause', { preset: c.preset }).finally(again)} />`] }))} />
    ${q.paused.length > 0 && html`<p>${t('paused')}: ${q.paused.map((p) => html`<span class="badge">${p}</span> <${Act} label=${`${t('resume')} ${p}`} ask=${t('resume.ask')} disabled=${!may.operate} act=${() => change('POST', '/admin/queue/resume', { preset: p }).finally(again)} />`)}</p>`}
    <h2>${t('dead')}</h2><${Failure} error=${dead.error} />
    <${Table} caption=${t('dead')} none=${t('dead.none')} head=${[t('job'), t('item'), t('preset'), t('reason'), t('errors'), t('at'), '']}
      rows=${(dead.value?.rows || []).map((d) => ({ key: d.job_id + d.idx, cells: [html`<a class="id" href=${'#/jobs/' + encodeURIComponent(d.job_id)}>${d.job_id}</a>`, d.idx, d.preset, d.reason, d.errors.map((e) => html`<div>${e}</div>`), html`<${When} at=${d.at} />`,
        html`<${Act} label=${t('kick')} ask=${t('kick.ask')} disabled=${!may.operate} act=${() => change('POST', '/admin/queue/kick', { job_id: d.job_id, idx: d.idx })} done=${(a) => html`<a class="id" href=${'#/jobs/' + a.job_id}>${a.job_id}</a>`} />`] }))} />
    ${dead.buttons}`;
}

import { html, useState } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Badge, Failure, Table, When, usePoll } from '/admin/parts.js';

const step = 100; // rows that are drawn: thousands of workers may be there

export function Workers({ may }) {
  const { value, error, again } = usePoll(() => get('/admin/workers'), 3000, []);
  const [only, setOnly] = useState('');
  const [most, setMost] = useState(step);
  const rows = (value?.workers || []).filter((w) => !only || [w.worker_id, w.state, w.gpu, ...w.loaded].some((x) => x.includes(only)));
  const say = (w, verb) => change('POST', `/admin/workers/${encodeURIComponent(w.worker_id)}/${verb}`).finally(again);
  return html`<h1>${t('workers')}</h1><${Failure} error=${error} />
    <p class="filters"><label>${t('filter')}<input onInput=${(e) => { setOnly(e.target.value.trim()); setMost(step); }} /></label><span>${Math.min(rows.length, most)} ${t('shownof')} ${value?.workers.length ?? '–'}</span></p>
    <${Table} caption=${t('workers')} none=${value ? t('workers.none') : t('loading')} head=${[t('worker'), t('state'), t('loaded'), t('leases'), t('items'), t('series.done'), t('fails'), t('lost'), t('lastgrant'), '']}
      rows=${rows.slice(0, most).map((w) => ({ key: w.worker_id, cells: [html`<span class="id">${w.worker_id}</span> <small>${w.gpu}</small>`, html`<${Badge} of=${w.state} /> <small>${w.why}</small>`, w.loaded.join(', ') || '–', w.leases, w.items, w.done, w.failed, w.lost, html`<${When} at=${w.last_grant} />`,
        w.state === 'active' ? html`<${Act} label=${t('drain')} ask=${t('drain.ask')} disabled=${!may.operate} act=${() => say(w, 'drain')} />` : html`<${Act} label=${t('resume')} ask=${t('wresume.ask')} disabled=${!may.operate} act=${() => say(w, 'resume')} />`] }))} />
    ${rows.length > most && html`<p class="pager"><button onClick=${() => setMost(most + step)}>${t('more')}</button></p>`}`;
}

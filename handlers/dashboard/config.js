import { html, useState } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Failure, Table, When, query, usePages, usePoll } from '/admin/parts.js';

// lines writes settings one value a line, by its path: plans.free.max_items = 10.
function lines(value, path = '') {
  if (value && typeof value === 'object' && !(Array.isArray(value) && value.every((v) => typeof v !== 'object'))) {
    return Object.entries(value).flatMap(([k, v]) => lines(v, path ? `${path}.${k}` : k));
  }
  return [[path, Array.isArray(value) ? value.join(', ') : String(value)]];
}

// compare gives what is different, in the order of the paths.
function compare(then, now) {
  const a = new Map(lines(then)), b = new Map(lines(now));
  return [...new Set([...a.keys(), ...b.keys()])].sort().filter((k) => a.get(k) !== b.get(k)).map((k) => ({ path: k, now: b.get(k), then: a.get(k) }));
}

export function Config({ may }) {
  const list = usePages(async (cursor) => {
    const p = await get('/admin/settings/versions' + query({ cursor, limit: 50 }));
    return { rows: p.versions, next: p.next_cursor };
  }, []);
  const [shown, setShown] = useState(null);
  const now = usePoll(() => get('/admin/settings'), 5000, []);
  const then = usePoll(() => (shown ? get('/admin/settings/versions/' + shown) : Promise.resolve(null)), 0, [shown]);
  const of = then.value || now.value;
  const apart = then.value && now.value && compare(then.value.settings, now.value.settings);
  const after = () => { list.again(); now.again(); setShown(null); };
  return html`<h1>${t('config')} ${now.value && html`<small>${t('version')} ${now.value.version}</small>`}</h1><${Failure} error=${list.error || now.error || then.error} />
    <h2>${t('versions')}</h2><${Table} caption=${t('versions')} none=${list.value ? t('config.none') : t('loading')} head=${[t('version'), t('at'), t('author'), t('message'), '']}
      rows=${(list.value?.rows || []).map((v) => ({ key: v.version, cells: [html`${v.version} ${v.in_force && html`<span class="badge done">${t('inforce')}</span>`}`, html`<${When} at=${v.deployed_at} />`, v.author || v.by, html`${v.message}${v.rollback_of ? html` <small>← ${v.rollback_of}</small>` : ''}`,
        html`<button onClick=${() => setShown(v.in_force ? null : v.version)}>${t('show')} ${v.version}</button> ${!v.in_force && html`<${Act} label=${`${t('rollback')} ${v.version}`} ask=${t('rollback.ask')} danger disabled=${!may.admin} fields=${[{ name: 'message', label: t('message'), required: false }]}
          act=${(f) => change('POST', '/admin/settings/rollback', { to: v.version, base: now.value.version, message: f.message }).finally(after)} />`}`] }))} />${list.buttons}
    ${shown && apart && html`<h2>${t('diff')} (${shown})</h2>${apart.length ? html`<pre tabindex="0">${apart.map((d) => html`${d.now !== undefined && html`<span class="del">- ${d.path} = ${d.now}\n</span>`}${d.then !== undefined && html`<span class="add">+ ${d.path} = ${d.then}\n</span>`}`)}</pre>` : html`<p>${t('nodiff')}</p>`}`}
    ${of && html`<h2>${t('version')} ${of.version}</h2><pre tabindex="0">${lines(of.settings).map(([k, v]) => `${k} = ${v}\n`)}</pre>`}`;
}

import { html, useState } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Badge, Failure, Table, When, query, usePages, usePoll } from '/admin/parts.js';

const path = (name) => `/admin/webhooks/${encodeURIComponent(name)}`;

export function Webhooks({ may }) {
  const { value, error, again } = usePoll(() => get('/admin/webhooks'), 3000, []);
  const [shown, setShown] = useState('');
  const hooks = value?.webhooks || [];
  const of = hooks.some((h) => h.name === shown) ? shown : hooks.find((h) => h.waiting + h.given_up > 0)?.name || '';
  const said = (p) => (p.arrived ? `${t('ping.arrived')}: ${p.last_status}, ${p.took_ms} ms` : `${t('ping.failed')}: ${p.last_error}`);
  return html`<h1>${t('webhooks')}</h1><${Failure} error=${error} />
    <${Table} caption=${t('webhooks')} none=${value ? t('webhooks.none') : t('loading')} head=${[t('name'), t('state'), t('ahead'), t('tried'), t('givenup'), t('arrived'), t('lostevents'), t('lastarrived'), t('lasterror'), '']}
      rows=${hooks.map((h) => ({ key: h.name, cells: [html`${h.name}<br /><small>${h.url}</small>`, html`<${Badge} of=${h.state} />`, html`${h.ahead}${h.ahead_more && '+'}`, h.waiting, h.given_up, h.arrived, h.lost + h.forgotten, html`<${When} at=${h.last_arrived_at} />`,
        h.last_failed_at && html`${h.last_error} <small><${When} at=${h.last_failed_at} /></small>`,
        html`<${Act} label=${`${t('ping')} ${h.name}`} ask=${t('ping.ask')} disabled=${!may.operate} act=${() => change('POST', path(h.name) + '/test').finally(again)} done=${said} />
          <button aria-pressed=${of === h.name} onClick=${() => setShown(h.name)}>${t('deliveries')} ${h.name}</button>`] }))} />
    ${of && html`<${Deliveries} key=${of} name=${of} may=${may} />`}`;
}

function Deliveries({ name, may }) {
  const list = usePages(async (cursor) => {
    const p = await get(`${path(name)}/deliveries` + query({ cursor, limit: 50 }));
    return { rows: p.deliveries, next: p.next_cursor };
  }, [name]);
  return html`<h2>${t('deliveries')} ${name}</h2><${Failure} error=${list.error} />
    <${Table} caption=${`${t('deliveries')} ${name}`} none=${list.value ? t('deliveries.none') : t('loading')} head=${[t('event'), t('job'), t('status'), t('attempts'), t('lasttried'), t('nexttry'), t('lasterror'), '']}
      rows=${(list.value?.rows || []).map((d) => ({ key: d.id, cells: [html`${d.type}<br /><small class="id">${d.id}</small>`, html`<a class="id" href=${'#/jobs/' + encodeURIComponent(d.job_id)}>${d.job_id}</a>`, html`<span class="badge ${d.status}">${t('delivery.' + d.status)}</span>`, d.attempts, html`<${When} at=${d.tried_at} />`,
        d.status === 'waiting' && html`<${When} at=${d.next_at} />`, d.last_error,
        html`<${Act} label=${t('redeliver')} ask=${t('redeliver.ask')} disabled=${!may.operate} act=${() => change('POST', `${path(name)}/deliveries/${encodeURIComponent(d.id)}/redeliver`).finally(list.again)} />`] }))} />
    ${list.buttons}`;
}

import { html } from '/admin/lib/preact-htm.js';
import { get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Failure, Table, When, query, usePages } from '/admin/parts.js';

export function Audit() {
  const list = usePages(async (cursor) => {
    const p = await get('/admin/audit' + query({ cursor, limit: 50 }));
    return { rows: p.rows, next: p.next_cursor };
  }, []);
  return html`<h1>${t('audit')}</h1><${Failure} error=${list.error} />
    <${Table} caption=${t('audit')} none=${list.value ? t('audit.none') : t('loading')} head=${[t('at'), t('who'), t('action'), t('subject'), t('detail'), t('refused')]}
      rows=${(list.value?.rows || []).map((r) => ({ key: r.id, cells: [html`<${When} at=${r.at} />`, r.who, r.action, html`<span class="id">${r.subject}</span>`, r.detail, r.code && html`<span class="failed">${r.code}</span>`] }))} />
    ${list.buttons}`;
}

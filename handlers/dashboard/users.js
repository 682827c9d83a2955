import { html, useState } from '/admin/lib/preact-htm.js';
import { change, get } from '/admin/api.js';
import { t } from '/admin/words.js';
import { Act, Failure, Table, When, query, usePages } from '/admin/parts.js';

export function Users() {
  const [plan, setPlan] = useState('');
  const list = usePages(async (cursor) => {
    const p = await get('/admin/users' + query({ plan, cursor, limit: 50 }));
    return { rows: p.users, next: p.next_cursor };
  }, [plan]);
  return html`<h1>${t('users')}</h1>
    <form class="filters" onSubmit=${(e) => { e.preventDefault(); const id = new FormData(e.target).get('id').trim(); if (id) location.hash = '#/users/' + encodeURIComponent(id); }}>
      <label>${t('users.id')}<input name="id" placeholder="u_…" /></label><button>${t('jobs.open')}</button>
      <label>${t('plan')}<input onChange=${(e) => setPlan(e.target.value.trim())} placeholder="free" /></label></form>
    <${Failure} error=${list.error} />
    <${Table} caption=${t('users')} none=${list.value ? t('users.none') : t('loading')} head=${[t('user'), t('plan'), t('credits'), t('concurrent'), t('slots'), t('created')]}
      rows=${(list.value?.rows || []).map((u) => ({ key: u.user_id, cells: [html`<a class="id" href=${'#/users/' + encodeURIComponent(u.user_id)}>${u.user_id}</a> ${u.revoked && html`<span class="badge failed">${t('revoked')}</span>`}`, u.plan, u.credits, u.concurrent_jobs, u.rule_slots, html`<${When} at=${u.created_at} />`] }))} />
    ${list.buttons}`;
}

export function User({ id, may }) {
  const path = '/admin/users/' + encodeURIComponent(id);
  const page = usePages(async (cursor) => {
    const user = await get(path + query({ cursor, limit: 50 }));
    return { user, next: user.next_cursor };
  }, [id]);
  const u = page.value?.user;
  if (!u) return html`<h1 class="id">${id}</h1><${Failure} error=${page.error} />${!page.error && html`<p>${t('loading')}</p>`}`;
  const send = (verb, method, body) => change(method, `${path}/${verb}`, body).finally(page.again);
  const card = (name, what) => html`<div class="card"><dt>${name}</dt><dd>${what}</dd></div>`;
  return html`<h1><span class="id">${id}</span> ${u.revoked && html`<span class="badge failed">${t('revoked')}</span>`}</h1><${Failure} error=${page.error} />
    <dl class="cards">${card(t('credits'), u.credits)}${card(t('plan'), u.plan)}${card(t('concurrent'), `${u.concurrent_jobs} / ${u.limits.max_concurrency}`)}${card(t('slots'), `${u.rule_slots} / ${u.limits.max_rule_slots}`)}${card(t('created'), html`<${When} at=${u.created_at} />`)}</dl>
    <p class="buttons"><${Act} label=${t('grant')} ask=${t('grant.ask')} disabled=${!may.admin} fields=${[{ name: 'amount', label: t('grant.amount'), type: 'number' }, { name: 'reason', label: t('reason') }]} act=${(f) => send('credits', 'POST', { amount: Number(f.amount), reason: f.reason })} />
      <${Act} label=${t('setplan')} ask=${t('plan.ask')} disabled=${!may.admin} fields=${[{ name: 'plan', label: t('plan'), value: u.plan }]} act=${(f) => send('plan', 'PUT', { plan: f.plan })} />
      ${u.revoked ? html`<${Act} label=${t('unrevoke')} ask="" disabled=${!may.operate} act=${() => send('revoke', 'POST', { revoked: false })} />` : html`<${Act} label=${t('revoke')} ask=${t('revoke.ask')} danger disabled=${!may.operate} act=${() => send('revoke', 'POST', { revoked: true })} />`}
      <a href=${'#/jobs'}>${t('jobs')}</a></p>
    <h2>${t('ledger')}</h2><${Table} caption=${t('ledger')} none=${t('ledger.none')} head=${[t('at'), t('type'), t('amount'), t('balance'), t('ref')]}
      rows=${u.events.map((e) => ({ key: e.id, cells: [html`<${When} at=${e.created_at} />`, e.type, e.amount > 0 ? `+${e.amount}` : e.amount, e.balance, html`<span class="id">${e.ref}</span>`] }))} />
    ${page.buttons}`;
}

// The dashboard: who is logged in, which page is shown.
import { html, render, useEffect, useState } from '/admin/lib/preact-htm.js';
import { call, get, session } from '/admin/api.js';
import { switchLanguage, t } from '/admin/words.js';
import { Failure } from '/admin/parts.js';
import { Overview } from '/admin/overview.js';
import { Job, Jobs } from '/admin/jobs.js';
import { Queue } from '/admin/queue.js';
import { Workers } from '/admin/workers.js';
import { User, Users } from '/admin/users.js';
import { Config } from '/admin/config.js';
import { Webhooks } from '/admin/webhooks.js';
import { Audit } from '/admin/audit.js';
import { Tail } from '/admin/tail.js';

const pages = { overview: Overview, jobs: Jobs, queue: Queue, workers: Workers, users: Users, config: Config, webhooks: Webhooks, audit: Audit, tail: Tail };

// where reads the address: #/jobs/j_1 is the page of one job.
function where() {
  const [page, id] = location.hash.replace(/^#\/?/, '').split('/');
  return { page: pages[page] ? page : 'overview', id: id ? decodeURIComponent(id) : '' };
}

function App() {
  const [who, setWho] = useState(undefined); // undefined: not known yet; null: nobody
  const [over, setOver] = useState(false);
  const [at, setAt] = useState(where());
  const [, redraw] = useState(0);
  const enter = (s) => { session(s, () => { setOver(true); setWho(null); }); setOver(false); setWho(s); };
  useEffect(() => {
    get('/admin/session').then(enter, () => { session(null, () => {}); setWho(null); });
    const moved = () => { setAt(where()); document.querySelector('main')?.focus(); };
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  useEffect(() => { document.title = `${t(at.page)}${at.id ? ' ' + at.id : ''} · Stoker`; });
  const speak = html`<button lang=${t('language') === 'English' ? 'en' : 'ko'} onClick=${() => { switchLanguage(); redraw((n) => n + 1); }}>${t('language')}</button>`;
  if (who === undefined) return html`<main><p>${t('loading')}</p></main>`;
  if (!who) return html`<${LogIn} enter=${enter} over=${over} speak=${speak} />`;
  const Page = at.page === 'jobs' && at.id ? Job : at.page === 'users' && at.id ? User : pages[at.page];
  const may = { operate: who.scope !== 'read', admin: who.scope === 'admin' };
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.querySelector('main').focus(); }}>${t('skip')}</a>
    <header><strong><img src="/admin/icon.svg" alt="" />Stoker</strong>
      <nav aria-label="Stoker">${Object.keys(pages).map((p) => html`<a href=${'#/' + p} aria-current=${at.page === p ? 'page' : null}>${t(p)}</a>`)}<a href="/docs">${t('api')}</a></nav>
      ${speak}<button onClick=${() => call('DELETE', '/admin/session').then(() => setWho(null))}>${t('logout')} (${who.name})</button></header>
    <main id="main" tabindex="-1" key=${at.page + at.id}>${who.scope === 'read' && html`<p><small>${t('forbidden')}</small></p>`}<${Page} id=${at.id} may=${may} /></main>`;
}

function LogIn({ enter, over, speak }) {
  const [error, setError] = useState(null);
  const send = async (event) => {
    event.preventDefault();
    try {
      enter(await call('POST', '/admin/session', { token: new FormData(event.target).get('token') }));
    } catch (e) { setError(e); }
  };
  return html`<main class="login"><h1>Stoker</h1>
    ${over && html`<p role="status">${t('login.over')}</p>`}
    <form onSubmit=${send}><label>${t('login.ask')}<input name="token" type="password" required autocomplete="current-password" autofocus /></label>
    <small>${t('login.help')}</small><${Failure} error=${error} /><button class="main">${t('login')}</button></form><p>${speak}</p></main>`;
}

render(html`<${App} />`, document.getElementById('app'));

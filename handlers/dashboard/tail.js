import { html, useEffect, useRef, useState } from '/admin/lib/preact-htm.js';
import { t } from '/admin/words.js';
import { Badge, query } from '/admin/parts.js';

const most = 300; // lines that are kept on the page

// Tail shows every change as it happens. The browser resumes a broken stream by
// itself, behind the last event it has seen.
export function Tail() {
  const [lines, setLines] = useState([]);
  const [f, setF] = useState({ job: '', user: '', event: '' });
  const [on, setOn] = useState(true);
  const [broken, setBroken] = useState(false);
  const fresh = useRef([]);
  useEffect(() => {
    if (!on) return undefined;
    const s = new EventSource('/admin/tail' + query(f));
    s.onopen = () => setBroken(false);
    s.onerror = () => setBroken(true);
    s.addEventListener('change', (e) => fresh.current.push(JSON.parse(e.data)));
    const timer = setInterval(() => { // drawn in steps: a hot cluster has thousands a second
      if (!fresh.current.length) return;
      const came = fresh.current.splice(0).reverse();
      setLines((was) => [...came, ...was].slice(0, most));
    }, 250);
    return () => { s.close(); clearInterval(timer); };
  }, [on, f.job, f.user, f.event]);
  const pick = (name) => (e) => { setLines([]); setF({ ...f, [name]: e.target.value.trim() }); };
  const tell = (l) => [l.job_id && html`<a class="id" href=${'#/jobs/' + l.job_id}>${l.job_id}</a>`, l.item != null && `#${l.item}`, l.to && html`<${Badge} of=${l.to} />`, l.user_id, l.worker, l.node,
    l.amount && `${l.amount > 0 ? '+' : ''}${l.amount} → ${l.balance}`, l.action, l.subject, l.code && html`<span class="failed">${l.code}</span>`, l.detail].filter((x) => x || x === 0).map((x) => html` ${x}`);
  return html`<h1>${t('tail')} ${on && html`<small role="status">${broken ? t('tail.gone') : t('connected')}</small>`}</h1>
    <p class="filters"><label>${t('job')}<input onChange=${pick('job')} placeholder="j_…" /></label><label>${t('user')}<input onChange=${pick('user')} placeholder="u_…" /></label><label>${t('event')}<input onChange=${pick('event')} placeholder="job, item, credits …" /></label>
      <button onClick=${() => setOn(!on)}>${on ? t('tail.stop') : t('tail.follow')}</button></p>
    ${lines.length === 0 && html`<p><small>${t('tail.none')}</small></p>`}
    <ul class="log" aria-label=${t('tail')}>${lines.map((l) => html`<li key=${l.id}><small>${l.at.slice(11, 23)} ${l.index}.${l.ordinal}</small> <strong>${l.event}</strong>${tell(l)}</li>`)}</ul>`;
}

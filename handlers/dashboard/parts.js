// What every page is made of.
import { html, useEffect, useRef, useState } from '/admin/lib/preact-htm.js';
import { t } from '/admin/words.js';
import { get } from '/admin/api.js';

// usePoll asks again and again while the page is shown and visible.
export function usePoll(load, every, on) {
  const [state, set] = useState({ value: null, error: null });
  const [turn, again] = useState(0);
  useEffect(() => {
    let live = true, timer;
    const ask = async () => {
      if (document.hidden) { timer = setTimeout(ask, every); return; }
      try {
        const value = await load();
        if (live) set({ value, error: null });
      } catch (error) {
        if (live) set((was) => ({ value: was.value, error }));
      }
      if (live && every) timer = setTimeout(ask, every);
    };
    ask();
    return () => { live = false; clearTimeout(timer); };
  }, [...on, turn]);
  return { ...state, again: () => again((n) => n + 1) };
}

export const Failure = ({ error }) => error && html`<p class="failure" role="alert">${error.message}${
  (error.fields || []).map((f) => html` <span>${f.field}: ${f.reason}.</span>`)}</p>`;

export const Badge = ({ of }) => html`<span class="badge ${String(of).toLowerCase()}">${t('status.' + of, of)}</span>`;

export function When({ at }) {
  if (!at) return '–';
  const d = new Date(at);
  return html`<time datetime=${at} title=${at}>${d.toLocaleDateString() === new Date().toLocaleDateString() ? d.toLocaleTimeString() : d.toLocaleString()}</time>`;
}

// Table has a head that stays, and says what is not there. Rows are arrays of cells.
export function Table({ caption, head, rows, none }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table>
    <caption class="hidden">${caption}</caption>
    <thead><tr>${head.map((h) => html`<th scope="col">${h || html`<span class="hidden">${t('actions')}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((r) => html`<tr key=${r.key}>${r.cells.map((c) => html`<td>${c}</td>`)}</tr>`)}
    ${rows.length === 0 && html`<tr><td colspan=${head.length} class="none">${none}</td></tr>`}</tbody></table></div>`;
}

// Pages shows a list that comes page by page: load(cursor) gives {rows, next}.
export function usePages(load, on) {
  const [trail, set] = useState([null]);
  useEffect(() => set([null]), on);
  const cursor = trail[trail.length - 1];
  const state = usePoll(() => load(cursor), 5000, [...on, cursor]);
  const next = state.value?.next;
  const buttons = html`<p class="pager">
    <button disabled=${trail.length < 2} onClick=${() => set(trail.slice(0, -1))}>${t('newer')}</button>
    <button disabled=${!next} onClick=${() => set([...trail, next])}>${t('older')}</button></p>`;
  return { ...state, buttons };
}

// Act is a button that asks before it acts, and says what came of it.
export function Act({ label, ask, fields = [], act, done, danger, disabled }) {
  const dialog = useRef(null);
  const [state, set] = useState({ busy: false, error: null, said: '' });
  const send = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    set({ busy: true, error: null, said: '' });
    try {
      const answer = await act(given);
      set({ busy: false, error: null, said: (done && done(answer)) || t('done') });
      dialog.current.close();
    } catch (error) {
      set({ busy: false, error, said: '' });
    }
  };
  return html`<span class="act">
    <button class=${danger ? 'danger' : ''} disabled=${disabled} onClick=${() => { set({ busy: false, error: null, said: '' }); dialog.current.showModal(); }}>${label}</button>
    <span role="status" class="said">${state.said}</span>
    <dialog ref=${dialog} aria-label=${label}><form onSubmit=${send}>
      <h2>${label}</h2><p>${ask}</p>
      ${fields.map((f) => html`<label>${f.label}<input name=${f.name} type=${f.type || 'text'} required=${f.required !== false} value=${f.value ?? ''} maxlength="500" autocomplete="off" /></label>`)}
      <${Failure} error=${state.error} />
      <p class="buttons"><button type="button" onClick=${() => dialog.current.close()}>${t('back')}</button>
      <button class=${danger ? 'danger' : 'main'} disabled=${state.busy}>${label}</button></p>
    </form></dialog></span>`;
}

export const bytes = (n) => {
  if (n == null || n < 0) return '–';
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) { if (n < 1024) return `${n < 10 && unit !== 'B' ? n.toFixed(1) : Math.round(n)} ${unit}`; n /= 1024; }
  return `${n.toFixed(1)} TiB`;
};

export const query = (o) => {
  const q = new URLSearchParams(Object.entries(o).filter(([, v]) => v !== '' && v != null));
  return q.size ? '?' + q : '';
};

export { get };

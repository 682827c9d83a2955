// The API as the page calls it: the same routes as everybody's, by the log-in's cookie.

let csrf = '';
let onLoggedOut = () => {};

export function session(s, loggedOut) {
  csrf = s ? s.csrf : '';
  if (loggedOut) onLoggedOut = loggedOut;
}

// Refused is an answer that is no success.
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message || `HTTP ${status}`);
    this.status = status;
    this.code = error?.code || '';
    this.fields = error?.fields || [];
  }
}

export async function call(method, path, body, key) {
  const headers = {};
  if (method !== 'GET') {
    headers['X-Stoker-CSRF'] = csrf;
    if (key) headers['Idempotency-Key'] = key;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
  }
  const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await response.text();
  let answer = null;
  try { answer = JSON.parse(text); } catch { /* a proxy's page: the status says enough */ }
  if (!response.ok || !answer?.success) {
    if (response.status === 401 && path !== '/admin/session') onLoggedOut();
    throw new Refused(response.status, answer?.error);
  }
  return answer.data;
}

export const get = (path) => call('GET', path);

// change sends a command once: the key is the same when it is tried again after a lost answer.
export async function change(method, path, body) {
  const key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now();
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(method, path, body, key);
    } catch (err) {
      const again = !(err instanceof Refused) || err.status === 503 || err.status === 504;
      if (!again || attempt === 3) throw err;
      await new Promise((done) => setTimeout(done, 300 * 2 ** attempt));
    }
  }
}

// numbers reads this node's /metrics: a list of {name, labels, value}.
export async function numbers() {
  const response = await fetch('/metrics');
  if (!response.ok) throw new Refused(response.status, null);
  const out = new Map();
  for (const line of (await response.text()).split('\n')) {
    if (!line || line[0] === '#') continue;
    const m = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!m) continue;
    const labels = {};
    for (const [, name, value] of (m[2] || '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    if (!out.has(m[1])) out.set(m[1], []);
    out.get(m[1]).push({ labels, value: m[3] === '+Inf' ? Infinity : Number(m[3]) });
  }
  return out;
}

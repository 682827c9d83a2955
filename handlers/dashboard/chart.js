// Charts that move: a window of the last minutes, drawn by uPlot.
import { html, useEffect, useRef } from '/admin/lib/preact-htm.js';
import uPlot from '/admin/lib/uplot.js';

const colours = ['--line1', '--line2', '--line3'];

// Chart draws series of points. data is [times, values, …]; names are the series'.
export function Chart({ title, unit, names, data }) {
  const box = useRef(null), plot = useRef(null);
  useEffect(() => {
    const style = getComputedStyle(document.documentElement), colour = (v) => style.getPropertyValue(v).trim();
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--edge'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
    plot.current = new uPlot({
      width: box.current.clientWidth, height: 150, legend: { live: false }, cursor: { show: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] } },
      axes: [axis, { ...axis, size: 52 }],
      series: [{}, ...names.map((label, i) => ({ label, stroke: colour(colours[i]), width: 2, points: { show: false } }))],
    }, data, box.current);
    const fit = new ResizeObserver(() => box.current && plot.current.setSize({ width: box.current.clientWidth, height: 150 }));
    fit.observe(box.current);
    return () => { fit.disconnect(); plot.current.destroy(); };
  }, [names.join()]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  const last = names.map((n, i) => `${n} ${round(data[i + 1][data[0].length - 1])}`).join(', ');
  return html`<figure class="chart"><figcaption>${title} <small>${unit}</small></figcaption>
    <div ref=${box} role="img" aria-label=${`${title} (${unit}): ${last}`}></div></figure>`;
}

const round = (n) => (n == null || Number.isNaN(n) ? '–' : n >= 100 ? Math.round(n) : Math.round(n * 100) / 100);

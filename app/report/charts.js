"use strict";
// Small drawing helpers: elements, scales, formats, and the five kinds of charts. Text from the data
// goes into text nodes and attributes of drawings alone, never into markup.
const Charts = (() => {
  const svgSpace = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined) node.append(child);
    }
    return node;
  }
  const html = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(svgSpace, tag), attributes, children);

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const count = (value) => Math.round(value).toLocaleString("en-US");
  const percent = (share, digits = 2) => (100 * share).toFixed(digits) + "\u00a0%";
  const tiny = (value) => (value === 0 ? "0" : value.toExponential(1).replace("e-", "e\u2212").replace("e+", "e"));
  function seconds(value) {
    if (value < 1) return (1000 * value).toFixed(0) + "\u00a0ms";
    if (value < 120) return value.toFixed(value < 10 ? 1 : 0) + "\u00a0s";
    if (value < 7200) return Math.floor(value / 60) + " min " + Math.round(value % 60) + " s";
    return (value / 3600).toFixed(1) + " h";
  }
  function bytes(value) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) { value /= 1000; ++unit; }
    return value.toFixed(unit === 0 || value >= 100 ? 0 : 1) + "\u00a0" + units[unit];
  }
  const shorten = (text, most) => (Array.from(text).length > most ? Array.from(text).slice(0, most - 1).join("") + "\u2026" : text);

  // draw(width) fills the box, again whenever its width changes.
  function responsive(box, draw) {
    let width = 0;
    const redraw = () => {
      const now = Math.floor(box.clientWidth);
      if (now > 0 && now !== width) { width = now; box.replaceChildren(...[draw(now)].flat()); }
    };
    redraw();
    new ResizeObserver(redraw).observe(box);
  }

  // About `most` round numbers that cover [low, high].
  function ticks(low, high, most) {
    const raw = (high - low) / Math.max(1, most);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw * 0.999);
    const list = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) list.push(k * step);
    return list;
  }
  const powersOfTen = (low, high) => {
    const list = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); ++e) list.push(10 ** e);
    return list;
  };

  function mark(series) {
    const key = svg("svg", { viewBox: "0 0 24 12", "aria-hidden": "true" });
    if (series.line) key.append(svg("path", { d: "M1 6H23", stroke: series.color, "stroke-width": series.width || 2, "stroke-dasharray": series.dash, "stroke-opacity": series.opacity, fill: "none" }));
    if (series.dots) key.append(svg("circle", { cx: 12, cy: 6, r: 4, fill: series.hollow ? "var(--card)" : series.color, stroke: series.color, "stroke-width": 2 }));
    return key;
  }
  const legend = (list) => html("ul", { class: "legend" }, list.map((s) => html("li", {}, mark(s), s.name)));

  // Series of {x, y} over iterations, with a crosshair that reads all of them. options: height, log,
  // format, low, high, limit {value, name}.
  function lines(box, all, options) {
    const series = all.filter((s) => s.points.length > 0);
    const xs = [...new Set(series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
    const ys = series.flatMap((s) => s.points.map((p) => p.y)).concat(options.limit ? [options.limit.value] : []).filter((y) => isNumber(y) && (!options.log || y > 0));
    if (ys.length === 0) { box.append(html("p", { class: "about" }, "Nothing was measured.")); return; }
    responsive(box, (width) => {
      const height = options.height, left = 54, right = 14, top = 10, bottom = 34;
      let low = Math.min(...ys), high = Math.max(...ys);
      let marks;
      if (options.log) {
        marks = powersOfTen(low, high);
        low = marks[0]; high = marks[marks.length - 1];
        if (low === high) { high = low * 10; marks.push(high); }
        while (marks.length > 6) marks = marks.filter((_, i) => i % 2 === 0);
      } else {
        const pad = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
        low = Math.max(options.low ?? -Infinity, low - pad); high = Math.min(options.high ?? Infinity, high + pad);
        marks = ticks(low, high, 5);
      }
      const value = (y) => (options.log ? Math.log10(Math.max(y, low)) : y);
      const first = xs[0], last = xs[xs.length - 1];
      const inset = 12;
      const x = (v) => (first === last ? (left + width - right) / 2 : left + inset + ((v - first) / (last - first)) * (width - left - right - 2 * inset));
      const y = (v) => height - bottom - ((value(v) - value(low)) / (value(high) - value(low))) * (height - top - bottom);
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": options.label });
      for (const m of marks) {
        picture.append(svg("line", { x1: left, x2: width - right, y1: y(m), y2: y(m), stroke: "var(--line)" }));
        picture.append(svg("text", { x: left - 8, y: y(m) + 4, "text-anchor": "end" }, options.log ? tiny(m) : options.tick(m)));
      }
      const every = Math.ceil(xs.length / Math.max(2, Math.floor((width - left) / 46)));
      xs.forEach((v, i) => {
        if (i % every === 0) picture.append(svg("text", { x: x(v), y: height - bottom + 18, "text-anchor": "middle" }, String(v)));
      });
      picture.append(svg("text", { x: (left + width - right) / 2, y: height - 1, "text-anchor": "middle" }, "iteration"));
      if (options.limit) {
        const at = y(options.limit.value);
        picture.append(svg("line", { x1: left, x2: width - right, y1: at, y2: at, stroke: "var(--orange)", "stroke-width": 1.5, "stroke-dasharray": "5 4" }));
        picture.append(svg("text", { x: left + 6, y: at + 15, style: "fill:var(--orange)" }, options.limit.name));
      }
      for (const s of series) {
        if (s.line) picture.append(svg("path", { d: s.points.map((p, i) => (i ? "L" : "M") + x(p.x).toFixed(1) + " " + y(p.y).toFixed(1)).join(""), fill: "none", stroke: s.color, "stroke-width": s.width || 2, "stroke-dasharray": s.dash, "stroke-opacity": s.opacity, "stroke-linejoin": "round", "stroke-linecap": "round" }));
      }
      for (const s of series) {
        if (s.dots) for (const p of s.points) picture.append(svg("circle", { cx: x(p.x), cy: y(p.y), r: s.small ? 3.2 : 4.5, fill: s.hollow ? "var(--card)" : s.color, stroke: s.hollow ? s.color : "var(--card)", "stroke-width": 1.6 }));
      }
      const cross = svg("line", { y1: top, y2: height - bottom, stroke: "var(--grey)", "stroke-dasharray": "2 3", visibility: "hidden" });
      picture.append(cross);
      const tip = html("div", { class: "tip", hidden: "" });
      const show = (event) => {
        const at = event.clientX - picture.getBoundingClientRect().left;
        const near = xs.reduce((best, v) => (Math.abs(x(v) - at) < Math.abs(x(best) - at) ? v : best));
        tip.replaceChildren(html("b", {}, `Iteration ${near}`), ...series.map((s) => {
          const point = s.points.find((p) => p.x === near);
          return point ? html("div", {}, `${s.name}: ${options.format(point.y)}`) : "";
        }));
        tip.hidden = false;
        const middle = x(near), half = tip.offsetWidth + 14;
        tip.style.left = `${Math.max(0, middle + half > width ? middle - half : middle + 14)}px`;
        tip.style.top = `${top}px`;
        cross.setAttribute("x1", middle); cross.setAttribute("x2", middle); cross.setAttribute("visibility", "visible");
      };
      picture.addEventListener("pointermove", show);
      picture.addEventListener("pointerleave", () => { tip.hidden = true; cross.setAttribute("visibility", "hidden"); });
      return [legend(series), html("div", { style: "position:relative" }, picture, tip)];
    });
  }

  // counts[truth][prediction].
  function confusion(box, counts, names) {
    responsive(box, (width) => {
      const n = names.length;
      const longest = Math.max(...names.map((s) => Array.from(s).length));
      const labelled = n <= 40, turned = longest > 3;
      const most = Math.min(14, longest);
      const left = labelled ? 24 + Math.min(width * 0.28, most * 7.2) : 24;
      const cell = Math.min(n <= 5 ? 84 : 54, (width - left - 4) / n);
      const top = labelled ? 26 + (turned ? most * 5.4 : 14) : 26;
      const over = turned && labelled ? most * 4 : 0;
      const used = Math.min(cell, (width - left - 4 - over) / n);
      const size = used * n;
      const picture = svg("svg", { viewBox: `0 0 ${width} ${top + size + 4}`, height: top + size + 4, role: "img", "aria-label": "Confusion matrix: rows are true classes, columns predictions" });
      picture.append(svg("text", { x: left, y: 12 }, "predicted \u2192"));
      picture.append(svg("text", { transform: `translate(12 ${top}) rotate(-90)`, "text-anchor": "end" }, "\u2190 true class"));
      const gap = used > 12 ? 2 : 0.5;
      counts.forEach((row, i) => {
        const sum = row.reduce((a, b) => a + b, 0) || 1;
        if (labelled) {
          picture.append(svg("text", { x: left - 7, y: top + (i + 0.5) * used + 4, "text-anchor": "end" }, shorten(names[i], 14)));
          const cx = left + (i + 0.5) * used;
          picture.append(turned ? svg("text", { transform: `translate(${cx + 3} ${top - 6}) rotate(-40)` }, shorten(names[i], 14))
            : svg("text", { x: cx, y: top - 7, "text-anchor": "middle" }, names[i]));
        }
        row.forEach((value, j) => {
          const share = value / sum, right = i === j;
          const strength = value === 0 ? 0 : right ? 0.18 + 0.82 * share * share : Math.min(1, 0.14 + 2.2 * Math.sqrt(share) * 0.6);
          const x = left + j * used, y = top + i * used;
          const group = svg("g", {}, svg("title", {}, `${names[i]} taken for ${names[j]}: ${count(value)} of ${count(sum)}`),
            svg("rect", { x: x + gap / 2, y: y + gap / 2, width: used - gap, height: used - gap, rx: Math.min(5, used / 6), fill: "var(--faint)" }));
          if (value > 0) {
            group.append(svg("rect", { x: x + gap / 2, y: y + gap / 2, width: used - gap, height: used - gap, rx: Math.min(5, used / 6), fill: right ? "var(--blue)" : "var(--orange)", "fill-opacity": strength.toFixed(3) }));
            const text = String(value), font = Math.min(14, used * 0.42, (used - 4) / text.length * 1.6);
            if (font >= 7) group.append(svg("text", { x: x + used / 2, y: y + used / 2 + font * 0.36, "text-anchor": "middle", style: `font-size:${font}px;font-weight:600;fill:${strength > 0.55 ? "var(--on-strong)" : "var(--ink)"}` }, text));
          }
          picture.append(group);
        });
      });
      return picture;
    });
  }

  // Rows of {name, value, text, color}, as long as their share of the largest value.
  function bars(box, rows, most) {
    const largest = most || Math.max(...rows.map((r) => r.value), 1e-300);
    for (const row of rows) {
      box.append(html("div", { class: "bar" },
        html("div", { class: "label" }, html("span", { title: row.name }, row.name), html("span", {}, row.text)),
        html("div", { class: "track" }, html("span", { class: "fill", style: `width:${(100 * Math.min(1, row.value / largest)).toFixed(2)}%;background:${row.color || "var(--blue)"}` }))));
    }
  }

  // Series of {x, y} on the unit square, and what the diagonal stands for. Dots have areas by their
  // weights.
  function unitSquare(box, series, options) {
    if (series.every((s) => s.points.length === 0)) { box.append(html("p", { class: "about" }, "There are no rows to draw it from.")); return; }
    responsive(box, (width) => {
      const left = 40, right = 8, top = 8, bottom = 40;
      const size = Math.min(width - left - right, 380);
      const x = (v) => left + v * size, y = (v) => top + (1 - v) * size;
      const height = top + size + bottom;
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": options.label });
      for (const v of [0, 0.25, 0.5, 0.75, 1]) {
        picture.append(svg("line", { x1: x(0), x2: x(1), y1: y(v), y2: y(v), stroke: "var(--line)" }), svg("line", { x1: x(v), x2: x(v), y1: y(0), y2: y(1), stroke: "var(--line)" }));
        picture.append(svg("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end" }, String(v)), svg("text", { x: x(v), y: y(0) + 17, "text-anchor": "middle" }, String(v)));
      }
      picture.append(svg("text", { x: x(0.5), y: y(0) + 35, "text-anchor": "middle" }, options.across));
      picture.append(svg("text", { transform: `translate(11 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" }, options.up));
      if (options.diagonal) picture.append(svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), stroke: "var(--grey)", "stroke-dasharray": "4 4" }));
      if (isNumber(options.level)) picture.append(svg("line", { x1: x(0), y1: y(options.level), x2: x(1), y2: y(options.level), stroke: "var(--grey)", "stroke-dasharray": "4 4" }));
      const heaviest = Math.max(...series.flatMap((s) => s.points.map((p) => p.weight || 0)), 1);
      for (const s of series) {
        if (s.line) picture.append(svg("path", { d: s.points.map((p, i) => (i ? "L" : "M") + x(p.x).toFixed(1) + " " + y(p.y).toFixed(1)).join(""), fill: "none", stroke: s.color, "stroke-width": 2, "stroke-dasharray": s.dash, "stroke-linejoin": "round" }, svg("title", {}, s.title || s.name)));
        if (s.dots) for (const p of s.points) picture.append(svg("g", {}, svg("title", {}, p.title || ""), svg("circle", { cx: x(p.x), cy: y(p.y), r: 3 + 6 * Math.sqrt((p.weight || 0) / heaviest), fill: s.color, "fill-opacity": 0.75 })));
      }
      return series.length > 1 ? [picture, legend(series)] : picture;
    });
  }

  return { html, svg, isNumber, count, percent, tiny, seconds, bytes, shorten, responsive, lines, unitSquare, legend, confusion, bars };
})();

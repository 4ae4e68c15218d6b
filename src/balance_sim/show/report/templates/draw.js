"use strict";
/* What the explorer and the live page share: a point, drawn on the charts of the page. `data`: see explore/data.py. */
function drawer(data) {
  const dials = data.dials, scale = data.scale;
  const inputs = dials.map((_, k) => document.getElementById("dial-" + k));
  const SVG = "http://www.w3.org/2000/svg";
  const range = [0, 0];
  let most = scale, reach = 1;

  function make(name, attributes, words) {
    const one = document.createElementNS(SVG, name);
    for (const key in attributes) one.setAttribute(key, attributes[key]);
    if (words !== undefined) one.textContent = words;
    return one;
  }
  const clean = (text) => (Number(text) === 0 ? text.replace("-", "") : text);
  const number = (value, digits) => (value === null ? "-" : clean((value / scale).toFixed(digits)));
  const signed = (value, digits) => { const text = number(value, digits); return Number(text) > 0 ? "+" + text : text; };
  const word = (dial, place) => dials[dial].words[place];
  const last = () => data.days[data.days.length - 1];

  /* The axes hold every point that was seen, so that two points can be compared. */
  function widen(points) {
    for (const point of points) {
      for (const value of [...point.e, ...point.l, ...point.h]) {
        if (value === null) continue;
        range[0] = Math.min(range[0], value);
        range[1] = Math.max(range[1], value);
      }
      if (point.q) for (const value of point.q[2]) most = Math.max(most, value);
      for (const row of point.s) reach = Math.max(reach, Math.abs(row[1]));
    }
    const least = 0.001 * scale - (range[1] - range[0]);  // finer than four decimals nothing is told
    if (least > 0) { range[0] -= least / 2; range[1] += least / 2; }
  }

  function ticks(low, high, wanted) {
    const raw = (high - low) / wanted, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k++) out.push(k * step);
    return { values: out, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  const box = { left: 58, right: 14, top: 12, bottom: 40, width: 460, height: 270 };
  function frame(svg, low, high) {
    svg.replaceChildren();
    const x = (day) => box.left + (box.width - box.left - box.right) * day / last();
    const y = (value) => box.height - box.bottom - (box.height - box.top - box.bottom) * (value - low) / (high - low);
    svg.append(make("path", { class: "axis", d: "M" + box.left + " " + box.top + "V" + (box.height - box.bottom) + "H" + (box.width - box.right) }));
    const up = ticks(low / scale, high / scale, 5);
    for (const value of up.values) {
      svg.append(make("line", { class: "tick", x1: box.left - 4, x2: box.left, y1: y(value * scale), y2: y(value * scale) }));
      svg.append(make("text", { x: box.left - 7, y: y(value * scale) + 4, "text-anchor": "end" }, clean(value.toFixed(up.digits))));
    }
    const along = ticks(0, last(), 5);
    for (const day of along.values) {
      svg.append(make("line", { class: "tick", x1: x(day), x2: x(day), y1: box.height - box.bottom, y2: box.height - box.bottom + 4 }));
      svg.append(make("text", { x: x(day), y: box.height - box.bottom + 18, "text-anchor": "middle" }, String(day)));
    }
    svg.append(make("text", { class: "quiet", x: (box.left + box.width) / 2, y: box.height - 6, "text-anchor": "middle" }, "days after the event"));
    return { x, y };
  }
  const way = (values, days, to) => values.map((v, k) => (k ? "L" : "M") + to.x(days[k]).toFixed(1) + " " + to.y(v).toFixed(1)).join("");
  function between(low, high, days, to) {
    const back = high.map((v, k) => [to.x(days[k]), to.y(v)]).reverse();
    return way(low, days, to) + back.map((p) => "L" + p[0].toFixed(1) + " " + p[1].toFixed(1)).join("") + "Z";
  }

  function drawExcess(point) {
    const svg = document.getElementById("excess"), to = frame(svg, range[0], range[1]), end = point.e.length - 1;
    svg.append(make("line", { class: "zero", x1: box.left, x2: box.width - box.right, y1: to.y(0), y2: to.y(0) }));
    if (point.l[end] !== null) svg.append(make("path", { class: "band", d: between(point.l, point.h, data.windows, to) }));
    svg.append(make("path", { class: "line", d: way(point.e, data.windows, to) }));
    point.e.forEach((v, k) => svg.append(make("circle", { class: "here", cx: to.x(data.windows[k]), cy: to.y(v), r: 3.5 })));
    svg.setAttribute("aria-label", "Effect by the end of each window" + (point.l[end] === null ? ": " : " with its 95 % CI: ") + signed(point.e[end], 3) + " by day " + data.window);
  }
  function drawFan(point) {
    const svg = document.getElementById("fan");
    if (!point.q) {
      svg.replaceChildren(make("text", { class: "quiet", x: box.left, y: 26 }, "Replications have a spread; expected numbers have none."));
      svg.setAttribute("aria-label", "Counter-balancing agreements: no replications");
      return;
    }
    const to = frame(svg, 0, most), end = point.m.length - 1;
    svg.append(make("path", { class: "spread", d: between(point.q[0], point.q[2], data.days, to) }));
    svg.append(make("path", { class: "base", d: way(point.m, data.days, to) }));
    svg.append(make("path", { class: "with", d: way(point.w, data.days, to) }));
    svg.append(make("text", { x: box.left + 10, y: 26 }, "solid: mean, " + data.reference));
    svg.append(make("text", { x: box.left + 10, y: 42 }, "dashed: mean, " + data.arm));
    svg.append(make("text", { class: "quiet", x: box.left + 10, y: 58 }, "grey: 90 %, " + data.reference + ", with"));
    svg.append(make("text", { class: "quiet", x: box.left + 10, y: 74 }, data.band));
    svg.setAttribute("aria-label", "Counter-balancing agreements by day " + last() + ": mean " + number(point.m[end], 1) + " in " + data.reference + ", 90 % from " + number(point.q[0][end], 0) + " to " + number(point.q[2][end], 0) + ", with " + data.band);
  }

  const mapSvg = document.getElementById("map");
  mapSvg.append(make("path", { class: "land", d: data.map.land }));
  const shapes = data.states.map((code, k) => {
    const dot = data.map.dots[k], path = data.map.paths[k];
    const one = path ? make("path", { class: "state", d: path }) : dot ? make("circle", { class: "state", cx: dot[0], cy: dot[1], r: 5 }) : null;
    if (one) { one.append(make("title", {}, "")); mapSvg.append(one); }
    return one;
  });
  const arcs = make("g", {});
  mapSvg.append(arcs);
  function mix(from, to, share) { return "rgb(" + from.map((v, k) => Math.round(v + (to[k] - v) * share)).join(",") + ")"; }
  function drawMap(point) {
    const of = new Map(point.s.map((s) => [s[0], s]));
    const ci = (low, high) => (low === null || low === undefined ? "" : " (95 % CI " + number(low, 4) + " to " + number(high, 4) + ")");
    shapes.forEach((one, k) => {
      if (!one) return;
      const [, value, low, high] = of.get(k) || [];
      if (value === undefined) one.removeAttribute("fill");
      one.firstChild.textContent = data.names[k] + (value === undefined ? (point.n ? ": no effect beyond Monte Carlo error" : ": no effect") : ": " + signed(value, 4) + " agreements" + ci(low, high));
      if (value !== undefined) {
        const share = 0.25 + 0.75 * Math.min(1, Math.abs(value) / reach);
        one.style.fill = value > 0 ? mix([215, 233, 246], [0, 84, 140], share) : mix([251, 236, 208], [217, 130, 0], share);
      } else one.style.fill = "";
    });
    arcs.replaceChildren();
    for (const row of point.p.filter((p) => p[4])) {
      const ends = data.pairs[row[0]].map((k) => shapes[k] && shapes[k].getBBox());
      if (!ends[0] || !ends[1]) continue;
      const a = middle(data.pairs[row[0]][0], ends[0]), b = middle(data.pairs[row[0]][1], ends[1]);
      const lift = 0.18 * Math.hypot(a[0] - b[0], a[1] - b[1]);
      const arc = make("path", { class: "arc", d: "M" + a[0] + " " + a[1] + "Q" + (a[0] + b[0]) / 2 + " " + ((a[1] + b[1]) / 2 - lift) + " " + b[0] + " " + b[1] });
      const [one, other] = data.pairs[row[0]];
      arc.append(make("title", {}, data.names[one] + "\u2013" + data.names[other] + ": " + signed(row[1], 4) + ci(row[2], row[3])));
      arcs.append(arc);
    }
    const told = point.s.length;
    mapSvg.setAttribute("aria-label", "Map: " + told + " of " + data.states.length + " states show " + (point.n ? "an effect beyond Monte Carlo error" : "an expected effect"));
  }
  function middle(k, size) {
    const place = data.map.places[k];
    return place || [size.x + size.width / 2, size.y + size.height / 2];
  }

  function drawPairs(point) {
    const body = document.getElementById("pairs");
    body.replaceChildren();
    for (const row of point.p) {
      const line = document.createElement("tr"), codes = data.pairs[row[0]];
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = data.names[codes[0]] + "\u2013" + data.names[codes[1]];
      line.append(head);
      for (const [words, kind] of [[signed(row[1], 4), "n"], [row[2] === null ? "-" : number(row[2], 4) + " to " + number(row[3], 4), "n"], [row[2] === null ? "-" : row[4] ? "yes" : "no", ""]]) {
        const cell = document.createElement("td");
        cell.className = kind;
        cell.textContent = words;
        line.append(cell);
      }
      body.append(line);
    }
    if (!point.p.length) {
      const line = document.createElement("tr"), cell = document.createElement("td");
      cell.colSpan = 4;
      cell.textContent = "No dyad shows an effect.";
      line.append(cell);
      body.append(line);
    }
  }

  function draw(point) {
    drawExcess(point);
    drawFan(point);
    drawMap(point);
    drawPairs(point);
  }

  /* Under each dial: the effect at each of its places, the others as they are. find: the point of a key, if any. */
  function along(at, find) {
    dials.forEach((dial, d) => {
      const svg = document.getElementById("along-" + d), n = dial.values.length;
      svg.replaceChildren();
      if (range[0] === range[1]) return;
      const x = (k) => (n < 2 ? 120 : 8 + 224 * k / (n - 1));
      const y = (v) => 48 - 40 * (v - range[0]) / (range[1] - range[0]);
      svg.append(make("line", { class: "zero", x1: 0, x2: 240, y1: y(0), y2: y(0) }));
      const seen = [];
      for (let k = 0; k < n; k++) {
        const spot = at.slice();
        spot[d] = k;
        const point = find(spot.join(","));
        if (point === undefined) continue;
        const end = point.e.length - 1;
        if (point.l[end] !== null) svg.append(make("line", { class: "tick", x1: x(k), x2: x(k), y1: y(point.l[end]), y2: y(point.h[end]) }));
        svg.append(make("circle", { class: k === at[d] ? "here" : "spot", cx: x(k), cy: y(point.e[end]), r: k === at[d] ? 4.5 : 3 }));
        seen.push(word(d, k) + ": " + signed(point.e[end], 3));
      }
      svg.setAttribute("aria-label", "Effect along " + dial.name + (seen.length ? ": " + seen.join(", ") : ": no other point with the rest as it is"));
    });
  }

  /* Which estimator an answer is of: the expected one has no replications. */
  function estimator(point) { return point.n ? "Simulated, " + point.n + " replications" : "Expected (no random numbers)"; }

  /* The effect in words. mean, low, high: in 1/scale; day: by when. */
  function sentence(point, mean, low, high, day) {
    const told = low === null ? "" : "; 95 % CI " + number(low, 3) + " to " + number(high, 3);
    const clear = low === null || low > 0 || high < 0 ? "" : " The CI holds zero.";
    return estimator(point) + ": " + data.arm + " against " + data.reference + ": " + signed(mean, 3) + " expected counter-balancing security agreements by day " + day + told + ", on " + number(point.m[point.m.length - 1], 2) + " in the control arm." + clear;
  }

  /* The places of the dials, by way of the address too. */
  const current = () => inputs.map((input) => Number(input.value));
  function set(at) { at.forEach((place, d) => { inputs[d].value = String(place); }); }
  function fromHash() {
    const found = /^#d=([\d,]+)$/.exec(location.hash);
    const given = found ? found[1].split(",").map(Number) : [];
    return dials.map((dial, k) => (given.length === dials.length && given[k] < dial.values.length ? given[k] : dial.start));
  }
  function toHash(at) { history.replaceState(null, "", "#d=" + at.join(",")); }
  function name(at) {
    at.forEach((place, d) => {
      document.getElementById("value-" + d).textContent = word(d, place);
      inputs[d].setAttribute("aria-valuetext", word(d, place));
    });
  }
  /* moved: called after a dial was moved, or the address changed; told whether the address has to follow. */
  function listen(moved) {
    inputs.forEach((input) => input.addEventListener("input", () => moved(true)));
    document.getElementById("dials").addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("reset").addEventListener("click", () => { set(dials.map((dial) => dial.start)); moved(true); });
    window.addEventListener("hashchange", () => { set(fromHash()); moved(false); });
    set(fromHash());
    moved(false);
    document.getElementById("unscripted").remove();
  }

  return { dials, make, estimator, number, signed, word, last, widen, draw, along, sentence, current, name, toHash, listen };
}

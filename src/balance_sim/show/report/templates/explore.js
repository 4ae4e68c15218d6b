"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dials = data.dials, scale = data.scale, last = data.days.length - 1;
  const places = new Map(data.points.map((point, k) => [point.at.join(","), k]));
  const inputs = dials.map((_, k) => document.getElementById("dial-" + k));
  const SVG = "http://www.w3.org/2000/svg";

  function make(name, attributes, words) {
    const one = document.createElementNS(SVG, name);
    for (const key in attributes) one.setAttribute(key, attributes[key]);
    if (words !== undefined) one.textContent = words;
    return one;
  }
  const clean = (text) => (Number(text) === 0 ? text.replace("-", "") : text);
  const number = (value, digits) => (value === null ? "-" : clean((value / scale).toFixed(digits)));
  const signed = (value, digits) => { const text = number(value, digits); return Number(text) > 0 ? "+" + text : text; };
  const word = (dial, place) => String(dials[dial].values[place]);

  /* The point at these places; where the design has none, the nearest by places in units of each dial's length. */
  function pointAt(at) {
    const exact = places.get(at.join(","));
    if (exact !== undefined) return exact;
    let best = 0, least = Infinity;
    data.points.forEach((point, k) => {
      let far = 0;
      point.at.forEach((place, d) => { const gap = (place - at[d]) / Math.max(dials[d].values.length - 1, 1); far += gap * gap; });
      if (far < least) { least = far; best = k; }
    });
    return best;
  }

  function fromHash() {
    const found = /^#d=([\d,]+)$/.exec(location.hash);
    const given = found ? found[1].split(",").map(Number) : [];
    return dials.map((dial, k) => (given.length === dials.length && given[k] < dial.values.length ? given[k] : dial.start));
  }
  const current = () => inputs.map((input) => Number(input.value));

  const all = data.points.flatMap((point) => [...point.e, ...point.l, ...point.h]).filter((v) => v !== null);
  const range = [Math.min(0, ...reduce(all, Math.min)), Math.max(0, ...reduce(all, Math.max))];
  function reduce(values, pick) { return [values.reduce((a, b) => pick(a, b), 0)]; }
  if (range[1] - range[0] < 1) { range[0] = -50; range[1] = 50; }
  const counts = data.points.flatMap((point) => point.q[2]);
  const most = Math.max(1000, reduce(counts, Math.max)[0]);

  function ticks(low, high, wanted) {
    const raw = (high - low) / wanted, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k++) out.push(k * step);
    return { values: out, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  const box = { left: 46, right: 14, top: 12, bottom: 40, width: 460, height: 270 };
  function frame(svg, low, high) {
    svg.replaceChildren();
    const x = (day) => box.left + (box.width - box.left - box.right) * day / data.days[last];
    const y = (value) => box.height - box.bottom - (box.height - box.top - box.bottom) * (value - low) / (high - low);
    svg.append(make("path", { class: "axis", d: "M" + box.left + " " + box.top + "V" + (box.height - box.bottom) + "H" + (box.width - box.right) }));
    const up = ticks(low / scale, high / scale, 5);
    for (const value of up.values) {
      svg.append(make("line", { class: "tick", x1: box.left - 4, x2: box.left, y1: y(value * scale), y2: y(value * scale) }));
      svg.append(make("text", { x: box.left - 7, y: y(value * scale) + 4, "text-anchor": "end" }, clean(value.toFixed(up.digits))));
    }
    const along = ticks(0, data.days[last], 5);
    for (const day of along.values) {
      svg.append(make("line", { class: "tick", x1: x(day), x2: x(day), y1: box.height - box.bottom, y2: box.height - box.bottom + 4 }));
      svg.append(make("text", { x: x(day), y: box.height - box.bottom + 18, "text-anchor": "middle" }, String(day)));
    }
    svg.append(make("text", { class: "quiet", x: (box.left + box.width) / 2, y: box.height - 6, "text-anchor": "middle" }, "days after the event"));
    return { x, y };
  }
  const way = (values, to) => values.map((v, k) => (k ? "L" : "M") + to.x(data.days[k]).toFixed(1) + " " + to.y(v).toFixed(1)).join("");
  function between(low, high, to) {
    const back = high.map((v, k) => [to.x(data.days[k]), to.y(v)]).reverse();
    return way(low, to) + back.map((p) => "L" + p[0].toFixed(1) + " " + p[1].toFixed(1)).join("") + "Z";
  }

  function drawExcess(point) {
    const svg = document.getElementById("excess"), to = frame(svg, range[0], range[1]);
    svg.append(make("line", { class: "zero", x1: box.left, x2: box.width - box.right, y1: to.y(0), y2: to.y(0) }));
    if (point.l[last] !== null) svg.append(make("path", { class: "band", d: between(point.l, point.h, to) }));
    svg.append(make("path", { class: "line", d: way(point.e, to) }));
    svg.setAttribute("aria-label", "Mean excess by day with its 95 % interval: " + signed(point.e[last], 2) + " on day " + data.days[last]);
  }
  function drawFan(point) {
    const svg = document.getElementById("fan"), to = frame(svg, 0, most);
    svg.append(make("path", { class: "spread", d: between(point.q[0], point.q[2], to) }));
    svg.append(make("path", { class: "base", d: way(point.m, to) }));
    const withIt = point.m.map((v, k) => v + point.e[k]);
    svg.append(make("path", { class: "with", d: way(withIt, to) }));
    svg.append(make("text", { x: box.left + 10, y: 26 }, "solid: mean, " + data.reference));
    svg.append(make("text", { x: box.left + 10, y: 42 }, "dashed: mean, " + data.arm));
    svg.append(make("text", { class: "quiet", x: box.left + 10, y: 58 }, "grey: 90 % of runs, " + data.reference));
    svg.setAttribute("aria-label", "Counter-accords by day " + data.days[last] + ": mean " + number(point.m[last], 1) + " in " + data.reference + ", 90 % of runs from " + number(point.q[0][last], 0) + " to " + number(point.q[2][last], 0));
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
  const reach = Math.max(1, ...data.points.flatMap((point) => point.s.map((s) => Math.abs(s[1]))).slice(0, 50000));
  function mix(from, to, share) { return "rgb(" + from.map((v, k) => Math.round(v + (to[k] - v) * share)).join(",") + ")"; }
  function drawMap(point) {
    const of = new Map(point.s.map((s) => [s[0], s[1]]));
    shapes.forEach((one, k) => {
      if (!one) return;
      const value = of.get(k);
      if (value === undefined) one.removeAttribute("fill");
      one.firstChild.textContent = data.names[k] + (value === undefined ? ": not told from none" : ": " + signed(value, 3) + " partners per run");
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
      arcs.append(make("path", { class: "arc", d: "M" + a[0] + " " + a[1] + "Q" + (a[0] + b[0]) / 2 + " " + ((a[1] + b[1]) / 2 - lift) + " " + b[0] + " " + b[1] }));
    }
    const told = point.s.length;
    mapSvg.setAttribute("aria-label", "World map: the excess of " + told + " of " + data.states.length + " states can be told from none");
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
      head.textContent = data.states[codes[0]] + "-" + data.states[codes[1]];
      line.append(head);
      const percent = (value) => number(value * 100, 1);
      for (const [words, kind] of [[signed(row[1] * 100, 1), "n"], [percent(row[2]) + " to " + percent(row[3]), "n"], [row[4] ? "yes" : "no", ""]]) {
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
      cell.textContent = "No pair differs in any run.";
      line.append(cell);
      body.append(line);
    }
  }

  /* Under each dial: the excess at each of its places, the others as they are. */
  function drawAlong(at) {
    dials.forEach((dial, d) => {
      const svg = document.getElementById("along-" + d), n = dial.values.length;
      svg.replaceChildren();
      const x = (k) => (n < 2 ? 120 : 8 + 224 * k / (n - 1));
      const y = (v) => 48 - 40 * (v - range[0]) / (range[1] - range[0]);
      svg.append(make("line", { class: "zero", x1: 0, x2: 240, y1: y(0), y2: y(0) }));
      const seen = [];
      for (let k = 0; k < n; k++) {
        const spot = at.slice();
        spot[d] = k;
        const found = places.get(spot.join(","));
        if (found === undefined) continue;
        const point = data.points[found];
        if (point.l[last] !== null) svg.append(make("line", { class: "tick", x1: x(k), x2: x(k), y1: y(point.l[last]), y2: y(point.h[last]) }));
        svg.append(make("circle", { class: k === at[d] ? "here" : "spot", cx: x(k), cy: y(point.e[last]), r: k === at[d] ? 4.5 : 3 }));
        seen.push(word(d, k) + ": " + signed(point.e[last], 2));
      }
      svg.setAttribute("aria-label", "Excess along " + dial.name + (seen.length ? ": " + seen.join(", ") : ": no other point with the rest as it is"));
    });
  }

  function show(keep) {
    const at = current(), k = pointAt(at), point = data.points[k];
    at.forEach((place, d) => {
      document.getElementById("value-" + d).textContent = word(d, place);
      inputs[d].setAttribute("aria-valuetext", word(d, place));
    });
    const told = point.l[last] === null ? "" : " (95 % interval " + number(point.l[last], 2) + " to " + number(point.h[last], 2) + ")";
    const clear = point.l[last] !== null && (point.l[last] > 0 || point.h[last] < 0);
    const words = point.d === 0 ? "no run differs" : clear ? "it can be told from none" : "it cannot be told from none";
    document.getElementById("answer").textContent = "Excess of " + data.arm + " over " + data.reference + " by day " + data.days[last] + ": " + signed(point.e[last], 2) + told + " counter-accords per run, on top of " + number(point.m[last], 1) + "; " + words + ". " + point.n + " runs.";
    const same = point.at.join() === at.join();
    document.getElementById("near").textContent = same ? "" : "No point there. Shown: the nearest, " + point.at.map((p, d) => dials[d].name + " " + word(d, p)).join(", ") + ".";
    drawExcess(point);
    drawFan(point);
    drawMap(point);
    drawPairs(point);
    drawAlong(at);
    if (keep) history.replaceState(null, "", "#d=" + at.join(","));
  }
  function set(at) { at.forEach((place, d) => { inputs[d].value = String(place); }); }

  inputs.forEach((input) => input.addEventListener("input", () => show(true)));
  document.getElementById("dials").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => { set(dials.map((dial) => dial.start)); show(true); });
  window.addEventListener("hashchange", () => { set(fromHash()); show(false); });
  set(fromHash());
  show(false);
  document.getElementById("unscripted").remove();
})();

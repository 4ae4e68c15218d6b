(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = drawer(data), dials = page.dials;
  const places = new Map(data.points.map((point, k) => [point.at.join(","), k]));

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

  function show(keep) {
    const at = page.current(), point = data.points[pointAt(at)], end = point.e.length - 1;
    page.name(at);
    document.getElementById("answer").textContent = page.sentence(point, point.e[end], point.l[end], point.h[end], data.window);
    const same = point.at.join() === at.join();
    document.getElementById("near").textContent = same ? "" : "No point there. Shown: the nearest, " + point.at.map((p, d) => dials[d].name + " " + page.word(d, p)).join(", ") + ".";
    page.draw(point);
    page.along(at, (key) => data.points[places.get(key)]);
    if (keep) page.toHash(at);
  }

  if (data.estimator === "expected") document.getElementById("fan").closest("section").hidden = true;
  page.widen(data.points);
  page.listen(show);
})();

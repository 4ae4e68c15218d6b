/* The map of a run: what is pointed at says its effect; the slider replays one replication. */
(function () {
  const home = document.getElementById("replay"), map = document.getElementById("replay-map");
  if (!home || !map) return;
  const tip = document.getElementById("replay-tip");
  for (const one of map.querySelectorAll("title")) {
    one.parentNode.dataset.words = one.textContent;
    one.remove();
  }
  function point(event) {
    const one = event.target.closest("[data-words]");
    tip.hidden = !one;
    if (!one) return;
    tip.textContent = one.dataset.words;
    const frame = home.getBoundingClientRect();
    tip.style.left = Math.max(0, Math.min(event.clientX - frame.left + 12, frame.width - tip.offsetWidth)) + "px";
    tip.style.top = event.clientY - frame.top + 16 + "px";
  }
  const sea = document.getElementById("replay-sea");
  sea.scrollLeft = (sea.scrollWidth - sea.clientWidth) / 2;
  map.addEventListener("pointermove", point);
  map.addEventListener("pointerdown", point);
  map.addEventListener("pointerleave", () => { tip.hidden = true; });

  const found = document.getElementById("replay-data");
  const data = found && JSON.parse(found.textContent);
  if (!data) return;
  const slider = document.getElementById("replay-day"), date = document.getElementById("replay-date");
  const told = document.getElementById("replay-told"), first = told.textContent, play = document.getElementById("replay-play");
  const effects = document.getElementById("replay-effects"), signed = document.getElementById("replay-signed");
  const start = Date.parse(data.start + "T00:00:00Z"), DAY = 86400000;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  document.getElementById("replay-controls").hidden = false;
  const arcs = data.entries.map((one) => {
    if (!one.path) return null;
    const arc = document.createElementNS("http://www.w3.org/2000/svg", "path");
    arc.setAttribute("class", "w-arc w-new w-" + (one.way || "both"));
    arc.setAttribute("d", one.path);
    arc.setAttribute("visibility", "hidden");
    arc.dataset.words = one.date + ": " + one.words;
    signed.append(arc);
    return arc;
  });
  const dayWords = (day) => new Date(start + day * DAY).toISOString().slice(0, 10);

  function show() {
    const day = Number(slider.value), before = day < 0;
    const past = data.entries.filter((one) => one.day <= day);
    effects.setAttribute("visibility", before ? "visible" : "hidden");
    map.classList.toggle("w-replayed", !before);
    const last = past.length ? past[past.length - 1].day : -1;
    arcs.forEach((arc, k) => {
      if (!arc) return;
      arc.setAttribute("visibility", data.entries[k].day <= day ? "visible" : "hidden");
      arc.classList.toggle("w-now", data.entries[k].day === last);
    });
    const words = before ? "the effects" : dayWords(day);
    date.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    const now = past.filter((one) => one.day === last);
    told.textContent = before ? first : now.length ? now.map((one) => one.date + ": " + one.words + ".").join(" ") : "No event and no agreement yet.";
  }
  let timer = 0;
  function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; }
  function jump(to) { stop(); slider.value = String(to); show(); }
  const next = () => (data.entries.find((one) => one.day > Number(slider.value)) || { day: data.days }).day;
  slider.addEventListener("input", () => { stop(); show(); });
  document.getElementById("replay-next").addEventListener("click", () => jump(next()));
  document.getElementById("replay-back").addEventListener("click", () => {
    const past = data.entries.filter((one) => one.day < Number(slider.value));
    const reached = past.filter((one) => one.day < Math.min(Number(slider.value), past.length ? past[past.length - 1].day + 1 : 0));
    jump(reached.length ? reached[reached.length - 1].day : -1);
  });
  document.getElementById("replay-reset").addEventListener("click", () => jump(-1));
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    if (Number(slider.value) >= data.days) slider.value = "-1";
    play.textContent = "Pause";
    /* Where motion is not wanted nothing glides: from agreement to agreement, one every three seconds. */
    const step = still.matches ? () => next() : () => Number(slider.value) + 1;
    const move = () => {
      if (Number(slider.value) >= data.days) { stop(); return; }
      slider.value = String(step());
      show();
    };
    timer = setInterval(move, still.matches ? 3000 : 90);
    move();
  });
  show();
})();

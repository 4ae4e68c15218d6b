(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = drawer(data), dials = page.dials;
  const MOST_TRIED = 50, PAUSE = 120;
  const answers = new Map();  /* by places: the last answer, the one with most replications; at first the expected one */
  const channels = new Map();  /* by places: the expected effect's picture, threat and rest; null without the event */
  const PARTS = ["picture", "threat", "rest"];
  const runs = document.getElementById("runs"), progress = document.getElementById("progress");
  const near = document.getElementById("near");
  let asking = null, timer = 0, shown = "", widest = 1;

  const wanted = () => Number(runs.value);
  /* Where the dials stood for the numbers that are shown, if not where they stand for `key`. */
  function left(key) {
    if (shown === "" || shown === key) return "";
    const now = key.split(",");
    const words = shown.split(",").map((place, d) => (place === now[d] ? "" : dials[d].name + " " + page.word(d, Number(place))));
    return " Still shown: " + words.filter((one) => one !== "").join(", ") + ".";
  }

  /* An answer on the charts. It says itself how many runs it rests on. */
  function show(key, one) {
    data.days = one.days;
    data.pairs = one.pairs;
    shown = key;
    const mean = data.scale * one.effect.mean, low = one.effect.lo, high = one.effect.hi;
    const scaled = (value) => (value === null ? null : data.scale * value);
    document.getElementById("answer").textContent =
      page.sentence(one, mean, scaled(low), scaled(high), one.effect.window);
    document.getElementById("options").textContent = one.options;
    page.draw(one);
    drawChannels(channels.get(key));
    page.along(page.current(), (other) => answers.get(other));
    document.getElementById("answer").classList.remove("old");
  }

  /* The expected effect as a stacked bar: what adds to the right of zero, what takes away to the left. */
  function drawChannels(parts) {
    const svg = document.getElementById("channels"), words = document.getElementById("channel-words");
    svg.replaceChildren();
    if (!parts) {
      words.textContent = parts === null ? "The arm lacks the event: it has no channels." : "-";
      svg.setAttribute("aria-label", "No channels");
      return;
    }
    const said = PARTS.map((name, k) => name + " " + page.signed(parts[k], 4)).filter((_, k) => k < 2 || parts[k] !== 0);
    widest = Math.max(widest, ...[1, -1].map((sign) => parts.reduce((sum, value) => sum + Math.max(sign * value, 0), 0)));
    const ends = { 1: 230, "-1": 230 };
    parts.forEach((value, k) => {
      const sign = value < 0 ? -1 : 1, size = 220 * Math.abs(value) / widest;
      const left = sign > 0 ? ends[sign] : ends[sign] - size;
      if (size > 0) svg.append(page.make("rect", { class: "part-" + PARTS[k], x: left.toFixed(2), y: 8, width: size.toFixed(2), height: 26 }));
      ends[sign] += sign * size;
    });
    svg.append(page.make("line", { class: "zero", x1: 230, x2: 230, y1: 2, y2: 40 }));
    words.textContent = "Expected (no random numbers): " + said.join(", ") + ".";
    svg.setAttribute("aria-label", "Channels of the expected effect: " + said.join(", "));
  }

  /* What the numbers on the page are, while others are under way. */
  function say(text, isOld) {
    near.textContent = text;
    document.getElementById("answer").classList.toggle("old", isOld);
  }

  function keep(key, one) {
    const before = answers.get(key);
    if (before !== undefined && before.n > one.n) return;
    answers.delete(key);
    answers.set(key, one);
    page.widen([one]);
    const body = document.getElementById("tried");
    body.replaceChildren();
    for (const [at, answer] of [...answers].reverse().slice(0, MOST_TRIED)) {
      const row = document.createElement("tr"), effect = answer.effect;
      const cell = (text, kind) => { const td = document.createElement("td"); td.className = kind; td.textContent = text; row.append(td); };
      at.split(",").forEach((place, d) => cell(page.word(d, Number(place)), ""));
      cell(page.signed(data.scale * effect.mean, 3), "n");
      cell(effect.lo === null ? "-" : page.number(data.scale * effect.lo, 3) + " to " + page.number(data.scale * effect.hi, 3), "n");
      cell(answer.n ? String(answer.n) : "expected", "n");
      body.append(row);
    }
  }

  /* One request; lines of JSON as the runs are lived. */
  async function ask(at, count) {
    if (asking !== null) asking.abort();
    const mine = (asking = new AbortController());
    const key = at.join(","), values = {};
    at.forEach((place, d) => { if (place !== dials[d].start) values[dials[d].name] = dials[d].values[place]; });
    progress.max = count;
    progress.value = 0;
    try {
      const reply = await fetch("ensemble", {
        method: "POST", headers: { "Content-Type": "application/json" }, cache: "no-store", credentials: "omit",
        body: JSON.stringify({ values: values, runs: count }), signal: mine.signal,
      });
      if (!reply.ok) throw new Error((await reply.text()).trim());
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "", ended = false;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) ended = hear(key, count, JSON.parse(line)) || ended;
      }
      if (!ended && asking === mine) throw new Error("the answer broke off");
    } catch (error) {
      if (mine.signal.aborted) return;
      const gone = error instanceof TypeError;
      say((gone ? "The server does not answer; was it stopped?" : "Refused: " + error.message + ".") + left(key), shown !== key);
    } finally {
      if (asking === mine) asking = null;
    }
  }
  /* A line of an answer; whether it was the last. */
  function hear(key, count, line) {
    if (line.expected !== undefined) {
      channels.set(key, line.expected.c);
      keep(key, line.expected);
      show(key, answers.get(key));
      say(count + " replications are under way.", false);
      return false;
    }
    if (line.answer !== undefined) {
      const whole = line.answer.n >= count;
      progress.value = line.answer.n;
      keep(key, line.answer);
      show(key, answers.get(key));
      say(whole ? "" : "So far " + line.answer.n + " of " + count + " replications.", false);
      return whole;
    }
    if (line.lived !== undefined) {
      progress.value = line.lived;
      return false;
    }
    say(line.failed !== undefined ? "Failed: " + line.failed + "." + left(key) : "Stopped: " + line.stopped + "." + left(key), shown !== key);
    return true;
  }

  function moved(follow) {
    const at = page.current(), key = at.join(",");
    page.name(at);
    if (follow) page.toHash(at);
    window.clearTimeout(timer);
    const known = answers.get(key);
    if (known !== undefined) show(key, known);
    else page.along(at, (other) => answers.get(other));
    if (known !== undefined && known.n >= wanted()) {
      if (asking !== null) asking.abort();
      progress.max = progress.value = known.n;
      say("", false);
      return;
    }
    if (known === undefined) say(wanted() + " replications are under way." + left(key), shown !== key);
    timer = window.setTimeout(() => ask(at, wanted()), asking === null ? 0 : PAUSE);
  }

  runs.addEventListener("change", () => moved(false));
  page.listen(moved);
})();

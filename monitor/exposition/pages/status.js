// Fetches this very page every few seconds and takes over what has changed: one rendering, with and without a script.
"use strict";
(() => {
  const EVERY = 5000, PATIENCE = 10000;
  const silence = document.getElementById("silence");
  let timer = 0, since = null, running = false;

  const take = (now, next) => {
    if (now.innerHTML !== next.innerHTML) now.replaceChildren(...next.childNodes);
  };

  // Rows keep their place in the document while they stay the same, so that nothing flickers and focus is kept.
  const takeRows = (body, next) => {
    const known = new Map([...body.rows].map((row) => [row.id, row]));
    [...next.rows].forEach((row, index) => {
      const own = known.get(row.id) || row;
      known.delete(row.id);
      if (own !== row) [...own.cells].forEach((cell, column) => take(cell, row.cells[column]));
      if (body.rows[index] !== own) body.insertBefore(own, body.rows[index] || null);
    });
    known.forEach((row) => row.remove());
  };

  const show = (page) => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!next) return location.reload();
      if (part.tagName === "TBODY") takeRows(part, next); else take(part, next);
    }
    document.title = page.title;
  };

  const tell = (words) => {
    if (words && silence.textContent !== words) silence.textContent = words;
    silence.hidden = !words;
    document.body.classList.toggle("old", Boolean(words));
  };

  const refresh = async () => {
    if (running) return;
    running = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      const words = await answer.text();
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      const page = new DOMParser().parseFromString(words, "text/html");
      if (page.documentElement.dataset.made !== document.documentElement.dataset.made) return location.reload();
      show(page);
      since = null;
      tell("");
    } catch (error) {
      since = since || new Date();
      const reason = /^it answered/.test(error.message) ? ` (${error.message})` : "";
      tell(`The daemon has not answered since ${since.toLocaleTimeString()}${reason}: what is shown here is old.`);
    } finally {
      running = false;
      plan();
    }
  };

  const plan = () => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(refresh, EVERY);
  };

  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else refresh(); });
  plan();
})();

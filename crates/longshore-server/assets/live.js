// Keeps a page up to date: when a job came into another state (and now and then, for what is no job), the same
// page is fetched again, and what differs is put into this one.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource || !window.Idiomorph) return;
  const REST = 1000; // between two looks, in milliseconds
  const EVERY = 15000;
  const sign = document.getElementById("live");
  const say = (name, text) => { if (sign.textContent !== text) { sign.className = "live " + name; sign.textContent = text; } };

  // What people type, choose and open stays, and so does output, which has a script of its own.
  const isTouched = (field) => {
    if (field === document.activeElement) return true;
    if (field.matches("[type=checkbox]")) return field.checked !== field.defaultChecked;
    if (!field.matches("select")) return field.value !== field.defaultValue;
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(first, 0);
  };
  const callbacks = {
    beforeNodeMorphed: (before) => !(before instanceof Element && (before.id === "log" || before.matches("input:not([type=hidden]), select, textarea") && isTouched(before))),
    beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details") || name === "hidden" && node.id === "following"),
  };
  let due = 0, isLooking = false;
  async function look() {
    if (isLooking || document.hidden) return;
    isLooking = true;
    due = 0;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("main");
      if (next) window.Idiomorph.morph(main, next, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks });
      document.dispatchEvent(new Event("longshore:refreshed"));
      say("on", "live");
    } catch {
      say("off", "not up to date");
    } finally {
      isLooking = false;
      if (due) soon();
    }
  }
  let timer = 0, last = 0;
  function soon() {
    due += 1;
    if (timer) return;
    timer = setTimeout(() => { timer = 0; last = Date.now(); look(); }, Math.max(0, last + REST - Date.now()));
  }
  // Browsers keep few connections to one place: a page that nobody sees listens to nothing.
  let changes = null;
  function listen() {
    changes = new EventSource("/api/v1/changes/events" + main.dataset.live);
    for (const name of ["changes", "gap"]) changes.addEventListener(name, soon);
    changes.addEventListener("open", () => say("on", "live"));
    changes.addEventListener("error", () => say("off", "reconnecting"));
  }
  if (!document.hidden) listen();
  setInterval(soon, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (changes) changes.close();
    changes = null;
    if (document.hidden) return;
    listen();
    soon();
  });
})();

// What a job writes, as it comes: behind what the page had from the start.
"use strict";
(() => {
  const log = document.getElementById("log");
  if (!log || "whole" in log.dataset || !window.EventSource) return;
  const follow = document.getElementById("follow");
  document.getElementById("following").hidden = false;
  const end = () => { if (follow.checked) log.scrollTop = log.scrollHeight; };
  log.addEventListener("scroll", () => { follow.checked = log.scrollHeight - log.scrollTop - log.clientHeight < 8; });
  end();
  let place = log.dataset.after || "", isOver = false, output = null;
  function listen() {
    output = new EventSource("/jobs/" + log.dataset.job + "/log?after=" + encodeURIComponent(place));
    output.addEventListener("html", (event) => {
      place = event.lastEventId;
      log.insertAdjacentHTML("beforeend", event.data);
      end();
    });
    output.addEventListener("end", () => { isOver = true; output.close(); });
  }
  if (!document.hidden) listen();
  // A page that nobody sees listens to nothing, and goes on where it was.
  document.addEventListener("visibilitychange", () => {
    if (output) output.close();
    output = null;
    if (!document.hidden && !isOver) listen();
  });
})();

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
  const after = log.dataset.after ? "?after=" + encodeURIComponent(log.dataset.after) : "";
  const output = new EventSource("/jobs/" + log.dataset.job + "/log" + after);
  output.addEventListener("html", (event) => { log.insertAdjacentHTML("beforeend", event.data); end(); });
  output.addEventListener("end", () => output.close());
})();

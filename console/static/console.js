// Keys of the pages. Every page works without them: they press buttons and follow links that are there.
"use strict";

const rows = () => [...document.querySelectorAll("tr[data-case]")];
const current = () => document.querySelector("tr[data-case][aria-current]");

function go(step) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(current());
  const next = all[Math.min(all.length - 1, Math.max(0, here + step))];
  all.forEach((row) => row.removeAttribute("aria-current"));
  next.setAttribute("aria-current", "true");
  next.querySelector("a.open").focus();
  next.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!found) return false;
  const closed = found.closest("details:not([open])");
  if (closed) closed.open = true;
  if (found.tagName === "BUTTON") {
    const selected = document.querySelector('input[name="case"]:checked, input[type="hidden"][name="case"]');
    if (!selected && current()) current().querySelector('input[name="case"]').checked = true;
    const why = found.form.elements.note;
    // A verdict needs a reason: the key leads there first, and Enter there gives the verdict.
    if ((found.value === "benign" || found.value === "confirmed") && why && !why.value.trim()) {
      why.dataset.act = found.value;
      why.focus();
    } else {
      found.click();
    }
  } else {
    found.focus();
  }
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  const typing = target.matches("input:not([type=checkbox]), textarea, select");
  if (typing) {
    if (event.key === "Escape") target.blur();
    if (event.key === "Enter" && target.name === "note" && target.form) {
      // Without an act of one's own, Enter would press the first button: a verdict that nobody chose.
      event.preventDefault();
      const act = target.dataset.act;
      if (act) target.form.querySelector(`button[value="${act}"]`).click();
    }
    return;
  }
  const acts = {
    j: () => go(1),
    k: () => go(-1),
    x: () => {
      const box = current()?.querySelector('input[name="case"]');
      if (box) box.checked = !box.checked;
    },
    g: () => document.querySelector("a.back")?.click(),
  };
  if (acts[event.key]) {
    acts[event.key]();
    event.preventDefault();
  } else if (/^[a-z/]$/.test(event.key) && press(event.key)) {
    event.preventDefault();
  }
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("tr[data-case]");
  if (!row) return;
  rows().forEach((each) => each.removeAttribute("aria-current"));
  row.setAttribute("aria-current", "true");
});

// Progress of a backtest. Without script, the page loads itself again.
const polled = document.querySelector("[data-poll]");
if (polled) {
  const bar = polled.querySelector("progress");
  const poll = async () => {
    try {
      const answer = await fetch(polled.dataset.poll, { headers: { Accept: "application/json" } });
      const said = await answer.json();
      if (said.state !== "running") return window.location.reload();
      bar.value = said.percent;
    } catch {
      // The console restarts, or the network is away: the next attempt may succeed.
    }
    return setTimeout(poll, 2000);
  };
  setTimeout(poll, 2000);
}

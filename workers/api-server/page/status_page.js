// SPDX-License-Identifier: MIT
// Keeps the status page fresh and filters it at once; without this, the form asks the server.
"use strict";
(() => {
  const ageLimit = 10000; // ms: how old ages may get
  const changeDelay = 1000; // ms: changes in a burst are one refresh
  let timer = 0;
  let isBusy = false;
  let lost = 0; // since when the server does not answer

  const input = () => document.querySelector("input[name=q]");
  const box = () => document.querySelector("input[name=problems]");

  function filter() {
    const words = input().value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of document.querySelectorAll("table.apps tbody tr")) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) &&
        (!box().checked || row.dataset.problem === "1");
      row.classList.toggle("hidden", !fits);
      shown += fits ? 1 : 0;
    }
    const count = document.getElementById("shown");
    if (count) count.textContent = words.length || box().checked ? shown + " shown" : "";
  }

  function tell(text, kind) {
    const live = document.getElementById("live");
    live.textContent = text;
    live.className = kind;
  }

  function plan(delay) {
    clearTimeout(timer);
    timer = setTimeout(refresh, delay);
  }

  async function refresh() {
    if (document.hidden || isBusy) return plan(ageLimit);
    isBusy = true;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = new Set(Array.from(document.querySelectorAll("details[open]"), (d) => d.dataset.app));
      for (const id of ["head", "facts", "processes", "refused", "apps"]) {
        const fresh = page.getElementById(id);
        if (fresh) document.getElementById(id).replaceWith(document.adoptNode(fresh));
      }
      for (const each of document.querySelectorAll("details"))
        if (open.has(each.dataset.app)) each.open = true;
      document.title = page.title;
      filter();
      tell("live", "faint");
      lost = 0;
    } catch (error) {
      lost = lost || Date.now();
      tell("no answer since " + new Date(lost).toLocaleTimeString(), "bad");
    }
    isBusy = false;
    plan(ageLimit);
  }

  document.addEventListener("input", (event) => {
    if (event.target === input() || event.target === box()) filter();
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  tell("live", "faint");
  if ("EventSource" in window) {
    const events = new EventSource("/v1/events");
    for (const kind of ["generation", "reset"])
      events.addEventListener(kind, () => plan(changeDelay));
  }
  filter();
  plan(location.search ? 0 : ageLimit); // with a query, the server left apps out
})();

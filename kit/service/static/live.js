// Keeps the part #live of a page as the service has it. Makes no element from text: what it takes in is the page itself.
"use strict";
(() => {
  const QUICK_MS = 1000, IDLE_MS = 10000, LONGEST_MS = 10000;
  const status = document.getElementById("status");
  let etag = null, failures = 0;

  const part = () => document.getElementById("live");
  const say = (text, isLost) => {
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("lost", isLost);
  };
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const seen = () => document.hidden
    ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }))
    : Promise.resolve();

  const keys = (element) => new Map(
    [...element.querySelectorAll("tr[data-key]")].map((row) => [row.dataset.key, row.dataset.score]));

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    if (fresh === null || fresh.innerHTML === part().innerHTML) return;
    const before = keys(part());
    for (const row of fresh.querySelectorAll("tr[data-key]")) {
      if (before.get(row.dataset.key) !== row.dataset.score) row.classList.add("new");
    }
    part().replaceWith(document.adoptNode(fresh));
  };

  // What the page itself says where it may not be seen any more: with the link that leads back to it.
  const end = (text) => {
    const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    document.querySelector("main").replaceWith(document.adoptNode(main));
  };

  const look = async () => {
    // Who was cut off asks at once, to know that all is well again.
    const headers = etag === null ? {} : { "If-None-Match": etag, ...(failures ? {} : { Prefer: "wait=20" }) };
    const started = Date.now();
    const answer = await fetch(location.href, { headers, cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload();
    if ([401, 403, 404].includes(answer.status)) return end(await answer.text());
    if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
    if (answer.ok) {
      etag = answer.headers.get("ETag");
      show(await answer.text());
    }
    failures = 0;
    say("Live.", false);
    // Who was answered at once though nothing changed found no place to wait.
    await sleep(answer.status === 304 && Date.now() - started < QUICK_MS ? IDLE_MS : QUICK_MS);
    return true;
  };

  const run = async () => {
    for (;;) {
      await seen();
      try {
        if (!(await look())) return;
      } catch {
        failures += 1;
        say("The service does not answer; trying again.", true);
        await sleep(Math.min(LONGEST_MS, QUICK_MS * 2 ** Math.min(failures, 5)) * (0.5 + Math.random() / 2));
      }
    }
  };
  run();
})();

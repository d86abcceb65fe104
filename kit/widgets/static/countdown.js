// Ticks in the browser by the server's clock: `now` says what time it was there when it was sent.
function initialize({ model }) {
  const learn = () => {
    const now = Date.parse(model.get("now"));
    if (now) globalThis.kitClockOffsetMs = now - Date.now();
  };
  learn();
  // After a reload the synced `now` is as old as the widget: ask for a fresh one.
  model.on("msg:custom", (message) => {
    if (!message.now) return;
    globalThis.kitClockOffsetMs = Date.parse(message.now) - Date.now();
    // Fresh for certain: the browser's own clock may be judged by it.
    globalThis.kitClockKnown = true;
  });
  model.on("change:now", learn);
  model.send({ ask: "now" });
}

function both(at) {
  const utc = at.toISOString().replace("T", " ").slice(0, 19);
  return `${utc} UTC\n${at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" })} (your time)`;
}

function wrongClock() {
  const off = globalThis.kitClockKnown ? globalThis.kitClockOffsetMs : 0;
  if (Math.abs(off) < 60e3) return "";
  const minutes = Math.floor(Math.abs(off) / 60e3), hours = Math.floor(minutes / 60);
  const span = hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  return `This machine's clock is ${span} ${off > 0 ? "slow" : "fast"}; the service's counts.`;
}

function render({ model, el }) {
  el.classList.add("kit", "kit-countdown", ...model.get("classes"));
  el.setAttribute("role", "timer");
  const label = el.appendChild(document.createElement("div"));
  label.className = "kit-countdown-label";
  const time = el.appendChild(document.createElement("div"));
  time.className = "kit-countdown-time";
  const clock = el.appendChild(document.createElement("div"));
  clock.className = "kit-countdown-clock";
  const part = (number, unit, wide) => {
    const name = document.createElement("small");
    name.textContent = unit;
    return [wide ? String(number).padStart(2, "0") : String(number), name];
  };
  const draw = () => {
    const now = Date.now() + (globalThis.kitClockOffsetMs ?? 0);
    const opens = Date.parse(model.get("opens_at"));
    const closes = Date.parse(model.get("closes_at"));
    const state = now < opens ? "upcoming" : now < closes ? "open" : "closed";
    const target = state === "upcoming" ? opens : closes;
    el.dataset.state = state;
    el.dataset.soon = state === "open" && closes - now < 3600e3;
    el.title = both(new Date(target));
    const what = model.get("what");
    clock.textContent = wrongClock() || model.get("wrong_clock");
    label.textContent = { upcoming: `${what} opens in`, open: `${what} closes in`, closed: `${what} closed` }[state];
    if (state === "closed") return void (time.textContent = new Date(target).toISOString().slice(0, 10));
    const left = Math.max(0, Math.ceil((target - now) / 1000));
    const days = Math.floor(left / 86400), hours = Math.floor(left / 3600) % 24;
    const minutes = Math.floor(left / 60) % 60, seconds = left % 60;
    time.replaceChildren(
      ...(days ? part(days, days === 1 ? "day" : "days", false) : []),
      ...(days || hours ? part(hours, "h", days > 0) : []),
      ...part(minutes, "min", true),
      ...(days ? [] : part(seconds, "s", true)),
    );
  };
  draw();
  const tick = setInterval(draw, 500);
  return () => clearInterval(tick);
}
export default { initialize, render };

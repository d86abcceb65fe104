// Builds plain elements from a description; every text becomes a text node, so no text can be markup.
const TAGS = new Set("div span p h2 h3 h4 ul ol li dl dt dd b i code pre button time section header table thead tbody tfoot tr th td".split(" "));
const ATTRIBUTES = /^(title|role|lang|disabled|scope|colspan|tabindex|aria-[a-z]+|data-[a-z-]+)$/;

function ago(at) {
  const seconds = Math.round((Date.now() + (globalThis.kitClockOffsetMs ?? 0) - at) / 1000);
  const units = [[86400 * 2, 86400, "days"], [5400, 3600, "h"], [90, 60, "min"], [1, 1, "s"]];
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const [, unit, name] = units.find(([from]) => size >= from);
  const text = `${Math.round(size / unit)} ${name}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function utc(at) {
  return new Date(at).toISOString().replace("T", " ").slice(0, 19) + " UTC";
}

function build(node, act) {
  if (node === null || node === undefined) return document.createTextNode("");
  if (typeof node !== "object") return document.createTextNode(String(node));
  const element = document.createElement(TAGS.has(node.tag) ? node.tag : "span");
  if (node.class) element.className = node.class;
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    if (ATTRIBUTES.test(name)) element.setAttribute(name, value);
  }
  if (node.time) {
    const at = Date.parse(node.time);
    element.dateTime = node.time;
    element.title = utc(at);
    element.dataset.at = at;
    element.textContent = ago(at);
  }
  if (node.action) {
    element.type = "button";
    element.dataset.action = node.action;
    element.addEventListener("click", () => act(node.action));
  }
  element.append(...(node.children ?? []).map((child) => build(child, act)));
  return element;
}

function render({ model, el }) {
  el.dataset.lmSuppressShortcuts = "true";
  const act = (action) => model.send({ action });
  let classes = [];
  const draw = () => {
    const held = el.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    el.classList.remove(...classes);
    classes = ["kit", ...model.get("classes")];
    el.classList.add(...classes);
    el.setAttribute("aria-live", model.get("announces") ? "polite" : "off");
    for (const [name, value] of Object.entries(model.get("data"))) el.dataset[name] = value;
    el.replaceChildren(...model.get("nodes").map((node) => build(node, act)));
    if (held) [...el.querySelectorAll("[data-action]")].find((e) => e.dataset.action === held)?.focus();
  };
  const tick = setInterval(() => {
    for (const time of el.querySelectorAll("time[data-at]")) time.textContent = ago(Number(time.dataset.at));
    el.toggleAttribute("data-left", isLeft(model, el));
  }, 5000);
  const leave = attend(model, el);
  draw();
  for (const name of ["nodes", "classes", "data"]) model.on(`change:${name}`, draw);
  return () => {
    clearInterval(tick);
    leave();
    for (const name of ["nodes", "classes", "data"]) model.off(`change:${name}`, draw);
  };
}
export default { render };

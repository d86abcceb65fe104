// A row of tabs; what they show is linked to `index` in the browser, so it works while the kernel is busy.
function render({ model, el }) {
  el.classList.add("kit", "kit-tabs");
  el.dataset.lmSuppressShortcuts = "true";
  el.dataset.kind = model.get("kind");
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", model.get("label"));
  el.append(list);
  const choose = (index, focus) => {
    model.set("index", index);
    model.save_changes();
    if (focus) list.children[index].focus();
  };
  const draw = () => {
    list.replaceChildren(...model.get("titles").map((title, index) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.setAttribute("role", "tab");
      tab.dataset.tab = title;
      tab.textContent = title;
      tab.addEventListener("click", () => choose(index, false));
      return tab;
    }));
    mark();
  };
  const mark = () => [...list.children].forEach((tab, index) => {
    const on = index === model.get("index");
    tab.setAttribute("aria-selected", on);
    tab.tabIndex = on ? 0 : -1;
  });
  list.addEventListener("keydown", (event) => {
    const n = list.children.length;
    const at = model.get("index");
    const to = { ArrowRight: (at + 1) % n, ArrowLeft: (at + n - 1) % n, Home: 0, End: n - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to, true);
  });
  draw();
  model.on("change:titles", draw);
  // What was hidden, or drawn before it had its place, could not measure itself.
  const measure = () => window.dispatchEvent(new Event("resize"));
  const show = () => (mark(), setTimeout(measure, 60));
  const soon = [300, 1500].map((delay) => setTimeout(measure, delay));
  model.on("change:index", show);
  return () => {
    soon.forEach(clearTimeout);
    model.off("change:titles", draw);
    model.off("change:index", show);
  };
}
export default { render };

// A table that changes in place: rows are kept by key, so search, sort, scroll and focus stay with the reader.
const PAGE = 500;
// More letters than a name has without a JupyterHub: cut, so that no row is tall, and told whole when pointed at.
const LONG = 40;

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const clock = () => Date.now() + (globalThis.kitClockOffsetMs ?? 0);

function ago(text) {
  const seconds = Math.round((clock() - Date.parse(text)) / 1000);
  const [, unit, name] = [[86400 * 2, 86400, "days"], [5400, 3600, "h"], [90, 60, "min"], [5, 1, "s"]]
    .find(([from]) => Math.abs(seconds) >= from) ?? [];
  if (!name) return "just now";
  const size = `${Math.round(Math.abs(seconds) / unit)} ${name}`;
  return seconds < 0 ? `in ${size}` : `${size} ago`;
}

const utc = (text) => new Date(text).toISOString().replace("T", " ").slice(0, 19) + " UTC";

const told = (value) => (/\.(\d+)$/.exec(String(value))?.[1].length ?? (/e-/.test(String(value)) ? 5 : 0));

// As many decimals for a whole column as its typical value needs, so that the points stand in line.
function decimals(column, rows) {
  if (column.digits !== null && column.digits !== undefined) return column.digits;
  const sizes = rows.map((row) => Math.abs(row[column.key])).filter(isNumber).sort((a, b) => a - b);
  const typical = sizes[sizes.length >> 1] ?? 1;
  const most = Math.max(0, Math.min(5, 4 - Math.floor(Math.log10(Math.max(typical, 0.1)) + 1)));
  // No more than the service told: a score of 0.845 is not known to be 0.84500.
  return Math.min(most, sizes.reduce((digits, size) => Math.max(digits, told(size)), 0));
}

// One scale for a column's intervals; a few wild scores must not squeeze all others into a dot.
function scaleOf(column, rows) {
  const scores = rows.map((row) => row[column.key]).filter(isNumber).sort((a, b) => a - b);
  const lows = rows.map((row) => row[column.low] ?? row[column.key]).filter(isNumber);
  const highs = rows.map((row) => row[column.high] ?? row[column.key]).filter(isNumber);
  if (!rows.some((row) => isNumber(row[column.low]) && isNumber(row[column.high]))) return null;
  const at = (part) => scores[Math.round(part * (scores.length - 1))];
  const widths = rows.map((row) => row[column.high] - row[column.low]).filter(isNumber).sort((a, b) => a - b);
  const spread = Math.max(1.5 * (at(0.75) - at(0.25)), widths[widths.length >> 1] ?? 0);
  const low = lows.reduce((a, b) => Math.min(a, b));
  const high = highs.reduce((a, b) => Math.max(a, b));
  // Whatever the others do, the first rows stay on the scale.
  const first = rows.slice(0, Math.min(10, Math.ceil(rows.length / 2)));
  const top = first.flatMap((row) => [row[column.low], row[column.high]]).filter(isNumber);
  const from = Math.min(Math.max(low, at(0.25) - spread), ...top);
  const to = Math.max(Math.min(high, at(0.75) + spread), ...top);
  return to > from ? { from, to } : null;
}

const fixed = (value, digits) =>
  Math.abs(value) >= 1e7 ? value.toExponential(3) : value.toFixed(digits);

const CELLS = {
  text(td, row, column) {
    const value = row[column.key];
    const isLong = String(value ?? "").length > LONG;
    const shown = make("span", { className: `${column.name ? "kit-name" : ""}${isLong ? " kit-cut" : ""}`, textContent: value ?? "" });
    const line = make("span", { className: "kit-line" }, shown);
    if (column.name && row._you) line.append(make("span", { className: "kit-badge kit-tone-info", textContent: "you" }));
    if (column.name && row._baseline) line.append(make("span", { className: "kit-badge kit-badge-outline", textContent: "baseline" }));
    td.title = [isLong ? value : "", (column.detail && row[column.detail]) || ""].filter(Boolean).join("\n");
    td.replaceChildren(line);
  },
  note(td, row, column) {
    const lines = row[column.list] ?? [];
    const items = lines.map((text) => make("li", { textContent: text }));
    td.replaceChildren(row[column.key] ?? "", ...(items.length ? [make("ul", { className: "kit-lines" }, ...items)] : []));
  },
  number(td, row, column, shared) {
    const value = row[column.key];
    td.textContent = isNumber(value) ? (column.signed && value > 0 ? "+" : "") + fixed(value, shared.digits) + (column.unit ?? "") : "–";
    td.title = isNumber(value) && shared.digits ? String(value) : "";
  },
  rank(td, row, column) {
    const value = row[column.key], low = row[column.low], high = row[column.high];
    td.replaceChildren(value === null || value === undefined ? "–" : String(value));
    row[column.mark] ? (td.dataset.mark = "") : delete td.dataset.mark;
    td.title = row._baseline ? "Baselines are placed by score and not ranked." : "";
    if (!isNumber(low) || !isNumber(high) || !isNumber(value)) return;
    td.title = `Plausible ranks: ${low} to ${high}` + (row[column.mark] && value > 1 ? "\nCannot be told apart from the first." : "");
    if (low !== high) td.append(make("small", { textContent: `${low}–${high}` }));
  },
  interval(td, row, column, shared) {
    const value = row[column.key], low = row[column.low], high = row[column.high];
    td.title = "";
    if (!isNumber(value)) return void (td.textContent = "–");
    const track = make("span", { className: "kit-track", ariaHidden: "true" });
    const within = (x) => Math.max(0, Math.min(100, (100 * (x - shared.scale.from)) / (shared.scale.to - shared.scale.from)));
    if (shared.scale && isNumber(low) && isNumber(high)) {
      const bar = make("i", {});
      bar.style.left = `${within(low)}%`;
      bar.style.width = `${Math.max(1, within(high) - within(low))}%`;
      track.append(bar);
      td.title = `${value}\n${row.level ? Math.round(row.level * 100) + " % interval" : "interval"}: ${low} to ${high}`;
    }
    if (shared.scale) {
      const dot = make("u", { className: value < shared.scale.from || value > shared.scale.to ? "kit-beyond" : "" });
      dot.style.left = `${within(value)}%`;
      track.append(dot);
    }
    td.replaceChildren(make("span", { className: "kit-interval" }, make("b", { textContent: fixed(value, shared.digits) }), track));
  },
  share(td, row, column) {
    const value = row[column.key], isShown = isNumber(value) && value >= (column.least ?? 0);
    td.textContent = isShown ? `${Math.round(100 * value)} %` : "";
    td.title = "";
  },
  time(td, row, column) {
    const value = row[column.key];
    if (!value) return void (td.textContent = "–");
    const time = make("time", { dateTime: value, textContent: ago(value) });
    time.dataset.ago = value;
    td.title = utc(value);
    td.replaceChildren(time);
  },
  bar(td, row, column) {
    const value = row[column.key], part = isNumber(value) ? Math.max(0, Math.min(1, value / (column.of ?? 1))) : 0;
    const fill = make("i", {});
    fill.style.width = `${100 * part}%`;
    td.title = isNumber(value) ? String(value) : "";
    td.replaceChildren(make("span", { className: "kit-meter" }, fill), make("span", { className: "kit-sr", textContent: td.title }));
  },
  badge(td, row, column) {
    const value = row[column.key];
    const chip = make("span", { className: `kit-chip kit-tone-${column.tones?.[value] ?? "quiet"}`, textContent: value ?? "" });
    if (column.busy?.includes(value)) chip.dataset.busy = "";
    td.replaceChildren(value ? chip : "");
    td.title = (column.detail && row[column.detail]) || "";
  },
};

function text(row, column) {
  return [row[column.key] ?? "", ...(row[column.list] ?? [])].join(" ");
}

function compare(a, b) {
  if (isNumber(a) && isNumber(b)) return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true, sensitivity: "base" });
}

class Table {
  constructor(model, el) {
    this.model = model;
    this.sort = null;
    this.limit = PAGE;
    this.lines = new Map();
    this.before = null;
    el.classList.add("kit", "kit-table", ...model.get("classes"));
    el.dataset.lmSuppressShortcuts = "true";
    for (const [name, value] of Object.entries(model.get("data"))) el.dataset[name] = value;
    this.title = make("h3", {});
    this.status = make("span", { className: "kit-status", role: "status" });
    this.search = make("input", { type: "search", className: "kit-input kit-search", placeholder: "Search", autocomplete: "off" });
    this.search.addEventListener("input", () => ((this.limit = PAGE), this.draw()));
    this.head = make("tr", {});
    this.body = make("tbody", {});
    this.table = make("table", {}, make("thead", {}, this.head), this.body);
    this.empty = make("div", { className: "kit-empty" });
    this.foot = make("div", { className: "kit-foot" });
    this.legend = make("div", { className: "kit-legend" });
    this.lead = make("div", { className: "kit-lead" });
    this.scroll = make("div", { className: "kit-scroll", tabIndex: 0, role: "region" }, this.table, this.empty);
    el.append(make("div", { className: "kit-bar" }, this.title, this.status, this.search), this.lead, this.scroll, this.legend, this.foot);
    const label = model.get("label");
    this.scroll.setAttribute("aria-label", label);
    this.table.setAttribute("aria-label", label);
    this.search.setAttribute("aria-label", `Search ${label}`);
    if (model.get("height")) el.style.setProperty("--kit-height", model.get("height"));
    this.drawHead();
    this.draw();
    this.drawStatus();
  }

  get columns() { return this.model.get("columns"); }
  key(row) { return String(row[this.model.get("row_key")]); }

  drawHead() {
    const cells = this.columns.map((column) => {
      const button = make("button", { type: "button", className: "kit-sort", textContent: column.title, title: column.help ?? "" });
      const th = make("th", { scope: "col", className: this.classOf(column) }, button);
      th.dataset.key = column.key;
      button.addEventListener("click", () => this.toggle(column));
      return th;
    });
    const pick = make("th", { scope: "col", className: "kit-pick" }, make("span", { className: "kit-sr", textContent: "Selected" }));
    this.head.replaceChildren(...(this.model.get("selectable") ? [pick] : []), ...cells);
    this.lines.clear();
    this.body.replaceChildren();
    this.sort = this.columns.some((column) => column.key === this.sort?.key) ? this.sort : null;
    this.markSort();
  }

  classOf(column) {
    const kind = column.kind ?? "text";
    const right = column.align === "right" || (!column.align && ["number", "share"].includes(kind));
    return `kit-kind-${kind} ${right ? "kit-right" : ""} ${column.hide ? `kit-${column.hide}` : ""}`;
  }

  toggle(column) {
    const next = { none: "ascending", ascending: "descending", descending: null };
    const now = this.sort?.key === column.key ? this.sort.order : "none";
    this.sort = next[now] ? { key: column.key, order: next[now] } : null;
    this.markSort();
    this.draw();
  }

  markSort() {
    for (const th of this.head.querySelectorAll("th[data-key]")) {
      th.setAttribute("aria-sort", this.sort?.key === th.dataset.key ? this.sort.order : "none");
    }
  }

  matching() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.model.get("rows").filter((row) => {
      const all = this.columns.map((column) => text(row, column)).join(" ").toLowerCase();
      return words.every((word) => all.includes(word));
    });
    if (!this.sort) return found;
    const { key, order } = this.sort;
    const sign = order === "ascending" ? 1 : -1;
    const none = (row) => row[key] === null || row[key] === undefined || row[key] === "";
    return found.sort((a, b) => none(a) - none(b) || (none(a) ? 0 : sign * compare(a[key], b[key])));
  }

  draw() {
    const rows = this.model.get("rows"), found = this.matching(), shown = found.slice(0, this.limit);
    this.shared = this.columns.map((column) => ({ digits: decimals(column, rows), scale: column.kind === "interval" ? scaleOf(column, rows) : null }));
    const held = this.scroll.contains(document.activeElement) ? document.activeElement : null;
    const keys = new Set(shown.map((row) => this.key(row)));
    for (const [key, line] of this.lines) if (!keys.has(key)) (line.tr.remove(), this.lines.delete(key));
    shown.forEach((row, index) => {
      const line = this.line(row);
      if (this.body.children[index] !== line.tr) this.body.insertBefore(line.tr, this.body.children[index] ?? null);
    });
    if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
    // What comes first after waiting is all there is, and nothing of it is news.
    this.before = this.model.get("status") === "waiting" ? null : new Map(rows.map((row) => [this.key(row), this.mark(row)]));
    this.table.classList.toggle("kit-hidden", !shown.length);
    this.empty.classList.toggle("kit-hidden", shown.length > 0);
    this.empty.textContent = rows.length ? `Nothing matches “${this.search.value}”.` : this.model.get("empty");
    this.search.classList.toggle("kit-hidden", rows.length < 6 && !this.search.value);
    this.title.textContent = this.model.get("title");
    this.title.classList.toggle("kit-hidden", !this.model.get("title"));
    this.drawLegend();
    this.drawFoot(found.length, shown.length);
    this.drawPicks();
  }

  drawLegend() {
    const legend = this.model.get("legend");
    // Where nothing needs telling apart, the dot of the first says nothing.
    this.table.classList.toggle("kit-marked", Boolean(legend));
    if (this.legend.textContent !== legend) this.legend.textContent = legend;
    if (this.lead.textContent !== this.model.get("lead")) this.lead.textContent = this.model.get("lead");
  }

  mark(row) { return JSON.stringify((this.model.get("flash") ?? []).map((key) => row[key])); }

  line(row) {
    const key = this.key(row);
    let line = this.lines.get(key);
    if (!line) this.lines.set(key, (line = this.newLine(key)));
    const now = JSON.stringify([row, this.shared]);
    if (line.now === now) return line;
    if (this.before && this.model.get("flash").length && this.before.get(key) !== this.mark(row)) this.flash(line.tr);
    line.now = now;
    for (const name of ["you", "baseline"]) row[`_${name}`] ? (line.tr.dataset[name] = "") : delete line.tr.dataset[name];
    row._tone ? (line.tr.dataset.tone = row._tone) : delete line.tr.dataset.tone;
    line.row = row;
    this.columns.forEach((column, index) => (CELLS[column.kind ?? "text"] ?? CELLS.text)(line.cells[index], row, column, this.shared[index]));
    return line;
  }

  newLine(key) {
    const cells = this.columns.map((column) => make("td", { className: this.classOf(column) }));
    cells.forEach((td, index) => (td.dataset.key = this.columns[index].key));
    const tr = make("tr", {}, ...cells);
    tr.dataset.row = key;
    if (!this.model.get("selectable")) return { tr, cells };
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.pick(key, box.checked));
    tr.prepend(make("td", { className: "kit-pick" }, box));
    return { tr, cells, box };
  }

  flash(tr) {
    delete tr.dataset.flash;
    void tr.offsetWidth;
    tr.dataset.flash = "";
    setTimeout(() => delete tr.dataset.flash, 2000);
  }

  pick(key, on) {
    const picked = this.model.get("selected").filter((each) => String(each) !== key);
    const row = this.model.get("rows").find((each) => this.key(each) === key);
    this.model.set("selected", on && row ? [...picked, row[this.model.get("row_key")]] : picked);
    this.model.save_changes();
  }

  drawPicks() {
    const most = this.model.get("selectable");
    if (!most) return;
    const picked = new Set(this.model.get("selected").map(String));
    for (const [key, { box, row }] of this.lines) {
      box.checked = picked.has(key);
      const full = picked.size >= most && !box.checked;
      box.disabled = full || (row._selectable === false && !box.checked);
      box.title = full ? `At most ${most}; clear another first.` : row._selectable === false ? "Only scored submissions can be selected." : "";
      box.setAttribute("aria-label", `Select ${key}`);
    }
  }

  drawFoot(found, shown) {
    this.foot.replaceChildren(this.model.get("note") ?? "");
    if (found <= shown) return;
    const more = make("button", { type: "button", className: "kit-button-plain", textContent: "Show more" });
    more.addEventListener("click", () => ((this.limit += PAGE), this.draw()));
    this.foot.append(` ${shown} of ${found} rows`, more);
  }

  drawStatus() {
    const status = this.model.get("status"), at = this.model.get("updated_at");
    const when = at ? ` · changed ${ago(at)}` : "";
    this.status.title = at ? utc(at) : "";
    const shown = status !== "still" && isLeft(this.model, this.status) ? "left" : status;
    this.status.dataset.status = shown;
    const words = { live: `Live${when}`, reconnecting: `Reconnecting…${when}`, ended: `Your log-in has ended: run kit.connect(…) again${when}`, waiting: "Loading…", still: "",
      resting: `Paused while nobody looks${when}`, left: `As it was: no kernel follows it. Run the cell again${when}` }[shown] ?? status;
    if (this.status.textContent !== words) this.status.textContent = words;
  }

  tick() {
    for (const time of this.body.querySelectorAll("time")) {
      const words = ago(time.dataset.ago);
      if (time.textContent !== words) time.textContent = words;
    }
    this.drawStatus();
  }
}

function render({ model, el }) {
  const table = new Table(model, el);
  const heard = {
    "change:rows": () => table.draw(),
    "change:title": () => table.draw(),
    "change:empty": () => table.draw(),
    "change:legend": () => table.draw(),
    "change:lead": () => table.draw(),
    "change:note": () => table.draw(),
    "change:columns": () => (table.drawHead(), table.draw()),
    "change:selected": () => table.drawPicks(),
    "change:selectable": () => (table.drawHead(), table.draw()),
    "change:status": () => table.drawStatus(),
    "change:updated_at": () => table.drawStatus(),
  };
  for (const [event, hear] of Object.entries(heard)) model.on(event, hear);
  const tick = setInterval(() => table.tick(), 5000);
  const leave = attend(model, el, () => model.get("status") === "resting");
  return () => {
    clearInterval(tick);
    leave();
    for (const [event, hear] of Object.entries(heard)) model.off(event, hear);
  };
}
export default { render };

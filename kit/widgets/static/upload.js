// Takes one file; what is too large for Jupyter's connection is never sent through it.
let count = 0;
const BUSY = new Set(["sending", "checking", "submitting"]);
const megabytes = (bytes) => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

function render({ model, el }) {
  el.classList.add("kit", "kit-upload");
  el.dataset.lmSuppressShortcuts = "true";
  const id = `kit-upload-${count++}-${Math.random().toString(36).slice(2)}`;
  const make = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const form = make("form", { noValidate: true }, el);
  const field = (text, tag, properties) => {
    const box = make("div", { className: "kit-field" }, form);
    make("label", { htmlFor: `${id}-${text}`, textContent: text }, box);
    return [box, make(tag, { id: `${id}-${text}`, className: "kit-input", ...properties }, box)];
  };
  const [questionBox, question] = field("Question", "select", { name: "question" });
  const drop = make("label", { className: "kit-drop" }, form);
  const file = make("input", { type: "file", className: "kit-sr" }, drop);
  const headline = make("b", {}, drop);
  const detail = make("span", { className: "kit-muted kit-small" }, drop);
  const [, note] = field("Note", "input", { name: "note", maxLength: 500, placeholder: "What is new in this one (optional)", autocomplete: "off" });
  const progress = make("progress", { max: 1 }, form);
  progress.setAttribute("aria-label", "Progress");
  const message = make("div", {}, form);
  message.setAttribute("role", "status");
  const actions = make("div", { className: "kit-actions" }, form);
  const button = make("button", { type: "submit", className: "kit-button kit-button-main", textContent: "Submit" }, actions);
  const left = make("span", { className: "kit-muted kit-small" }, actions);

  const send = async (chosen) => {
    if (!chosen || BUSY.has(model.get("state"))) return;
    // Judged here, before a byte of it is read or sent.
    const tooLarge = chosen.size > model.get("max_bytes");
    model.set({
      filename: chosen.name, size_bytes: chosen.size, state: tooLarge ? "too large" : "sending", problems: [],
      message: tooLarge
        ? `${megabytes(chosen.size)} is more than this box can send (${megabytes(model.get("max_bytes"))}). ` +
          `Pass the path or a DataFrame instead: ${model.get("call")}("…/${chosen.name}")`
        : "",
    });
    model.save_changes();
    if (tooLarge) return;
    const bytes = await chosen.arrayBuffer();
    model.send({ action: "file", filename: chosen.name, question: question.value }, undefined, [bytes]);
  };
  file.addEventListener("change", () => (send(file.files[0]), (file.value = "")));
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => (event.preventDefault(), event.stopPropagation(), (drop.dataset.over = "")));
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => delete drop.dataset.over);
  drop.addEventListener("drop", (event) => (event.preventDefault(), event.stopPropagation(), send(event.dataTransfer.files[0])));
  question.addEventListener("change", () => {
    model.set("question", question.value);
    model.save_changes();
    if (model.get("filename")) model.send({ action: "question", question: question.value });
  });
  const submit = (event) => {
    event.preventDefault();
    if (!button.disabled) model.send({ action: "submit", note: note.value, question: question.value });
  };
  form.addEventListener("submit", submit);
  // JupyterLab keeps Enter from submitting forms.
  note.addEventListener("keydown", (event) => event.key === "Enter" && submit(event));

  const asked = () => model.get("questions").find(({ id }) => id === model.get("question")) ?? {};
  const drawQuestions = () => {
    question.replaceChildren(...model.get("questions").map(({ id, title }) => new Option(title, id)));
    question.value = model.get("question");
    questionBox.classList.toggle("kit-hidden", model.get("questions").length < 2);
    file.accept = (asked().suffixes ?? []).join(",");
    draw();
  };
  const draw = () => {
    const state = model.get("state"), name = model.get("filename"), busy = BUSY.has(state);
    el.dataset.state = state;
    headline.textContent = name && state !== "done" ? name : `Drop ${asked().words ?? "a file"} here, or choose one`;
    const words = { sending: "sending to your notebook…", checking: "checking…", submitting: "submitting…", ready: "ready to submit", refused: "does not fit the question", "too large": "too large for this box" };
    detail.textContent = name && state !== "done" ? `${megabytes(model.get("size_bytes"))} · ${words[state] ?? ""}` : `${asked().forms ?? "A file"}, up to ${megabytes(model.get("max_bytes"))} here. Checking uses nothing up.`;
    progress.classList.toggle("kit-hidden", !busy);
    const part = model.get("progress");
    part > 0 ? (progress.value = part) : progress.removeAttribute("value");
    file.disabled = question.disabled = busy;
    button.disabled = !["ready", "failed"].includes(state) || !model.get("allowed");
    button.textContent = state === "submitting" ? "Submitting…" : "Submit";
    left.textContent = model.get("left");
    const tone = { refused: "bad", failed: "bad", "too large": "warn", done: "good", ready: "good" }[state] ?? "info";
    message.className = `kit-message kit-tone-${tone}`;
    message.replaceChildren(...(model.get("message") ? [model.get("message")] : []));
    if (model.get("problems").length) {
      const list = make("ul", { className: "kit-problems" }, message);
      for (const problem of model.get("problems")) make("li", { textContent: problem }, list);
    }
    if (state === "done") note.value = "";
  };
  drawQuestions();
  const heard = "state filename size_bytes problems message left allowed progress".split(" ").map((name) => `change:${name}`);
  for (const event of heard) model.on(event, draw);
  for (const event of ["change:questions", "change:question"]) model.on(event, drawQuestions);
  return () => {
    for (const event of heard) model.off(event, draw);
    for (const event of ["change:questions", "change:question"]) model.off(event, drawQuestions);
  };
}
export default { render };

// The password travels in one message when it is used; it is never part of the widget's state.
let count = 0;

function render({ model, el }) {
  el.classList.add("kit", "kit-login");
  el.dataset.lmSuppressShortcuts = "true";
  const id = `kit-login-${count++}-${Math.random().toString(36).slice(2)}`;
  const make = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const form = make("form", { noValidate: true }, el);
  const head = make("div", {}, form);
  make("h3", { textContent: model.get("title") }, head);
  make("p", { textContent: model.get("subtitle"), className: "kit-muted kit-small" }, head);
  const field = (name, type, text, autocomplete) => {
    const box = make("div", { className: "kit-field" }, form);
    make("label", { htmlFor: `${id}-${name}`, textContent: text }, box);
    const input = make("input", { id: `${id}-${name}`, name, type, autocomplete, className: "kit-input" }, box);
    input.autocapitalize = "none";
    input.spellcheck = false;
    input.setAttribute("aria-describedby", `${id}-message`);
    return input;
  };
  const name = field("name", "text", "Name", "username");
  const password = field("password", "password", "Password", "current-password");
  const message = make("div", { id: `${id}-message`, className: "kit-message kit-tone-bad" }, form);
  message.setAttribute("role", "alert");
  const actions = make("div", { className: "kit-actions" }, form);
  const button = (action, text, main) => {
    const made = make("button", { textContent: text, className: `kit-button ${main ? "kit-button-main" : ""}` }, actions);
    made.type = main ? "submit" : "button";
    made.dataset.action = action;
    return made;
  };
  const logIn = button("log in", "Log in", true);
  const signUp = button("sign up", "Sign up", false);
  const hint = make("p", { textContent: model.get("hint"), className: "kit-muted kit-small" }, form);
  const send = (action) => {
    if (model.get("busy")) return;
    const missing = !name.value.trim() ? name : !password.value ? password : null;
    if (missing) {
      message.textContent = missing === name ? "Enter your name." : "Enter your password.";
      return missing.focus();
    }
    model.send({ action, name: name.value.trim(), password: password.value });
    password.value = "";
  };
  form.addEventListener("submit", (event) => (event.preventDefault(), send("log in")));
  // JupyterLab keeps Enter from submitting forms.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    send("log in");
  });
  signUp.addEventListener("click", () => send("sign up"));
  const draw = () => {
    message.textContent = model.get("message");
    logIn.disabled = signUp.disabled = model.get("busy");
    logIn.textContent = model.get("busy") ? "One moment…" : "Log in";
    signUp.classList.toggle("kit-hidden", !model.get("sign_up"));
    hint.classList.toggle("kit-hidden", !model.get("sign_up"));
  };
  const failed = () => (draw(), model.get("message") && !model.get("busy") && password.focus());
  draw();
  model.on("change:busy", failed);
  model.on("change:message", draw);
  return () => {
    model.off("change:busy", failed);
    model.off("change:message", draw);
  };
}
export default { render };

// What every widget that follows the service shares: whether anybody looks, and whether a kernel is behind it.
const LOOK_MS = 600e3;
const ABANDONED_MS = 3 * 3600e3;
const DEEDS = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];

// Tells the kernel now and then that somebody looks; a page that is hidden or left alone says nothing.
function attend(model, el, wants = () => false) {
  let deedAt = Date.now(), toldAt = 0;
  const tell = () => {
    const now = Date.now();
    if (!model.get("follows") || now - deedAt > ABANDONED_MS || now - toldAt < (wants() ? 2e3 : LOOK_MS)) return;
    // Asked last: it costs the browser a layout.
    if (document.visibilityState !== "visible" || !el.isConnected || !el.checkVisibility()) return;
    toldAt = now;
    model.send({ seen: true });
  };
  const heed = () => {
    deedAt = Date.now();
    tell();
  };
  for (const name of DEEDS) document.addEventListener(name, heed, { passive: true, capture: true });
  document.addEventListener("visibilitychange", heed);
  const clock = setInterval(tell, 30e3);
  tell();
  return () => {
    clearInterval(clock);
    for (const name of DEEDS) document.removeEventListener(name, heed, { capture: true });
    document.removeEventListener("visibilitychange", heed);
  };
}

// Whether what is shown is left over: the kernel was culled, restarted, or never there since the page was opened.
function isLeft(model, el) {
  const kernel = model.widget_manager?.kernel;
  if (kernel === null || kernel?.isDisposed === true || kernel?.status === "dead") return true;
  return kernel?.connectionStatus === "disconnected" || el.closest(".jupyter-widgets-disconnected") !== null;
}

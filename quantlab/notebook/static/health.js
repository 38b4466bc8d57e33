// The health widget. It draws full snapshots (quantlab/notebook/snapshot.py) that the kernel's wire
// thread pushes, and judges their age by its own clock: a saved or dead view can never look live.
// `css` (health.css) is appended where this is packed for the browser (notebook/packing.py).

const STALE_S = 2;
const NO_ANSWER_MS = 3000;
const GLYPHS = { OK: "✔", DEGRADED: "▲", DOWN: "✖" };

/** What a reader may believe: LIVE only while it is heard from the kernel of this session. */
function modeOf({ heard, dead, stopped, age }) {
  if (!heard) return "SNAPSHOT";
  if (stopped) return "STOPPED";
  if (dead) return "DEAD";
  return age > STALE_S ? "STALE" : "LIVE";
}

/** One line on how old what is shown is; `asOf` is UTC milliseconds. */
function ageLine(mode, age, asOf) {
  const at = `${new Date(asOf || 0).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  if (mode === "LIVE") return `live, ${age.toFixed(1)} s old`;
  if (mode === "STALE") return `nothing heard from the kernel for ${age.toFixed(1)} s`;
  if (mode === "DEAD") return `the kernel ended or restarted; last heard at ${at}`;
  if (mode === "STOPPED") return `quantlab was unloaded at ${at}`;
  return `snapshot as of ${at}, not live: run the cell`;
}

function render({ model, el }) {
  const add = (parent, tag, name, text = "") => {
    const node = parent.appendChild(document.createElement(tag));
    node.className = `ql-${name}`;
    node.textContent = text;
    return node;
  };
  const say = (node, text) => node.textContent !== text && (node.textContent = text);

  add(el, "style", "css", css);
  const root = add(el, "section", "health");
  root.ariaLabel = "venue health";
  const top = add(root, "div", "top");
  const head = add(top, "output", "state");
  const [level, armed, trading] = ["level", "armed", "trading"].map((name) => add(top, "span", `badge ql-${name}`));
  const button = add(top, "button", "halt", "HALT");
  button.title = "stop new orders, cancel open ones";
  const age = add(root, "div", "age");
  const busy = add(root, "div", "busy");
  const values = add(root, "div", "values");
  const measured = { rtt_ms: "round trip", message_age_ms: "newest message", kernel_lag_ms: "kernel lag" };
  const cells = Object.entries(measured).map(([name, label]) => [
    name,
    add(add(values, "div", "pair", label), "div", "value"),
  ]);
  const why = add(root, "ul", "why");
  const answer = add(root, "output", "answer");

  let shot = model.get("snapshot");
  let heard = null; // performance.now() of the last push
  let dead = false;
  let listed = ""; // the reasons that stand there
  let asked = null; // the HALT under way: {ref, at, timer}

  function draw() {
    const old = heard === null ? 0 : (performance.now() - heard) / 1000;
    const mode = modeOf({ heard: heard !== null, dead, stopped: shot.engine === "stopped", age: old });
    const live = mode === "LIVE";
    const state = shot.engine === "failed" ? "FAILED" : shot.state;
    const active = shot.trading === "ACTIVE";
    Object.assign(root.dataset, { mode, state: live ? state : "", age: heard === null ? "" : old, halted: shot.halted, trading: active });
    say(head, live ? `${GLYPHS[state] ?? "…"} ${state}` : `◌ ${mode}: was ${state}`);
    say(level, `${shot.venue} · ${shot.level}`);
    say(armed, shot.glass_cockpit ? "⚠ GLASS COCKPIT: no token asked" : shot.armed);
    armed.dataset.on = shot.glass_cockpit ? "bad" : shot.armed;
    say(trading, shot.halted ? "■ HALTED" : active ? "trading ACTIVE" : "■ no trading");
    trading.dataset.on = active ? "active" : "bad";
    say(age, ageLine(mode, old, shot.as_of_ms));
    const blocked = live && shot.busy_ms ? shot.busy_ms / 1000 + old : 0;
    say(busy, blocked ? `kernel busy ${blocked.toFixed(0)} s; health and HALT go on` : "");
    for (const [name, cell] of cells)
      say(cell, shot[name] === null ? `not measured (${shot.missing[name]})` : `${shot[name]} ms${name === "message_age_ms" ? " old" : ""}`);
    const lines = [...shot.reasons];
    if (shot.problem) lines.unshift(shot.problem);
    if (!active) lines.unshift(`trading is ${shot.trading}`);
    if (shot.cancelled !== null) lines.push(`open orders cancelled by the HALT: ${shot.cancelled}`);
    if (`${lines}` !== listed) {
      listed = `${lines}`;
      why.replaceChildren();
      for (const line of lines) add(why, "li", "reason", line);
    }
    button.disabled = !live && mode !== "STALE";
  }

  function onMessage(message) {
    if (message.v === 1) {
      if (shot.halted && !message.halted) say(answer, ""); // it was lifted
      shot = message;
      heard = performance.now();
      dead = false;
      model.set("snapshot", shot.saved); // stays in the browser: what is saved with the notebook is the newest
      draw();
    } else if (message.ref && message.ref === asked?.ref) {
      clearTimeout(asked.timer);
      const took = `HALTED after ${Math.round(performance.now() - asked.at)} ms: no new order leaves`;
      say(answer, message.status === "ok" ? took : `HALT failed: ${message.ename}: ${message.evalue}`);
    }
  }

  function halt() {
    clearTimeout(asked?.timer);
    const late = () => say(answer, "no answer in 3 s; in a terminal: quantlab halt");
    asked = { ref: `${Math.random()}`, at: performance.now(), timer: setTimeout(late, NO_ANSWER_MS) };
    say(answer, "HALT sent…");
    model.send({ kind: "halt", ref: asked.ref });
  }

  function onComm() {
    dead = heard !== null; // the way to the kernel is gone; a push would prove otherwise
    draw();
  }

  model.on("msg:custom", onMessage);
  model.on("comm_live_update", onComm);
  button.addEventListener("click", halt);
  const timer = setInterval(draw, 250);
  draw();
  model.send({ kind: "hello" });
  return () => {
    clearInterval(timer);
    clearTimeout(asked?.timer);
    model.off("msg:custom", onMessage);
    model.off("comm_live_update", onComm);
  };
}

export default { render };

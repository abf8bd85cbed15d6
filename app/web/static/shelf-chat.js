/**
 * <shelf-chat>: the shopping assistant's panel, as one file without dependencies. It reads the AI SDK's UI message
 * stream (version 1) of POST /api/chat. Attributes, events, parts and custom properties: docs/widgets.md. Data reach
 * the page as text nodes only, styles as a constructed sheet: a page may forbid inline scripts and styles.
 */

const SILENCE_MS = 30000; // without a byte for this long an answer has broken off
const MOST_CHARS = 2000;
const MOST_SENT = 20; // messages; the service reads the newest and remembers the rest itself
const SEEN_MS = 1000;
const OPT_OUT = "shelfwise:personalisation"; // shared with <shelf-recommendations>

/** The panel's own words by language; a page adds one with `ShelfChat.texts.fr = {…}`. */
const TEXTS = {
  en: {
    title: "Shopping assistant", open: "Ask the shopping assistant", close: "Close", fresh: "New conversation",
    machine: "You are talking to a machine.", log: "Conversation", ask: "Ask about products", send: "Send", stop: "Stop",
    you: "You", assistant: "Assistant", working: "The assistant is answering", stopped: "Stopped.", retry: "Try again",
    failed: "The assistant can't be reached at the moment.", broken: "The answer broke off.", handOff: "Talk to a person",
    confirm: "Add {name} to your cart?", confirmMany: "Add {quantity} × {name} to your cart?", yes: "Add to cart",
    no: "No, thanks", added: "Added to your cart.", passed: "The shop takes it from here.", declined: "Not added.",
    unknown: "unknown", comparison: "Comparison", attribute: "Attribute", price: "Price", products: "Products",
    hello: "What are you looking for?",
  },
  de: {
    title: "Einkaufsassistent", open: "Den Einkaufsassistenten fragen", close: "Schließen", fresh: "Neues Gespräch",
    machine: "Sie sprechen mit einer Maschine.", log: "Gespräch", ask: "Nach Produkten fragen", send: "Senden",
    stop: "Anhalten", you: "Sie", assistant: "Assistent", working: "Der Assistent antwortet", stopped: "Angehalten.",
    retry: "Noch einmal", failed: "Der Assistent ist gerade nicht erreichbar.", broken: "Die Antwort brach ab.",
    handOff: "Mit einem Menschen sprechen", confirm: "{name} in den Warenkorb legen?",
    confirmMany: "{quantity} × {name} in den Warenkorb legen?", yes: "In den Warenkorb", no: "Nein, danke",
    added: "Liegt im Warenkorb.", passed: "Der Shop macht hier weiter.", declined: "Nicht hinzugefügt.",
    unknown: "unbekannt", comparison: "Vergleich", attribute: "Merkmal", price: "Preis", products: "Produkte",
    hello: "Was suchen Sie?",
  },
};

const STYLE = `
:host { display: block; font-family: var(--shelf-font, inherit); line-height: 1.45;
  --_ink: var(--shelf-ink, #1c1f26); --_muted: var(--shelf-muted, #5a6070); --_surface: var(--shelf-surface, #fff);
  --_line: var(--shelf-line, #e2e5eb); --_tint: var(--shelf-tint, #f3f4f7); --_accent: var(--shelf-accent, #1f4fd8);
  --_accent-ink: var(--shelf-accent-ink, #fff); --_radius: var(--shelf-radius, 14px); }
@supports (color: light-dark(#000, #fff)) {
  :host { --_ink: var(--shelf-ink, light-dark(#1c1f26, #eef0f5)); --_muted: var(--shelf-muted, light-dark(#5a6070, #a9b0c0));
    --_surface: var(--shelf-surface, light-dark(#fff, #1b1e26)); --_line: var(--shelf-line, light-dark(#e2e5eb, #333846));
    --_tint: var(--shelf-tint, light-dark(#f3f4f7, #262a35)); --_accent: var(--shelf-accent, light-dark(#1f4fd8, #9db8ff));
    --_accent-ink: var(--shelf-accent-ink, light-dark(#fff, #10131b)); }
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
button, textarea { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
.launcher { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: var(--shelf-chat-layer, 1000); display: flex;
  align-items: center; gap: 10px; min-block-size: 52px; padding: 0 22px; border: 0; border-radius: 999px; background: var(--_accent);
  color: var(--_accent-ink); font-weight: 650; box-shadow: 0 12px 32px -10px rgb(0 0 0 / .5); }
.launcher::before { content: ""; inline-size: 18px; block-size: 14px; border: 2px solid currentColor; border-radius: 6px 6px 6px 0; }
.panel { display: flex; flex-direction: column; background: var(--_surface); color: var(--_ink); border: 1px solid var(--_line);
  border-radius: 20px; overflow: hidden; inline-size: 100%; block-size: var(--shelf-chat-height, min(44rem, 80dvh)); }
.panel.floating { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: var(--shelf-chat-layer, 1000);
  inline-size: min(26rem, calc(100vw - 24px)); block-size: min(40rem, calc(100dvh - 40px)); box-shadow: 0 32px 80px -24px rgb(0 0 0 / .55); }
@media (max-width: 479px) {
  .panel.floating { inset: 0; inline-size: 100%; block-size: 100dvh; border: 0; border-radius: 0; }
}
header { display: flex; align-items: center; gap: 4px; padding: 10px 12px 10px 18px; border-block-end: 1px solid var(--_line); }
:host(:dir(rtl)) header { padding: 10px 18px 10px 12px; }
h2 { flex: 1; min-inline-size: 0; margin: 0; font-size: 1.0625rem; font-weight: 650; letter-spacing: -.01em; }
.icon { inline-size: 40px; block-size: 40px; border: 0; border-radius: 50%; background: none; padding: 0; position: relative; }
.icon:hover, .chip:hover, .plain:hover { background: var(--_tint); }
.shut::before, .shut::after { content: ""; position: absolute; inset: 19px 12px; background: currentColor; rotate: 45deg; }
.shut::after { rotate: -45deg; }
.fresh::before { content: ""; position: absolute; inset: 12px; border: 2px solid currentColor; border-radius: 50%; border-inline-end-color: transparent; }
.fresh::after { content: ""; position: absolute; inset-block-start: 10px; inset-inline-end: 11px; border: 4px solid transparent; border-block-start: 6px solid currentColor; }
.machine { margin: 0; padding: 8px 18px; background: var(--_tint); color: var(--_muted); font-size: .8125rem; }
.machine a { color: inherit; }
.log { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px; display: flex; flex-direction: column; gap: 12px; }
.log:focus-visible { outline-offset: -3px; }
.turn { display: flex; flex-direction: column; gap: 10px; max-inline-size: 100%; }
.turn.mine { align-items: flex-end; }
.said { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-inline-size: 100%; }
.mine .said { background: var(--_accent); color: var(--_accent-ink); padding: 9px 15px; border-radius: 18px 18px 5px 18px; max-inline-size: 88%; }
.hello { color: var(--_muted); margin: 0; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.card { position: relative; display: grid; grid-template-columns: 76px 1fr; gap: 14px; padding: 8px; border: 1px solid var(--_line);
  border-radius: var(--_radius); transition: border-color .18s; }
.card:hover { border-color: color-mix(in srgb, var(--_ink) 30%, var(--_line)); }
.picture { inline-size: 76px; block-size: 76px; border-radius: calc(var(--_radius) - 5px); background: var(--_tint); overflow: hidden; }
.picture img { inline-size: 100%; block-size: 100%; object-fit: cover; display: block; }
.facts { min-inline-size: 0; display: flex; flex-direction: column; gap: 1px; font-size: .875rem; align-self: center; }
.name { font-weight: 600; overflow-wrap: anywhere; color: inherit; text-decoration: none; }
.name[href]::after { content: ""; position: absolute; inset: 0; border-radius: var(--_radius); }
.name[href]:hover { text-decoration: underline; text-underline-offset: 2px; }
.name:focus-visible { outline: none; }
.name:focus-visible::after { outline: 3px solid var(--_accent); outline-offset: -3px; }
.price { font-weight: 700; font-variant-numeric: tabular-nums; }
.reason { margin: 0; color: var(--_muted); font-size: .8125rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--_line); border-radius: var(--_radius); }
table { border-collapse: collapse; inline-size: 100%; font-size: .8125rem; }
th, td { text-align: start; vertical-align: top; padding: 8px 12px; min-inline-size: 7rem; border-block-end: 1px solid var(--_line); overflow-wrap: anywhere; }
tr:last-child > * { border-block-end: 0; }
tbody th { color: var(--_muted); font-weight: 500; min-inline-size: 5.5rem; }
td.none { color: var(--_muted); font-style: italic; }
.chips { display: flex; flex-wrap: wrap; gap: 8px; }
.chip, .plain, .solid { min-block-size: 38px; padding: 6px 15px; border-radius: 999px; border: 1px solid var(--_line); background: none; font-size: .875rem; font-weight: 550; }
.solid { background: var(--_accent); border-color: transparent; color: var(--_accent-ink); }
.ask { border: 1px solid var(--_line); border-radius: var(--_radius); padding: 14px; display: grid; gap: 12px; }
.ask p { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.trouble { border-inline-start: 3px solid #c63d2f; padding-inline-start: 12px; display: grid; gap: 8px; justify-items: start; }
.trouble p { margin: 0; }
.dots { display: flex; gap: 5px; padding: 6px 2px; }
.dots i { inline-size: 7px; block-size: 7px; border-radius: 50%; background: var(--_muted); animation: hop 1s ease-in-out infinite alternate; }
.dots i:nth-child(2) { animation-delay: .2s; } .dots i:nth-child(3) { animation-delay: .4s; }
@keyframes hop { from { opacity: .25; } to { opacity: 1; } }
form { display: flex; align-items: flex-end; gap: 8px; padding: 12px; border-block-start: 1px solid var(--_line); }
textarea { flex: 1; min-inline-size: 0; resize: none; min-block-size: 44px; max-block-size: 8rem; padding: 10px 14px; border: 1px solid var(--_muted);
  border-radius: 22px; background: transparent; field-sizing: content; line-height: 1.4; font-size: 1rem; }
textarea:focus-visible { outline-offset: -1px; border-color: transparent; }
textarea::placeholder { color: var(--_muted); opacity: 1; }
.go { flex: none; min-inline-size: 44px; min-block-size: 44px; padding: 0 18px; border: 0; border-radius: 22px; background: var(--_accent); color: var(--_accent-ink); font-weight: 650; }
.quiet { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }
@media (forced-colors: active) { .mine .said, .launcher, .go, .solid { border: 1px solid ButtonText; } }
`;

let sheet = null;
const styleSheet = () => {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
};

/** An element with attributes and children; text always goes in as a text node. */
const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
};

/** An address as the page may use it, or null: a catalogue's text must not become a script. */
const safeAddress = (address, schemes = ["http:", "https:"]) => {
  if (typeof address !== "string" || address === "") return null;
  try {
    const url = new URL(address, document.baseURI);
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
};

const textOf = (value) => (typeof value === "string" ? value : "");
const listOf = (value) => (Array.isArray(value) ? value : []);
// Not randomUUID, which pages without TLS lack: who guesses a session's id is that visitor.
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

const optedOut = () => {
  try {
    return localStorage.getItem(OPT_OUT) === "off";
  } catch {
    return false;
  }
};

/** Lets a conversation be remembered where the page names nobody; gone with the page. */
const passingSession = newId();

/** The JSON objects of a UI message stream; ends at [DONE]. */
async function* chunksOf(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    rest = (rest + value).replace(/\r\n/g, "\n");
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const data = rest.slice(0, end).split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5).trim()).join("\n");
      rest = rest.slice(end + 2);
      if (data === "[DONE]") return;
      if (data !== "") yield JSON.parse(data);
    }
  }
}

export class ShelfChat extends HTMLElement {
  static observedAttributes = ["heading", "lang", "layout", "placeholder", "suggestions"];
  static texts = TEXTS;

  #root = this.attachShadow({ mode: "open" });
  #parts = null;
  #id = newId();
  #messages = [];
  #request = null;
  #disclosed = "";
  #observer = null;
  #onView = new Map(); // card element → what it is, until it was reported

  connectedCallback() {
    if (this.#parts === null) this.#build();
    this.#frame();
  }

  disconnectedCallback() {
    this.#request?.abort();
  }

  attributeChangedCallback() {
    if (this.#parts !== null) this.#frame();
  }

  /** Opens the panel (where it floats) and puts the focus into it. */
  open() {
    const { panel, launcher, input } = this.#parts;
    panel.hidden = false;
    launcher.hidden = true;
    launcher.setAttribute("aria-expanded", "true");
    input.focus();
    this.#tell("shelf:chat-open", {});
  }

  /** Closes the panel (where it floats) and gives the focus back to its button. */
  close() {
    if (this.#inline) return;
    const { panel, launcher } = this.#parts;
    panel.hidden = true;
    launcher.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
  }

  /** Asks this, as if the shopper had typed it. */
  ask(text) {
    const asked = String(text).trim().slice(0, MOST_CHARS);
    if (asked === "" || this.#request !== null) return;
    this.#parts.hello?.remove();
    this.#turn("mine", "you").append(make("p", { class: "said", part: "question", dir: "auto", text: asked }));
    this.#messages.push({ id: newId(), role: "user", parts: [{ type: "text", text: asked }] });
    this.#answer();
  }

  // --- settings

  #is(name) {
    return (this.getAttribute(name) ?? "").trim();
  }

  get #inline() {
    return this.#is("layout") === "inline";
  }

  get #language() {
    return this.#is("lang") || this.closest("[lang]")?.lang || document.documentElement.lang || "en";
  }

  #t(name, values = {}) {
    const texts = TEXTS[this.#language.toLowerCase()] ?? TEXTS[this.#language.slice(0, 2).toLowerCase()] ?? TEXTS.en;
    return (texts[name] ?? TEXTS.en[name]).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  }

  get #headers() {
    const headers = { "content-type": "application/json" };
    if (this.#is("key")) headers["x-api-key"] = this.#is("key");
    if (this.#is("shopper-token") && !optedOut()) headers["x-shopper-token"] = this.#is("shopper-token");
    return headers;
  }

  /** Who talks, as the page says; nobody once personalisation is off on this device. */
  get #ids() {
    const ids = {};
    if (optedOut()) return ids;
    if (this.#is("user-id")) ids.userId = this.#is("user-id");
    else if (this.#is("anonymous-id")) ids.anonymousId = this.#is("anonymous-id");
    if (this.#is("session-id")) ids.sessionId = this.#is("session-id");
    return ids;
  }

  get #base() {
    return this.#is("api-base").replace(/\/+$/, "");
  }

  // --- the panel

  #build() {
    this.#root.adoptedStyleSheets = [styleSheet()];
    const launcher = make("button", { type: "button", class: "launcher", part: "launcher", "aria-haspopup": "dialog", "aria-expanded": "false",
      onclick: () => this.open() });
    const title = make("h2", { id: "title", part: "heading" });
    const fresh = make("button", { type: "button", class: "icon fresh", part: "control", onclick: () => this.#fresh() });
    const shut = make("button", { type: "button", class: "icon shut", part: "control", onclick: () => this.close() });
    const machine = make("p", { class: "machine", part: "disclosure" });
    const log = make("div", { class: "log", part: "log", role: "log", "aria-live": "polite", tabindex: 0 });
    const state = make("span", { class: "quiet", role: "status" });
    const input = make("textarea", { id: "input", rows: 1, maxlength: MOST_CHARS, part: "input", autocomplete: "off", enterkeyhint: "send",
      onkeydown: (event) => this.#typed(event) });
    const label = make("label", { for: "input", class: "quiet" });
    const go = make("button", { type: "submit", class: "go", part: "send" });
    const form = make("form", { part: "composer", onsubmit: (event) => this.#submit(event) }, label, input, go);
    const panel = make("div", { class: "panel", part: "panel", "aria-labelledby": "title", onkeydown: (event) => {
      if (event.key !== "Escape" || event.isComposing || this.#inline) return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } }, make("header", {}, title, fresh, shut), machine, log, state, form);
    panel.hidden = true;
    this.#parts = { launcher, panel, title, fresh, shut, machine, log, state, input, label, go, hello: null, dots: null };
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { threshold: [0, 0.5] });
    this.#root.append(launcher, panel);
    this.#greet();
  }

  /** Words and arrangement, from the attributes as they are now. */
  #frame() {
    const { launcher, panel, title, fresh, shut, machine, log, input, label } = this.#parts;
    const inline = this.#inline;
    panel.classList.toggle("floating", !inline);
    panel.setAttribute("role", inline ? "region" : "dialog");
    panel.setAttribute("lang", this.#language);
    if (inline) panel.hidden = false;
    launcher.hidden = inline || !panel.hidden;
    shut.hidden = inline;
    title.textContent = this.#is("heading") || this.#t("title");
    launcher.textContent = this.#t("open");
    launcher.setAttribute("lang", this.#language);
    fresh.setAttribute("aria-label", this.#t("fresh"));
    fresh.title = this.#t("fresh");
    shut.setAttribute("aria-label", this.#t("close"));
    log.setAttribute("aria-label", this.#t("log"));
    label.textContent = this.#t("ask");
    input.placeholder = this.#is("placeholder") || this.#t("ask");
    if (this.#disclosed === "") machine.textContent = this.#t("machine");
    if (this.#parts.hello !== null && this.#messages.length === 0) this.#greet();
    this.#button();
  }

  #button() {
    const { go, panel } = this.#parts;
    const busy = this.#request !== null;
    go.textContent = this.#t(busy ? "stop" : "send");
    panel.setAttribute("aria-busy", String(busy));
  }

  /** What the panel says before anything was asked, with the page's suggestions to press. */
  #greet() {
    const { log } = this.#parts;
    this.#parts.hello?.remove();
    const options = this.#is("suggestions").split("|").map((text) => text.trim()).filter(Boolean);
    this.#parts.hello = make("div", { class: "turn" }, make("p", { class: "hello", text: this.#t("hello") }), this.#chips(options));
    log.append(this.#parts.hello);
  }

  #chips(options) {
    if (options.length === 0) return null;
    const chips = make("div", { class: "chips" });
    for (const text of options) {
      chips.append(make("button", { type: "button", class: "chip", part: "option", dir: "auto", text, onclick: () => {
        if (this.#request !== null) return;
        chips.remove();
        this.#parts.input.focus();
        this.ask(text);
      } }));
    }
    return chips;
  }

  #fresh() {
    this.#request?.abort();
    this.#id = newId();
    this.#messages = [];
    this.#onView.clear();
    this.#observer.disconnect();
    this.#parts.log.replaceChildren();
    this.#greet();
    this.#parts.input.focus();
  }

  #typed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit(event);
  }

  #submit(event) {
    event.preventDefault();
    const { input } = this.#parts;
    if (this.#request !== null) {
      if (event.type === "submit") this.#request.abort("stopped");
      return;
    }
    const text = input.value;
    input.value = "";
    this.ask(text);
    input.focus();
  }

  #turn(kind, speaker) {
    const { log } = this.#parts;
    const turn = make("div", { class: `turn ${kind}`, part: kind === "mine" ? "mine" : "answer" },
      make("span", { class: "quiet", text: this.#t(speaker) }));
    log.append(turn);
    this.#follow(true);
    return turn;
  }

  /** Keeps the newest in sight, unless the shopper has scrolled up to read. */
  #follow(surely = false) {
    const { log } = this.#parts;
    if (surely || log.scrollHeight - log.scrollTop - log.clientHeight < 240) log.scrollTop = log.scrollHeight;
  }

  // --- an answer

  async #answer() {
    const { state } = this.#parts;
    const request = (this.#request = new AbortController());
    const turn = this.#turn("theirs", "assistant");
    const dots = make("span", { class: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
    turn.append(dots);
    state.textContent = this.#t("working");
    this.#button();
    this.#follow(true);
    let timer = 0;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort("silent"), SILENCE_MS);
    };
    const answer = { texts: new Map(), said: "", ended: false, failed: "" };
    try {
      alive();
      const reply = await fetch(`${this.#base}/api/chat`, { method: "POST", headers: this.#headers, signal: request.signal,
        body: JSON.stringify(this.#body()) });
      if (!reply.ok) throw new TypeError(`HTTP ${reply.status}`);
      for await (const chunk of chunksOf(reply.body, alive)) {
        if (request !== this.#request) return;
        this.#take(chunk, turn, answer);
        turn.append(dots); // always last
        this.#follow();
      }
      if (!answer.ended) answer.failed ||= this.#t("broken");
    } catch (error) {
      if (request.signal.reason === "stopped") turn.append(make("p", { class: "hello", text: this.#t("stopped") }));
      else if (request !== this.#request || !this.isConnected) return;
      else answer.failed = answer.said || answer.texts.size ? this.#t("broken") : this.#t("failed");
    } finally {
      clearTimeout(timer);
      dots.remove();
      if (request === this.#request) {
        this.#request = null;
        state.textContent = "";
        this.#button();
      }
    }
    if (answer.said) this.#messages.push({ id: newId(), role: "assistant", parts: [{ type: "text", text: answer.said }] });
    if (answer.failed) this.#trouble(turn, answer.failed);
    this.#follow();
    this.#tell("shelf:chat-answer", { failed: answer.failed !== "" });
  }

  #body() {
    const ids = this.#ids;
    const body = { id: this.#id, messages: this.#messages.slice(-MOST_SENT), ...ids };
    if (Object.keys(ids).length === 0) body.sessionId = passingSession;
    if (this.#is("product-id")) body.productId = this.#is("product-id");
    return body;
  }

  #take(chunk, turn, answer) {
    const data = chunk.data ?? {};
    switch (chunk.type) {
      case "text-start":
      case "text-delta": {
        let block = answer.texts.get(chunk.id);
        if (block === undefined) {
          block = make("p", { class: "said", part: "text", dir: "auto" });
          answer.texts.set(chunk.id, block);
        }
        const text = textOf(chunk.delta);
        if (text === "") break;
        if (!block.isConnected) turn.append(block);
        block.append(text); // a node of its own: only what is new is read out
        answer.said += text;
        break;
      }
      case "text-end":
        if (answer.said) answer.said += "\n";
        break;
      case "data-disclosure":
        this.#disclose(data, turn);
        break;
      case "data-products":
        if (listOf(data.products).length) turn.append(this.#cards(listOf(data.products), textOf(data.recommendationId)));
        break;
      case "data-comparison":
        turn.append(this.#comparison(listOf(data.products), listOf(data.rows)));
        break;
      case "data-clarify":
        turn.append(make("p", { class: "said", part: "text", dir: "auto", text: textOf(data.question) }));
        answer.said += `${textOf(data.question)}\n`;
        turn.append(this.#chips(listOf(data.options).map(textOf).filter(Boolean)) ?? "");
        break;
      case "tool-input-available":
        if (chunk.toolName === "add_to_cart" && chunk.providerExecuted !== true) turn.append(this.#proposal(chunk.input ?? {}));
        break;
      case "error":
        answer.failed = textOf(chunk.errorText) || this.#t("broken");
        break;
      case "finish":
        answer.ended = true;
        break;
      default: // parts of later versions, and those that only say how an answer came about
    }
  }

  #disclose(data, turn) {
    const text = textOf(data.text) || this.#t("machine");
    if (this.#disclosed !== "" && this.#disclosed !== text) turn.append(make("p", { class: "hello", dir: "auto", text }));
    this.#disclosed = text;
    const { machine } = this.#parts;
    const link = safeAddress(data.handOff, ["http:", "https:", "mailto:", "tel:"]);
    // A relative address would turn any sentence into a link.
    const other = textOf(data.handOff);
    const linked = link !== null && /^([a-z]+:|\/)/i.test(other);
    machine.replaceChildren(text, other ? " " : "");
    if (other) machine.append(linked ? make("a", { href: link, text: this.#t("handOff") }) : other);
  }

  #cards(products, recommendationId) {
    const cards = make("ul", { class: "cards", role: "list", "aria-label": this.#t("products") });
    for (const [index, product] of products.entries()) {
      const href = safeAddress(product.url);
      const source = safeAddress(product.imageUrl);
      const about = { productId: product.productId, position: index + 1, recommendationId };
      const picture = make("span", { class: "picture" });
      if (source !== null) {
        const image = make("img", { src: source, alt: "", width: 76, height: 76, loading: "lazy", decoding: "async" });
        image.addEventListener("error", () => image.remove());
        picture.append(image);
      }
      const card = make("li", { class: "card", part: "card" }, picture, make("div", { class: "facts" },
        make("a", { class: "name", part: "name", dir: "auto", href, text: textOf(product.name), onclick: (event) => {
          if (!this.#tell("shelf:select", { ...about, url: product.url }, true)) event.preventDefault();
          this.#report("click", about);
        } }),
        make("span", { class: "price", part: "price", text: this.#money(product.price, product.currency) }),
        product.reason ? make("p", { class: "reason", part: "reason", dir: "auto", text: textOf(product.reason) }) : null));
      this.#onView.set(card, { about, timer: 0 });
      this.#observer.observe(card);
      cards.append(card);
    }
    return cards;
  }

  #comparison(products, rows) {
    const table = make("table", { part: "comparison" }, make("caption", { class: "quiet", text: this.#t("comparison") }));
    const head = make("tr", {}, make("td", {}, make("span", { class: "quiet", text: this.#t("attribute") })),
      ...products.map((product) => make("th", { scope: "col", dir: "auto", text: textOf(product.name) })));
    const line = (name, values) => make("tr", {}, make("th", { scope: "row", dir: "auto", text: name }),
      ...values.map((value) => make("td", value === null ? { class: "none", text: this.#t("unknown") } : { dir: "auto", text: String(value) })));
    const priced = rows.some((row) => textOf(row.attribute).toLowerCase() === "price");
    table.append(make("thead", {}, head), make("tbody", {},
      priced ? "" : line(this.#t("price"), products.map((product) => this.#money(product.price, product.currency) || null)),
      ...rows.map((row) => line(textOf(row.attribute).replaceAll("_", " "), listOf(row.values)))));
    return make("div", { class: "wide", role: "region", tabindex: 0, "aria-label": this.#t("comparison") }, table);
  }

  /** A change of the cart is the shopper's: nothing happens before the button is pressed. */
  #proposal(input) {
    const productId = textOf(input.productId);
    const name = textOf(input.name) || productId;
    const quantity = Number.isInteger(input.quantity) && input.quantity > 0 ? input.quantity : 1;
    const text = this.#t(quantity === 1 ? "confirm" : "confirmMany", { name, quantity });
    const done = (outcome) => {
      ask.replaceChildren(make("p", { text: this.#t(outcome), dir: "auto" }));
      this.#parts.input.focus();
    };
    const ask = make("div", { class: "ask", part: "proposal", role: "group", "aria-label": text }, make("p", { text, dir: "auto" }),
      make("div", { class: "chips" },
        make("button", { type: "button", class: "solid", part: "confirm", text: this.#t("yes"), onclick: () => {
          const taken = this.#tell("shelf:add-to-cart", { productId, quantity, name }, true);
          if (taken) this.#report("add_to_cart", { productId, quantity });
          done(taken ? "added" : "passed");
        } }),
        make("button", { type: "button", class: "plain", text: this.#t("no"), onclick: () => done("declined") })));
    return ask;
  }

  #trouble(turn, text) {
    const box = make("div", { class: "trouble", part: "error" }, make("p", { text, dir: "auto" }),
      make("button", { type: "button", class: "plain", part: "retry", text: this.#t("retry"), onclick: () => {
        if (this.#request !== null) return;
        turn.remove();
        const from = this.#messages.findLastIndex((message) => message.role === "user");
        this.#messages.length = from + 1; // what had been said of the answer that broke off
        this.#parts.input.focus();
        this.#answer();
      } }));
    turn.append(box);
  }

  #money(price, currency) {
    if (price === null || price === undefined) return "";
    try {
      return new Intl.NumberFormat(this.#language, { style: "currency", currency }).format(price);
    } catch {
      return `${price} ${textOf(currency)}`; // a language or currency that the browser doesn't know
    }
  }

  // --- reporting

  #tell(type, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, cancelable, detail: { source: "chat", ...detail } }));
  }

  #seen(entries) {
    for (const entry of entries) {
      const card = this.#onView.get(entry.target);
      if (card === undefined) continue;
      clearTimeout(card.timer);
      if (entry.intersectionRatio < 0.5) continue;
      card.timer = setTimeout(() => {
        if (document.visibilityState !== "visible") return;
        this.#observer.unobserve(entry.target);
        this.#onView.delete(entry.target);
        this.#report("impression", card.about);
      }, SEEN_MS);
    }
  }

  #report(type, about) {
    const ids = this.#ids;
    if (Object.keys(ids).length === 0) return;
    const event = { eventId: newId(), type, ...about, ...ids };
    if (!event.recommendationId) delete event.recommendationId;
    const body = JSON.stringify({ events: [event] });
    fetch(`${this.#base}/api/events`, { method: "POST", headers: this.#headers, body, keepalive: true }).catch(() => {
      // a lost report costs the shopper nothing
    });
  }
}

if (!customElements.get("shelf-chat")) customElements.define("shelf-chat", ShelfChat);

/**
 * <shelf-recommendations>: a shelf of products with honest reasons, as one file without dependencies.
 * Attributes, events, parts and custom properties: docs/widgets.md. Data reach the page as text nodes only, styles as
 * a constructed sheet: a page may forbid inline scripts and styles.
 */

const SEEN_SHARE = 0.5; // of a card's area,
const SEEN_MS = 1000; // for this long: an impression
const FLUSH_MS = 1500;
const UNDO_MS = 8000;
const FIRST_ANSWER_MS = 6000;
const OPT_OUT = "shelfwise:personalisation";
const SOURCES = ["recommendations", "similar", "bought-together", "trending"];
const WATCHED = ["api-base", "key", "source", "placement", "product-id", "category", "limit", "user-id", "shopper-token",
  "anonymous-id", "session-id", "query", "budget", "heading", "heading-level", "lang", "layout", "add-to-cart"];

/** The widget's own words by language; a page adds one with `ShelfRecommendations.texts.fr = {…}`. */
const TEXTS = {
  en: {
    recommendations: "Recommended", similar: "Similar products", "bought-together": "Often bought together",
    trending: "Trending now", carousel: "carousel", slide: "slide", place: "{n} of {all}", previous: "Previous products",
    next: "Next products", why: "Why this?", whyProduct: "Why this? {name}", because: "Shown because",
    noReason: "It fits what this page is about.", facts: "What this rests on", dismiss: "Not interested",
    off: "Turn personalisation off", on: "Turn personalisation on", close: "Close", cart: "Add to cart",
    cartProduct: "Add {name} to cart", gone: "{name} was removed.", undo: "Undo", back: "{name} is back.",
    isOff: "Personalisation is off.", isOn: "Personalisation is on.", failed: "That could not be saved. Please try again.",
    promoted: "Promoted", empty: "Nothing to show here at the moment.", loading: "Loading",
  },
  de: {
    recommendations: "Empfehlungen", similar: "Ähnliche Produkte", "bought-together": "Oft zusammen gekauft",
    trending: "Gerade beliebt", carousel: "Karussell", slide: "Seite", place: "{n} von {all}",
    previous: "Vorherige Produkte", next: "Weitere Produkte", why: "Warum das?", whyProduct: "Warum das? {name}",
    because: "Zu sehen, weil", noReason: "Es passt zu dieser Seite.", facts: "Worauf das beruht",
    dismiss: "Kein Interesse", off: "Personalisierung ausschalten", on: "Personalisierung einschalten",
    close: "Schließen", cart: "In den Warenkorb", cartProduct: "{name} in den Warenkorb", gone: "{name} wurde entfernt.",
    undo: "Rückgängig", back: "{name} ist wieder da.", isOff: "Personalisierung ist aus.", isOn: "Personalisierung ist an.",
    failed: "Das konnte nicht gespeichert werden. Bitte noch einmal versuchen.", promoted: "Anzeige",
    empty: "Hier gibt es gerade nichts zu zeigen.", loading: "Wird geladen",
  },
};

const STYLE = `
:host { display: block; box-sizing: border-box; max-inline-size: 100%; font-family: var(--shelf-font, inherit);
  line-height: 1.4; --_ink: var(--shelf-ink, #1c1f26); --_muted: var(--shelf-muted, #5a6070);
  --_surface: var(--shelf-surface, #fff); --_line: var(--shelf-line, #e2e5eb); --_tint: var(--shelf-tint, #f3f4f7);
  --_accent: var(--shelf-accent, #1f4fd8); --_accent-ink: var(--shelf-accent-ink, #fff);
  --_radius: var(--shelf-radius, 14px); --_gap: var(--shelf-gap, 16px); }
@supports (color: light-dark(#000, #fff)) {
  :host { --_ink: var(--shelf-ink, light-dark(#1c1f26, #eef0f5)); --_muted: var(--shelf-muted, light-dark(#5a6070, #a9b0c0));
    --_surface: var(--shelf-surface, light-dark(#fff, #1b1e26)); --_line: var(--shelf-line, light-dark(#e2e5eb, #333846));
    --_tint: var(--shelf-tint, light-dark(#f3f4f7, #262a35)); --_accent: var(--shelf-accent, light-dark(#1f4fd8, #9db8ff));
    --_accent-ink: var(--shelf-accent-ink, light-dark(#fff, #10131b)); }
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
section { container-type: inline-size; position: relative; color: inherit; }
header { display: flex; align-items: center; gap: 12px; min-block-size: 44px; margin-block-end: 12px; }
.title { flex: 1; margin: 0; font-size: 1.25rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; text-wrap: balance;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
button { font: inherit; color: inherit; cursor: pointer; }
.nav { display: flex; gap: 8px; visibility: hidden; }
.nav.on { visibility: visible; }
.nav button { inline-size: 40px; block-size: 40px; padding: 0; border-radius: 50%; border: 1px solid var(--_line);
  background: var(--_surface); color: var(--_ink); display: grid; place-items: center; }
.nav button::before { content: ""; inline-size: 9px; block-size: 9px; border: solid currentColor; border-width: 2px 2px 0 0;
  rotate: 45deg; translate: -2px 0; }
.nav button.prev::before { rotate: -135deg; translate: 2px 0; }
:host(:dir(rtl)) .nav button::before { rotate: -135deg; translate: 2px 0; }
:host(:dir(rtl)) .nav button.prev::before { rotate: 45deg; translate: -2px 0; }
.nav button[aria-disabled=true] { color: var(--_muted); opacity: .55; cursor: default; }
.stage { position: relative; }
.track { display: grid; grid-auto-flow: column; grid-auto-columns: var(--shelf-card-width, clamp(10.5rem, 44cqi, 14rem));
  justify-content: start; gap: var(--_gap); overflow-x: auto; overscroll-behavior-x: contain; scroll-snap-type: x proximity;
  padding: 4px; margin: -4px; scroll-padding-inline: 4px; scrollbar-width: none; list-style: none; }
.track::-webkit-scrollbar { display: none; }
:host([layout=grid]) .track { grid-auto-flow: row; overflow: visible;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--shelf-card-width, clamp(9rem, 40cqi, 13rem))), 1fr)); }
.own { min-block-size: inherit; overflow-x: auto; }
.card { position: relative; display: flex; flex-direction: column; min-inline-size: 0; scroll-snap-align: start;
  background: var(--_surface); color: var(--_ink); border: 1px solid var(--_line); border-radius: var(--_radius); overflow: hidden;
  transition: box-shadow .18s, border-color .18s; }
.card:hover { border-color: color-mix(in srgb, var(--_ink) 28%, var(--_line)); box-shadow: 0 8px 24px -12px rgb(0 0 0 / .28); }
.picture { aspect-ratio: var(--shelf-image-ratio, 1); inline-size: 100%; background: var(--_tint); overflow: hidden; display: block; }
.picture img { inline-size: 100%; block-size: 100%; object-fit: var(--shelf-image-fit, cover); display: block; transition: scale .3s; }
.card:hover .picture img { scale: 1.03; }
.text { display: flex; flex-direction: column; gap: 4px; padding: 12px 14px 4px; font-size: .875rem; }
.brand { font-size: .75rem; color: var(--_muted); block-size: 1.4em; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.name { font-weight: 600; block-size: 2.8em; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; overflow-wrap: anywhere; }
.name a { color: inherit; text-decoration: none; }
.name a::after { content: ""; position: absolute; inset: 0; border-radius: var(--_radius); }
.name a:hover { text-decoration: underline; text-underline-offset: 2px; }
.name a:focus-visible { outline: none; }
.name a:focus-visible::after { outline: 3px solid var(--_accent); outline-offset: -3px; }
.price { font-size: 1rem; font-weight: 700; block-size: 1.4em; font-variant-numeric: tabular-nums; overflow: hidden; }
.reason { color: var(--_muted); font-size: .8125rem; block-size: 4.2em; display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere; margin: 0; }
.foot { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 4px 8px; padding: 4px 14px 12px;
  min-block-size: 48px; position: relative; pointer-events: none; }
.foot > button { pointer-events: auto; }
.why { border: 0; background: none; padding: 0; min-block-size: 32px; font-size: .8125rem; color: var(--_accent);
  text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 3px; }
.deal { min-block-size: 54px; }
.cart { inline-size: 100%; }
.brand, .name, .reason, .sheet p, .sheet li { text-align: match-parent; }
.solid, .plain { border-radius: 999px; min-block-size: 38px; padding: 4px 14px; font-size: .875rem; font-weight: 600;
  border: 1px solid transparent; }
.solid { background: var(--_accent); color: var(--_accent-ink); }
.plain { background: transparent; border-color: var(--_line); color: var(--_ink); }
.plain:hover, .nav button:not([aria-disabled=true]):hover { background: var(--_tint); }
button:focus-visible, .sheet:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
.badge { position: absolute; inset-block-start: 10px; inset-inline-start: 10px; background: var(--_surface); color: var(--_ink);
  border: 1px solid var(--_line); border-radius: 999px; padding: 1px 9px; font-size: .75rem; }
.bone { background: repeating-linear-gradient(var(--_tint) 0 .95em, transparent 0 1.4em); }
.ghost { pointer-events: none; }
.ghost .picture, .bone { animation: breathe 1.6s ease-in-out .5s infinite alternate; }
@keyframes breathe { to { opacity: .55; } }
.sheet { position: fixed; inset: auto; margin: 0; inline-size: min(23.5rem, calc(100vw - 24px)); max-block-size: min(30rem, 80dvh);
  overflow: auto; padding: 18px; border: 1px solid var(--_line); border-radius: 16px; background: var(--_surface);
  color: var(--_ink); box-shadow: 0 24px 64px -20px rgb(0 0 0 / .5); font-size: .875rem; line-height: 1.5; }
.sheet::backdrop { background: rgb(0 0 0 / .04); }
.shut { position: absolute; inset-block-start: 8px; inset-inline-end: 8px; inline-size: 36px; block-size: 36px; padding: 0; border: 0;
  border-radius: 50%; background: none; }
.shut::before, .shut::after { content: ""; position: absolute; inset: 17px 11px; background: currentColor; rotate: 45deg; }
.shut::after { rotate: -45deg; }
.shut:hover { background: var(--_tint); }
.sheet h3 { margin: 0 0 2px; font-size: .75rem; font-weight: 600; color: var(--_muted); }
.sheet p { margin: 0 0 12px; font-size: 1rem; line-height: 1.45; overflow-wrap: anywhere; }
.sheet ul { margin: 4px 0 14px; padding: 0; list-style: none; display: grid; gap: 6px; }
.sheet li { padding-inline-start: 20px; position: relative; overflow-wrap: anywhere; }
.sheet li::before { content: ""; position: absolute; inset-inline-start: 3px; inset-block-start: .4em; inline-size: 5px; block-size: 9px;
  border: solid var(--_accent); border-width: 0 2px 2px 0; rotate: 42deg; }
.acts { display: flex; flex-wrap: wrap; gap: 8px; }
@media (max-width: 479px) {
  .sheet { inset: auto 0 0; inline-size: 100%; max-inline-size: 100%; border-radius: 20px 20px 0 0; max-block-size: 70dvh;
    padding-block-end: max(18px, env(safe-area-inset-bottom)); }
  .sheet::backdrop { background: rgb(0 0 0 / .4); }
  .acts > * { flex: 1 1 100%; min-block-size: 44px; }
}
.notice { position: absolute; inset-block-end: 16px; inset-inline: 0; z-index: 2; display: flex; justify-content: center; pointer-events: none; }
.toast { display: flex; align-items: center; gap: 12px; max-inline-size: calc(100% - 16px); padding: 6px 8px 6px 18px; border-radius: 999px;
  background: var(--_ink); color: var(--_surface); font-size: .875rem; box-shadow: 0 10px 32px -8px rgb(0 0 0 / .5); pointer-events: auto; }
:host(:dir(rtl)) .toast { padding: 6px 18px 6px 8px; }
.toast span { overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; padding-block: 4px; }
.toast button { flex: none; min-block-size: 34px; border: 0; border-radius: 999px; padding: 4px 14px; font-weight: 650;
  background: color-mix(in srgb, var(--_surface) 18%, transparent); color: inherit; }
.toast button:focus-visible { outline-color: var(--_surface); outline-offset: -3px; }
.empty { display: grid; place-items: center; min-block-size: 88px; margin: 0; padding: 20px; text-align: center; color: inherit;
  border: 1px dashed color-mix(in srgb, currentColor 30%, transparent); border-radius: var(--_radius); }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }
@media (forced-colors: active) { .card, .sheet { border-color: CanvasText; } .bone, .ghost .picture { border: 1px solid GrayText; } }
`;

let sheet = null;
const styleSheet = () => {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
};

const POPOVER = "popover" in HTMLElement.prototype;
const instances = new Set();
const formats = new Map(); // language and currency → a format; making one is slow
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** An element with properties and children; text always goes in as a text node. */
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
const safeAddress = (address) => {
  if (typeof address !== "string" || address === "") return null;
  try {
    const url = new URL(address, document.baseURI);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
};

const textOf = (value) => (typeof value === "string" ? value : "");
// Not randomUUID, which pages without TLS lack: who guesses a session's id is that visitor.
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

const optedOut = () => {
  try {
    return localStorage.getItem(OPT_OUT) === "off";
  } catch {
    return pageOptOut; // a page without storage remembers it as long as it is open
  }
};
let pageOptOut = false;
const setOptedOut = (off) => {
  pageOptOut = off;
  try {
    if (off) localStorage.setItem(OPT_OUT, "off");
    else localStorage.removeItem(OPT_OUT);
  } catch {
    // remembered for this page
  }
};

/** Events on their way, one queue per place they go to; what fails is tried again with the same event ids. */
class Outbox {
  static #all = new Map();
  #waiting = [];
  #timer = 0;
  #failures = 0;

  static of(base, headers) {
    const name = JSON.stringify([base, headers]);
    if (!Outbox.#all.has(name)) Outbox.#all.set(name, new Outbox(base, headers));
    return Outbox.#all.get(name);
  }

  static flushAll() {
    for (const box of Outbox.#all.values()) box.flush();
  }

  constructor(base, headers) {
    this.address = `${base}/api/events`;
    this.headers = { ...headers, "content-type": "application/json" };
  }

  add(event, now = false) {
    this.#waiting.push({ eventId: newId(), ...event });
    if (now || this.#waiting.length >= 50) this.flush();
    else if (this.#timer === 0) this.#timer = setTimeout(() => this.flush(), FLUSH_MS);
  }

  async flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const events = this.#waiting.splice(0, 100);
    if (events.length === 0) return;
    // keepalive instead of sendBeacon: a beacon can't carry the key's header.
    const request = { method: "POST", headers: this.headers, body: JSON.stringify({ events }), keepalive: true };
    try {
      const answer = await fetch(this.address, request);
      if (answer.status >= 500 || answer.status === 429) throw new TypeError("not taken");
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      if (this.#failures > 3) return;
      this.#waiting.unshift(...events);
      if (this.#timer === 0) this.#timer = setTimeout(() => this.flush(), FLUSH_MS * 4 ** this.#failures);
    }
  }
}

addEventListener("pagehide", () => {
  for (const shelf of instances) shelf.settle();
  Outbox.flushAll();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") Outbox.flushAll();
  for (const shelf of instances) shelf.watchAgain();
});

/** Server-sent events of a body, as [event, data]; ends with the stream. */
async function* serverSent(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest = (rest + decoder.decode(value, { stream: true })).replace(/\r\n/g, "\n");
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const of = (field) => lines.filter((l) => l.startsWith(field)).map((l) => l.slice(field.length).replace(/^ /, ""));
      const data = of("data:").join("\n");
      if (data !== "") yield [of("event:")[0] ?? "message", data];
    }
  }
}

export class ShelfRecommendations extends HTMLElement {
  static observedAttributes = WATCHED;
  static texts = TEXTS;

  #root = this.attachShadow({ mode: "open" });
  #parts = null;
  #cards = new Map(); // product id → {item, element, seenAt timer, reported}
  #answer = null;
  #frozen = false;
  #viewed = false;
  #queued = false;
  #request = null;
  #pending = null; // a dismissal that can still be undone
  #observer = null;
  #resizes = null;

  /** The answer on show (the service's JSON), null before it came. */
  get slate() {
    return this.#answer;
  }

  connectedCallback() {
    instances.add(this);
    if (this.#parts === null) this.#build();
    this.#resizes = new ResizeObserver(() => this.#navigation());
    this.#resizes.observe(this.#parts.track);
    this.#queue();
  }

  disconnectedCallback() {
    instances.delete(this);
    this.settle();
    this.#request?.abort();
    this.#observer?.disconnect();
    this.#resizes?.disconnect();
    for (const card of this.#cards.values()) clearTimeout(card.timer);
  }

  attributeChangedCallback(name, before, after) {
    if (before !== after && this.#parts !== null) this.#queue();
  }

  /** Asks again, and shows what comes as if it were the first answer. */
  refresh() {
    this.#queue();
  }

  /** Writes a dismissal that could still be undone. */
  settle() {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    clearTimeout(pending.timer);
    pending.write();
  }

  /** Time in a hidden tab is not time seen: what is visible starts again. */
  watchAgain() {
    for (const card of this.#cards.values()) {
      clearTimeout(card.timer);
      this.#observer?.unobserve(card.element);
      if (document.visibilityState === "visible") this.#observer?.observe(card.element);
    }
  }

  // --- settings

  #is(name) {
    return (this.getAttribute(name) ?? "").trim();
  }

  get #source() {
    const source = this.#is("source");
    return SOURCES.includes(source) ? source : "recommendations";
  }

  get #limit() {
    const limit = Number.parseInt(this.#is("limit"), 10);
    return Number.isInteger(limit) ? Math.min(Math.max(limit, 1), 50) : 5;
  }

  get #language() {
    return this.#is("lang") || this.closest("[lang]")?.lang || document.documentElement.lang || "en";
  }

  #t(name, values = {}) {
    const texts = TEXTS[this.#language.toLowerCase()] ?? TEXTS[this.#language.slice(0, 2).toLowerCase()] ?? TEXTS.en;
    return (texts[name] ?? TEXTS.en[name]).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  }

  get #base() {
    return this.#is("api-base").replace(/\/+$/, "");
  }

  get #headers() {
    const headers = {};
    if (this.#is("key")) headers["x-api-key"] = this.#is("key");
    if (this.#is("shopper-token") && !optedOut()) headers["x-shopper-token"] = this.#is("shopper-token");
    return headers;
  }

  /** Who looks: nothing once personalisation is off on this device. A known shopper is not also a visitor. */
  get #ids() {
    const ids = {};
    if (optedOut()) return ids;
    if (this.#is("user-id")) ids.userId = this.#is("user-id");
    else if (this.#is("anonymous-id")) ids.anonymousId = this.#is("anonymous-id");
    if (this.#is("session-id")) ids.sessionId = this.#is("session-id");
    return ids;
  }

  #address() {
    const asked = new URLSearchParams(this.#ids);
    asked.set("limit", String(this.#limit));
    if (this.#is("budget")) asked.set("budget", this.#is("budget"));
    const product = this.#is("product-id");
    const source = this.#source;
    if (source === "recommendations") {
      if (this.#is("placement")) asked.set("placement", this.#is("placement"));
      if (product) asked.set("productId", product);
      if (this.#is("query")) asked.set("query", this.#is("query"));
      return `${this.#base}/api/recommendations/stream?${asked}`;
    }
    asked.set("reasons", "template");
    if (source === "trending") {
      if (this.#is("category")) asked.set("category", this.#is("category"));
      return `${this.#base}/api/trending?${asked}`;
    }
    return `${this.#base}/api/products/${encodeURIComponent(product)}/${source}?${asked}`;
  }

  // --- asking

  #queue() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.#load();
    });
  }

  async #load() {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.settle();
    const asked = fetch(this.#address(), { headers: this.#headers, signal: request.signal }); // on its way before anything is drawn
    asked.catch(() => {}); // told below, where it is awaited
    this.#frozen = false;
    this.#viewed = false;
    this.#frame();
    if (this.#answer === null) this.#skeleton();
    this.#answer = null;
    let late = false;
    const tooLate = setTimeout(() => {
      late = true;
      request.abort();
    }, FIRST_ANSWER_MS);
    try {
      const answer = await asked;
      if (!answer.ok) throw new TypeError(`HTTP ${answer.status}`);
      if (this.#source === "recommendations") {
        for await (const [event, data] of serverSent(answer.body)) {
          if (request.signal.aborted) return;
          clearTimeout(tooLate);
          if (event === "done") break;
          this.#take(event, JSON.parse(data));
        }
        if (this.#answer === null) throw new TypeError("no slate came");
      } else {
        this.#show(await answer.json());
      }
    } catch (error) {
      // Aborted for another request: that one goes on. Once cards are there, they stay.
      if (request.signal.aborted && !late) return;
      if (this.#answer === null) this.#fail(error);
    } finally {
      clearTimeout(tooLate);
    }
  }

  #take(event, data) {
    if (event === "reason") this.#reason(data);
    else if (event === "baseline" || (event === "slate" && !this.#frozen)) this.#show(data);
    else if (event === "slate") {
      for (const item of data.recommendations) this.#reason(item);
      this.#tell("shelf:slate", { slate: data, shown: false });
    }
  }

  // --- showing

  #build() {
    this.#root.adoptedStyleSheets = [styleSheet()];
    const track = make("div", { class: "track", part: "track", id: "track", onscroll: () => this.#navigation() });
    track.addEventListener("keydown", (event) => this.#key(event));
    for (const kind of ["pointerover", "focusin"]) track.addEventListener(kind, () => (this.#frozen ||= this.#answer !== null));
    const prev = make("button", { type: "button", class: "prev", part: "control", "aria-controls": "track", onclick: () => this.#turn(-1) });
    const next = make("button", { type: "button", class: "next", part: "control", "aria-controls": "track", onclick: () => this.#turn(1) });
    const nav = make("div", { class: "nav" }, prev, next);
    const header = make("header", { part: "header" }, nav);
    const own = make("div", { class: "own" }, make("slot"));
    const stage = make("div", { class: "stage" }, own, track);
    const said = make("div", { class: "notice", role: "status", "aria-live": "polite" });
    stage.append(said);
    const section = make("section", { part: "region" }, header, stage);
    this.#parts = { section, header, nav, prev, next, stage, own, track, said, title: null };
    this.#observer = new IntersectionObserver((seen) => this.#seen(seen), { threshold: [0, SEEN_SHARE] });
    this.#root.append(section);
  }

  /** What doesn't depend on data: heading, names of the controls. */
  #frame() {
    const { section, header, nav, prev, next } = this.#parts;
    const level = Math.min(Math.max(Number.parseInt(this.#is("heading-level"), 10) || 2, 1), 6);
    const title = make(`h${level}`, { class: "title", part: "heading", id: "title", text: this.#is("heading") || this.#t(this.#source) });
    this.#parts.title?.remove();
    this.#parts.title = title;
    header.insertBefore(title, nav);
    section.setAttribute("aria-labelledby", "title");
    section.setAttribute("lang", this.#language);
    section.setAttribute("role", "region");
    if (this.#grid) section.removeAttribute("aria-roledescription");
    else section.setAttribute("aria-roledescription", this.#t("carousel"));
    prev.setAttribute("aria-label", this.#t("previous"));
    next.setAttribute("aria-label", this.#t("next"));
  }

  get #grid() {
    return this.#is("layout") === "grid";
  }

  get #served() {
    return this.children.length > 0; // the server put cards or links into the page
  }

  #skeleton() {
    const { section, track, own } = this.#parts;
    section.setAttribute("aria-busy", "true");
    const bones = Array.from({ length: this.#limit }, () => this.#bone());
    track.replaceChildren(...bones);
    track.setAttribute("aria-hidden", "true");
    track.removeAttribute("role");
    own.hidden = !this.#served;
    // The page's own markup keeps its place until data come: the space is that of the cards all the same.
    const size = track.getBoundingClientRect().height - 8;
    this.#parts.stage.style.minBlockSize = `${size}px`;
    own.style.maxBlockSize = `${size}px`;
    track.hidden = this.#served;
    this.#navigation();
  }

  #bone() {
    const line = (name) => make("span", { class: `${name} bone` });
    return make("div", { class: "card ghost", part: "skeleton" }, make("span", { class: "picture" }),
      make("div", { class: "text" }, line("brand"), line("name"), line("price"), line("reason")),
      make("div", { class: "foot" }), this.hasAttribute("add-to-cart") ? make("div", { class: "foot deal" }) : null);
  }

  #show(answer) {
    const { section, stage, track, own } = this.#parts;
    this.#answer = answer;
    section.removeAttribute("aria-busy");
    own.hidden = true;
    track.hidden = false;
    track.removeAttribute("aria-hidden");
    for (const card of this.#cards.values()) {
      clearTimeout(card.timer);
      this.#observer.unobserve(card.element);
    }
    this.#cards.clear();
    const items = Array.isArray(answer.recommendations) ? answer.recommendations : [];
    if (items.length === 0) {
      this.#nothing();
      this.#tell("shelf:slate", { slate: answer, shown: true });
      return;
    }
    for (const [index, item] of items.entries()) this.#cards.set(item.productId, this.#card(item, index, items.length));
    track.replaceChildren(...[...this.#cards.values()].map((card) => card.element));
    track.setAttribute("role", this.#grid ? "list" : "group");
    track.setAttribute("aria-labelledby", "title");
    if (!this.#grid) stage.style.minBlockSize = "";
    track.scrollLeft = 0;
    for (const card of this.#cards.values()) this.#observer.observe(card.element);
    this.#navigation();
    this.#tell("shelf:slate", { slate: answer, shown: true });
  }

  #card(item, index, all) {
    const name = textOf(item.name);
    const href = safeAddress(item.url);
    const source = safeAddress(item.imageUrl);
    const card = { item, element: null, timer: 0, reported: false, reason: null, sheet: null };
    const picture = make("span", { class: "picture", part: "picture" });
    if (source !== null) {
      const image = make("img", { part: "image", src: source, alt: "", width: 320, height: 320, decoding: "async",
        loading: index < 6 ? "eager" : "lazy" });
      image.addEventListener("error", () => image.remove());
      picture.append(image);
    }
    const link = make("a", { part: "name", text: name, href, class: "link", onclick: (event) => this.#select(card, event) });
    card.reason = make("p", { class: "reason", part: "reason", dir: "auto", text: textOf(item.reason) });
    card.why = make("button", { type: "button", class: "why", part: "why", text: this.#t("why"), "aria-haspopup": "dialog",
      "aria-label": this.#t("whyProduct", { name }) });
    card.sheet = this.#sheet(card, index);
    card.element = make("div", {
      class: "card", part: "card", role: this.#grid ? "listitem" : "group",
      "aria-roledescription": this.#grid ? null : this.#t("slide"),
      "aria-label": this.#grid ? null : this.#t("place", { n: index + 1, all }),
    },
      picture,
      make("div", { class: "text" },
        make("span", { class: "brand", part: "brand", dir: "auto", text: textOf(item.brand) }),
        make("span", { class: "name", dir: "auto" }, link),
        make("span", { class: "price", part: "price", text: this.#money(item.price, item.currency) }),
        card.reason),
      make("div", { class: "foot" }, card.why),
      this.hasAttribute("add-to-cart") ? make("div", { class: "foot deal" }, make("button", {
        type: "button", class: "cart solid", part: "cart", text: this.#t("cart"),
        "aria-label": this.#t("cartProduct", { name }), onclick: () => this.#toCart(card) })) : null,
      item.promoted === true ? make("span", { class: "badge", part: "promoted", text: this.#t("promoted") }) : null,
      card.sheet);
    return card;
  }

  #money(price, currency) {
    if (price === null || price === undefined) return "";
    try {
      const name = `${this.#language} ${currency}`;
      if (!formats.has(name)) formats.set(name, new Intl.NumberFormat(this.#language, { style: "currency", currency }));
      return formats.get(name).format(price);
    } catch {
      return `${price} ${textOf(currency)}`; // a language or currency that the browser doesn't know
    }
  }

  #reason(late) {
    const card = this.#cards.get(late.productId);
    if (card === undefined || !late.reason) return;
    Object.assign(card.item, { reason: late.reason, reasonSource: late.reasonSource, evidence: late.evidence });
    card.reason.textContent = textOf(late.reason);
    if (card.open) this.#fill(card);
  }

  #nothing() {
    const { stage, track } = this.#parts;
    track.replaceChildren();
    track.hidden = true;
    const box = this.getBoundingClientRect();
    const away = box.top > innerHeight || box.bottom < 0;
    // In front of the shopper's eyes nothing moves; elsewhere the space is given back.
    if (away) stage.style.minBlockSize = "";
    this.#parts.none?.remove();
    this.#parts.none = make("p", { class: "empty", part: "empty", text: this.#t("empty") });
    stage.prepend(this.#parts.none);
    this.#navigation();
  }

  #fail(error) {
    const { section, own, track } = this.#parts;
    section.removeAttribute("aria-busy");
    if (this.#served) {
      own.hidden = false;
      track.hidden = true;
      track.replaceChildren();
    } else {
      this.#nothing();
    }
    this.#tell("shelf:error", { message: error instanceof Error ? error.message : "failed" });
  }

  // --- why this?

  #sheet(card, index) {
    const id = `why-${index}`;
    const dialog = make(POPOVER ? "div" : "dialog", { class: "sheet", part: "popover", id, role: "dialog", tabindex: -1,
      autofocus: true, "aria-label": this.#t("whyProduct", { name: textOf(card.item.name) }) });
    const place = () => this.#place(card);
    const opened = (open) => {
      card.open = open;
      card.why.setAttribute("aria-expanded", String(open));
      const change = open ? addEventListener : removeEventListener;
      change("scroll", place, { capture: true, passive: true });
      change("resize", place);
      if (open) place();
      else if (this.#pending === null) this.#settleFocus(card);
    };
    card.why.setAttribute("aria-expanded", "false");
    if (POPOVER) {
      dialog.popover = "auto";
      card.why.popoverTargetElement = dialog;
      dialog.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#fill(card));
      dialog.addEventListener("toggle", (event) => opened(event.newState === "open"));
    } else {
      card.why.addEventListener("click", () => {
        this.#fill(card);
        dialog.showModal();
        opened(true);
      });
      dialog.addEventListener("close", () => opened(false));
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    }
    return dialog;
  }

  #settleFocus(card) {
    // Browsers give the focus back to the button, but not all of them across a shadow root.
    const now = this.#root.activeElement;
    if (card.element.isConnected && (now === null || card.sheet.contains(now)) && [document.body, this].includes(document.activeElement)) {
      card.why.focus({ preventScroll: true });
    }
  }

  #close(card) {
    if (!card.open) return;
    if (POPOVER) card.sheet.hidePopover();
    else card.sheet.close();
  }

  #fill(card) {
    const { item } = card;
    const facts = (Array.isArray(item.evidence) ? item.evidence : []).map((fact) => textOf(fact?.text)).filter(Boolean);
    const held = this.#root.activeElement?.dataset?.act;
    const button = (act, text, kind, action) => {
      const made = make("button", { type: "button", class: kind, part: "action", text, onclick: action });
      made.dataset.act = act;
      return made;
    };
    const shut = button("close", "", "shut", () => this.#close(card));
    shut.setAttribute("aria-label", this.#t("close"));
    card.sheet.replaceChildren(
      make("h3", { text: this.#t("because") }),
      make("p", { text: textOf(item.reason) || this.#t("noReason"), part: "why-reason", dir: "auto" }),
      facts.length ? make("h3", { text: this.#t("facts") }) : "",
      facts.length ? make("ul", { part: "evidence" }, ...facts.map((text) => make("li", { text, dir: "auto" }))) : "",
      make("div", { class: "acts" },
        button("dismiss", this.#t("dismiss"), "plain", () => this.#dismiss(card)),
        button("personal", this.#t(optedOut() ? "on" : "off"), "plain", () => this.#personal(card))),
      shut);
    if (held) card.sheet.querySelector(`[data-act="${held}"]`)?.focus();
  }

  /** Beside its button, inside the window; on a phone the sheet lies at the bottom by style alone. */
  #place(card) {
    const { style } = card.sheet;
    if (matchMedia("(max-width: 479px)").matches) {
      style.removeProperty("left");
      style.removeProperty("top");
      return;
    }
    const button = card.why.getBoundingClientRect();
    const box = card.sheet.getBoundingClientRect();
    const right = getComputedStyle(this).direction === "rtl";
    const left = right ? button.right - box.width : button.left;
    style.left = `${Math.max(12, Math.min(left, innerWidth - box.width - 12))}px`;
    const below = button.bottom + 8;
    const top = below + box.height > innerHeight - 12 ? button.top - box.height - 8 : below;
    style.top = `${Math.max(12, Math.min(top, innerHeight - box.height - 12))}px`;
  }

  #dismiss(card) {
    this.settle();
    const { recommendationId } = this.#answer;
    const { productId } = card.item;
    const name = textOf(card.item.name);
    const parent = card.element.parentNode;
    const after = card.element.nextSibling;
    clearTimeout(card.timer);
    this.#observer.unobserve(card.element);
    const write = () => this.#send("POST", "/api/feedback", { recommendationId, productId, vote: "dismiss" });
    this.#pending = { write, timer: 0 };
    this.#close(card);
    card.element.remove();
    this.#navigation();
    const arm = () => {
      if (this.#pending === null) return;
      clearTimeout(this.#pending.timer);
      this.#pending.timer = setTimeout(() => {
        const focused = this.#parts.said.contains(this.#root.activeElement);
        this.settle();
        this.#say("");
        if (focused) this.#focusCard(0);
      }, UNDO_MS);
    };
    const hold = () => this.#pending && clearTimeout(this.#pending.timer);
    const undo = () => {
      if (this.#pending === null) return;
      clearTimeout(this.#pending.timer);
      this.#pending = null;
      parent.insertBefore(card.element, after?.parentNode === parent ? after : null);
      this.#observer.observe(card.element);
      this.#say(this.#t("back", { name }));
      card.element.querySelector("a[href], button")?.focus();
      this.#navigation();
    };
    this.#say(this.#t("gone", { name }), this.#t("undo"), undo);
    const button = this.#parts.said.querySelector("button");
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, hold);
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, arm);
    button.focus();
    // Held while the button has the focus, so that nobody is hurried; written at the latest when the page goes.
    if (this.#root.activeElement !== button) arm();
    this.#tell("shelf:dismiss", { productId, recommendationId });
  }

  async #personal(card) {
    const user = this.#is("user-id");
    const off = !optedOut();
    this.#close(card);
    if (off && user) {
      const path = `/api/users/${encodeURIComponent(user)}/consent`;
      const before = await this.#send("GET", path);
      const done = before !== null && (await this.#send("PUT", path, { personalization: "none", llmProcessing: false })) !== null;
      if (done) {
        this.#everywhere(this.#t("isOff"), this.#t("undo"), async () => {
          const back = await this.#send("PUT", path, before);
          this.#everywhere(this.#t(back === null ? "failed" : "isOn"));
        });
        return;
      }
      // The service could not be told: then this device sends no ids.
    }
    setOptedOut(off);
    this.#everywhere(this.#t(off ? "isOff" : "isOn"), this.#t("undo"), () => {
      setOptedOut(!off);
      this.#everywhere(this.#t(off ? "isOn" : "isOff"));
    });
  }

  /** Every shelf of the page asks again: what was turned off is off in all of them. */
  #everywhere(text, action, act) {
    for (const shelf of instances) shelf.refresh();
    this.#say(text, action, act);
    this.#parts.said.querySelector("button")?.focus();
    this.#tell("shelf:personalisation", { off: optedOut() });
  }

  async #send(method, path, body) {
    const headers = body === undefined ? this.#headers : { ...this.#headers, "content-type": "application/json" };
    try {
      const answer = await fetch(this.#base + path, { method, headers, body: body && JSON.stringify(body), keepalive: true });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  #say(text, action, act) {
    const { said } = this.#parts;
    clearTimeout(this.#parts.quiet);
    said.replaceChildren();
    if (text === "") return;
    const button = action ? make("button", { type: "button", text: action, part: "undo", onclick: act }) : null;
    said.append(make("div", { class: "toast", part: "notice" }, make("span", { text }), button));
    if (button === null) this.#parts.quiet = setTimeout(() => said.replaceChildren(), UNDO_MS);
  }

  // --- reporting

  #tell(type, detail, cancelable = false) {
    const event = new CustomEvent(type, { bubbles: true, composed: true, cancelable,
      detail: { source: this.#source, placement: this.#is("placement") || null, ...detail } });
    return this.dispatchEvent(event);
  }

  #report(type, card, now) {
    const ids = this.#ids;
    if (Object.keys(ids).length === 0) return;
    const { productId, position } = card.item;
    const event = { type, productId, position, recommendationId: this.#answer.recommendationId, ...ids };
    Outbox.of(this.#base, this.#headers).add(event, now);
  }

  #seen(entries) {
    for (const entry of entries) {
      const card = [...this.#cards.values()].find((one) => one.element === entry.target);
      if (card === undefined) continue;
      if (entry.isIntersecting && entry.intersectionRatio > 0) {
        this.#frozen = true;
        if (!this.#viewed) {
          this.#viewed = true;
          this.#tell("shelf:view", { recommendationId: this.#answer.recommendationId,
            productIds: [...this.#cards.keys()], strategy: this.#answer.meta?.strategy ?? null });
        }
      }
      clearTimeout(card.timer);
      if (card.reported || entry.intersectionRatio < SEEN_SHARE) continue;
      card.timer = setTimeout(() => {
        if (card.reported || document.visibilityState !== "visible") return;
        card.reported = true;
        this.#observer.unobserve(card.element);
        this.#report("impression", card, false);
      }, SEEN_MS);
    }
  }

  #select(card, event) {
    const { productId, position, url } = card.item;
    const detail = { productId, position, url, recommendationId: this.#answer.recommendationId };
    this.#report("click", card, true);
    if (!this.#tell("shelf:select", detail, true)) event.preventDefault(); // the page goes there by itself
  }

  #toCart(card) {
    const { productId, position, price, currency, name } = card.item;
    const detail = { productId, position, price, currency, name, recommendationId: this.#answer.recommendationId };
    if (this.#tell("shelf:add-to-cart", detail, true)) this.#report("add_to_cart", card, true);
  }

  // --- moving

  get #elements() {
    return [...this.#parts.track.children].filter((element) => !element.classList.contains("ghost"));
  }

  #focusCard(index) {
    const cards = this.#elements;
    cards[Math.max(0, Math.min(index, cards.length - 1))]?.querySelector("a[href], button")?.focus();
  }

  #key(event) {
    const cards = this.#elements;
    const at = cards.findIndex((card) => card.contains(event.target));
    if (at < 0 || event.target.closest(".sheet") || event.altKey || event.ctrlKey || event.metaKey) return;
    const forward = getComputedStyle(this).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const to = { [forward]: at + 1, [forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft"]: at - 1, Home: 0, End: cards.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focusCard(to);
  }

  #turn(direction) {
    const { track, prev, next } = this.#parts;
    if ((direction < 0 ? prev : next).getAttribute("aria-disabled") === "true") return;
    const rtl = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    track.scrollBy({ left: direction * rtl * track.clientWidth * 0.85, behavior: calm.matches ? "auto" : "smooth" });
  }

  #navigation() {
    const { track, nav, prev, next } = this.#parts;
    const room = track.scrollWidth - track.clientWidth;
    const at = Math.abs(track.scrollLeft);
    nav.classList.toggle("on", !this.#grid && room > 4 && this.#answer !== null);
    prev.setAttribute("aria-disabled", String(at < 4));
    next.setAttribute("aria-disabled", String(at > room - 4));
  }
}

if (!customElements.get("shelf-recommendations")) customElements.define("shelf-recommendations", ShelfRecommendations);

/* What the pages do on top of their HTML: real events, so that the next slate knows. Without it every page works. */

const root = document.documentElement.dataset;

/** Sends events of this shopper to /api/events; a shopper who wants no personalisation sends none. */
function tell(events) {
  const ids = root.user ? { userId: root.user } : root.visitor ? { anonymousId: root.visitor, sessionId: root.visitor } : null;
  if (!ids || events.length === 0) return;
  const headers = { "Content-Type": "application/json" };
  if (root.key) headers["X-API-Key"] = root.key;
  const body = JSON.stringify({ events: events.map((event) => ({ eventId: crypto.randomUUID(), ...ids, ...event })) });
  // keepalive: the page that is left must not take the event with it. A dead API is no concern of the shopper's.
  fetch("/api/events", { method: "POST", headers, body, keepalive: true }).catch(() => {});
}

const main = document.querySelector("main[data-view]");
if (main) {
  const from = main.dataset.from;
  tell([{ type: "view", productId: main.dataset.view, ...(from ? { recommendationId: from } : {}) }]);
}

document.addEventListener("click", (event) => {
  const card = event.target.closest(".card-link")?.closest("[data-recommendation]");
  if (!card) return;
  const { product, recommendation, position } = card.dataset;
  tell([{ type: "click", productId: product, recommendationId: recommendation, position: Number(position) }]);
});

/** Impressions: a card of a slate of which half was on the screen for a second, told once, a few at a time. */
const cards = document.querySelectorAll(".card[data-recommendation]");
if (cards.length && "IntersectionObserver" in window) {
  const waiting = new Map();
  const seen = [];
  const flush = () => tell(seen.splice(0));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const card = entry.target;
      if (!entry.isIntersecting) {
        clearTimeout(waiting.get(card));
        waiting.delete(card);
      } else if (!waiting.has(card)) {
        waiting.set(card, setTimeout(() => {
          observer.unobserve(card);
          const { product, recommendation, position } = card.dataset;
          seen.push({ type: "impression", productId: product, recommendationId: recommendation, position: Number(position) });
          if (seen.length >= 8) flush();
        }, 1000));
      }
    }
  }, { threshold: 0.5 });
  cards.forEach((card) => observer.observe(card));
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && flush());
}


// On a narrow screen the shopper that one is may lie outside the strip of names.
const me = document.querySelector('.people [aria-pressed="true"]');
const strip = me?.closest(".people");
if (strip) strip.scrollLeft = me.offsetLeft - strip.offsetLeft - strip.clientWidth / 2 + me.clientWidth / 2;

// The component offers "add to cart"; the cart is this shop's own, kept by the same form that pages have.
// The form tells of it by itself, so the component's own event is held back.
document.addEventListener("shelf:add-to-cart", (event) => {
  event.preventDefault();
  const form = document.createElement("form");
  form.method = "post";
  const from = event.detail.recommendationId ? `&from=${encodeURIComponent(event.detail.recommendationId)}` : "";
  form.action = `/cart/add?product=${encodeURIComponent(event.detail.productId)}${from}`;
  document.body.append(form);
  form.submit();
});

// The list on the left: only the rows in view are in the document, so that ten thousand scroll as quickly as ten.
import { desk, state } from "./desk.js";

const HEIGHT = 64;
const AROUND = 8;
const scroller = at("scroller");
const list = at("list");
const drawn = new Map();   // id → { element, parts, drawn state }

export const icon = (name) => svg("svg", { class: `icon i-${name}`, "aria-hidden": "true", focusable: "false" },
  svg("use", { href: `#i-${name}` }));
export const ICONS = { open: "reopen", accepted: "accept", held: "hold", rejected: "reject" };

const build = (row) => {
  const box = make("input", { type: "checkbox", tabindex: "-1" });
  const facts = make("span", { class: "second" });
  const badge = make("span", { class: "mark" });
  const name = make("span", { class: "first" }, make("span", { class: "formula" }, ...typeset(row.typeset)), " ",
    make("span", { class: "symbol" }, ...typeset(row.symbol)));
  const share = make("span", { class: "share" }, make("span", { class: "value" }, row.p.toFixed(2)),
    svg("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", width: 100, height: 6 }),
      svg("rect", { class: "ti", width: 100 * row.ti, height: 6 }),
      svg("rect", { class: "tsm", x: 100 * row.ti, width: 100 * Math.min(row.tsm, 1 - row.ti), height: 6 })));
  const open = make("button", { type: "button", class: "open", tabindex: "-1" }, badge, name, share, facts);
  const element = make("li", { class: "row", "data-id": row.id },
    make("label", { class: "pick" }, box, make("span", { class: "away" }, `Select ${row.formula}`)), open);
  return { element, box, facts, badge, open, said: "" };
};

const dress = (row, place) => {
  const made = drawn.get(row.id) || build(row);
  drawn.set(row.id, made);
  const s = state(row.id);
  const [current, selected] = [row.id === desk.current, desk.selected.has(row.id)];
  made.element.style.transform = `translateY(${place * HEIGHT}px)`;
  made.element.setAttribute("aria-posinset", String(place + 1));
  made.element.setAttribute("aria-setsize", String(desk.shown.length));
  made.element.className = `row ${s.status}${current ? " current" : ""}${selected ? " selected" : ""}`;
  made.box.checked = selected;
  made.open.tabIndex = current ? 0 : -1;
  made.box.tabIndex = current ? 0 : -1;
  if (current) made.open.setAttribute("aria-current", "true");
  else made.open.removeAttribute("aria-current");
  const said = JSON.stringify([s.status, s.tags, s.assignee, s.notes]);
  if (said === made.said) return made.element;
  made.said = said;
  made.badge.replaceChildren(...(s.status === "open" ? [] : [icon(ICONS[s.status]), make("span", { class: "away" }, s.status)]));
  const extra = [];
  if (s.assignee) extra.push(make("span", { class: "whose" }, icon("assign"), s.assignee));
  if (s.notes) extra.push(make("span", { class: "whose" }, icon("note"), make("span", {}, String(s.notes)), make("span", { class: "away" }, " notes")));
  for (const tag of s.tags) extra.push(make("span", { class: "tag" }, tag));
  made.facts.replaceChildren(make("span", { class: "id" }, `${row.rank} · ${row.crystal}`), ...extra);
  return made.element;
};

export const draw = () => {
  list.style.height = `${desk.shown.length * HEIGHT}px`;
  const first = Math.max(0, Math.floor(scroller.scrollTop / HEIGHT) - AROUND);
  const last = Math.min(desk.shown.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / HEIGHT) + AROUND);
  const rows = desk.shown.slice(first, last).map((row, i) => dress(row, first + i));
  const wanted = new Set(rows);
  for (const [id, { element }] of drawn) if (!wanted.has(element)) { element.remove(); drawn.delete(id); }
  let before = null;   // in order, touching nothing that is in place: focus stays where it is
  for (const element of rows) {
    const next = before ? before.nextSibling : list.firstChild;
    if (next !== element) list.insertBefore(element, next);
    before = element;
  }
};

export const reveal = () => {
  const top = desk.place * HEIGHT;
  const room = scroller.clientHeight;
  if (top < scroller.scrollTop + HEIGHT / 2) scroller.scrollTop = Math.max(0, top - HEIGHT);
  else if (top + 2 * HEIGHT > scroller.scrollTop + room) scroller.scrollTop = top + 2 * HEIGHT - room;
};
export const focusCurrent = () => drawn.get(desk.current)?.open.focus({ preventScroll: true });
export const hasFocus = () => list.contains(document.activeElement);

let frame = 0;
scroller.addEventListener("scroll", () => {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(draw);
}, { passive: true });
new ResizeObserver(draw).observe(scroller);

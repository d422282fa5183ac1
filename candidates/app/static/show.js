// The right side: the candidate's page, where it stands, its history; and what is said in passing.
import { desk } from "./desk.js";
import { icon, ICONS } from "./list.js";
import { read } from "./talk.js";

export const age = (time) => {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (seconds < 45) return "just now";
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    const n = Math.round(seconds / size);
    if (seconds >= size * 0.75) return n > 30 && unit === "day" ? time.slice(0, 10) : `${n} ${unit}${n === 1 ? "" : "s"} ago`;
  }
  return "just now";
};
const ages = () => { for (const element of document.querySelectorAll("time")) element.textContent = age(element.dateTime); };
setInterval(ages, 20000);

// ---- fragments of pages come from our own server, where every text is escaped
const pages = new Map();
const fetchPage = (id) => {
  if (!pages.has(id)) {
    const page = read(`/candidate/${id}`);
    page.catch(() => pages.delete(id));
    pages.set(id, page);
    if (pages.size > 40) pages.delete(pages.keys().next().value);
  }
  return pages.get(id);
};
// The report's own page of a candidate, without its frame; its scripts are ours already.
const place = (page) => {
  const data = JSON.parse(page.getElementById("data").textContent);
  const article = make("article", { class: "candidate", "data-id": data.id });
  article.append(page.querySelector("header.page"), make("div", { class: "facts-of" }, ...page.querySelector("main").childNodes));
  at("body").replaceChildren(article);
  for (const name of [...figures.keys()]) if (name !== "bibtex") figures.delete(name);
  openCandidate(data, false);
};
// Until its page is here only the name is shown: never one candidate's facts under another's name.
const waitFor = (id) => {
  const row = desk.byId.get(id);
  at("body").replaceChildren(make("article", { class: "candidate coming", "aria-busy": "true" }, make("header", { class: "page" },
    make("h1", {}, make("span", { class: "formula" }, ...typeset(row.typeset))),
    make("p", { class: "lede" }, make("span", { class: "symbol" }, ...typeset(row.symbol)), `, No. ${row.group}`), make("p", { class: "hint" }, "Its page is being drawn …"))));
};
export const showPage = async (id, onlyFetch) => {
  if (!id) { at("body").replaceChildren(); at("said").hidden = true; return; }
  const slow = onlyFetch ? 0 : setTimeout(() => { if (id === desk.current) waitFor(id); }, 40);
  try {
    const html = await fetchPage(id);
    clearTimeout(slow);
    if (onlyFetch || id !== desk.current) return;
    place(new DOMParser().parseFromString(html, "text/html"));
    document.title = `${desk.byId.get(id).formula} – Review`;
  } catch (error) {
    clearTimeout(slow);
    if (!onlyFetch && id === desk.current) at("body").replaceChildren(make("p", { class: "nobody" }, error.message));
  }
};
export const showHistory = async (id) => {
  if (!id) return;
  try {
    const html = await read(`/history/${id}`);
    if (id !== desk.current) return;
    at("history").innerHTML = html;
    at("said").hidden = false;
    ages();
  } catch { /* it is asked for again when something changes */ }
};
export const showStanding = (id, s) => {
  at("standing").hidden = !id;
  if (!id) return;
  const parts = [make("span", { class: `badge ${s.status}` }, icon(ICONS[s.status]), { held: "on hold" }[s.status] || s.status)];
  if (s.reviewer) parts.push(make("span", {}, "by ", make("strong", {}, s.reviewer), ", ", make("time", { datetime: s.time, title: s.time }, age(s.time))));
  if (s.assignee) parts.push(make("span", { class: "whose" }, icon("assign"), "for ", make("strong", {}, s.assignee)));
  if (s.tags.length) parts.push(make("span", { class: "tags" }, ...s.tags.flatMap((tag) => [make("span", { class: "tag" }, tag), " "])));
  const row = desk.byId.get(id);
  parts.push(make("span", { class: "where" }, `No. ${row.rank} · ${row.crystal} · `, make("code", {}, id)));
  at("standing").replaceChildren(...parts);
};

// ---- in passing
let timer = 0;
export const hideToast = () => { at("toast").hidden = true; };
export const toast = (content, buttons = [], kind = "") => {
  at("toast-text").replaceChildren(...content);
  at("toast").className = `toast ${kind}`;
  at("toast-buttons").replaceChildren(...buttons.map(([text, act, key]) => {
    const button = make("button", { type: "button" }, text, ...(key ? [make("kbd", { "aria-hidden": "true" }, key)] : []));
    button.addEventListener("click", () => { hideToast(); act(); });
    return button;
  }));
  at("toast").hidden = false;
  clearTimeout(timer);
  timer = setTimeout(hideToast, kind === "wrong" ? 20000 : kind === "quiet" ? 4000 : 7000);
};
export const announce = (text) => { at("announce").textContent = text; };

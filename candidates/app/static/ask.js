// Small questions: a note, tags, a name. What was begun is kept until it is sent.
const dialog = at("ask");
const form = at("ask-form");
const [area, line, wrong] = [at("ask-note"), at("ask-line"), at("ask-wrong")];
let answer = null;
let draft = null;

const open = ({ title, hint = "", ok, keys = "", kept, field, value = "", suggestions = [], limit, onSubmit, pressed }) => {
  at("ask-title").replaceChildren(...title);
  at("ask-hint").textContent = hint;
  at("ask-hint").hidden = !hint;
  at("ask-ok").textContent = ok;
  at("ask-keys").textContent = keys;
  at("ask-suggestions").replaceChildren(...suggestions.map((word) => {
    const button = make("button", { type: "button", class: "tag" }, word);
    if (pressed) button.setAttribute("aria-pressed", String(pressed.has(word)));
    button.addEventListener("click", () => {
      if (!pressed) { line.value = word; submit(); return; }
      if (pressed.has(word)) pressed.delete(word); else pressed.add(word);
      button.setAttribute("aria-pressed", String(pressed.has(word)));
      line.focus();
    });
    return button;
  }));
  [area.hidden, line.hidden, wrong.hidden] = [field !== area, field !== line, true];
  if (limit) field.maxLength = limit;
  draft = kept ? `draft:${kept}` : null;
  field.value = (draft && sessionStorage.getItem(draft)) || value;
  answer = (text) => onSubmit(text);
  dialog.showModal();
  field.focus();
  field.select?.();
};
const submit = () => {
  const field = area.hidden ? line : area;
  const problem = answer(field.value.trim());
  if (problem) { wrong.textContent = problem; wrong.hidden = false; field.focus(); return; }
  if (draft) sessionStorage.removeItem(draft);
  dialog.close();
};
form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
at("ask-cancel").addEventListener("click", () => dialog.close());
area.addEventListener("input", () => { if (draft) sessionStorage.setItem(draft, area.value); });
area.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
});

const LIMITS = { name: 80, tag: 50, note: 10000 };
export const askNote = (title, kept, done) => open({ title: ["Note on ", ...title], ok: "Save note", field: area, kept,
  limit: LIMITS.note, keys: "Enter saves, Shift + Enter begins a line",
  onSubmit: (text) => (text ? void done(text) : "Write something, or cancel.") });

export const askTags = (title, words, common, classes, done) => {
  const pressed = new Set(common);
  open({ title: ["Tags of ", ...title], ok: "Set tags", field: line, pressed, keys: "commas between several", limit: 500,
    suggestions: [...new Set([...classes, ...words])],
    hint: `${classes.join(", ")} state what a crystal is and make labels for training.`,
    onSubmit: (text) => {
      const typed = text.split(",").map((word) => word.trim().replace(/\s+/g, " ")).filter(Boolean);
      if (typed.some((word) => word.length > LIMITS.tag)) return `A tag has at most ${LIMITS.tag} characters.`;
      const wanted = new Set([...pressed, ...typed]);
      const [tags, untags] = [[...wanted].filter((w) => !common.has(w)), [...common].filter((w) => !wanted.has(w))];
      if (!tags.length && !untags.length) return "Choose a tag or write one.";
      return void done(tags, untags);
    } });
};
export const askAssignee = (title, names, present, done) => open({ title: ["Give ", ...title, " to"], ok: "Assign", field: line,
  suggestions: names, value: present, limit: LIMITS.name, keys: "empty: to nobody", onSubmit: (text) => void done(text) });
export const askName = (present, done) => open({ title: ["Your name"], ok: "That is me", field: line, value: present,
  limit: LIMITS.name, hint: "It stands beside what you decide. Nobody checks it.",
  onSubmit: (text) => (text ? void done(text) : "A decision needs somebody who made it.") });

const openCandidate = (D, spinning = true) => {   // the review app opens one after the other
  const stem = `candidate-${D.id}`;
  const names = Object.keys(D.cells);
  const tip = at("atom-tip");
  const spin = document.querySelector("[data-kind=spin]");
  const scene = new Scene(at("structure"), D.cells[names[0]], {
    italic: true,
    onSpin: (on) => spin.setAttribute("aria-pressed", String(on)),
    onAtom: (atom, x, y) => {
      tip.hidden = !atom;
      if (!atom) return;
      tip.textContent = `${scene.data.elements[atom[3]].symbol} (${atom.slice(4).map((v) => v.toFixed(3)).join(", ")})`;
      const right = x > at("structure").clientWidth / 2;
      tip.style.left = right ? "auto" : `${x + 14}px`;
      tip.style.right = right ? `${at("structure").clientWidth - x + 14}px` : "auto";
      tip.style.top = `${Math.max(0, y - 12)}px`;
    },
  });
  at("elements").append(...D.cells[names[0]].elements.map(({ symbol, colour }) => {
    const dot = svg("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
      svg("circle", { cx: 6, cy: 6, r: 5.5, fill: `rgb(${colour.map(Number).join(",")})`, stroke: "rgba(0,0,0,.35)" }));
    return make("span", {}, dot, ` ${symbol}`);
  }));
  const show = (name) => {
    scene.load(D.cells[name]);
    for (const button of at("cells").children) button.setAttribute("aria-pressed", String(button.dataset.cell === name));
  };
  if (names.length > 1)
    at("cells").append(...names.map((name, n) => make("button", { type: "button", "data-cell": name, "aria-pressed": String(n === 0) }, `${name[0].toUpperCase()}${name.slice(1)} cell`)));
  at("cells").addEventListener("click", (event) => { if (event.target.dataset.cell) show(event.target.dataset.cell); });
  figures.set("structure", {
    png: (name) => scene.png(name),
    cif: (_, name) => save(`${name}.cif`, [D.cif], "chemical/x-cif;charset=utf-8"),
    poscar: (_, name) => save(`${name}.vasp`, [D.poscar], "text/plain;charset=utf-8"),
    spin: () => scene.spin(!scene.spinning),
    along: (button) => scene.along(Number(button.dataset.along)),
    reset: () => scene.reset(),
  });
  if (D.zone && at("zone")) {
    const zone = new Scene(at("zone"), D.zone, { italic: false });
    figures.set("zone", { png: (name) => zone.png(name) });
  }
  for (const tools of document.querySelectorAll(".tools[data-figure]")) {
    const name = tools.dataset.figure, box = tools.previousElementSibling;
    const image = box?.querySelector?.("svg");
    if (!figures.has(name) && image) figures.set(name, { image: () => image, rows: () => D.tables?.[name] || [] });
  }
  figures.set("file", { save: (button) => save(button.dataset.file.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_"), [D.files[button.dataset.file] ?? ""], "text/plain;charset=utf-8") });
  offerFigures(stem);
  if (spinning && !matchMedia("(prefers-reduced-motion: reduce)").matches) scene.spin(true);
  setTimeout(() => { if (scene.spinning) scene.spin(false); }, 9000);   // enough to see its depth; then the machine rests
  performance.mark("ready");
};
addEventListener("DOMContentLoaded", () => { if (at("data")) openCandidate(readJson("data")); });

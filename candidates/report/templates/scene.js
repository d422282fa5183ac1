// A scene of balls, sticks, lines and names on a plain canvas: no WebGL, so that it also draws in a virtual
// machine, a remote desktop and in print.
class Scene {
  constructor(canvas, data, options = {}) {
    Object.assign(this, { canvas, options, zoom: 1, turn: Scene.start(), spinning: false });
    this.brush = canvas.getContext("2d");
    this.load(data);
    this.listen();
    new ResizeObserver(() => this.later()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
    new IntersectionObserver(([entry]) => { this.seen = entry.isIntersecting; if (this.seen) this.later(); }).observe(canvas);
    addEventListener("beforeprint", () => this.draw());
  }
  static start() { return Scene.times(Scene.about(0, -1.25), Scene.about(2, 0.42)); }
  static about(axis, angle) {
    const [c, s] = [Math.cos(angle), Math.sin(angle)], [i, j] = [[1, 2], [2, 0], [0, 1]][axis];
    const m = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    m[i][i] = c; m[i][j] = -s; m[j][i] = s; m[j][j] = c;
    return m;
  }
  static times(a, b) { return a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0))); }
  load(data) {
    this.data = data;
    const far = [...data.labels.map((l) => 0.97 * Math.hypot(l[0], l[1], l[2])), ...data.atoms.map((a) => Math.hypot(a[0], a[1], a[2]) + (data.elements[a[3]].radius)),
      ...data.lines.flatMap((l) => [Math.hypot(l[0], l[1], l[2]), Math.hypot(l[3], l[4], l[5])])];
    this.reach = Math.max(1, ...far);
    this.later();
  }
  later() { this.waiting ||= requestAnimationFrame((now) => { this.waiting = 0; this.step(now); }); }
  step(now) {
    if (this.spinning && this.last) this.turn = Scene.times(Scene.about(1, (now - this.last) / 2600), this.turn);
    this.last = this.spinning ? now : 0;
    this.draw();
    if (this.spinning && this.seen !== false) this.later(); else this.last = 0;
  }
  spin(on) { this.spinning = on; this.last = 0; this.later(); this.options.onSpin?.(on); }
  reset() { this.turn = Scene.start(); this.zoom = 1; this.spin(false); }
  along(axis) {   // look down a lattice vector, the next one to the right
    const d = this.data.directions, unit = (v) => { const n = Math.hypot(...v); return v.map((x) => x / n); };
    const z = unit(d[axis]), next = d[(axis + 1) % 3], dot = z.reduce((s, x, i) => s + x * next[i], 0);
    const x = unit(next.map((v, i) => v - dot * z[i]));
    const y = [z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]];
    this.turn = [x, y, z];
    this.spin(false);
  }
  listen() {
    const { canvas } = this, fingers = new Map();
    let pinch = 0;
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      canvas.setPointerCapture(event.pointerId);
      this.spin(false);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) { this.point(event); return; }
      const now = [event.clientX, event.clientY];
      fingers.set(event.pointerId, now);
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()], apart = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (pinch) this.scale(apart / pinch);
        pinch = apart;
        return;
      }
      this.rotate((now[0] - before[0]) / 160, (now[1] - before[1]) / 160);
    });
    for (const kind of ["pointerup", "pointercancel"])
      canvas.addEventListener(kind, (event) => { fingers.delete(event.pointerId); pinch = 0; });
    canvas.addEventListener("pointerleave", () => this.options.onAtom?.(null));
    canvas.addEventListener("wheel", (event) => {   // the page scrolls unless someone means the picture
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.scale(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] }[event.key];
      if (move) { this.spin(false); this.rotate(...move); }
      else if (event.key === "+" || event.key === "=") this.scale(1.12);
      else if (event.key === "-") this.scale(1 / 1.12);
      else if (event.key === "0") this.reset();
      else if (event.key === "s") this.spin(!this.spinning);
      else if ("abc".includes(event.key)) this.along("abc".indexOf(event.key));
      else return;
      event.preventDefault();
    });
  }
  rotate(across, down) {
    this.turn = Scene.times(Scene.times(Scene.about(1, across), Scene.about(0, down)), this.turn);
    this.later();
  }
  scale(factor) { this.zoom = Math.min(6, Math.max(0.4, this.zoom * factor)); this.later(); }
  view(width, height) {
    const size = 0.45 * Math.min(width, height) * this.zoom / this.reach, eye = 5.5 * this.reach, t = this.turn;
    return ([x, y, z]) => {
      const [X, Y, Z] = t.map((row) => row[0] * x + row[1] * y + row[2] * z);
      const k = size * eye / (eye - Z);
      return { x: width / 2 + k * X, y: height / 2 - k * Y, z: Z, k };
    };
  }
  draw(target) {
    const { canvas, data } = this, ratio = target ? target.ratio : Math.min(3, devicePixelRatio || 1);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    const sheet = target ? target.canvas : canvas;
    if (sheet.width !== Math.round(width * ratio) || sheet.height !== Math.round(height * ratio))
      [sheet.width, sheet.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const brush = sheet.getContext("2d"), style = getComputedStyle(canvas);
    const paper = Scene.rgb(style.getPropertyValue("--canvas-paper") || "#fff"), ink = style.getPropertyValue("--soft");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, width, height);
    if (target) { brush.fillStyle = style.getPropertyValue("--canvas-paper") || "#fff"; brush.fillRect(0, 0, width, height); }
    const see = this.view(width, height), fog = (z) => Math.min(0.62, Math.max(0, 0.3 - 0.34 * z / this.reach));
    const mix = (colour, z, light = 0) => {
      const f = fog(z);
      return colour.map((c, i) => Math.round((c + (light > 0 ? (255 - c) : c) * light) * (1 - f) + paper[i] * f));
    };
    const css = (c) => `rgb(${c[0]},${c[1]},${c[2]})`;
    const atoms = data.atoms.map((a) => ({ ...see(a), element: data.elements[a[3]] }));
    const things = atoms.map((a, n) => ({ z: a.z, n, paint: () => this.ball(brush, a, mix, css) }));
    for (const [i, j] of data.bonds) {
      const [a, b] = [data.atoms[i], data.atoms[j]], middle = see([0, 1, 2].map((n) => (a[n] + b[n]) / 2));
      for (const [end, from, to] of [[i, a, b], [j, b, a]]) {   // from the surface of the ball, not its centre
        const part = 0.9 * atoms[end].element.radius / Math.hypot(...[0, 1, 2].map((n) => to[n] - from[n]));
        const start = { ...see([0, 1, 2].map((n) => from[n] + part * (to[n] - from[n]))), element: atoms[end].element };
        things.push({ z: (start.z + middle.z) / 2, paint: () => this.stick(brush, start, middle, mix, css) });
      }
    }
    for (const [x1, y1, z1, x2, y2, z2, kind] of data.lines) {
      const pieces = kind === "cell" ? 10 : 1, at = (t) => see([x1 + t * (x2 - x1), y1 + t * (y2 - y1), z1 + t * (z2 - z1)]);
      for (let p = 0; p < pieces; p += 1) {
        const [a, b] = [at(p / pieces), at((p + 1) / pieces)], z = (a.z + b.z) / 2;
        things.push({ z: z - (kind === "path" ? -0.05 : 0.4), paint: () => {
          brush.beginPath(); brush.moveTo(a.x, a.y); brush.lineTo(b.x, b.y);
          brush.lineCap = "round";
          brush.lineWidth = kind === "path" ? 2.6 : 1.1;
          brush.strokeStyle = css(mix(Scene.rgb(kind === "path" ? style.getPropertyValue("--accent") : ink), z));
          brush.stroke();
        } });
      }
    }
    things.sort((a, b) => a.z - b.z);
    for (const thing of things) thing.paint();
    brush.textAlign = "center"; brush.textBaseline = "middle";
    for (const [x, y, z, text] of data.labels) {
      const p = see([x, y, z]);
      brush.font = `${this.options.italic ? "italic " : ""}600 14px ${style.getPropertyValue("--serif")}`;
      brush.lineWidth = 4; brush.lineJoin = "round";
      brush.strokeStyle = css(paper); brush.strokeText(text, p.x, p.y);
      brush.fillStyle = style.getPropertyValue("--ink"); brush.fillText(text, p.x, p.y);
    }
    this.spots = atoms;
  }
  ball(brush, a, mix, css) {
    const r = Math.max(1.5, a.element.radius * a.k), colour = a.element.colour;
    const shade = brush.createRadialGradient(a.x - 0.34 * r, a.y - 0.38 * r, 0.05 * r, a.x, a.y, r);
    shade.addColorStop(0, css(mix(colour, a.z, 0.72)));
    shade.addColorStop(0.32, css(mix(colour, a.z, 0.12)));
    shade.addColorStop(0.78, css(mix(colour, a.z, -0.22)));
    shade.addColorStop(1, css(mix(colour, a.z, -0.5)));
    brush.beginPath(); brush.arc(a.x, a.y, r, 0, 2 * Math.PI);
    brush.fillStyle = shade; brush.fill();
    brush.lineWidth = Math.max(0.5, 0.03 * r); brush.strokeStyle = css(mix(colour, a.z, -0.62)); brush.stroke();
  }
  stick(brush, a, b, mix, css) {
    const thick = 0.15 * (a.k + b.k) / 2, z = (a.z + b.z) / 2, colour = a.element.colour;
    const [dx, dy] = [b.x - a.x, b.y - a.y], n = Math.hypot(dx, dy) || 1, [px, py] = [-dy / n * thick, dx / n * thick];
    const shade = brush.createLinearGradient(a.x - px, a.y - py, a.x + px, a.y + py);
    const light = py < 0 || (py === 0 && px < 0) ? [-0.45, 0.1, 0.5, -0.15] : [-0.15, 0.5, 0.1, -0.45];
    [0, 0.3, 0.6, 1].forEach((at, i) => shade.addColorStop(at, css(mix(colour, z, light[i]))));
    brush.beginPath(); brush.moveTo(a.x, a.y); brush.lineTo(b.x, b.y);
    brush.lineCap = "butt"; brush.lineWidth = 2 * thick; brush.strokeStyle = shade; brush.stroke();
  }
  point(event) {
    if (!this.options.onAtom || !this.spots) return;
    const frame = this.canvas.getBoundingClientRect(), [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    let best = -1;
    this.spots.forEach((a, n) => {
      if (Math.hypot(a.x - x, a.y - y) < a.element.radius * a.k && (best < 0 || a.z > this.spots[best].z)) best = n;
    });
    this.options.onAtom(best < 0 ? null : this.data.atoms[best], x, y);
  }
  png(name) {
    const sheet = document.createElement("canvas");
    this.draw({ canvas: sheet, ratio: 3 });
    sheet.toBlob((blob) => save(name, [blob], "image/png"), "image/png");
  }
  static rgb(text) {
    const t = text.trim(), short = t.length === 4;
    if (t.startsWith("#")) return [1, 2, 3].map((n) => parseInt(short ? t[n] + t[n] : t.slice(2 * n - 1, 2 * n + 1), 16));
    return (t.match(/[\d.]+/g) || [255, 255, 255]).slice(0, 3).map(Number);
  }
}

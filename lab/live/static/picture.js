// One side's picture: boxes, the wires between them, and dots that travel along.

import { t } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  kill: "M4 4l8 8M12 4l-8 8",
  freeze: "M8 2v12M2.8 5l10.4 6M13.2 5L2.8 11",
  thaw: "M5 3.5l8 4.5-8 4.5z",
  restart: "M12.9 9.5A5.2 5.2 0 1 1 12 4.6M12.6 1.8v3.4H9.2",
  cut: "M1.5 8H6M10 8h4.5M6.8 4.5l2.4 7",
  mend: "M1.5 8h13",
};
const LEG = 260; // ms of a dot's way from box to box
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export class Picture {
  // `root` is the element of class `picture`; `act` sends what a button asks for.
  constructor(root, act) {
    this.root = root;
    this.act = act;
    this.sky = root.querySelector(".sky");
    this.svg = root.querySelector(".wires");
    this.replicas = root.querySelector(".replicas");
    this.backs = root.querySelector(".backs");
    this.dots = new Map();
    this.sent = 0;
    new ResizeObserver(() => this.#draw()).observe(root);
  }

  // Make the boxes anew: so many replicas, and what stands behind them.
  build(size, store) {
    this.store = store;
    this.replicas.replaceChildren(
      ...Array.from({ length: size }, (_, n) => this.#box("replica", n + 1)),
    );
    const behind = store === "redis" || store === "postgres" ? [this.#box("store", 1)] : [];
    this.backs.replaceChildren(...behind, this.#box("issuer", 1));
    this.clear();
  }

  #box(kind, number) {
    const box = element("div", "box");
    box.dataset.box = kind;
    box.dataset.number = number;
    const name = element("b");
    const state = element("span", "state");
    const tools = element("div", "tools");
    for (const what of ["kill", "freeze", "restart", "cut"]) {
      if (what === "cut" && kind === "replica" && this.store === "none") continue;
      const button = element("button", "tool");
      button.type = "button";
      button.dataset.what = what;
      button.addEventListener("click", () => this.act({ do: "break", what, box: kind, number }));
      tools.append(button);
    }
    box.append(name, state, tools);
    return box;
  }

  boxName(kind, number) {
    if (kind === "replica") return t("replica", { n: number });
    return kind === "store" ? t(this.store) : t("issuer");
  }

  // Show each box in its state: {states: [...], cut: [...], ages: [...], store, issuer, …}.
  update(now) {
    for (const box of this.root.querySelectorAll(".box[data-number]")) {
      const kind = box.dataset.box;
      const number = Number(box.dataset.number);
      const replica = kind === "replica";
      const state = replica ? now.states[number - 1] : now[kind];
      const cut = replica ? Boolean(now.cut[number - 1]) : now[`${kind}_cut`];
      box.dataset.state = state;
      box.dataset.cut = cut;
      box.querySelector("b").textContent = this.boxName(kind, number);
      const age = replica && state === "up" ? now.ages?.[number - 1] : undefined;
      const said = cut ? `${t(state)}, ${t("cut")}` : t(state);
      const home = replica && state === "up" && now.home === number;
      box.classList.toggle("home", home);
      box.querySelector(".state").textContent =
        age !== undefined && age !== null && !cut ? t("listAge", { s: age.toFixed(1) })
        : home ? t("home") : said;
      this.#label(box, kind, number, state, cut);
    }
    this.#draw();
  }

  #label(box, kind, number, state, cut) {
    for (const button of box.querySelectorAll(".tool")) {
      let what = button.dataset.what;
      if (what === "freeze" && state === "frozen") what = "thaw";
      if (what === "cut" && cut) what = "mend";
      if (button.dataset.shown !== what) button.replaceChildren(icon(what));
      button.dataset.shown = what;
      const label = t(`act.${what}`, { box: this.boxName(kind, number) });
      button.setAttribute("aria-label", label);
      button.title = label;
    }
  }

  // Where dots come and go: not over what is written in a box.
  #edge(box, sideways) {
    const { x, y } = this.#centre(box);
    const half = box.getBoundingClientRect().height / 2;
    return { x: x + sideways, y: box.dataset.box === "client" ? y + half : y - half };
  }

  #centre(box) {
    const outer = this.root.getBoundingClientRect();
    const inner = box.getBoundingClientRect();
    return {
      x: inner.left - outer.left + inner.width / 2,
      y: inner.top - outer.top + inner.height / 2,
    };
  }

  #find(kind, number) {
    const which = number ? `[data-number="${number}"]` : "";
    return this.root.querySelector(`.box[data-box="${kind}"]${which}`);
  }

  #draw() {
    const client = this.#find("client");
    const balancer = this.#find("balancer");
    const issuer = this.#find("issuer", 1);
    const asked = this.store === "issuer" ? issuer : this.#find("store", 1);
    const wires = [[client, balancer, "", false]];
    for (const replica of this.replicas.children) {
      wires.push([balancer, replica, "", false]);
      if (asked) wires.push([replica, asked, "", replica.dataset.cut === "true"]);
      if (asked !== issuer) wires.push([replica, issuer, "seldom", issuer?.dataset.cut === "true"]);
    }
    const { width, height } = this.root.getBoundingClientRect();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const lines = wires.filter(([from, to]) => from && to).map((wire) => this.#line(...wire));
    this.svg.replaceChildren(...lines);
  }

  #line(from, to, kind, cut) {
    const line = document.createElementNS(SVG, "line");
    const [a, b] = [this.#centre(from), this.#centre(to)];
    line.setAttribute("x1", a.x);
    line.setAttribute("y1", a.y);
    line.setAttribute("x2", b.x);
    line.setAttribute("y2", b.y);
    line.setAttribute("class", `wire ${kind} ${cut ? "cut" : ""}`);
    return line;
  }

  clear() {
    this.dots.clear();
    this.sky.replaceChildren();
  }

  // A request leaves the client and waits at the load balancer until `land` says where it went.
  depart(key) {
    if (still.matches || document.hidden || this.dots.has(key)) return;
    const dot = element("span", "dot");
    dot.sideways = ((this.sent++ % 9) - 4) * 7; // side by side where they have to wait
    this.sky.append(dot);
    const arrived = this.#travel(dot, this.#find("client"), this.#find("balancer"));
    this.dots.set(key, { dot, arrived: arrived.then(() => dot.classList.add("waiting")) });
  }

  // The answer is there: show the way it took, and what it was.
  async land(key, kind, number) {
    this.depart(key); // unless it has: an answer may be quicker than the picture
    const { dot, arrived } = this.dots.get(key) ?? {};
    if (!dot) return;
    await arrived;
    dot.classList.remove("waiting");
    const balancer = this.#find("balancer");
    const replica = this.#find("replica", number);
    let at = balancer;
    if (number && replica) {
      await this.#travel(dot, balancer, replica);
      at = replica;
      const asked = this.#find(this.store === "issuer" ? "issuer" : "store", 1);
      if (asked && this.store !== "none") {
        await this.#travel(dot, replica, asked);
        await this.#travel(dot, asked, replica);
      }
    }
    dot.classList.add(kind);
    at.classList.remove("hit-ok", "hit-refused", "hit-failed", "hit-lost");
    void at.offsetWidth; // so that the same flash can begin again
    at.classList.add(`hit-${kind}`);
    await new Promise((resolve) => setTimeout(resolve, 350));
    dot.remove();
    setTimeout(() => this.dots.delete(key), 5000);
  }

  #travel(dot, from, to) {
    if (!from || !to || document.hidden) return Promise.resolve();
    const [a, b] = [this.#edge(from, dot.sideways), this.#edge(to, dot.sideways)];
    const frames = [a, b].map(({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` }));
    const options = { duration: LEG, fill: "forwards", easing: "ease-in-out" };
    return dot.animate(frames, options).finished.catch(() => {});
  }
}

// One side of the page: its scheme, its picture, its answers, its counters.

import { Picture, element } from "./picture.js";
import { number, schemeHow, schemeName, t } from "./texts.js";

const KEPT = 20; // answers that are shown
const HOLDS = {
  none: "holdsNone",
  basic: "holdsPassword",
  memory: "holdsCookie",
  sticky: "holdsCookie",
  postgres: "holdsCookie",
  redis: "holdsCookie",
};

export function kindOf(status) {
  if (status === 200) return "ok";
  if (status === 401) return "refused";
  return status === 0 ? "lost" : "failed";
}

function describe({ status, replica }) {
  if (status === 0) return t("landed0");
  if (status === 200) return t("landed200", { n: replica });
  if (status === 401) return t("landed401", { n: replica });
  return t(replica ? "landed5" : "landed50", { status, n: replica });
}

export class Side {
  constructor(root, index, act) {
    this.root = root;
    this.index = index;
    this.act = act;
    root.append(document.getElementById("side").content.cloneNode(true));
    this.picture = new Picture(root.querySelector(".picture"), act);
    this.select = root.querySelector("select");
    this.select.addEventListener("change", () =>
      act({ do: "choose", side: index, scheme: this.select.value }),
    );
    this.answers = [];
    this.guess = null;
    this.shape = "";
  }

  // `state` is all that the server said last.
  update(state) {
    const own = state.sides[this.index];
    const other = state.sides[1 - this.index];
    this.own = own;
    const shape = `${own.scheme} ${state.size}`;
    if (own.scheme && shape !== this.shape) {
      this.shape = shape;
      this.answers = [];
      this.guess = null;
      this.picture.build(state.size, own.store);
      this.#landed();
    }
    if (!own.counters.requests && !this.waiting) {
      this.answers = []; // a new log-in: what was answered before counts no more
    }
    this.#landed(); // in the language of now
    this.#choose(state.schemes, own.scheme, other.scheme);
    this.root.querySelector(".scheme-name").textContent = schemeName(own.scheme ?? "");
    this.root.querySelector(".how").textContent = schemeHow(own.scheme ?? "");
    this.root.querySelector(".policy").textContent = t(
      own.scheme === "sticky" ? "byCookie" : "roundRobin",
    );
    this.#holds(own);
    this.boxes = {
      ...state,
      states: state.replicas[this.index],
      cut: own.cut,
      home: own.home,
    };
    this.picture.update({ ...this.boxes, ages: own.scheme === "rs256+status" ? this.ages : [] });
    this.#count(own);
    this.#outcome();
  }

  aged(ages) {
    this.ages = ages;
    if (this.boxes) this.picture.update({ ...this.boxes, ages });
  }

  #choose(schemes, chosen, elsewhere) {
    if (this.select.options.length !== schemes.length) {
      this.select.replaceChildren(...schemes.map((name) => new Option(name, name)));
    }
    for (const option of this.select.options) {
      option.textContent = schemeName(option.value);
      option.disabled = option.value === elsewhere;
    }
    if (chosen) this.select.value = chosen;
  }

  #holds(own) {
    const words = own.logged_in ? HOLDS[own.scheme] ?? "holdsToken" : "holdsNothing";
    const marks = [t(words)];
    if (own.revoked) marks.push(t("isRevoked"));
    if (own.tampered) marks.push(t("isTampered"));
    this.root.querySelector(".holds").textContent = marks.join(" · ");
    this.root.querySelector(".client .box").dataset.state =
      own.revoked || own.tampered ? "odd" : own.logged_in ? "in" : "out";
  }

  #count(own) {
    const c = own.counters;
    const rows = [
      ["requests", number(c.requests), ""],
      ["turnedAway", number(c.turned_away), c.turned_away ? "bad" : ""],
      ["letIn", number(c.let_in), c.let_in ? "bad" : ""],
      ["trips", number(c.trips), ""],
      ["octets", number(c.octets), ""],
    ];
    if (own.last_let_in !== null) {
      rows.push(["lastLetIn", t("seconds", { n: number(own.last_let_in, 1) }), ""]);
    }
    this.root.querySelector(".counters").replaceChildren(
      ...rows.map(([key, value, tone]) => {
        const cell = element("div", tone);
        cell.dataset.counter = key;
        cell.append(element("dt", "", t(key)), element("dd", "", value));
        return cell;
      }),
    );
  }

  // A volley begins: `count` requests, `rate` a second.
  begin({ volley, count, rate }) {
    if (count > 1) {
      this.answers = [];
      this.waiting = true;
      this.root.dataset.volley = volley;
      this.#landed();
      this.#outcome();
    }
    for (let n = 0; n < count; n += 1) {
      setTimeout(() => this.picture.depart(`${volley}:${n}`), (n / rate) * 1000);
    }
  }

  land(event) {
    this.own = event.of;
    this.waiting = false;
    this.answers = [...this.answers, event].slice(-KEPT);
    this.picture.land(`${event.volley}:${event.number}`, kindOf(event.status), event.replica);
    this.#landed();
    this.#count(event.of);
    this.#outcome();
  }

  #landed() {
    this.root.querySelector(".landed").replaceChildren(
      ...this.answers.map((answer) => {
        const chip = element("li", `chip ${kindOf(answer.status)}`);
        const shown = element("span", "", answer.replica || "–");
        shown.setAttribute("aria-hidden", "true");
        chip.append(shown, element("span", "hidden", describe(answer)));
        chip.title = describe(answer);
        return chip;
      }),
    );
  }

  #outcome() {
    const place = this.root.querySelector(".outcome");
    const n = this.answers.length;
    place.setAttribute("aria-busy", String(this.waiting || (n > 0 && n < KEPT))); // read out once
    if (!n) {
      const idle = this.own?.logged_in ? "ready" : "notYet";
      place.textContent = t(this.waiting ? "waiting" : idle);
      return;
    }
    const count = (kind) => this.answers.filter((a) => kindOf(a.status) === kind).length;
    const [ok, refused] = [count("ok"), count("refused")];
    const other = n - ok - refused;
    let said = t("outcome", { ok, n, refused, percent: number((100 * refused) / n, 1) });
    if (other) said += t("outcomeOther", { other });
    if (this.guess !== null && n === KEPT) {
      said += t("guessed", { guess: this.guess, refused: refused + other });
    }
    place.textContent = said;
  }
}

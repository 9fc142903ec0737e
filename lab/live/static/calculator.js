// The calculator: from five sliders and measured demands to a verdict, and where it flips.

import { element } from "./picture.js";
import { number, t } from "./texts.js";

const FETCH = 1; // s
const NEAR = 2; // ms: a round trip that nobody feels
const SLIDERS = [
  { id: "rate", values: [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120], at: 5, unit: null },
  { id: "ttl", values: [1, 2, 5, 10, 15, 30, 60], at: 2, unit: "minutes" },
  { id: "count", values: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128], at: 3, unit: null },
  { id: "trip", values: [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 80], at: 2, unit: "ms" },
  { id: "need", values: [0, 1, 5, 10, 30, 60, 300, 900, 3600, Infinity], at: 5, unit: "seconds" },
];
let numbers = null;
let asked = false;

function shown({ id, unit }, value) {
  if (value === Infinity) return t("anyTime");
  if (id === "need" && value === 0) return t("atOnce");
  return unit ? t(unit, { n: number(value, 1) }) : number(value, 1);
}

function build() {
  const place = document.getElementById("sliders");
  place.replaceChildren(
    ...SLIDERS.map((slider) => {
      const label = element("label", "slider");
      const input = element("input");
      const last = slider.values.length - 1;
      Object.assign(input, { type: "range", min: 0, max: last, step: 1, value: slider.at });
      input.id = `slide-${slider.id}`;
      input.addEventListener("input", () => {
        slider.at = Number(input.value);
        calculate();
      });
      label.append(element("span"), input, element("output"));
      slider.parts = [label.firstChild, input, label.lastChild];
      return label;
    }),
  );
}

// The model. Pure: demands, and what is wanted; exported for the tests.
export function model(n, { rate, ttl, count, trip, need }) {
  const uses = rate * ttl; // λ·TTL
  const plainLag = ttl * 60 + n.leeway;
  const listLag = n.poll + FETCH;
  const knee = (name) => n.app_us[name] / n.store_us[name];
  const session = (name) => ({
    name,
    latency: trip + (n.app_us[name] - n.app_us.memory + n.store_us[name]) / 1000,
    operations: 1,
    knee: knee(name),
    lag: 0,
    fits: count < knee(name),
  });
  const token = (name, lag) => ({
    name,
    latency: (n.app_us.token - n.app_us.memory) / 1000,
    operations: n.operations_per_refresh / (1 + uses),
    knee: Infinity,
    lag,
    fits: lag <= need,
  });
  const memory = { name: "memory", latency: 0, operations: 0, knee: 2, lag: 0, fits: count === 1 };
  const rows = [memory, session("redis"), session("postgres")];
  rows.push(token("token", plainLag), token("list", listLag));
  let verdict = "verdictTie";
  if (count === 1) verdict = "verdictMemory";
  else if (need < listLag) verdict = "verdictStore";
  else if (count >= knee("redis")) verdict = "verdictKnee";
  else if (uses < 1) verdict = "verdictRare";
  else if (trip >= NEAR) verdict = "verdictTrip";
  const tokens = ["verdictKnee", "verdictTrip", "verdictTie"].includes(verdict);
  const tail = tokens ? (need < plainLag ? "verdictList" : "verdictPlain") : "";
  return { rows, verdict, tail, uses, knee: knee("redis"), plainLag, listLag };
}

function cell(text, tone = "") {
  return element("td", tone, text);
}

function row(one) {
  const line = element("tr");
  const head = element("th", "", t(`scheme.${one.name}`));
  head.scope = "row";
  line.append(
    head,
    cell(t("ms", { n: number(one.latency, 2) })),
    cell(number(one.operations, 2)),
    cell(one.knee === Infinity ? t("sumKneeNone") : t("sumReplicas", { n: Math.ceil(one.knee) })),
    cell(one.lag ? t("seconds", { n: number(one.lag) }) : t("atOnce")),
    cell(t(one.fits ? "sumOk" : "sumBad"), one.fits ? "good" : "bad"),
  );
  return line;
}

function draw() {
  const chosen = {};
  for (const slider of SLIDERS) {
    const [name, input, value] = slider.parts;
    chosen[slider.id] = slider.values[slider.at];
    name.textContent = t(slider.id);
    value.textContent = shown(slider, chosen[slider.id]);
    input.setAttribute("aria-valuetext", value.textContent);
  }
  const found = model(numbers, chosen);
  const lags = { plain: number(found.plainLag), list: number(found.listLag) };
  const values = {
    ...lags,
    need: shown(SLIDERS[4], chosen.need),
    x: number(found.uses, 2),
    count: chosen.count,
    knee: Math.ceil(found.knee),
    trip: number(chosen.trip, 1),
  };
  document.getElementById("verdict").textContent =
    t(found.verdict, values) + (found.tail ? t(found.tail, values) : "");
  const heads = ["sumScheme", "sumLatency", "sumOps", "sumKnee", "sumLag"].map((key) => {
    const head = element(t(key) ? "th" : "td", "", t(key));
    if (t(key)) head.scope = "col";
    return head;
  });
  const top = element("tr");
  top.append(...heads, element("td"));
  const body = element("tbody");
  body.append(...found.rows.map(row));
  const header = element("thead");
  header.append(top);
  document.getElementById("sums").replaceChildren(header, body);
  const app = numbers.app_us;
  const facts = {
    cpu: numbers.cpu,
    date: numbers.measured.slice(0, 10),
    memory: number(app.memory),
    redis: number(app.redis),
    token: number(app.token),
    ops: number(numbers.operations_per_refresh, 2),
    leeway: numbers.leeway,
    poll: numbers.poll,
  };
  document
    .getElementById("assumptions")
    .replaceChildren(...[1, 2, 3, 4, 5].map((n) => element("li", "", t(`assume.${n}`, facts))));
}

export async function calculate() {
  if (!asked) {
    asked = true;
    const got = await fetch("numbers.json").then((answer) => answer.json()).catch(() => ({}));
    if (!got.app_us) return; // nothing was measured: nothing is claimed
    numbers = got;
    build();
    document.getElementById("calculator").hidden = false;
  }
  if (numbers) draw();
}

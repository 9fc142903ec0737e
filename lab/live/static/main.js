// The page: what is pressed goes to the server as JSON, what happens comes back as events.

import { calculate } from "./calculator.js";
import { element } from "./picture.js";
import { Side } from "./side.js";
import { schemeName, speak, t } from "./texts.js";

const STORES = ["redis", "postgres"];
const LOG = 60; // lines that are kept
const $ = (id) => document.getElementById(id);
const sides = [...document.querySelectorAll(".side")].map((root, n) => new Side(root, n, act));
let state = null;
let notes = []; // the newest first
let guessed = ""; // for which schemes and how many replicas the reader has guessed

async function act(action) {
  if (state?.busy && !["fire", "stream", "tamper"].includes(action.do)) return say("refused.busy");
  const answer = await fetch("act", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(action),
  }).catch(() => null);
  if (answer?.status === 409) say(`refused.${(await answer.json()).error}`);
}

function say(key) {
  $("status").textContent = t(key);
}

// What is pressed

$("log-in").addEventListener("click", () => act({ do: "log_in" }));
$("rotate").addEventListener("click", () => act({ do: "rotate" }));
$("revoke").addEventListener("click", () => act({ do: "revoke" }));
$("stream").addEventListener("click", () => act({ do: "stream", on: !state?.streaming }));
$("tamper").addEventListener("click", () => act({ do: "tamper", on: !state?.sides[0].tampered }));
$("fire").addEventListener("click", () => {
  const about = JSON.stringify([state?.size, state?.sides.map((side) => side.scheme)]);
  const ready = state?.sides.every((side) => side.logged_in);
  if (!$("ask").checked || guessed === about || !ready) return fire([null, null]);
  guessed = about;
  ask();
});
for (const radio of document.querySelectorAll("[name=size]")) {
  radio.addEventListener("change", () => act({ do: "resize", replicas: Number(radio.value) }));
}
for (const radio of document.querySelectorAll("[name=language]")) {
  radio.addEventListener("change", () => translate(radio.value));
}

function fire(guesses) {
  sides.forEach((side, n) => {
    side.guess = guesses[n];
  });
  act({ do: "fire" });
}

// Predict first

function ask() {
  $("guesses").replaceChildren(
    ...state.sides.map((side, n) => {
      const label = element("label", "guess");
      const value = element("output", "", t("guessValue", { n: 0 }));
      const slider = element("input");
      Object.assign(slider, { type: "range", min: 0, max: 20, step: 1, value: 0, id: `guess-${n}` });
      slider.addEventListener("input", () => {
        value.textContent = t("guessValue", { n: slider.value });
      });
      label.append(element("span", "", schemeName(side.scheme)), slider, value);
      return label;
    }),
  );
  $("guess").returnValue = "";
  $("guess").showModal();
}
$("guess").addEventListener("close", () => {
  if (!$("guess").returnValue) return;
  const given = $("guess").returnValue === "guess";
  fire(sides.map((_, n) => (given ? Number($(`guess-${n}`).value) : null)));
});

// What happens

const HAPPENS = {
  state(event) {
    state = event;
    show();
  },
  volley: (event) => sides.forEach((side) => side.begin(event)),
  "volley over": () => {},
  landed(event) {
    state.sides[event.side] = event.of;
    sides[event.side].land(event);
  },
  ages: (event) => sides[event.side].aged(event.ages),
  note(event) {
    notes = [{ ...event, time: new Date().toTimeString().slice(0, 8) }, ...notes].slice(0, LOG);
    tellAll();
  },
};

function note(event) {
  const values = { ...event };
  if (event.side !== undefined) values.side = t(event.side ? "right" : "left");
  if (event.scheme) values.scheme = schemeName(event.scheme);
  if (event.box) values.box = boxName(event);
  const line = element("li", "", t(`note.${event.code}`, values));
  line.prepend(element("time", "", event.time), " ");
  return line;
}

function tellAll() {
  $("log").replaceChildren(...notes.map(note));
}

function boxName({ box, number }) {
  if (box !== "store") return box === "replica" ? t("replica", { n: number }) : t("issuer");
  const stores = state.sides.map((side) => side.store).filter((s) => STORES.includes(s));
  return [...new Set(stores)].map((name) => t(name)).join(" + ");
}

function show() {
  for (const side of sides) side.update(state);
  say(state.busy ? `busy.${state.busy}` : "idle");
  document.body.classList.toggle("busy", Boolean(state.busy));
  $("stream").setAttribute("aria-pressed", String(state.streaming));
  $("tamper").setAttribute("aria-pressed", String(state.sides[0].tampered));
  for (const radio of document.querySelectorAll("[name=size]")) {
    radio.checked = Number(radio.value) === state.size;
  }
}

function translate(language) {
  speak(language);
  localStorage.setItem("language", language);
  if (state) show();
  tellAll();
  calculate();
}

const kept = localStorage.getItem("language") ?? navigator.language.slice(0, 2);
const language = kept === "ko" ? "ko" : "en";
document.querySelector(`[name=language][value=${language}]`).checked = true;
translate(language);
say("connecting");
const events = new EventSource("events");
events.onmessage = (message) => {
  const event = JSON.parse(message.data);
  HAPPENS[event.event](event);
};
events.onerror = () => say("gone");

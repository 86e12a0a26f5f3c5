// The page: a photo in, the cell found and cut out, each model's answer and map. Nothing is sent anywhere.

import { cutOut } from "./cell.js";
import { answer, loadModels, Plainly } from "./models.js";
import { overlay } from "./overlay.js";
import { cameraRefused, pixels, readPicture, show } from "./picture.js";

const at = (id) => document.getElementById(id);
const UNFAMILIAR = "Unlike anything this model was trained on: do not rely on this answer.";
const state = { models: [], answers: [], shown: 0, chosen: null, busy: false };

function say(text) {
  at("state").textContent = text;
}

function plainly(error) {
  console.error(error);
  return error instanceof Plainly ? error.message : "This failed unexpectedly, perhaps for want of memory. Reload the page, or choose a smaller photo.";
}

/** Find the cell in RGB bytes and let every model answer; what tests and the benchmark read too. */
async function examine(picture) {
  const started = performance.now();
  const cut = cutOut(picture);
  const found = performance.now();
  const answers = [];
  for (const model of state.models) answers.push(await answer(model, cut.picture));
  return { cut, answers, finding: found - started, seconds: (performance.now() - started) / 1000 };
}

async function take(reading) {
  if (state.busy) return;
  state.busy = true;
  say("Looking at it …");
  await new Promise((done) => setTimeout(done)); // let the words appear
  try {
    const { picture, note } = await reading();
    const { cut, answers, seconds } = await examine(picture);
    state.answers = answers;
    state.chosen = null;
    at("result").hidden = false;
    showPicture(picture, cut);
    showAnswer();
    say(`${note} ${cut.found ? "" : "No cell found: the whole frame went in. "}Done in ${seconds.toFixed(1)} s, on this phone.`.trim());
  } catch (error) {
    at("result").hidden = true;
    say(plainly(error));
  }
  state.busy = false;
}

function showPicture(picture, { box, found }) {
  const canvas = at("picture");
  show(canvas, picture);
  const pen = canvas.getContext("2d");
  const width = Math.max(2, Math.max(picture.width, picture.height) / 120);
  if (found) {
    for (const [colour, line] of [["#fff", 2 * width], ["#6d3fa8", width]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = line;
      pen.strokeRect(...box);
    }
  }
  at("where").textContent = found ? "The cell nearest the centre is cut out." : "No cell found.";
}

function showAnswer() {
  const [model, found] = [state.models[state.shown].card, state.answers[state.shown]];
  const label = state.chosen ?? found.best;
  at("models").replaceChildren(
    ...state.models.map(({ card }, i) => button(card.title, i === state.shown, () => ([state.shown, state.chosen] = [i, null]))),
  );
  at("verdict").replaceChildren(strong(model.classes[found.best]), ` ${percent(found.probabilities[found.best])}`);
  at("warning").hidden = !found.unfamiliar;
  at("warning").textContent = found.unfamiliar ? UNFAMILIAR : "";
  const order = model.classes.map((_, k) => k).sort((a, b) => found.probabilities[b] - found.probabilities[a]);
  at("classes").replaceChildren(...order.map((k) => row(model.classes[k], found.probabilities[k], k === label, k)));
  const map = found.map(label);
  show(at("map"), overlay(found.view, map, at("opacity").value / 100));
  const evidence = map.some((value) => value > 0);
  at("legend").textContent = evidence ? `Grad-CAM for ${model.classes[label]}` : `No evidence for ${model.classes[label]}`;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function strong(text) {
  const node = document.createElement("strong");
  node.textContent = text;
  return node;
}

function button(text, pressed, choose) {
  const node = document.createElement("button");
  node.textContent = text;
  node.setAttribute("aria-pressed", pressed);
  node.addEventListener("click", () => {
    choose();
    showAnswer();
  });
  return node;
}

function row(name, share, pressed, k) {
  const [item, node] = [document.createElement("li"), button("", pressed, () => (state.chosen = k))];
  const [title, bar, value] = ["span", "meter", "span"].map((tag) => document.createElement(tag));
  [title.textContent, bar.value, value.textContent] = [name, share, percent(share)];
  node.setAttribute("aria-label", `${name} ${percent(share)}: show its map`);
  node.append(title, bar, value);
  item.append(node);
  return item;
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    say("The camera opens on a page with https alone. Choose a photo instead.");
    return;
  }
  try {
    const wanted = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
    at("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await at("video").play();
    at("finder").hidden = false;
    say("Hold the cell in the middle.");
  } catch (error) {
    closeCamera();
    say(cameraRefused(error.name));
  }
}

function closeCamera() {
  at("video").srcObject?.getTracks().forEach((track) => track.stop());
  at("video").srcObject = null;
  at("finder").hidden = true;
}

async function shoot() {
  const picture = pixels(at("video"));
  closeCamera();
  await take(async () => ({ picture, note: "" }));
}

async function keepOffline() {
  if (!("serviceWorker" in navigator)) {
    at("offline").textContent = "This page can be kept for use without a network on https (or localhost) alone.";
    return;
  }
  const full = "The phone has no room to keep the app: it works while there is a network. Free some 15 MB, and reload.";
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data.full) at("offline").textContent = full;
  });
  try {
    await navigator.serviceWorker.register("offline.js");
    const worker = await navigator.serviceWorker.ready;
    worker.active.postMessage("renew");
    at("offline").textContent = "Kept on this phone: works without a network.";
  } catch (error) {
    at("offline").textContent = error.name === "QuotaExceededError" ? full : "The app could not be kept for use without a network.";
  }
}

async function begin() {
  at("camera").addEventListener("click", openCamera);
  at("shoot").addEventListener("click", shoot);
  at("stop").addEventListener("click", () => {
    closeCamera();
    say("");
  });
  at("file").addEventListener("change", async () => {
    const [file] = at("file").files;
    if (file) await take(() => readPicture(file));
    at("file").value = "";
  });
  at("opacity").addEventListener("input", showAnswer);
  try {
    state.models = await loadModels();
    at("camera").disabled = at("file").disabled = false;
    say("Take a photo of a stained smear, with the cell in the middle, or choose one.");
  } catch (error) {
    say(plainly(error));
  }
  await keepOffline();
}

/** For the benchmark and the tests: a file examined as the page does, as plain numbers. */
window.leukolens = {
  begun: begin(),
  async examine(file) {
    const started = performance.now();
    const { picture } = await readPicture(file);
    const { cut, answers, finding } = await examine(picture);
    const maps = answers.map((found) => Array.from(found.map(found.best)));
    const milliseconds = performance.now() - started;
    const told = answers.map(({ probabilities, novelty, unfamiliar }, i) => ({ probabilities, novelty, unfamiliar, map: maps[i] }));
    return { box: cut.box, found: cut.found, milliseconds, finding, answers: told };
  },
};

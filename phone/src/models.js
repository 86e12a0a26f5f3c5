// Runs the exported models (python -m core export --with-maps) by ONNX Runtime Web, on this device alone.

import * as runtime from "onnxruntime-web/wasm";
import { enlargeMap, resizeForModel } from "./raster.js";

/** A sentence for the reader, in place of a failure's own words. */
export class Plainly extends Error {}

const SMALLEST_SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** Whether this browser computes WebAssembly's vectors, without which the engine does not start. */
export function hasVectors() {
  return typeof WebAssembly === "object" && WebAssembly.validate(SMALLEST_SIMD);
}

async function bytes(name) {
  const answer = await fetch(name).catch(() => null);
  if (!answer?.ok) throw new Plainly(`A part of the app (${name}) could not be loaded. Connect once, and reload the page.`);
  return answer;
}

/** Start the engine and load every model that models.json lists: [{card, session}, ...]. */
export async function loadModels() {
  if (!hasVectors() || typeof DecompressionStream === "undefined") {
    throw new Plainly(
      "This browser is too old for the app: it lacks WebAssembly's vectors (SIMD). Update it, or use Chrome 91, " +
        "Firefox 113, Safari 16.4 or a later one.",
    );
  }
  const [packed, told] = await Promise.all([bytes("engine.bin"), bytes("models.json")]);
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = await new Response(packed.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  runtime.env.logLevel = "error";
  const { models } = await told.json();
  const loaded = [];
  for (const card of models) {
    const program = new Uint8Array(await (await bytes(`${card.name}.onnx`)).arrayBuffer());
    const session = await runtime.InferenceSession.create(program, { executionProviders: ["wasm"] });
    loaded.push({ card, session });
    await answer(loaded.at(-1), { data: new Uint8Array(3 * 256), width: 16, height: 16, channels: 3 }); // warm
  }
  return loaded;
}

/** What a model says of a cut-out: {probabilities, best, novelty, unfamiliar, view, maps: [Float32Array of the view]}. */
export async function answer({ card, session }, cut) {
  const size = card.input_size;
  const view = resizeForModel(cut, size);
  const image = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) image[c * size * size + i] = Math.fround(view.data[3 * i + c] / 255);
  }
  const found = await session.run({ image: new runtime.Tensor("float32", image, [1, 3, size, size]) });
  const probabilities = Array.from(found.probabilities.data);
  if (!probabilities.every(Number.isFinite)) throw new Plainly(`${card.title} gave no numbers: reload the page.`);
  const side = found.maps.dims[3];
  const grids = card.classes.map((_, k) => found.maps.data.slice(k * side * side, (k + 1) * side * side));
  const novelty = found.novelty ? found.novelty.data[0] : null;
  return {
    probabilities,
    best: probabilities.indexOf(Math.max(...probabilities)),
    novelty,
    unfamiliar: novelty !== null && card.threshold !== null && novelty > card.threshold,
    view,
    map: (k) => enlargeMap(grids[k], side, size),
  };
}

// From a file or the camera to plain RGB bytes: upright, transparency over white, never larger than a phone can hold.

import { Plainly } from "./models.js";

const LARGEST_FILE = 60e6; // bytes
const LARGEST = 16e6; // px; above, a picture is reduced first
const SMALLEST = 16; // px a side
const WIDEST = 8; // longer side over the shorter

/** Decode a file into {picture, note}; the note says what was done to it. Plainly where it is no picture. */
export async function readPicture(file) {
  if (file.size === 0) throw new Plainly("The file is empty. Choose another.");
  if (file.size > LARGEST_FILE) throw new Plainly(`The file has ${Math.round(file.size / 1e6)} MB; at most 60 are taken.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Plainly("This cannot be read as a picture here, or is too large. Choose a JPEG, PNG or WebP, or a smaller one.");
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < SMALLEST) throw new Plainly(`The picture has ${width}x${height} pixels: too few.`);
  if (Math.max(width, height) > WIDEST * Math.min(width, height)) throw new Plainly("The picture is too narrow a strip. Crop it around the cell.");
  const scale = Math.min(1, Math.sqrt(LARGEST / (width * height)));
  if (scale === 1) return { picture: pixels(bitmap), note: "" };
  const size = { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale), resizeQuality: "high" };
  const smaller = await createImageBitmap(bitmap, size);
  bitmap.close();
  const [from, to] = [width * height, smaller.width * smaller.height].map((count) => (count / 1e6).toFixed(0));
  return { picture: pixels(smaller), note: `The picture of ${from} megapixels was reduced to ${to} first.` };
}

/** The RGB bytes of a bitmap, a video's frame or a canvas; a bitmap is closed. */
export function pixels(source) {
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Plainly("This phone has no room for so large a picture. Choose a smaller one.");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, 0, 0);
  source.close?.();
  const coloured = pen.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(3 * width * height);
  for (let i = 0, k = 0; k < data.length; i += 4, k += 3) {
    data[k] = coloured[i];
    data[k + 1] = coloured[i + 1];
    data[k + 2] = coloured[i + 2];
  }
  return { data, width, height, channels: 3 };
}

/** Show RGB bytes on a canvas of the same size. */
export function show(canvas, { data, width, height }) {
  [canvas.width, canvas.height] = [width, height];
  const shown = new ImageData(width, height);
  for (let i = 0, k = 0; k < data.length; i += 4, k += 3) {
    shown.data.set([data[k], data[k + 1], data[k + 2], 255], i);
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

/** Why the camera does not open, in words, from the failure's name. */
export function cameraRefused(name) {
  if (name === "NotAllowedError") return "The camera is not allowed here. Allow it in the browser's settings of this page, or choose a photo.";
  if (name === "NotFoundError") return "No camera was found. Choose a photo instead.";
  if (name === "NotReadableError") return "Another app holds the camera. Close it, or choose a photo.";
  return "The camera could not be opened. Choose a photo instead.";
}

// What surrounds the field in a picture taken through an eyepiece: core/preprocessing/surround.py, step by step, with
// the same constants.

import { block, count, dilate, disc, erode, flood, percentileOfCounts, pieces } from "./masks.js";
import { resizeArea, round } from "./raster.js";

const SIDE = 240;
const DARK = 48;
const EVEN = 8;
const GRAIN = 2.0;
const DARKER = 0.85;
const LEAP = 20;
const SMALLEST = 0.015;
const RIM = 0.02;
const MOST = 0.97;

/** The largest of the three channels of each px. */
export function brightest({ data, width, height }) {
  const found = new Uint8Array(width * height);
  for (let i = 0, k = 0; i < found.length; i++, k += 3) found[i] = Math.max(data[k], data[k + 1], data[k + 2]);
  return found;
}

/** A picture reduced so that its shorter side has at most `side` px. */
export function reducedTo(picture, side) {
  const scale = Math.min(1, side / Math.min(picture.width, picture.height));
  return resizeArea(picture, round(picture.width * scale), round(picture.height * scale), scale);
}

/** The px that are not the surround, as a mask; all of them where hardly any would be left. */
export function fieldOf(picture) {
  const around = surround(picture);
  const field = around.map((value) => 1 - value);
  return count(field) / field.length > 1 - MOST ? field : field.fill(1);
}

function surround(picture) {
  const small = reducedTo(picture, SIDE);
  const [dark, even] = [darkAreas(small), evenArea(small)];
  const found = dark.map((value, i) => value | even[i]);
  const share = count(found) / found.length;
  if (!share || share > MOST) return new Uint8Array(picture.width * picture.height);
  const reach = 1 + round(RIM * Math.min(small.width, small.height));
  const grown = dilate(found, small.width, small.height, disc(reach));
  return enlargeMask(grown, small.width, small.height, picture.width, picture.height);
}

/** A mask enlarged to the nearest px (cv2.INTER_NEAREST). */
export function enlargeMask(mask, fromWidth, fromHeight, width, height) {
  if (fromWidth === width && fromHeight === height) return mask;
  const found = new Uint8Array(width * height);
  const columns = nearest(fromWidth, width);
  nearest(fromHeight, height).forEach((row, y) => {
    for (let x = 0; x < width; x++) found[y * width + x] = mask[row * fromWidth + columns[x]];
  });
  return found;
}

/** The px of a side of `from` that each of `to` px is taken from. */
export function nearest(from, to) {
  const scale = 1 / (to / from);
  return Int32Array.from({ length: to }, (_, place) => Math.min(Math.floor(place * scale), from - 1));
}

function darkAreas(small) {
  const { width, height } = small;
  const dark = brightest(small).map((value) => (value < DARK ? 1 : 0));
  const { labels, areas } = pieces(dark, width, height);
  const keeps = new Uint8Array(areas.length);
  const look = (place) => {
    const label = labels[place];
    if (label && areas[label] >= SMALLEST * dark.length) keeps[label] = 1;
  };
  for (let x = 0; x < width; x++) [x, (height - 1) * width + x].forEach(look);
  for (let y = 0; y < height; y++) [y * width, y * width + width - 1].forEach(look);
  return dark.map((_, place) => keeps[labels[place]]);
}

function evenArea(small) {
  const { width, height, data } = small;
  const corners = [0, width - 1, (height - 1) * width, height * width - 1];
  let best = new Uint8Array(width * height);
  for (const corner of corners) {
    const colour = data.slice(3 * corner, 3 * corner + 3);
    const near = (place) => [0, 1, 2].every((c) => Math.abs(data[3 * place + c] - colour[c]) <= EVEN);
    const area = flood(width, height, near);
    const reached = corners.filter((place) => area[place]).length;
    if (reached >= 2 && count(area) > count(best) && isSurround(small, area)) best = area;
  }
  return best;
}

function isSurround(small, area) {
  const { width, height, data } = small;
  const share = count(area) / area.length;
  if (share < 2 * SMALLEST || share > MOST) return false;
  const inner = erode(area, width, height, block(1));
  if (!count(inner) || Math.max(...colours(data, inner).deviation) > GRAIN) return false;
  const { mean } = colours(data, area);
  if (!isSharp(small, area, mean)) return false;
  const green = new Array(256).fill(0);
  for (let i = 0; i < area.length; i++) if (!area[i]) green[data[3 * i + 1]]++;
  return mean[1] < DARKER * percentileOfCounts(green, 90);
}

function colours(data, mask) {
  const [sum, squares] = [[0, 0, 0], [0, 0, 0]];
  const total = count(mask);
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    for (let c = 0; c < 3; c++) {
      sum[c] += data[3 * i + c];
      squares[c] += data[3 * i + c] ** 2;
    }
  }
  const mean = sum.map((value) => value / total);
  return { mean, deviation: squares.map((value, c) => Math.sqrt(Math.max(0, value / total - mean[c] ** 2))) };
}

/** Whether the colour leaps at the area's edge; where light falls off gently, the field goes on. */
function isSharp({ width, height, data }, area, mean) {
  const [wide, narrow] = [dilate(area, width, height, block(3)), dilate(area, width, height, block(1))];
  let [ring, leaps] = [0, 0];
  for (let i = 0; i < area.length; i++) {
    if (!wide[i] || narrow[i]) continue;
    ring++;
    if (Math.max(...[0, 1, 2].map((c) => Math.abs(data[3 * i + c] - mean[c]))) > LEAP) leaps++;
  }
  return ring > 0 && leaps / ring > 0.8;
}

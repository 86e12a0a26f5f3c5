// Finds the cell nearest the centre and cuts it out as the dashboard does: core/preprocessing/segmentation.py
// (find_nucleus, frame_extent) and framing.py (cut_out), step by step, with the same constants.

import { count, dilate, disc, erode, percentileOfCounts, pieces } from "./masks.js";
import { blank, cutReflected, part, resizeArea, round, smooth } from "./raster.js";
import { brightest, fieldOf, nearest, reducedTo } from "./surround.js";

const WORKING_SIDE = 240;
const MINIMUM_CONTRAST = 0.2;
const AREA_LIMITS = [0.003, 0.75];
const HALF_SIDE = 1.45;
const JOIN_DISTANCE = 0.06;
const STRAIGHT = 0.98;
const LARGEST = 1024;
const LIT = 24;
const BINS = 256;
const { fround } = Math;

/** [x, y, width, height] of the picture without black padding at its borders. */
export function frameExtent(picture) {
  const { width, height } = picture;
  const lit = brightest(picture);
  const [columns, rows] = [new Int32Array(width), new Int32Array(height)];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (lit[i] > LIT) {
        columns[x]++;
        rows[y]++;
      }
    }
  }
  const [x, across] = extent(columns, height);
  const [y, down] = extent(rows, width);
  if (across === width && down === height) return [x, y, across, down];
  const field = fieldOf(picture);
  const inside = count(part({ data: field, width, height, channels: 1 }, [x, y, across, down]).data);
  return inside >= STRAIGHT * count(field) ? [x, y, across, down] : bounds(field, width, height);
}

function extent(counts, of) {
  const lit = Array.from(counts, (value) => value / of > 0.5);
  const first = lit.indexOf(true);
  if (first < 0) return [0, lit.length];
  const after = lit.length - 1 - lit.lastIndexOf(true);
  const start = first ? first + 2 : 0;
  const stop = lit.length - (after ? after + 2 : 0);
  return stop - start > Math.floor(lit.length / 3) ? [start, stop - start] : [0, lit.length];
}

function bounds(mask, width, height) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/** Share of light that nuclear stain takes at each px, 0 to 1, smoothed; 0 outside the field. */
function stainDensity({ data, width, height }, field) {
  const absorbed = [0, 1, 2].map((channel) => {
    const counts = new Array(257).fill(0);
    for (let i = 0; i < field.length; i++) if (field[i]) counts[data[3 * i + channel] + 1]++;
    const background = fround(percentileOfCounts(counts, 95));
    return Float32Array.from({ length: 256 }, (_, v) => -fround(Math.log(Math.min(1, fround((v + 1) / background)))));
  });
  const density = blank(width, height, 1, Float32Array);
  for (let i = 0; i < field.length; i++) {
    if (!field[i]) continue;
    const [red, green, blue] = [0, 1, 2].map((c) => absorbed[c][data[3 * i + c]]);
    const stain = fround(fround(Math.min(green, fround(2.5 * red)) - fround(0.5 * blue)) - Math.max(fround(red - green), 0));
    density.data[i] = 1 - fround(Math.exp(fround(fround(-0.7) * Math.max(stain, 0))));
  }
  return smooth(density).data;
}

/** The upper of the two thresholds of a three-class Otsu (skimage.filters.threshold_multiotsu, 256 bins). */
function upperThreshold(values) {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const edges = Float32Array.from({ length: BINS + 1 }, (_, i) => (i === BINS ? high : low + (i * (high - low)) / BINS));
  const counts = new Float64Array(BINS);
  for (const value of values) {
    let bin = Math.floor(fround(fround(fround(value - low) / fround(high - low)) * BINS));
    if (bin === BINS) bin--;
    if (value < edges[bin]) bin--;
    else if (value >= edges[bin + 1] && bin !== BINS - 1) bin++;
    counts[bin]++;
  }
  const shares = Float32Array.from(counts, (value) => value / values.length);
  return (edges[upperBin(shares)] + edges[upperBin(shares) + 1]) / 2;
}

function upperBin(shares) {
  const [zeroth, first] = [new Float32Array(BINS), new Float32Array(BINS)];
  zeroth[0] = first[0] = shares[0];
  for (let i = 1; i < BINS; i++) {
    zeroth[i] = zeroth[i - 1] + shares[i];
    first[i] = first[i - 1] + fround(i * shares[i]);
  }
  const variance = (from, to) => {
    const weight = fround(zeroth[to] - (from ? zeroth[from - 1] : 0));
    const moment = fround(first[to] - (from ? first[from - 1] : 0));
    return weight > 0 ? fround(fround(moment * moment) / weight) : 0;
  };
  let [best, found] = [-1, 1];
  for (let i = 0; i < BINS - 2; i++) {
    const lower = variance(0, i);
    for (let j = i + 1; j < BINS - 1; j++) {
      const sum = fround(fround(lower + variance(i + 1, j)) + variance(j + 1, BINS - 1));
      if (sum > best) [best, found] = [sum, j];
    }
  }
  return found;
}

/** The px that hold most stain, as a mask; null when they do not stand out from the rest. */
function stainedPixels(small, field) {
  const density = stainDensity(small, field);
  const seen = density.filter((_, i) => field[i]);
  const range = seen.reduce((a, b) => Math.max(a, b)) - seen.reduce((a, b) => Math.min(a, b));
  if (range < MINIMUM_CONTRAST) return null;
  const threshold = fround(upperThreshold(seen));
  const stained = field.map((value, i) => (value && density[i] > threshold ? 1 : 0));
  const rest = density.filter((_, i) => field[i] && !stained[i]).sort();
  const middle = rest.length >> 1;
  const median = rest.length % 2 ? rest[middle] : fround((rest[middle - 1] + rest[middle]) / 2);
  const total = density.reduce((sum, value, i) => sum + (stained[i] ? value : 0), 0);
  return total / count(stained) - median < MINIMUM_CONTRAST ? null : stained;
}

/** The group of close pieces with most stained area near the centre, as a mask; null where there is none. */
function centralGroup(stained, width, height) {
  const side = Math.min(width, height);
  const speck = disc(Math.max(1, round(0.008 * side)));
  const opened = dilate(erode(stained, width, height, speck), width, height, speck);
  const joined = dilate(opened, width, height, disc(Math.max(1, round((JOIN_DISTANCE * side) / 2))));
  const { labels, areas } = pieces(joined, width, height);
  if (areas.length < 2) return null;
  const scores = new Float64Array(areas.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!opened[i]) continue;
      const squared = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2;
      scores[labels[i]] += Math.exp(-squared / (2 * (0.3 * side) ** 2)) + 1e-3;
    }
  }
  scores[0] = -1;
  const best = scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
  return opened.map((value, i) => (value && labels[i] === best ? 1 : 0));
}

/** The nucleus nearest the centre, {centre: [x, y], area} in px of the picture; null where there is none. */
export function findNucleus(picture, frame = frameExtent(picture)) {
  const [x, y, width, height] = frame;
  const whole = width === picture.width && height === picture.height;
  const small = reducedTo(whole ? picture : part(picture, frame), WORKING_SIDE);
  if (Math.min(small.width, small.height) < 16) return null;
  const stained = stainedPixels(small, fieldOf(small));
  const group = stained && centralGroup(stained, small.width, small.height);
  const share = group ? count(group) / group.length : 0;
  if (!group || share < AREA_LIMITS[0] || share > AREA_LIMITS[1]) return null;
  return measured(group, small, [x, y, width, height]);
}

/** Area and centroid of a small mask enlarged to the nearest px, without enlarging it. */
function measured(group, small, [x, y, width, height]) {
  const spread = (from, to) => {
    const [times, sums] = [new Float64Array(from), new Float64Array(from)];
    nearest(from, to).forEach((source, place) => {
      times[source]++;
      sums[source] += place;
    });
    return { times, sums };
  };
  const [columns, rows] = [spread(small.width, width), spread(small.height, height)];
  let [area, across, down] = [0, 0, 0];
  for (let i = 0; i < group.length; i++) {
    if (!group[i]) continue;
    const [column, row] = [i % small.width, Math.floor(i / small.width)];
    area += columns.times[column] * rows.times[row];
    across += columns.sums[column] * rows.times[row];
    down += rows.sums[row] * columns.times[column];
  }
  return { centre: [x + across / area, y + down / area], area };
}

/**
 * Cut the cell nearest the centre out as a square of at most 1,024 px: {picture, box, found}. The box
 * [x, y, width, height] is in the input's px and may reach past its border, where the input is reflected. Without a
 * nucleus `found` is false, and the cut-out is the whole frame, squared.
 */
export function cutOut(picture) {
  const frame = frameExtent(picture);
  const nucleus = findNucleus(picture, frame);
  const box = nucleus ? squareAround(nucleus) : squared(frame);
  const scale = Math.min(1, LARGEST / box[2]);
  const scaled = (places) => places.map((value, i) => (i < 2 ? round(value * scale) : Math.max(1, round(value * scale))));
  const size = [picture.width, picture.height].map((value) => Math.max(1, round(value * scale)));
  const reduced = scale === 1 ? picture : resizeArea(picture, ...size);
  return { picture: cutReflected(reduced, scaled(box), scaled(frame)), box, found: nucleus !== null };
}

function squareAround({ centre, area }) {
  const side = Math.max(16, round(2 * HALF_SIDE * Math.sqrt(area)));
  return [round(centre[0] - side / 2), round(centre[1] - side / 2), side, side];
}

function squared([x, y, width, height]) {
  const side = Math.max(width, height);
  return [x - Math.floor((side - width) / 2), y - Math.floor((side - height) / 2), side, side];
}

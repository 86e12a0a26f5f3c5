// Masks of 0 and 1 as Uint8Array, with OpenCV's morphology and connected components.

import { round } from "./raster.js";

/** Half widths of the rows of a disc of 2 x radius + 1 px (cv2.MORPH_ELLIPSE). */
export function disc(radius) {
  return Array.from({ length: 2 * radius + 1 }, (_, row) => {
    const down = row - radius;
    return radius ? round(radius * Math.sqrt((radius * radius - down * down) / (radius * radius))) : 0;
  });
}

/** Half widths of the rows of a square of 2 x radius + 1 px. */
export function block(radius) {
  return new Array(2 * radius + 1).fill(radius);
}

/** Grow a mask by a structuring element given by its rows' half widths; nothing comes in from outside. */
export function dilate(mask, width, height, element) {
  const reach = (element.length - 1) / 2;
  const found = new Uint8Array(mask.length);
  const before = new Int32Array(width + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) before[x + 1] = before[x] + mask[y * width + x];
    if (!before[width]) continue;
    for (let down = -reach; down <= reach; down++) {
      const row = y + down;
      if (row < 0 || row >= height) continue;
      const half = element[down + reach];
      for (let x = 0; x < width; x++) {
        if (before[Math.min(width, x + half + 1)] > before[Math.max(0, x - half)]) found[row * width + x] = 1;
      }
    }
  }
  return found;
}

/** Shrink a mask by a structuring element; outside counts as part of the mask. */
export function erode(mask, width, height, element) {
  return dilate(mask.map((value) => 1 - value), width, height, element).map((value) => 1 - value);
}

/**
 * Number the pieces of a mask, 1 and up in the order of their first px; px that touch at a corner belong together.
 * Returns {labels, areas}; areas[0] stands for the rest.
 */
export function pieces(mask, width, height) {
  const labels = new Int32Array(mask.length);
  const areas = [0];
  const stack = new Int32Array(mask.length);
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue;
    const label = areas.length;
    let depth = 0;
    let area = 0;
    stack[depth++] = start;
    labels[start] = label;
    while (depth) {
      const place = stack[--depth];
      const [x, y] = [place % width, Math.floor(place / width)];
      area++;
      for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
        for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
          const next = j * width + i;
          if (mask[next] && !labels[next]) {
            labels[next] = label;
            stack[depth++] = next;
          }
        }
      }
    }
    areas.push(area);
  }
  return { labels, areas };
}

/** What is connected with a place through px that `fits`, over a frame of one px around the picture too. */
export function flood(width, height, fits) {
  const [wide, high] = [width + 2, height + 2];
  const seen = new Uint8Array(wide * high);
  const found = new Uint8Array(width * height);
  const stack = [0];
  seen[0] = 1;
  while (stack.length) {
    const place = stack.pop();
    const [x, y] = [place % wide, Math.floor(place / wide)];
    const inside = x > 0 && y > 0 && x <= width && y <= height;
    if (inside) found[(y - 1) * width + x - 1] = 1;
    const visit = (i, j) => {
      const next = j * wide + i;
      if (i < 0 || j < 0 || i >= wide || j >= high || seen[next]) return;
      const within = i > 0 && j > 0 && i <= width && j <= height;
      if (within && !fits((j - 1) * width + i - 1)) return;
      seen[next] = 1;
      stack.push(next);
    };
    visit(x - 1, y);
    visit(x + 1, y);
    visit(x, y - 1);
    visit(x, y + 1);
  }
  return found;
}

/** The number of ones. */
export function count(mask) {
  let sum = 0;
  for (let i = 0; i < mask.length; i++) sum += mask[i];
  return sum;
}

/** A percentile by linear interpolation, as numpy's, of bytes counted by value. */
export function percentileOfCounts(counts, percent) {
  const total = counts.reduce((sum, value) => sum + value, 0);
  const at = (percent / 100) * (total - 1);
  const place = Math.floor(at);
  const value = (rank) => {
    let seen = 0;
    for (let level = 0; level < counts.length; level++) {
      seen += counts[level];
      if (rank < seen) return level;
    }
    return counts.length - 1;
  };
  const [low, high, share] = [value(place), value(Math.min(total - 1, place + 1)), at - place];
  return share >= 0.5 ? high - (high - low) * (1 - share) : low + (high - low) * share;
}

// Pictures as plain typed arrays, resized, cut and smoothed with OpenCV's arithmetic, so that the phone sees the same
// pixels as the dashboard. A picture is {data, width, height, channels}; data is Uint8 or Float32, row by row.

const COEFFICIENT = 2048; // OpenCV's fixed point for linear resizing of bytes
const { fround } = Math;

/** Round to the nearest whole number, halves to the even one, as Python and OpenCV do. */
export function round(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** A picture without content; `Kind` is the typed array's constructor. */
export function blank(width, height, channels = 1, Kind = Uint8Array) {
  return { data: new Kind(width * height * channels), width, height, channels };
}

/** The part of a picture in a box [x, y, width, height] that lies inside it. */
export function part(picture, [x, y, width, height]) {
  const { channels } = picture;
  const cut = blank(width, height, channels, picture.data.constructor);
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * picture.width + x) * channels;
    cut.data.set(picture.data.subarray(start, start + width * channels), row * width * channels);
  }
  return cut;
}

/** What a side of `from` px weighs in each of `to` px when areas are averaged (OpenCV's computeResizeAreaTab). */
function areaTable(from, to, scale) {
  const table = [];
  for (let place = 0; place < to; place++) {
    const start = place * scale;
    const stop = start + scale;
    const width = Math.min(scale, from - start);
    const last = Math.min(Math.floor(stop), from - 1);
    const first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) table.push([first - 1, place, fround((first - start) / width)]);
    for (let whole = first; whole < last; whole++) table.push([whole, place, fround(1 / width)]);
    if (stop - last > 1e-3) table.push([last, place, fround(Math.min(Math.min(stop - last, 1), width) / width)]);
  }
  return table;
}

/**
 * Reduce a picture of bytes by averaging areas (cv2.INTER_AREA) to width x height px; `scale` is the factor asked for,
 * by default that of the sizes.
 */
export function resizeArea(picture, width, height, scale = null) {
  if (width === picture.width && height === picture.height) return picture;
  const across = scale ? 1 / scale : 1 / (width / picture.width);
  const down = scale ? 1 / scale : 1 / (height / picture.height);
  const whole = [round(across), round(down)];
  if (Math.abs(across - whole[0]) < Number.EPSILON && Math.abs(down - whole[1]) < Number.EPSILON) {
    return averageBlocks(picture, width, height, whole);
  }
  return averageAreas(picture, width, height, areaTable(picture.width, width, across), areaTable(picture.height, height, down));
}

function averageBlocks(picture, width, height, [across, down]) {
  const { channels, data } = picture;
  const found = blank(width, height, channels);
  const share = fround(1 / (across * down));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let count = 0;
        for (let j = y * down; j < Math.min((y + 1) * down, picture.height); j++) {
          for (let i = x * across; i < Math.min((x + 1) * across, picture.width); i++, count++) {
            sum += data[(j * picture.width + i) * channels + c];
          }
        }
        const mean = count < across * down ? round(sum / count) : round(fround(sum * share));
        found.data[(y * width + x) * channels + c] = across === 2 && down === 2 ? (sum + 2) >> 2 : mean;
      }
    }
  }
  return found;
}

function averageAreas(picture, width, height, columns, rows) {
  const { channels, data } = picture;
  const found = blank(width, height, channels);
  const length = width * channels;
  const [from, to, weight] = [0, 1, 2].map((at) => Float64Array.from(columns, (entry) => entry[at]));
  const line = new Float32Array(length);
  const sum = new Float32Array(length);
  const put = (row) => {
    for (let i = 0; i < length; i++) found.data[row * length + i] = Math.min(255, round(sum[i]));
  };
  let previous = -1;
  for (const [source, target, share] of rows) {
    line.fill(0);
    const start = source * picture.width * channels;
    for (let k = 0; k < from.length; k++) {
      const [read, write] = [start + from[k] * channels, to[k] * channels];
      for (let c = 0; c < channels; c++) line[write + c] += fround(data[read + c] * weight[k]);
    }
    if (target !== previous && previous >= 0) put(previous);
    if (target !== previous) sum.fill(0);
    for (let i = 0; i < length; i++) sum[i] += fround(share * line[i]);
    previous = target;
  }
  put(previous);
  return found;
}

/** Where each of `to` px lies between two px of a side of `from`: [[left, right, share of the right], ...]. */
function between(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, place) => {
    const at = fround((place + 0.5) * scale - 0.5);
    const left = Math.floor(at);
    if (left < 0) return [0, Math.min(1, from - 1), 0];
    if (left >= from - 1) return [from - 1, from - 1, 0];
    return [left, left + 1, fround(at - left)];
  });
}

/** Enlarge a picture of bytes linearly (cv2.INTER_LINEAR, in its fixed point). */
export function resizeLinear(picture, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const { channels, data } = picture;
  const found = blank(width, height, channels);
  const columns = between(picture.width, width);
  between(picture.height, height).forEach(([above, below, share], y) => {
    const lower = round(share * COEFFICIENT);
    const upper = round(fround(1 - share) * COEFFICIENT);
    columns.forEach(([left, right, part], x) => {
      const [first, second] = [round(fround(1 - part) * COEFFICIENT), round(part * COEFFICIENT)];
      for (let c = 0; c < channels; c++) {
        const at = (row, column) => data[(row * picture.width + column) * channels + c];
        const top = at(above, left) * first + at(above, right) * second;
        const bottom = at(below, left) * first + at(below, right) * second;
        found.data[(y * width + x) * channels + c] = (((upper * (top >> 4)) >> 16) + ((lower * (bottom >> 4)) >> 16) + 2) >> 2;
      }
    });
  });
  return found;
}

/** Enlarge a map of floats `from` x `from` to `to` x `to` linearly, as cv2.resize does. */
export function enlargeMap(values, from, to) {
  const found = new Float32Array(to * to);
  const places = between(from, to);
  places.forEach(([above, below, lower], y) => {
    places.forEach(([left, right, part], x) => {
      const top = values[above * from + left] * (1 - part) + values[above * from + right] * part;
      const bottom = values[below * from + left] * (1 - part) + values[below * from + right] * part;
      found[y * to + x] = top * (1 - lower) + bottom * lower;
    });
  });
  return found;
}

/** Resize as the models' pictures are (core.models.classifier.resize): by areas when shrinking, else linearly. */
export function resizeForModel(picture, size) {
  const shrinks = Math.min(picture.width, picture.height) > size;
  return (shrinks ? resizeArea : resizeLinear)(picture, size, size);
}

/** The index that a place beside a line of `length` px is reflected to, without repeating the border's px. */
export function reflected(place, length) {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const folded = ((place % period) + period) % period;
  return Math.min(folded, period - folded);
}

/** A box out of the part `extent` of a picture; what lies outside that part is reflected at its border. */
export function cutReflected(picture, box, extent) {
  const [x, y, width, height] = extent;
  const { channels, data } = picture;
  const cut = blank(box[2], box[3], channels);
  const columns = Array.from({ length: box[2] }, (_, i) => (x + reflected(box[0] - x + i, width)) * channels);
  for (let row = 0; row < box[3]; row++) {
    const start = (y + reflected(box[1] - y + row, height)) * picture.width * channels;
    let write = row * box[2] * channels;
    for (const column of columns) for (let c = 0; c < channels; c++) cut.data[write++] = data[start + column + c];
  }
  return cut;
}

/** Smooth one channel of floats by a Gaussian of deviation 1 (cv2.GaussianBlur: nine taps, reflected border). */
export function smooth(picture) {
  const raw = Array.from({ length: 9 }, (_, i) => Math.exp(-((i - 4) ** 2) / 2));
  const total = raw.reduce((sum, value) => sum + value, 0);
  const taps = Float32Array.from(raw, (value) => value / total);
  const { width, height, data } = picture;
  const pass = (read, length, lines, along, across) => {
    const write = new Float32Array(read.length);
    const line = new Float32Array(length + 8);
    for (let other = 0; other < lines; other++) {
      for (let i = -4; i < length + 4; i++) line[i + 4] = read[other * across + reflected(i, length) * along];
      for (let i = 0; i < length; i++) {
        let sum = taps[4] * line[i + 4];
        for (let k = 1; k <= 4; k++) sum += taps[4 + k] * (line[i + 4 - k] + line[i + 4 + k]);
        write[other * across + i * along] = sum;
      }
    }
    return write;
  };
  const rows = pass(data, width, height, 1, width);
  return { ...picture, data: pass(rows, height, width, width, 1) };
}

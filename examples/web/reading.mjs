// From pixels to probabilities, as in Python: gray, resizing, mean and std, mirror image, temperature, prior.

/** Load a model: its card (JSON) and the weights beside it, whose hash must be that of the card. */
export async function openModel(ort, cardUrl) {
  const card = await (await fetched(cardUrl)).json();
  const weights = await (await fetched(new URL(card.weights, cardUrl))).arrayBuffer();
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", weights));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== card.sha256) throw new Error(`${card.weights} is not the file that its card describes`);
  }
  const session = await ort.InferenceSession.create(new Uint8Array(weights));
  return { ort, card, session, bytes: weights.byteLength };
}

/**
 * Read one face.
 * @param model from openModel.
 * @param image ImageData: RGBA, 0 to 255.
 * @param square {x, y, side} in pixels, integers; outside of the image its border is repeated.
 * @returns {emotions, probabilities, milliseconds}: emotions in the card's order; milliseconds of the network.
 */
export async function read(model, image, square) {
  const { card, session, ort } = model;
  const [head, { emotions, temperature, class_shares: shares }] = Object.entries(card.heads)[0];
  const size = card.input.size;
  const planes = (card.input.color === "rgb" ? [red, green, blue] : [gray]).map((value) =>
    resized(cut(image, square, value), square.side, size),
  );
  const input = new Float32Array(2 * planes.length * size * size);
  const [mean, scale] = [255 * card.input.mean, 1 / (255 * card.input.std)];
  planes.forEach((plane, channel) => {
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const value = (plane[y * size + x] - mean) * scale;
        input[(channel * size + y) * size + x] = value;
        input[((planes.length + channel) * size + y) * size + size - 1 - x] = value;
      }
  });
  const started = performance.now();
  const found = await session.run({ images: new ort.Tensor("float32", input, [2, planes.length, size, size]) }, [head]);
  const milliseconds = performance.now() - started;
  const logits = found[head].data;
  const averaged = emotions.map((_, k) => (logits[k] + logits[emotions.length + k]) / 2);
  // The balanced prior: classifier.py has the same constants.
  const adjusted = averaged.map((logit, k) => logit / temperature - (shares ? 0.5 * Math.log(Math.max(shares[k], 0.02)) : 0));
  return { emotions, probabilities: softmax(adjusted), milliseconds };
}

/** Logits to probabilities. */
export function softmax(logits) {
  const highest = Math.max(...logits);
  const raised = logits.map((value) => Math.exp(value - highest));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((value) => value / sum);
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${new URL(url, location.href).pathname}: ${answer.status} ${answer.statusText}`);
  return answer;
}

const red = (data, at) => data[at];
const green = (data, at) => data[at + 1];
const blue = (data, at) => data[at + 2];
// The weights of ITU-R BT.601 in 15 bits, rounded as OpenCV does.
const gray = (data, at) => (9798 * data[at] + 19235 * data[at + 1] + 3735 * data[at + 2] + 16384) >> 15;

function cut({ data, width, height }, { x, y, side }, value) {
  const out = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    const from = Math.min(Math.max(y + row, 0), height - 1) * width;
    for (let column = 0; column < side; column++)
      out[row * side + column] = value(data, 4 * (from + Math.min(Math.max(x + column, 0), width - 1)));
  }
  return out;
}

/** Resize a square plane: the mean of the covered area if it shrinks, bilinear if it grows. */
function resized(plane, side, size) {
  if (side === size) return plane;
  return side > size ? shrunk(plane, side, size) : enlarged(plane, side, size);
}

function shrunk(plane, side, size) {
  const step = side / size;
  const shares = Array.from({ length: size }, (_, place) => {
    const [start, end] = [place * step, Math.min((place + 1) * step, side)];
    const found = [];
    for (let from = Math.floor(start); from < end - 1e-6; from++)
      found.push([from, (Math.min(from + 1, end) - Math.max(from, start)) / step]);
    return found;
  });
  const across = new Float32Array(side * size);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < size; x++)
      across[y * size + x] = shares[x].reduce((sum, [from, share]) => sum + share * plane[y * side + from], 0);
  const out = new Float32Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      out[y * size + x] = Math.round(shares[y].reduce((sum, [from, share]) => sum + share * across[from * size + x], 0));
  return out;
}

/** Bilinear, rounded after each direction as in Pillow. */
function enlarged(plane, side, size) {
  const places = Array.from({ length: size }, (_, place) => {
    const at = Math.min(Math.max(((place + 0.5) * side) / size - 0.5, 0), side - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, side - 1), at - low];
  });
  const across = (y, [low, high, share]) =>
    Math.round(plane[y * side + low] * (1 - share) + plane[y * side + high] * share);
  const out = new Float32Array(size * size);
  places.forEach(([low, high, share], y) =>
    places.forEach((place, x) => {
      out[y * size + x] = Math.round(across(low, place) * (1 - share) + across(high, place) * share);
    }),
  );
  return out;
}

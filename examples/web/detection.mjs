// Faces in an image, as mien's own detector finds them in Python (src/mien/detection/anchor_free.py).

const [STRIDES, UNIT, THRESHOLD, MAX_OVERLAP] = [[8, 16, 32], 4, 0.5, 0.4];
const LONGEST = 640; // pixels of the image that the network sees
// Side of a crop as a multiple of the box, and of the line from eyes to mouth (src/mien/model/preprocess.py).
const [MARGIN, EYES_TO_MOUTH, BELOW_CENTER] = [1.15, 0.365, 0.071];

/** Load the detector; null where it is not there. */
export async function openDetector(ort, url) {
  const answer = await fetch(url);
  return answer.ok ? { ort, session: await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer())) } : null;
}

/** The squares of the faces in a canvas, widest first: {x, y, side} in whole pixels. */
export async function find({ ort, session }, canvas) {
  const scale = Math.min(1, LONGEST / Math.max(canvas.width, canvas.height));
  const [width, height] = [canvas.width, canvas.height].map((side) => Math.max(1, Math.round(side * scale)));
  const [across, down] = [width, height].map((side) => 32 * Math.ceil(side / 32));
  const small = new OffscreenCanvas(width, height).getContext("2d");
  small.imageSmoothingQuality = "high";
  small.drawImage(canvas, 0, 0, width, height);
  const { data } = small.getImageData(0, 0, width, height);
  const blob = new Float32Array(3 * across * down);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++)
        blob[(channel * down + y) * across + x] = data[4 * (y * width + x) + channel];
  const outputs = await session.run({ images: new ort.Tensor("float32", blob, [1, 3, down, across]) });
  const found = decoded(outputs[session.outputNames[0]].data, across, down);
  return suppressed(found).map((face) => square(face, scale)).sort((a, b) => b.side - a.side);
}

function decoded(raw, across, down) {
  const [faces, least] = [[], Math.log(THRESHOLD / (1 - THRESHOLD))];
  let at = 0;
  for (const stride of STRIDES)
    for (let y = 0; y < down / stride; y++)
      for (let x = 0; x < across / stride; x++, at += 15) {
        if (raw[at] <= least) continue;
        const [left, top, unit] = [(x + 0.5) * stride, (y + 0.5) * stride, stride * UNIT];
        const center = [left + raw[at + 1] * unit, top + raw[at + 2] * unit];
        const half = [3, 4].map((k) => (Math.exp(Math.min(raw[at + k], 8)) * unit) / 2);
        const points = [0, 1, 2, 3, 4].map((k) => [left + raw[at + 5 + 2 * k] * unit, top + raw[at + 6 + 2 * k] * unit]);
        faces.push({ score: raw[at], center, half, points });
      }
  return faces.sort((a, b) => b.score - a.score);
}

function suppressed(faces) {
  const kept = [];
  const shared = (a, b, k) =>
    Math.max(0, Math.min(a.center[k] + a.half[k], b.center[k] + b.half[k]) - Math.max(a.center[k] - a.half[k], b.center[k] - b.half[k]));
  const area = ({ half }) => 4 * half[0] * half[1];
  for (const face of faces)
    if (
      kept.every((other) => {
        const both = shared(face, other, 0) * shared(face, other, 1);
        return both <= MAX_OVERLAP * (area(face) + area(other) - both) && both <= 0.8 * Math.min(area(face), area(other));
      })
    )
      kept.push(face);
  return kept;
}

/** The square of a face, in pixels of the image. */
function square({ center, half, points }, scale) {
  const mean = (...of) => [0, 1].map((k) => of.reduce((sum, point) => sum + point[k], 0) / of.length);
  const [eyes, mouth, box] = [mean(points[0], points[1]), mean(points[3], points[4]), MARGIN * 2 * Math.sqrt(half[0] * half[1])];
  const length = Math.hypot(mouth[0] - eyes[0], mouth[1] - eyes[1]);
  let [side, middle] = [box, center];
  if (length >= 0.1 * box) {
    side = Math.min(Math.max(length / EYES_TO_MOUTH, 0.7 * box), 1.4 * box);
    middle = [0, 1].map((k) => (eyes[k] + mouth[k]) / 2 - ((mouth[k] - eyes[k]) / length) * BELOW_CENTER * side);
  }
  const [x, y] = middle.map((value) => Math.round((value - side / 2) / scale));
  return { x, y, side: Math.round(side / scale) };
}

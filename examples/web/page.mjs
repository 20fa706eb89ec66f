// The page: an image or the camera, a frame around the face, and a bar for each probability.
import { find, openDetector } from "./detection.mjs";
import { openModel, read } from "./reading.mjs";

const UNSURE_BELOW = 0.5;
const ORT = new URL("node_modules/onnxruntime-web/dist/", import.meta.url);
const MODEL = "../../src/mien/model/weights/default.json";
const DETECTOR = "../../src/mien/detection/weights/detector.onnx";
const EXAMPLE = { url: "../astronaut.png", square: { x: 169, y: 60, side: 111 } };
// One color per emotion, distinguishable with any color vision (Okabe and Ito 2008).
const COLORS = {
  angry: "#d55e00", disgust: "#009e73", fear: "#cc79a7", happy: "#f0e442",
  sad: "#0072b2", surprise: "#e69f00", neutral: "#c8c8c8", contempt: "#56b4e9",
};

const HOW = "Drag the frame so that eyes and mouth are on its lines. Drag its corner to change its size.";

const $ = (id) => document.getElementById(id);
const [stage, canvas, frame, video] = [$("stage"), $("image"), $("frame"), $("video")];
const pen = canvas.getContext("2d", { willReadFrequently: true });
let [model, detector, image, square, stream, busy, again] = [null, null, null, null, null, false, false];

function report(answer, more = "", wrong = false) {
  $("answer").className = wrong ? "wrong" : "";
  const strong = document.createElement("b");
  strong.textContent = answer;
  $("answer").replaceChildren(strong, more);
}

/** A square in the middle, to start from. */
function middle() {
  const side = Math.round(0.6 * Math.min(canvas.width, canvas.height));
  return { x: (canvas.width - side) >> 1, y: (canvas.height - side) >> 1, side };
}

/** The square of the same area as the whole image, as with mien's detector "none". */
function all() {
  const side = Math.round(Math.sqrt(canvas.width * canvas.height));
  return { x: Math.round((canvas.width - side) / 2), y: Math.round((canvas.height - side) / 2), side };
}

function frameByHand(yes) {
  [frame.hidden, $("how").hidden] = [!yes, !yes];
  $("whole").hidden = false;
  $("whole").textContent = yes ? "Take the whole image" : "Frame the face by hand";
}

/** Buttons for the faces of the image, of which one is read. */
function offer(faces) {
  $("faces").replaceChildren(
    ...(faces.length < 2 ? [] : faces).map((face, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `Face ${number + 1}`;
      button.setAttribute("aria-pressed", String(number === 0));
      button.addEventListener("click", () => {
        for (const other of $("faces").children) other.setAttribute("aria-pressed", String(other === button));
        frameByHand(true);
        square = { ...face };
        place();
      });
      return button;
    }),
  );
}

async function show(source, width, height, at = null) {
  [canvas.width, canvas.height] = [width, height];
  pen.drawImage(source, 0, 0, width, height);
  image = pen.getImageData(0, 0, width, height);
  stage.classList.remove("empty");
  const wanted = image;
  const faces = at || !detector ? [] : await find(detector, canvas);
  if (wanted !== image) return; // another image was chosen meanwhile
  if (at || faces.length || !square) frameByHand(true);
  square = at ?? (faces.length ? { ...faces[0] } : (square ?? middle()));
  if (!stream) offer(faces);
  $("how").textContent = at || faces.length || !detector ? HOW : `No face was found. ${HOW}`;
  place();
}

async function open(blob, at = null) {
  stopCamera();
  try {
    const bitmap = await createImageBitmap(blob); // turned upright as its EXIF says
    square = null;
    const shrink = Math.min(1, 2000 / Math.max(bitmap.width, bitmap.height));
    await show(bitmap, Math.round(bitmap.width * shrink), Math.round(bitmap.height * shrink), at);
  } catch {
    report("This browser cannot open the image.", "Try a JPEG or PNG file.", true);
    $("bars").replaceChildren();
  }
}

/** Place the frame on the square, and classify its content. */
function place() {
  const { width, height } = canvas;
  square.side = Math.max(24, Math.min(square.side, Math.max(width, height)));
  square.x = Math.max(-square.side >> 1, Math.min(square.x, width - (square.side >> 1)));
  square.y = Math.max(-square.side >> 1, Math.min(square.y, height - (square.side >> 1)));
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  frame.style.left = percent(square.x, width);
  frame.style.top = percent(square.y, height);
  frame.style.width = percent(square.side, width);
  frame.style.height = percent(square.side, height);
  classify();
}

/** Classify the face; changes in the meantime are classified next. */
async function classify() {
  if (!model || !image) return;
  if (busy) return void (again = true);
  busy = true;
  do {
    again = false;
    present(await read(model, image, { ...square }));
  } while (again);
  busy = false;
}

function present({ emotions, probabilities, milliseconds }) {
  const ranked = emotions.map((name, k) => [name, probabilities[k]]).sort((a, b) => b[1] - a[1]);
  const [first, sure] = ranked[0];
  const confidence = percents(sure);
  if (sure < UNSURE_BELOW) report("Unsure", `Most likely ${first}, but only ${confidence} confident: do not rely on it.`);
  else report(first, `${confidence}`);
  $("bars").replaceChildren(...ranked.map(([name, share]) => bar(name, share)));
  $("about").textContent = `Model ${model.card.name} (${(model.bytes / 1e6).toFixed(1)} MB), ${milliseconds.toFixed(0)} ms per reading.`;
}

function percents(share) {
  if (share > 0.99) return "> 99%";
  return share < 0.01 ? "< 1%" : `${Math.round(100 * share)}%`;
}

function bar(name, share) {
  const [row, label, track, fill, number] = ["li", "span", "div", "span", "output"].map((kind) => document.createElement(kind));
  [label.textContent, number.textContent] = [name, percents(share)];
  fill.style.width = `${100 * share}%`;
  fill.style.setProperty("--color", COLORS[name]);
  row.dataset.emotion = name;
  row.dataset.share = share;
  track.append(fill);
  row.append(label, track, number);
  return row;
}

function drag(start) {
  const [sizing, before, scale] = [start.target === $("corner"), { ...square }, canvas.width / canvas.clientWidth];
  const move = (event) => {
    const [dx, dy] = [(event.clientX - start.clientX) * scale, (event.clientY - start.clientY) * scale];
    if (sizing) square.side = Math.round(before.side + Math.max(dx, dy));
    else [square.x, square.y] = [Math.round(before.x + dx), Math.round(before.y + dy)];
    place();
  };
  frame.setPointerCapture(start.pointerId);
  frame.addEventListener("pointermove", move);
  const stop = () => frame.removeEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, stop, { once: true });
}

function steer(event) {
  const step = Math.max(1, Math.round(square.side / (event.shiftKey ? 8 : 40)));
  const moves = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
    "+": [-1, -1, 2], "=": [-1, -1, 2], "-": [1, 1, -2] };
  const by = moves[event.key];
  if (!by) return;
  event.preventDefault();
  square = { x: square.x + by[0] * step, y: square.y + by[1] * step, side: square.side + by[2] * step };
  place();
}

async function startCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  } catch {
    return report("This page may not use a camera.", "Allow it in the browser, and open the page at localhost.", true);
  }
  video.srcObject = stream;
  await video.play();
  $("camera").textContent = "Stop here";
  $("camera").setAttribute("aria-pressed", "true");
  square = null;
  offer([]);
  const next = () => {
    if (!stream) return;
    const shown = busy ? null : show(video, video.videoWidth, video.videoHeight);
    Promise.resolve(shown).then(() => setTimeout(next, 60));
  };
  next();
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $("camera").textContent = "Use the camera";
  $("camera").setAttribute("aria-pressed", "false");
}

$("file").addEventListener("change", (event) => event.target.files[0] && open(event.target.files[0]));
$("camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
$("example").addEventListener("click", async () => open(await (await fetch(EXAMPLE.url)).blob(), { ...EXAMPLE.square }));
$("whole").addEventListener("click", () => {
  frameByHand(frame.hidden);
  square = frame.hidden ? all() : middle();
  place();
});
frame.addEventListener("pointerdown", drag);
frame.addEventListener("keydown", steer);
addEventListener("dragover", (event) => (event.preventDefault(), stage.classList.add("over")));
addEventListener("dragleave", () => stage.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
});

try {
  const ort = await import(new URL("ort.wasm.min.mjs", ORT)).catch(() => {
    throw new Error("onnxruntime-web is missing: run 'npm install onnxruntime-web' in examples/web, then load this page again");
  });
  ort.env.wasm.wasmPaths = ORT.href;
  ort.env.wasm.numThreads = 1; // more would need headers that a plain web server does not send
  const wanted = new URL(new URLSearchParams(location.search).get("model") ?? MODEL, location.href);
  [model, detector] = await Promise.all([openModel(ort, wanted), openDetector(ort, DETECTOR)]);
  document.body.dataset.ready = "yes";
  if (image) classify();
  else report("Ready", "Choose an image, drop one, or use the camera.");
} catch (error) {
  report("The network could not be loaded.", error.message, true);
}

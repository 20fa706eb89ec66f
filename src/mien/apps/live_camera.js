// The camera over the page's own connection: one small JPEG at a time goes out, and the marks for it come back.
// The next one is only sent once the answer is there, so images never queue, however slow the way or the reading is.

const SIDE = 640;
const PATIENCE_MS = 8000;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".mien-eye");
  const eye = (root.eye ??= begin(root));
  eye.words = data.words;
  eye.send = (frame) => setTriggerValue("frame", frame);
  if (!eye.stream) eye.button.textContent = data.words.start;
  if (data.answer && data.answer.number === eye.sent && eye.answered !== eye.sent) {
    eye.answered = eye.sent;
    eye.marks = data.answer.marks;
    eye.waiting = 0;
    draw(eye);
    if (eye.stream) setTimeout(() => next(eye), 0);
  }
}

function begin(root) {
  const eye = {
    video: root.querySelector("video"), canvas: root.querySelector("canvas"), button: root.querySelector("button"),
    note: root.querySelector("p"), small: document.createElement("canvas"), sent: Date.now(), waiting: 0, marks: [], stream: null,
  };
  eye.button.onclick = () => (eye.stream ? stop(eye) : start(eye));
  // An answer that got lost must not end it all; and when the page lets go of this element, the camera goes off.
  eye.clock = setInterval(() => {
    if (!root.isConnected) { stop(eye); clearInterval(eye.clock); }
    else if (eye.stream && performance.now() - eye.waiting > PATIENCE_MS) next(eye);
  }, 1000);
  return eye;
}

async function start(eye) {
  eye.note.textContent = "";
  if (!navigator.mediaDevices) { eye.note.textContent = eye.words.media_api_not_available; return; }
  eye.button.disabled = true;
  try {
    const video = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
    eye.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    eye.video.srcObject = eye.stream;
    await eye.video.play();
    eye.button.textContent = eye.words.stop;
    next(eye);
  } catch (error) {
    stop(eye);
    eye.note.textContent =
      error.name === "NotAllowedError" ? eye.words.device_access_denied : eye.words.device_not_available;
  }
  eye.button.disabled = false;
}

function stop(eye) {
  for (const track of eye.stream?.getTracks() ?? []) track.stop();
  eye.stream = null;
  eye.video.srcObject = null;
  eye.marks = [];
  draw(eye);
  if (eye.words) eye.button.textContent = eye.words.start;
}

function next(eye) {
  const { video, small } = eye;
  if (!eye.stream || !video.videoWidth) { setTimeout(() => eye.stream && next(eye), 100); return; }
  const scale = SIDE / Math.max(video.videoWidth, video.videoHeight);
  [small.width, small.height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
  small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
  eye.sent += 1;
  eye.waiting = performance.now();
  eye.send({ number: eye.sent, jpeg: small.toDataURL("image/jpeg", 0.85) });
}

function draw(eye) {
  const { canvas, video, marks } = eye;
  [canvas.width, canvas.height] = [video.videoWidth || 640, video.videoHeight || 480];
  const pen = canvas.getContext("2d");
  const scale = Math.max(canvas.width, canvas.height) / SIDE;
  const line = Math.max(2, canvas.width / 240);
  for (const { box, text, color, ink } of marks) {
    const [x0, y0, x1, y1] = box.map((value) => value * scale);
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = line;
    pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    if (!text) continue;  // the page does not show this face yet
    const size = Math.max(16, canvas.width / 28);
    pen.font = `600 ${size}px sans-serif`;
    const [width, height] = [pen.measureText(text).width + 4 * line, size + 4 * line];
    const x = Math.min(Math.max(0, x0), canvas.width - width);
    const y = y0 >= height ? y0 - height : Math.min(y1, canvas.height - height);
    pen.fillRect(x, y, width, height);
    pen.fillStyle = ink;
    pen.textBaseline = "middle";
    pen.fillText(text, x + 2 * line, y + height / 2);
  }
}

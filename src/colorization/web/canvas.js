// Shows a photograph with its hints, and says where a visitor points: `select` with points in its pixels.
const stage = element.querySelector(".stage");
const part = (name) => element.querySelector(name);
const space = "http://www.w3.org/2000/svg";
let shown = null; // what the server sent
let path = []; // of a stroke that is being drawn
let cross = null; // of the keyboard

function perPixel() {
  // Pixels of the photograph that one of the screen shows: marks are as large on all.
  return shown.width / (stage.clientWidth || shown.width);
}

function tenth(value) {
  return Math.round(value * 10) / 10;
}

function placeOf(event) {
  const box = stage.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * shown.width - 0.5;
  const y = ((event.clientY - box.top) / box.height) * shown.height - 0.5;
  return [within(x, shown.width), within(y, shown.height)];
}

function within(value, length) {
  return tenth(Math.min(Math.max(value, 0), length - 1));
}

function mark(name, attributes) {
  const drawn = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) drawn.setAttribute(key, value);
  part(".marks").append(drawn);
}

function markStroke(points, size, color, dash) {
  const line = points.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ");
  const closed = points.length > 1 ? line : `${line} ${line}`;
  const width = Math.max(size, 8 * perPixel());
  const common = { points: closed, fill: "none", "stroke-linecap": "square", "stroke-linejoin": "round" };
  mark("polyline", { ...common, stroke: dash ? "#000" : "#fff", "stroke-width": width * 1.35 });
  mark("polyline", { ...common, stroke: color, "stroke-width": width });
}

function redraw() {
  part(".marks").replaceChildren();
  if (!shown) return;
  for (const hint of shown.hints) markStroke(hint.points, hint.size, hint.color, false);
  shown.suggested.forEach(([x, y], index) => {
    const r = 15 * perPixel();
    mark("circle", { cx: x, cy: y, r, fill: "#fffc", stroke: "#111", "stroke-width": r / 6 });
    mark("text", { x, y: y + r * 0.4, "text-anchor": "middle", "font-size": r * 1.3, fill: "#111" });
    part(".marks").lastChild.textContent = index + 1;
  });
  if (shown.waiting) markStroke(shown.waiting.points, shown.waiting.size, "#fff8", true);
  if (path.length) markStroke(path, shown.brush, "#fff8", true);
  if (cross) {
    const arm = 24 * perPixel();
    const [x, y] = cross;
    const d = `M${x - arm},${y}H${x + arm}M${x},${y - arm}V${y + arm}`;
    mark("path", { d, stroke: "#000", "stroke-width": arm / 4 });
    mark("path", { d, stroke: "#fff", "stroke-width": arm / 9 });
  }
}

function show(value) {
  shown = value;
  stage.classList.toggle("empty", !value);
  if (!value) return redraw();
  for (const name of ["gray", "color", "unsure"]) {
    if (name in value) part(`img.${name}`).src = value[name]; // without PyTorch, nobody is unsure
  }
  stage.style.setProperty("--ratio", value.width / value.height);
  part(".marks").setAttribute("viewBox", `0 0 ${value.width} ${value.height}`);
  redraw();
}

function forget() {
  path = [];
  redraw();
}

stage.addEventListener("pointerdown", (event) => {
  if (!shown || event.button) return;
  if (!event.isPrimary) return forget(); // a second finger: no stroke is meant
  stage.setPointerCapture(event.pointerId);
  cross = null;
  path = [placeOf(event)];
  redraw();
});
stage.addEventListener("pointermove", (event) => {
  if (!path.length || !event.isPrimary) return;
  const [x, y] = placeOf(event);
  const [lastX, lastY] = path.at(-1);
  if (Math.hypot(x - lastX, y - lastY) < 6 * perPixel()) return;
  path.push([x, y]);
  redraw();
});
stage.addEventListener("pointerup", () => {
  if (!path.length) return;
  trigger("select", { points: path });
  path = [];
});
stage.addEventListener("pointercancel", forget);
stage.addEventListener("focus", () => {
  if (!shown || !stage.matches(":focus-visible")) return;
  cross = cross || [shown.width / 2, shown.height / 2];
  redraw();
});
stage.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (!shown) return;
  if (event.key in steps) {
    const by = Math.max(1, Math.round((event.shiftKey ? 3 : 15) * perPixel()));
    const [x, y] = cross || [shown.width / 2, shown.height / 2];
    const [right, down] = steps[event.key];
    cross = [within(x + right * by, shown.width), within(y + down * by, shown.height)];
    redraw();
  } else if (event.key === "Enter" && cross) {
    trigger("select", { points: [cross] });
  } else {
    return;
  }
  event.preventDefault();
});
part(".reveal input").addEventListener("input", (event) => {
  part("img.color").style.clipPath = `inset(0 ${100 - event.target.value}% 0 0)`;
});
part(".show-unsure").addEventListener("change", (event) => {
  stage.classList.toggle("unsure-shown", event.target.checked);
});
watch("value", () => show(props.value));
show(props.value || null);
